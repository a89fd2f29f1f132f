import cv2
import numpy as np
import pandas as pd
import pytest
from drawn import draw_face
from PIL import Image
from scheduled import cluster_of
from sklearn.cluster import MiniBatchKMeans
from sklearn.metrics import pairwise_distances_argmin
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from course_utils import keypoints, paths
from course_utils.cluster import connected
from course_utils.errors import CourseError
from course_utils.keypoints import Codebook, describe_keypoints, sift_descriptors


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """Seven pictures in two folders, the fifth grey all over, and an empty cache."""
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    files = []
    for number in range(7):
        file = tmp_path / "data" / "ab"[number % 2] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        picture = Image.new("RGB", (96, 96), "grey") if number == 4 else draw_face(number)
        picture.save(file)
        files.append(file.relative_to(tmp_path / "data").as_posix())
    return pd.DataFrame({"path": files, "label": [0, 1] * 3 + [0]}), tmp_path / "data"


@pytest.fixture
def described(monkeypatch):
    """The pictures that were described, by their mean brightness."""
    seen = []

    def counting(grey):
        seen.append(grey.mean())
        return describe_keypoints(grey)

    monkeypatch.setattr(keypoints, "describe_keypoints", counting)
    return seen


def noise(side=256):
    return np.random.default_rng(0).integers(0, 255, (side, side)).astype(np.uint8)


def made_up(count=30, seed=0):
    random = np.random.default_rng(seed)
    return [random.integers(0, 255, (random.integers(0, 9), 128)).astype(np.uint8) for _ in range(count)]


def test_descriptors_are_opencvs_of_the_strongest_keypoints():
    grey = noise()
    all_points, all_descriptors = cv2.SIFT_create().detectAndCompute(grey, None)
    strongest = sorted((point.response for point in all_points), reverse=True)[200 - 1]
    chosen = [row for row, point in enumerate(all_points) if point.response >= strongest]
    assert len(all_points) > 200
    found = describe_keypoints(grey)
    assert found.shape == (200, 128)
    assert found.dtype == np.uint8
    assert {tuple(row) for row in found} <= {tuple(row) for row in all_descriptors[chosen].astype(np.uint8)}


def test_never_more_keypoints_than_asked_for(monkeypatch):
    """OpenCV keeps two of the same place, with two directions, where only one has room."""
    grey = noise()
    counts = set()
    for most in range(20, 60):
        monkeypatch.setattr(keypoints, "KEYPOINTS", most)
        counts.add(len(describe_keypoints(grey)) - most)
    found = [len(cv2.SIFT_create(nfeatures=most).detect(grey)) - most for most in range(20, 60)]
    assert max(found) > 0
    assert counts == {0}


def test_each_picture_has_its_own_descriptors_and_a_flat_one_none(pictures):
    samples, root = pictures
    threads = cv2.getNumThreads()
    found = sift_descriptors(samples, root)
    assert cv2.getNumThreads() == threads
    for path, descriptors in zip(samples["path"], found, strict=True):
        grey = np.asarray(Image.open(root / path).convert("L"))
        np.testing.assert_array_equal(descriptors, describe_keypoints(grey))
    assert len(found[4]) == 0 < len(found[0])


def test_a_second_call_reads_and_a_changed_picture_is_described_again(pictures, described, monkeypatch):
    samples, root = pictures
    monkeypatch.setattr(keypoints, "LARGEST_UNIT", 2)
    first = sift_descriptors(samples, root)
    assert len(described) == 7
    order = [6, 3, 1, 0]
    again = sift_descriptors(samples, root)
    part = sift_descriptors(samples.iloc[order], root)
    assert len(described) == 7 + 4  # in another order they are other units
    for one, other in zip(first, again, strict=True):
        np.testing.assert_array_equal(one, other)
    for row, descriptors in zip(order, part, strict=True):
        np.testing.assert_array_equal(descriptors, first[row])
    draw_face(99).save(root / samples["path"][5])
    assert not np.array_equal(sift_descriptors(samples, root)[5], first[5])


