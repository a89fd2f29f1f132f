import functools

import cv2
import numpy as np
import pandas as pd
import pytest
import timm
import torch
from drawn import draw_face
from PIL import Image
from safetensors.torch import save_file
from sklearn.metrics import average_precision_score, label_ranking_average_precision_score
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.neighbors import NearestNeighbors
from torchvision.models import ResNet18_Weights, resnet18
from torchvision.transforms import v2

from course_utils import retrieval
from course_utils.data.datasets import PictureDataset
from course_utils.data.pictures import fit_square
from course_utils.errors import CourseError
from course_utils.intervals import mean_interval
from course_utils.retrieval import (
    NetworkFeatures,
    ResNetFeatures,
    find_similar,
    harris_features,
    harris_response,
    judge,
    search,
)


def vectors(count, width=20, seed=0):
    return np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)


@pytest.fixture
def pictures(tmp_path):
    """Twenty pictures of which the last is the first, saved again at half the size."""
    for number in range(19):
        draw_face(number).resize((120, 100)).save(tmp_path / f"{number:02}.png")
    with Image.open(tmp_path / "00.png") as first:
        first.resize((60, 50)).save(tmp_path / "19.png")
    samples = pd.DataFrame({"path": [f"{number:02}.png" for number in range(20)], "label": 0})
    return samples, tmp_path


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """A file of a random ResNet-18 with ImageNet's classes, and the network."""
    torch.manual_seed(0)
    network = resnet18().eval()
    path = tmp_path_factory.mktemp("weights") / "resnet18.safetensors"
    save_file(network.state_dict(), path)
    return path, network


@pytest.fixture(params=["whole", "parts"])
def at_a_time(request, monkeypatch):
    """All at once, or a few queries and a few rows of the pool at a time."""
    if request.param == "parts":
        monkeypatch.setattr(retrieval, "AT_A_TIME", 150)


@pytest.mark.parametrize(("measure", "metric"), [("cosine", "cosine"), ("euclidean", "sqeuclidean")])
def test_the_nearest_are_those_of_scikit_learn(at_a_time, measure, metric):
    queries, pool = vectors(15), vectors(70, seed=1)
    distances, rows = NearestNeighbors(n_neighbors=6, metric=metric).fit(pool).kneighbors(queries)
    found = search(queries, pool, 6, measure=measure)
    np.testing.assert_array_equal(found.rows, rows)
    np.testing.assert_allclose(found.scores, 1 - distances if measure == "cosine" else distances, atol=1e-5)


@pytest.mark.parametrize("measure", ["cosine", "euclidean"])
def test_equally_alike_pictures_come_in_the_order_of_the_pool(at_a_time, measure):
    query, other = vectors(2)
    pool = np.stack([other, query, other, query, -query, query, other] * 6)
    found = search(query[None], pool, len(pool), measure=measure)
    same = np.flatnonzero((pool == query).all(axis=1))
    others = np.flatnonzero((pool == other).all(axis=1))
    assert found.rows[0, :18].tolist() == same.tolist()
    assert set(found.rows[0, 18:].tolist()) == set(range(42)) - set(same)
    assert [row for row in found.rows[0] if row in others] == others.tolist()
    assert (np.diff(found.scores) * (1 if measure == "euclidean" else -1) >= 0).all()


def test_near_duplicates_far_from_the_origin_keep_their_distances():
    pool = 1000 + np.arange(5, dtype=np.float32)[:, None] * 1e-2 * np.ones((1, 512), np.float32)
    found = search(pool[:1], pool, 5, measure="euclidean")
    assert found.rows[0].tolist() == [0, 1, 2, 3, 4]
    exact = np.square(pool.astype(np.float64) - pool[0]).sum(axis=1)
    np.testing.assert_allclose(found.scores[0], exact, rtol=1e-4)


@pytest.mark.parametrize("measure", ["cosine", "euclidean"])
def test_a_query_does_not_find_itself(at_a_time, measure):
    pool = vectors(40)
    found = search(pool, pool, 39, measure=measure, itself=np.arange(40))
    expected = search(pool, pool, 40, measure=measure).rows
    assert expected[:, 0].tolist() == list(range(40))
    np.testing.assert_array_equal(found.rows, expected[:, 1:])
    some = search(pool[:2], pool, 1, measure=measure, itself=np.array([-1, 1]))
    assert some.rows[0].tolist() == [0]
    assert some.rows[1].tolist() == [expected[1, 1]]


