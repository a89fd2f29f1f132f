"""Pictures of drawn faces on black, what finds them, and a detector that was tested on such."""

from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from course_utils.data.datasets import PictureDataset
from course_utils.data.faces import Face, FaceDetector
from course_utils.data.prepare import PreparedDataset
from course_utils.detectors import score_pictures
from course_utils.models.mesonet import Meso4
from course_utils.predict.framing import framing_of
from course_utils.predict.scope import measure
from course_utils.predict.tested import TestedDetector, release
from course_utils.predictions import predictions_table

SIZE = 64
INSET = np.float32([0.2, 0.1, -0.2, -0.1])  # of a tile, around the face drawn in it


class TileFinder:
    """Finds whatever is not black, and the face in its middle."""

    name = "tile finder"

    def detect(self, picture: np.ndarray) -> list[Face]:
        seen = (picture.max(axis=2) > 25).astype(np.uint8)
        closed = cv2.morphologyEx(seen, cv2.MORPH_CLOSE, np.ones((9, 9)))
        _, _, boxes, _ = cv2.connectedComponentsWithStats(closed)
        tiles = [np.float32([x, y, x + w, y + h]) for x, y, w, h, area in boxes[1:] if area > 400]
        return [Face(tile + INSET * np.tile(tile[2:] - tile[:2], 2), 1.0) for tile in tiles]


def usual(released: tuple) -> Image.Image:
    """Return a picture of the test that is inside of what was tested."""
    detector, _, prepared = released
    scope = detector.card.scope[TileFinder.name]
    pictures = [Image.open(prepared.root / path) for path in prepared.split("test")["path"]]
    return next(one for one in pictures if not scope.reasons(measure(np.asarray(one), 77.0)))


def on_black(face: Image.Image, *places: tuple[int, int], size: tuple[int, int] = (200, 300)) -> Image.Image:
    """Return a picture of width x height with a face of 96 x 96 pixels at each x, y."""
    picture = Image.new("RGB", size)
    for place in places:
        picture.paste(face, place)
    return picture


def release_on(
    prepared: PreparedDataset, folder: Path, faces: FaceDetector | None = None, **change: object
) -> TestedDetector:
    """Release Meso-4 with random weights, as tested on a data set."""
    torch.manual_seed(0)
    network = Meso4(SIZE).eval()
    tables = {
        split: predictions_table(
            prepared.split(split),
            score_pictures(network, PictureDataset(prepared.split(split), prepared.root, SIZE)),
            model="Meso-4",
            run="test",
        )
        for split in ("val", "test")
    }
    told = {
        "title": "Meso-4",
        "model": "meso4",
        "network": network,
        "image_size": SIZE,
        "trained_on": "nothing",
        "tables": tables,
        "framing": framing_of(prepared, [faces or TileFinder()]),
    }
    return release(folder, **told | change)
