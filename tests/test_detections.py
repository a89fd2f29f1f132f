"""Detections matched with what is there, and the numbers of it, held against COCO's own program."""

import contextlib
import io

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from course_utils.data.faces import Face
from course_utils.data.head_scenes import Scene
from course_utils.detections import average_precision, best_threshold, look, match, precision_recall
from course_utils.errors import CourseError


class Known:
    """A detector that finds in each picture what it was told, by the picture's only colour."""

    name = "known"

    def __init__(self, found: list[list[tuple[list[float], float]]]) -> None:
        self.found = found

    def detect(self, picture: np.ndarray) -> list[Face]:
        faces = [Face(np.float32(box), score) for box, score in self.found[picture[0, 0, 0]]]
        return sorted(faces, key=lambda face: -face.score)


def write_scenes(root, boxes):
    scenes = []
    for number, heads in enumerate(boxes):
        Image.new("RGB", (100, 80), (number, 0, 0)).save(root / f"{number}.png")
        there = np.array(heads, np.float32).reshape(-1, 4)
        scenes.append(Scene(f"{number}.png", f"film {number % 9}", there, ["Frontal"] * len(there)))
    return scenes


def random_case(seed):
    """Heads in thirty pictures, and detections that miss some, hit some roughly and some twice."""
    random, boxes, found = np.random.default_rng(seed), [], []
    for _ in range(30):
        start = random.uniform(0, 60, (random.integers(0, 4), 2))
        heads = np.hstack([start, start + random.uniform(10, 20, start.shape)])
        boxes.append(heads.tolist())
        tries = np.repeat(heads, random.integers(0, 3, len(heads)), axis=0)
        tries = np.vstack(
            [
                tries + random.normal(0, 2, tries.shape),
                random.uniform(0, 40, (1, 4)) + np.array([0, 0, 40, 40]),
            ]
        )
        found.append(
            [
                (box, float(score))
                for box, score in zip(tries.tolist(), random.random(len(tries)), strict=True)
            ]
        )
    return boxes, found


def coco_average_precision(boxes, found):
    def sized(box):
        x0, y0, x1, y1 = np.float32(box).tolist()
        return [x0, y0, x1 - x0, y1 - y0]

    annotations = [
        {"id": 100 * n + k + 1, "image_id": n, "category_id": 1, "bbox": sized(b), "area": 1.0, "iscrowd": 0}
        for n, heads in enumerate(boxes)
        for k, b in enumerate(heads)
    ]
    results = [
        {"image_id": n, "category_id": 1, "bbox": sized(box), "score": score}
        for n, faces in enumerate(found)
        for box, score in faces
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO()
        truth.dataset = {
            "info": {},
            "images": [{"id": n} for n in range(len(boxes))],
            "categories": [{"id": 1, "name": "head"}],
            "annotations": annotations,
        }
        truth.createIndex()
        evaluation = COCOeval(truth, truth.loadRes(results), "bbox")
        evaluation.params.areaRng = [[0, 1e10]]
        evaluation.params.areaRngLbl = ["all"]
        evaluation.params.iouThrs = np.array([0.5])
        evaluation.evaluate()
        evaluation.accumulate()
    return float(evaluation.eval["precision"][0, :, 0, 0, -1].mean())


@pytest.mark.parametrize("seed", range(4))
def test_average_precision_is_that_of_coco(tmp_path, seed):
    boxes, found = random_case(seed)
    scenes = write_scenes(tmp_path, boxes)
    matched = match(scenes, look(Known(found), scenes, tmp_path))
    assert matched["head"].sum() == sum(map(len, boxes))
    assert matched["score"].notna().sum() == sum(map(len, found))
    interval = average_precision(matched)
    assert interval.value == pytest.approx(coco_average_precision(boxes, found), abs=1e-6)
    assert interval.low < interval.value < interval.high


def test_a_head_is_matched_once_by_the_surest_and_one_missed_has_no_score(tmp_path):
    head = [10, 10, 40, 50]
    found = [[([11, 10, 40, 50], 0.6), (head, 0.9)], []]
    scenes = write_scenes(tmp_path, [[head], [head]])
    matched = match(scenes, look(Known(found), scenes, tmp_path))
    rows = matched[["path", "score", "head", "number", "pose"]].values.tolist()
    assert rows[0] == ["0.png", 0.9, True, 0, "Frontal"]
    assert rows[1] == ["0.png", 0.6, False, -1, ""]
    assert rows[2][0] == "1.png" and np.isnan(rows[2][1]) and rows[2][2:] == [True, 0, "Frontal"]


def test_by_the_centre_a_face_finds_its_head_and_overlap_would_not(tmp_path):
    scenes = write_scenes(tmp_path, [[[10, 10, 50, 60], [40, 10, 80, 60]]])
    found = look(Known([[([20, 35, 40, 58], 0.9), ([0, 0, 8, 8], 0.8)]]), scenes, tmp_path)
    assert match(scenes, found)["score"].notna().equals(pd.Series([True, True, False, False]))
    assert match(scenes, found, by="centre")["number"].tolist() == [0, -1, 1]
    assert match(scenes, found, 0.85, by="centre")["number"].tolist() == [0, 1]


def test_a_curve_begins_at_the_surest_and_the_threshold_keeps_what_is_best(tmp_path):
    head = [10, 10, 40, 50]
    found = [[(head, 0.935)], [(head, 0.8)], [([60, 60, 70, 70], 0.3)]]
    scenes = write_scenes(tmp_path, [[head], [head], []])
    matched = match(scenes, look(Known(found), scenes, tmp_path))
    curve = precision_recall(matched)
    assert curve["recall"].tolist() == [0.5, 1, 1]
    assert curve["precision"].tolist() == pytest.approx([1, 1, 2 / 3])
    assert best_threshold(matched) == 0.8


def test_nothing_found_is_zero(tmp_path):
    scenes = write_scenes(tmp_path, [[[1, 1, 9, 9]]] * 9)
    matched = match(scenes, [[]] * 9)
    assert average_precision(matched).value == 0
    with pytest.raises(CourseError, match="No head was found"):
        best_threshold(matched)
