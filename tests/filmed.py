"""Film tiny videos of red "faces" on a dark ground, and find them again, so that tests need no recordings."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from course_utils.data.faces import Face
from course_utils.data.video import write_video

FACE = 24  # side in pixels
SIZE = (64, 96)  # height and width


def draw_frames(*starts: tuple[int, int], frames: int = 12, size: tuple[int, int] = SIZE) -> np.ndarray:
    """Return N x H x W x 3 frames in which a face moves right by a pixel a frame from each x, y in `starts`.

    The first is a little larger than the others.
    """
    pictures = np.full((frames, *size, 3), 20, np.uint8)
    for number, picture in enumerate(pictures):
        for person, (x, y) in enumerate(starts):
            side = FACE - 4 * bool(person)
            picture[y : y + side, x + number : x + number + side] = (220, 40, 40)
    return pictures


def film(path: Path, *starts: tuple[int, int], frames: int = 12, fps: Fraction | float = 25) -> Path:
    """Write the video of `draw_frames` to `path`; return it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, draw_frames(*starts, frames=frames), fps)
    return path


class RedFinder:
    """A face detector for these films, which counts what it is asked."""

    name = "red finder"

    def __init__(self) -> None:
        self.asked = 0

    def detect(self, picture: np.ndarray) -> list[Face]:
        self.asked += 1
        red = (picture[..., 0] > 120).astype(np.uint8)
        _, _, boxes, _ = cv2.connectedComponentsWithStats(red)
        return [
            Face(np.float32([x, y, x + wide, y + high]), float(area))
            for x, y, wide, high, area in boxes[1:]
            if area > 50
        ]
