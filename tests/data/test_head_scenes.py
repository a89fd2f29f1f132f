"""Scenes as a detector is trained on them: boxes follow their pictures; annotations with faults."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from course_utils import paths
from course_utils.data.check import check
from course_utils.data.head_scenes import SceneDataset, fit_into, scenes
from course_utils.data.manifest import load_manifest
from course_utils.data.pack import pack, unpack
from course_utils.data.prepare import prepare
from course_utils.errors import CourseError

SIDES = "<xmin>{}</xmin><ymin>{}</ymin><xmax>{}</xmax><ymax>{}</ymax>"
HEAD = f"<object><name>head</name>{{pose}}<bndbox>{SIDES}</bndbox></object>"


@pytest.fixture
def films(course_environment, monkeypatch):
    """Three films of two pictures each, 96 x 64, in the layout of HollywoodHeads; one red head each film."""
    root = course_environment / "root" / "HollywoodHeads"
    monkeypatch.setenv("COURSE_DATA_ROOT", str(root.parent))
    for folder in ("Annotations", "JPEGImages", "Splits"):
        (root / folder).mkdir(parents=True)
    for film, split in enumerate(("train", "val", "test")):
        names = [f"mov_00{film}_00000{number}" for number in range(2)]
        (root / "Splits" / f"{split}.txt").write_text("\n".join(names))
        for number, name in enumerate(names):
            picture = np.full((64, 96, 3), 40, np.uint8)
            picture[20:44, 30:50] = (200, 30, 30)
            Image.fromarray(picture).save(root / "JPEGImages" / f"{name}.jpeg", quality=95)
            annotate(root, name, *([] if number else [((30, 20, 50, 44), "Rear")]))
    return root


def annotate(root, name, *heads):
    objects = [HEAD.format(*box, pose=f"<pose>{pose}</pose>" if pose else "") for box, pose in heads]
    (root / "Annotations" / f"{name}.xml").write_text(f"<annotation>{''.join(objects)}</annotation>")


def prepared():
    return prepare(load_manifest("hollywood_heads"), progress=False)


def test_a_scene_has_the_boxes_and_poses_of_its_annotation(films):
    first, second = scenes(prepared(), "test")
    assert (first.path, first.group, first.poses) == ("JPEGImages/mov_002_000000.jpeg", "film 002", ["Rear"])
    assert first.boxes.tolist() == [[30, 20, 50, 44]]
    assert (second.boxes.shape, second.poses) == ((0, 4), [])


def test_where_no_pose_is_told_it_is_unspecified(films):
    annotate(films, "mov_000_000000", ((30, 20, 50, 44), ""))
    assert scenes(prepared(), "train")[0].poses == ["Unspecified"]


def test_packed_or_made_of_others_heads_have_no_poses(films, course_environment):
    shown = prepared()
    shown = replace(shown, manifest=shown.manifest.model_copy(update={"may_show": "yes"}))
    pack(shown, course_environment / "heads.zip", progress=False)
    before = scenes(shown, "test")
    shutil.rmtree(films)
    unpack(course_environment / "heads.zip", progress=False)
    again = prepare(load_manifest("hollywood_heads"), progress=False)
    first, second = scenes(again, "test")
    assert first.boxes.tolist() == before[0].boxes.tolist()
    assert (first.poses, second.poses) == (["Unspecified"], [])
    assert check(again.manifest, progress=False).counts.to_numpy().sum() == 6


def test_a_box_over_the_border_is_cut_and_one_outside_left_out(films):
    annotate(films, "mov_000_000000", ((-5, 20, 50, 80), "Left"), ((97, 1, 120, 9), "Right"))
    scene = scenes(prepared(), "train")[0]
    assert scene.boxes.tolist() == [[0, 20, 50, 64]]
    assert scene.poses == ["Left"]


@pytest.mark.parametrize("box", [(50, 20, 30, 44), (30, 44, 50, 44)])
def test_a_box_that_ends_before_it_begins_is_named(films, box):
    annotate(films, "mov_000_000000", (box, "Left"))
    with pytest.raises(CourseError, match=r"mov_000_000000\.xml should tell.*ends before it begins"):
        prepared()


def test_an_object_without_a_box_is_passed_over(films):
    file = films / "Annotations" / "mov_000_000000.xml"
    file.write_text(file.read_text().replace("<object>", "<object><name>head</name></object><object>", 1))
    assert len(scenes(prepared(), "train")[0].boxes) == 1


@pytest.mark.parametrize("form", [(64, 96), (97, 31), (300, 300)])
def test_a_picture_fits_into_a_square_and_its_boxes_are_scaled(form):
    picture = np.zeros((*form, 3), np.uint8)
    picture[10:30, 5:25] = 255
    square, scale = fit_into(picture, 128)
    assert square.shape == (3, 128, 128) and max(form) * scale == pytest.approx(128)
    rows, columns = torch.where(square[0] == 255)
    assert [columns.min(), rows.min()] == pytest.approx([5 * scale, 10 * scale], abs=2)
    assert [columns.max(), rows.max()] == pytest.approx([25 * scale, 30 * scale], abs=3)


def test_augmented_boxes_stay_around_their_heads(films):
    dataset = SceneDataset(prepared(), "train", 128, lambda boxes: (boxes,), augmented=True)
    torch.manual_seed(0)
    seen = []
    for _ in range(40):
        picture, boxes = dataset.picture(0)
        assert picture.shape == (3, 128, 128) and picture.dtype == torch.uint8
        for x0, y0, x1, y1 in boxes.round().int().tolist():
            assert 0 <= x0 < x1 <= 128 and 0 <= y0 < y1 <= 128
            inside = picture[:, y0:y1, x0:x1].float().mean(dim=(1, 2))
            whole = picture.float().mean(dim=(1, 2))
            seen.append(float(inside[0] - inside[1]) > float(whole[0] - whole[1]) - 1)
    assert len(seen) > 20
    assert np.mean(seen) > 0.95


def test_the_same_seed_gives_the_same_square_and_another_dataset_another_content(films):
    dataset = SceneDataset(prepared(), "train", 128, lambda boxes: (boxes,), augmented=True)
    squares = []
    for _ in range(2):
        torch.manual_seed(7)
        squares.append(dataset.picture(0)[0])
    assert torch.equal(*squares)
    content = dataset.content
    annotate(films, "mov_000_000000", ((30, 20, 50, 43), "Rear"))
    assert SceneDataset(prepared(), "train", 128, lambda boxes: (boxes,)).content != content


def test_a_picture_that_is_gone_is_named(films):
    dataset = SceneDataset(prepared(), "train", 128, lambda boxes: (boxes,))
    (films / "JPEGImages" / "mov_000_000000.jpeg").unlink()
    with pytest.raises(CourseError, match=r"mov_000_000000\.jpeg was a picture"):
        dataset[0]
    assert paths.writable_cache().is_dir()