def test_a_damaged_unit_is_made_again_and_a_lost_picture_named(pictures, described):
    samples, root = pictures
    sift_descriptors(samples, root)
    (unit, _) = sorted((paths.writable_cache() / "keypoints").iterdir())
    unit.write_bytes(b"half")
    sift_descriptors(samples, root)
    assert len(described) in (7 + 3, 7 + 4)
    (root / samples["path"][2]).unlink()
    with pytest.raises(CourseError, match=r"a/2\.png .*is gone"):
        sift_descriptors(samples, root)


def test_workers_elsewhere_write_into_the_same_cache(pictures, described, tmp_path):
    samples, root = pictures
    with cluster_of(tmp_path, 1) as started, connected(started.scheduler):
        elsewhere = sift_descriptors(samples, root)
    here = sift_descriptors(samples, root)
    assert not described
    for one, other, path in zip(elsewhere, here, samples["path"], strict=True):
        np.testing.assert_array_equal(one, other)
        grey = np.asarray(Image.open(root / path).convert("L"))
        np.testing.assert_array_equal(one, describe_keypoints(grey))


def test_histograms_are_the_shares_of_the_nearest_words(monkeypatch):
    descriptors = made_up()
    codebook = Codebook(words=16).fit(descriptors)
    expected = np.zeros((30, 16))
    for row, part in enumerate(descriptors):
        if len(part):
            nearest = pairwise_distances_argmin(part.astype(float), codebook.words_)
            expected[row] = np.bincount(nearest, minlength=16) / len(part)
    found = codebook.transform(descriptors)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert (found.sum(axis=1) == 0).sum() == sum(len(part) == 0 for part in descriptors) > 0
    monkeypatch.setattr(keypoints, "COUNTED", 7)
    np.testing.assert_array_equal(codebook.transform(descriptors), found)
    assert codebook.transform([descriptors[0][:0]]).tolist() == [[0] * 16]


def test_words_are_those_of_k_means_on_what_it_is_fitted_on():
    descriptors = made_up()
    together = np.concatenate(descriptors).astype(np.float32)
    theirs = MiniBatchKMeans(16, batch_size=4096, random_state=3).fit(together)
    codebook = Codebook(words=16, seed=3).fit(descriptors)
    np.testing.assert_array_equal(codebook.words_, theirs.cluster_centers_)
    before = codebook.words_.copy()
    codebook.transform(made_up(seed=1))
    np.testing.assert_array_equal(codebook.words_, before)


def test_of_many_descriptors_some_are_drawn(monkeypatch):
    given = []

    class Recording(MiniBatchKMeans):
        def fit(self, vectors):
            given.append(vectors)
            return super().fit(vectors)

    monkeypatch.setattr(keypoints, "MiniBatchKMeans", Recording)
    monkeypatch.setattr(keypoints, "SAMPLED", 50)
    descriptors = made_up()
    for seed in (0, 0, 1):
        Codebook(words=16, seed=seed).fit(descriptors)
    all_rows = [tuple(row) for row in np.concatenate(descriptors)]
    for vectors in given:
        assert len({tuple(row) for row in vectors} & set(all_rows)) == len(vectors) == 50 < len(all_rows)
    np.testing.assert_array_equal(given[0], given[1])
    assert not np.array_equal(given[0], given[2])


def test_too_few_keypoints_for_the_words_are_refused():
    with pytest.raises(CourseError, match=r"3 pictures have 12 keypoints, too few for 16 words"):
        Codebook(words=16).fit([np.zeros((4, 128), np.uint8)] * 3)


def test_it_is_a_part_of_a_pipeline_of_scikit_learn():
    random = np.random.default_rng(0)
    labels = np.arange(40) % 2
    descriptors = [
        random.integers(90 * label, 160 + 90 * label, (20, 128)).astype(np.uint8) for label in labels
    ]
    pipeline = make_pipeline(Codebook(words=8), SVC()).fit(descriptors[:20], labels[:20])
    assert pipeline.score(descriptors[20:], labels[20:]) == 1
