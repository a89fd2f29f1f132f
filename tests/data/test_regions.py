import numpy as np
import pytest
import yaml
from PIL import Image, ImageDraw

from course_utils import paths
from course_utils.data import faces, regions
from course_utils.data.datasets import PictureDataset
from course_utils.data.faces import Face, YuNet
from course_utils.data.forgery.template import TEMPLATE, five_points
from course_utils.data.manifest import load_manifest
from course_utils.data.prepare import load_dataset, prepare
from course_utils.data.regions import FACE_PARTS, face_parts, manipulated_masks
from course_utils.data.samples import sample_table
from course_utils.errors import CourseError

OUTSIDE, HAIR, REST, BROWS, EYES, NOSE, MOUTH = range(7)
PLACE = 24 * TEMPLATE + (70, 40)  # the mean face in a picture of 160 x 100


@pytest.fixture(scope="module")
def rendered(tmp_path_factory):
    """A few rendered photographs and forgeries of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("COURSE_DATA_ROOT", raising=False)
        patch.setenv("COURSE_CACHE", str(tmp_path_factory.mktemp("cache")))
        content = yaml.safe_load((paths.manifests()[1] / "rendered_fakes.yaml").read_text())
        small = {"pairs": {"train": 1, "val": 1, "test": 1}, "photographs": 1, "size": 96}
        content["generate"] |= small
        file = paths.manifests()[0] / "rendered_fakes.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump(content))
        yield prepare(load_manifest("rendered_fakes"), 1, progress=False)


@pytest.fixture
def real(tmp_path, monkeypatch):
    """Three drawn pictures of 160 x 100 that a detector finds no, a frontal and a turned face in."""
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COURSE_DATA_ROOT", str(tmp_path))
    for name in ("person_1.png", "person_2.png", "person_3.png"):
        (tmp_path / "lfw" / "person").mkdir(parents=True, exist_ok=True)
        picture = Image.new("RGB", (160, 100), "black")
        ImageDraw.Draw(picture).rectangle((0, 0, 10 * int(name[7]), 99), fill="white")
        picture.save(tmp_path / "lfw" / "person" / name)
    turned = five_points(PLACE)
    turned[2] = turned[0]  # the nose under an eye
    found = {1: [], 2: [five_points(PLACE)], 3: [turned]}

    def detect(self, picture):
        points = found[round((picture[50, :, 0] > 0).sum() / 10)]
        return [Face(np.zeros(4, np.float32), 1.0, one) for one in points]

    monkeypatch.setattr(YuNet, "detect", detect)
    monkeypatch.setattr(faces, "find_detector", lambda: YuNet(tmp_path / "none.onnx"))
    return load_dataset("lfw")


def test_rendered_faces_have_their_parts_where_they_are_seen(rendered):
    found = face_parts(rendered, rendered.samples, 96)
    assert found.maps.shape == (len(rendered.samples), 96, 96) and found.maps.dtype == np.uint8
    assert found.left_out == 0
    assert found.samples.equals(rendered.samples)
    assert found.maps.max() < len(FACE_PARTS)
    rows = np.arange(96)[:, None]
    for parts in found.maps:
        heights = {part: np.mean(rows.repeat(96, 1)[parts == part]) for part in (BROWS, EYES, NOSE, MOUTH)}
        assert list(heights) == sorted(heights, key=heights.get)
        shares = [np.mean(parts == part) for part in range(7)]
        assert shares[REST] > max(shares[BROWS:])
        assert all(0.002 < share < 0.1 for share in shares[BROWS:])
        assert shares[OUTSIDE] > 0.2 and (parts[0, 0], parts[-1, 0]) == (OUTSIDE, OUTSIDE)


def test_lips_are_redder_than_the_rest_of_a_face(rendered):
    """Maps and pictures show the same: a shift by a few pixels would mix lips with skin."""
    real_ones = rendered.samples[rendered.samples["label"] == 0]
    found = face_parts(rendered, real_ones, 96)
    pictures = PictureDataset(real_ones, rendered.root, 96)
    for number, parts in enumerate(found.maps):
        red, green, _ = pictures[number][0].float().numpy()
        redness = red / (green + 1)
        assert redness[parts == MOUTH].mean() > redness[parts == REST].mean()


def test_maps_are_resized_like_pictures(rendered):
    small, large = (face_parts(rendered, rendered.samples.iloc[:2], size).maps for size in (96, 192))
    assert np.mean(small == large[:, ::2, ::2]) > 0.97


def test_real_faces_are_placed_by_five_points_and_others_are_counted(real):
    found = face_parts(real, real.samples, 100)
    assert found.left_out == 2
    assert found.samples["path"].tolist() == ["person/person_2.png"]
    (parts,) = found.maps
    middle = PLACE - (30, 0)  # of 160 pixels, 30 are cut off at either side
    for part, points in ((EYES, [36, 45]), (NOSE, [28, 30]), (MOUTH, [51, 57]), (BROWS, [18, 25])):
        assert all(parts[tuple(np.rint(middle[n][::-1]).astype(int))] == part for n in points)
    cheek = middle[[2, 31]].mean(axis=0)
    assert parts[tuple(np.rint(cheek[::-1]).astype(int))] == REST
    assert HAIR not in parts and parts[0, 0] == OUTSIDE
    forehead = middle[27] - (0, 17)
    assert parts[tuple(np.rint(forehead[::-1]).astype(int))] == REST


def test_nobody_at_all_is_said(real):
    with pytest.raises(CourseError, match="None of these 1 pictures has a face in lfw"):
        face_parts(real, real.samples.iloc[:1], 100)


def test_without_points_real_faces_are_not_placed(real, monkeypatch):
    monkeypatch.setattr(faces, "find_detector", faces.Haar)
    with pytest.raises(CourseError, match="five points that YuNet gives"):
        face_parts(real, real.samples, 100)


def test_masks_are_those_on_disk_and_originals_have_none(rendered):
    found = manipulated_masks(rendered, rendered.samples, 96)
    fakes = rendered.samples[rendered.samples["label"] == 1].reset_index(drop=True)
    assert found.maps.dtype == bool and found.maps.shape == (len(fakes), 96, 96)
    assert found.samples.equals(fakes) and found.left_out == len(rendered.samples) - len(fakes)
    for mask, path in zip(found.maps, fakes["mask"], strict=True):
        assert np.array_equal(mask, np.asarray(Image.open(rendered.root / path)) == 255)
    with pytest.raises(CourseError, match="has a mask in rendered_fakes"):
        manipulated_masks(rendered, rendered.samples[rendered.samples["label"] == 0], 96)


def test_masks_of_pictures_that_are_not_square_are_cut_like_them(tmp_path):
    picture = Image.new("RGB", (90, 60), "black")
    ImageDraw.Draw(picture).rectangle((30, 20, 59, 39), fill="white")
    picture.save(tmp_path / "one.png")
    picture.convert("L").save(tmp_path / "mask.png")
    row = {"path": "one.png", "mask": "mask.png", "dataset": "d", "label": 1, "method": "m", "group": "g"}
    samples = sample_table([{**row, "split": "test", "width": 90, "height": 60}])

    class Prepared:
        name, root = "d", tmp_path

    for size in (60, 30, 150):
        (mask,) = manipulated_masks(Prepared, samples, size).maps
        pixels, _ = PictureDataset(samples, tmp_path, size)[0]
        assert np.mean(mask == (pixels[0].numpy() >= 128)) == 1
        assert mask.mean() == pytest.approx(30 * 20 / 3600, rel=0.05)


def test_a_mask_that_is_gone_is_named(rendered, tmp_path):
    fakes = rendered.samples[rendered.samples["label"] == 1].assign(mask="masks/gone.png")
    with pytest.raises(CourseError, match=r"gone\.png"):
        manipulated_masks(rendered, fakes, 96)


def test_the_names_are_in_the_order_of_the_numbers():
    assert FACE_PARTS[regions.MOUTH] == "mouth" and FACE_PARTS[regions.OUTSIDE] == "outside"