def test_a_black_picture_is_like_nothing(at_a_time):
    pool = np.concatenate([np.zeros((1, 20), np.float32), vectors(3)])
    found = search(pool[:2], pool, 4)
    assert found.scores[0].tolist() == [0] * 4
    assert found.rows[0].tolist() == [0, 1, 2, 3]
    assert np.isfinite(found.scores).all()


def test_a_pool_on_disk_is_read_in_parts(tmp_path, at_a_time):
    pool = np.lib.format.open_memmap(tmp_path / "pool.npy", "w+", np.float64, (60, 20))
    pool[:] = vectors(60)
    on_disk = np.load(tmp_path / "pool.npy", mmap_mode="r")
    np.testing.assert_array_equal(search(vectors(3), on_disk).rows, search(vectors(3), vectors(60)).rows)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"measure": "manhattan"}, r"no measure 'manhattan'.*cosine, euclidean"),
        ({"queries": vectors(2, width=19)}, r"2 x 19 and the pool's 8 x 20"),
        ({"queries": vectors(0)}, r"0 x 20.*a query at least"),
        ({"k": 9}, r"8 pictures to find and 9 are asked for"),
        ({"k": 8, "itself": np.array([3, -1])}, r"7 pictures to find and 8 are asked for"),
        ({"pool": np.where(np.arange(8)[:, None] == 6, np.nan, vectors(8))}, r"row of the pool 6 hold"),
    ],
)
def test_what_cannot_be_searched_is_refused(change, said):
    with pytest.raises(CourseError, match=said):
        search(**{"queries": vectors(2), "pool": vectors(8), "k": 5} | change)


def test_a_ranking_is_judged_as_by_hand():
    """Of five pictures, in this order of likeness, the second and the fourth are the query's."""
    pool = np.array([[1.0, 0.0], [1.0, 0.1], [1.0, 0.2], [1.0, 0.3], [1.0, 0.4]])
    judged = judge(pool[:1], pool, ["a"], ["b", "a", "b", "a", None], k=4)
    assert judged["relevant"].tolist() == [2]
    assert judged["first"].tolist() == [0]
    assert judged["precision"].tolist() == [2 / 4]
    assert judged["average_precision"].tolist() == [(1 / 2 + 2 / 4) / 2]
    without = judge(pool[:1], pool, ["a"], ["b", "a", "b", "a", None], k=4, itself=np.array([0]))
    assert without["first"].tolist() == [1]
    assert without["average_precision"].tolist() == [(1 / 1 + 2 / 3) / 2]


def test_judgements_are_those_of_scikit_learn(at_a_time):
    pool = vectors(60)
    people = np.random.default_rng(2).integers(0, 8, 60)
    judged = judge(pool, pool, people, people, 5, itself=np.arange(60))
    likeness = cosine_similarity(pool)
    relevant = people[:, None] == people
    others = ~np.eye(60, dtype=bool)
    for row in range(60):
        expected = average_precision_score(relevant[row][others[row]], likeness[row][others[row]])
        assert judged["average_precision"][row] == pytest.approx(expected)
        first = np.argsort(-likeness[row][others[row]])[:5]
        assert judged["precision"][row] == pytest.approx(relevant[row][others[row]][first].mean())
    whole = [part[others].reshape(60, 59) for part in (relevant, likeness)]
    assert judged["average_precision"].mean() == pytest.approx(label_ranking_average_precision_score(*whole))
    assert judged["relevant"].tolist() == (relevant.sum(axis=1) - 1).tolist()


def test_what_nobody_could_find_is_left_out_of_the_mean():
    pool, queries = vectors(30), vectors(12, seed=1)
    keys = [f"clip {number % 3}" for number in range(12)]
    manipulated = [f"clip {number % 3}" if number % 3 and number > 9 else None for number in range(30)]
    judged = judge(queries, pool, keys, manipulated, 3)
    nowhere = np.array([key == "clip 0" for key in keys])
    assert (judged["relevant"] == 0).tolist() == nowhere.tolist()
    assert judged[["first", "precision", "average_precision"]].isna().all(axis=1).tolist() == nowhere.tolist()
    missing = judge(queries, pool, [None] * 12, [np.nan] * 30, 3)
    assert not missing["relevant"].any()
    groups = pd.Series([f"person {number}" for number in range(12)])
    found = mean_interval(judged["average_precision"], groups)
    assert found.value == pytest.approx(judged["average_precision"].mean())
    assert found.groups == 8
    assert found.low < found.value < found.high


