"""What a detector found beside what there is: matched one to one, and the numbers computed from that."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd

from course_utils.data.faces import Face, FaceDetector
from course_utils.data.head_scenes import Scene
from course_utils.data.pictures import open_prepared
from course_utils.errors import CourseError
from course_utils.intervals import Interval, bootstrap

OVERLAP = 0.5  # the least intersection over union of a hit, as in mAP@0.5
RECALLS = np.linspace(0, 1, 101)  # at which COCO reads a precision–recall curve


def look(detector: FaceDetector, scenes: Sequence[Scene], root: Path) -> list[list[Face]]:
    """Return what a detector finds in each scene; `root` is the folder that their paths are relative to."""
    return [detector.detect(np.asarray(open_prepared(root / scene.path))) for scene in scenes]


def match(
    scenes: Sequence[Scene],
    found: Sequence[Sequence[Face]],
    threshold: float = 0.0,
    by: Literal["overlap", "centre"] = "overlap",
) -> pd.DataFrame:
    """Match what was found in scenes, the surest first, with the heads that are there, one to one.

    Args:
        scenes: pictures with their heads.
        found: what was found in each, see `look`.
        threshold: what has a lower score was not found.
        by: what a hit is. "overlap": an intersection over union of a half or more; "centre": the middle of
            what was found lies in the head, which is fair to detectors whose boxes are of faces.

    Returns:
        A row a detection or head that none found: `path`, `group`, `score` (NaN for a missed head), `head`
        (whether the row is of a head that is there), its `number` in the scene (-1 for a false alarm) and its
        `pose` ("" for a false alarm).
    """
    rows = []
    for scene, all_found in zip(scenes, found, strict=True):
        faces = sorted((face for face in all_found if face.score >= threshold), key=lambda face: -face.score)
        boxes = np.array([face.box for face in faces], np.float32).reshape(-1, 4)
        fits = _overlaps(boxes, scene.boxes) if by == "overlap" else _centres(boxes, scene.boxes)
        there = {"path": scene.path, "group": scene.group}
        left = set(range(len(scene.boxes)))
        for face, fit in zip(faces, fits, strict=True):
            best = max((head for head in left if fit[head] > 0), key=lambda head: fit[head], default=None)
            left.discard(best)
            rows.append({**there, "score": face.score, **_head(scene, best)})
        rows += [{**there, "score": np.nan, **_head(scene, head)} for head in sorted(left)]
    return pd.DataFrame(rows, columns=["path", "group", "score", "head", "number", "pose"])


def precision_recall(matched: pd.DataFrame) -> pd.DataFrame:
    """Return precision and recall, each 0 to 1, at every score of `match`'s table, from the highest down."""
    found = matched.dropna(subset="score").sort_values("score", ascending=False, kind="stable")
    hits = found["head"].cumsum().to_numpy(np.float64)
    return pd.DataFrame(
        {
            "score": found["score"].to_numpy(),
            "precision": hits / np.arange(1, len(found) + 1),
            "recall": hits / max(1, int(matched["head"].sum())),
        }
    )


def average_precision(matched: pd.DataFrame) -> Interval:
    """Return the average precision as COCO has it, with its 95 % interval over groups.

    With one class and one overlap that is mAP@0.5: the precision at 101 recalls from 0 to 1, each the best
    that is reached at that recall or a higher one, averaged.
    """
    order = np.argsort(-matched["score"].to_numpy(), kind="stable")  # NaN, the missed heads, come last
    matched = matched.iloc[order]
    head, found = matched["head"].to_numpy(np.float64), matched["score"].notna().to_numpy(np.float64)

    def average(weights: np.ndarray) -> np.ndarray:
        hits = np.cumsum(weights * head * found, axis=1)
        precision = hits / np.maximum(np.cumsum(weights * found, axis=1), 1e-9)
        best = np.maximum.accumulate(precision[:, ::-1], axis=1)[:, ::-1]
        recall = hits / np.maximum(weights @ head, 1e-9)[:, None]
        return np.array([_read(*curve) for curve in zip(recall, best, strict=True)])

    return bootstrap(matched["group"], average)


def best_threshold(matched: pd.DataFrame) -> float:
    """Return the score at which precision and recall are best together (the highest F1), to be used on val.

    It is rounded down to a hundredth, for the score of a single head means little.

    Raises:
        CourseError: nothing was found.
    """
    curve = precision_recall(matched)
    if curve.empty:
        raise CourseError("No head was found, so that no threshold can be chosen. Train for longer.")
    f1 = 2 * curve["precision"] * curve["recall"] / (curve["precision"] + curve["recall"]).clip(lower=1e-9)
    return float(np.floor(100 * curve["score"][f1.idxmax()]) / 100)


def _head(scene: Scene, number: int | None) -> dict:
    if number is None:
        return {"head": False, "number": -1, "pose": ""}
    return {"head": True, "number": number, "pose": scene.poses[number]}


def _read(recall: np.ndarray, precision: np.ndarray) -> float:
    """Return the mean of the precision at `RECALLS`, 0 beyond the highest recall."""
    at = np.searchsorted(recall, RECALLS - 1e-9, side="left")
    return float(np.append(precision, 0.0)[at].mean())


def _overlaps(found: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Return the intersection over union of each pair, 0 where it is too little for a hit."""
    import torch  # seconds, which a figure or the command line need not wait for
    from torchvision.ops import box_iou

    overlaps = box_iou(torch.from_numpy(found), torch.from_numpy(there)).numpy()
    return np.where(overlaps >= OVERLAP, overlaps, 0)


def _centres(found: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Return for each pair how near the detection's middle is to the head's, 1 at most; 0 outside of it."""
    middle = (found[:, None, :2] + found[:, None, 2:]) / 2
    middles, halves = (there[:, :2] + there[:, 2:]) / 2, (there[:, 2:] - there[:, :2]) / 2
    return np.clip(1 - np.abs((middle - middles) / halves).max(axis=2), 0, None)