def test_harris_features_are_opencvs_response(pictures):
    samples, root = pictures
    files = [root / path for path in samples["path"]]
    found = harris_features(files)
    assert found.shape == (20, 299 * 299)
    assert found.dtype == np.float32
    grey = np.asarray(Image.open(files[7]).convert("L").resize((299, 299)))
    np.testing.assert_array_equal(found[7], cv2.cornerHarris(grey, 2, 3, 0.04).ravel())
    np.testing.assert_array_equal(harris_features(files[7:8])[0], found[7])


def test_the_response_is_high_at_corners_and_negative_along_edges():
    grey = np.zeros((299, 299), np.uint8)
    grey[100:200, 100:200] = 255
    response = harris_response(grey)
    corners = {(row, column) for row in (100, 200) for column in (100, 200)}
    strongest = np.argwhere(response > 0.5 * response.max())
    assert all(min(max(abs(row - y), abs(column - x)) for y, x in corners) <= 2 for row, column in strongest)
    assert response[150, 100] < 0 == response[150, 150]


def test_resnet_features_are_the_pooled_ones(pictures, weights):
    samples, root = pictures
    path, network = weights
    features = ResNetFeatures(path)
    found = features([root / path for path in samples["path"]])
    assert found.shape == (20, 512)
    assert str(features.origin).startswith("resnet18.safetensors, SHA-256 ")
    # timm's ResNet-18 has the same weights by the same names; its features are what its classifier takes.
    theirs = timm.create_model("resnet18", num_classes=0).eval()
    theirs.load_state_dict(network.state_dict(), strict=False)
    whole = v2.Resize((224, 224))  # theirs would keep the middle of an oblong picture
    published = ResNet18_Weights.IMAGENET1K_V1.transforms(resize_size=224)
    with Image.open(root / "07.png") as picture, torch.inference_mode():
        expected = theirs(published(whole(picture.convert("RGB")))[None])[0]
    np.testing.assert_allclose(found[7], expected, rtol=1e-3, atol=1e-3 * expected.abs().max().item())


def test_any_network_s_features_are_what_it_returns_of_the_pictures_it_takes(pictures):
    samples, root = pictures
    network = torch.nn.Sequential(torch.nn.AvgPool2d(8), torch.nn.Flatten(), torch.nn.Dropout(0.5))
    network.append(torch.nn.Linear(3, 5))
    small = functools.partial(PictureDataset, image_size=8)
    found = NetworkFeatures(network, small)([root / path for path in samples["path"]])
    assert found.shape == (20, 5)
    colours = np.stack([np.asarray(fit_square(Image.open(root / "07.png").convert("RGB"), 8))]) / 127.5 - 1
    with torch.inference_mode():
        expected = network[3](torch.from_numpy(colours.mean(axis=(1, 2), dtype=np.float32)))
    np.testing.assert_allclose(found[7:8], expected, atol=1e-5)


@pytest.mark.parametrize("kind", ["harris", "resnet"])
def test_a_picture_finds_its_smaller_copy_and_not_itself(pictures, weights, kind):
    samples, root = pictures
    features = harris_features if kind == "harris" else ResNetFeatures(weights[0])
    pool = features([root / path for path in samples["path"]])
    found = find_similar(root / "00.png", samples, root, pool, features, k=3)
    assert found["path"][0] == "19.png"
    assert "00.png" not in found["path"].tolist()
    assert list(found["score"]) == sorted(found["score"], reverse=True)
    (root / "elsewhere").mkdir()
    copy = root / "elsewhere" / "00.png"
    copy.write_bytes((root / "00.png").read_bytes())
    stranger = find_similar(copy, samples, root, pool, features, k=2, measure="euclidean")
    assert stranger["path"].tolist() == ["00.png", "19.png"]
    assert stranger["score"][0] == pytest.approx(0, abs=1e-3)


def test_a_file_that_is_no_picture_is_named(pictures):
    samples, root = pictures
    (root / "notes.jpg").write_text("no picture")
    with pytest.raises(CourseError, match=r"notes\.jpg.*not a picture"):
        harris_features([root / "notes.jpg"])
    with pytest.raises(CourseError, match=r"notes\.jpg cannot be searched for: it is not a picture"):
        find_similar(root / "notes.jpg", samples, root, vectors(20), harris_features)
