"""Find faces: two detectors behind one protocol, the same person from frame to frame, and the square crop."""

import threading
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import pooch

from course_utils import paths
from course_utils.errors import CourseError

DETECTORS = ("YuNet", "Haar")  # the better one first
YUNET_URL = "https://github.com/ShiqiYu/libfacedetection.train/raw/master/onnx/yunet_n_640_640.onnx"
YUNET_SHA256 = "25a606a145a5b6d7271ae138fbd00eba91dad8b83222ae3f2c7ecd0f4a7b0e31"
LOWEST_SCORE = 0.6  # of what YuNet calls a face, 0 to 1
YUNET_SIDES = (320, 640, 1280)  # pixels of the longer side: tried in this order until a face is found
LARGEST_GAP = 3  # frames, of those looked at, that may lack a face which is there before and after


@dataclass(frozen=True)
class Face:
    """A face in a picture: `box` is x0 y0 x1 y1 in pixels, `score` the detector's, higher is surer.

    `points` are 5 x 2 pixels (x, y), or None where the detector has none: the eyes, the tip of the nose and
    the corners of the mouth, each pair from left to right as seen in the picture.
    """

    box: np.ndarray
    score: float
    points: np.ndarray | None = None


class FaceDetector(Protocol):
    """What finds faces in pictures; it may be used from several threads."""

    name: str

    def detect(self, picture: np.ndarray) -> list[Face]:
        """Return the faces in `picture` (H x W x 3 uint8 RGB), the surest first."""


class YuNet:
    """YuNet (Wu, Peng & Yu 2023, "YuNet: A Tiny Millisecond-level Face Detector"): boxes and points.

    Args:
        weights: the ONNX file.
    """

    name = "YuNet"

    def __init__(self, weights: Path) -> None:
        self.weights = weights
        self._own = threading.local()  # OpenCV's network belongs to one thread

    def detect(self, picture: np.ndarray) -> list[Face]:
        """Return the faces (see `FaceDetector`), looking at large pictures made smaller first."""
        longer = max(picture.shape[:2])
        for side in YUNET_SIDES:
            faces = self._detect(picture, min(1.0, side / longer))
            if faces or side >= longer:
                break
        return faces

    def _detect(self, picture: np.ndarray, scale: float) -> list[Face]:
        height, width = (max(1, round(side * scale)) for side in picture.shape[:2])
        small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
        if not hasattr(self._own, "network"):
            self._own.network = cv2.FaceDetectorYN.create(str(self.weights), "", (320, 320), LOWEST_SCORE)
        self._own.network.setInputSize((width, height))
        _, rows = self._own.network.detect(cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
        faces = []
        for row in np.empty((0, 15)) if rows is None else rows:
            x, y, wide, high, *points = row[:14] / scale
            box = np.array([x, y, x + wide, y + high], np.float32)
            faces.append(Face(box, float(row[14]), np.array(points, np.float32).reshape(5, 2)))
        return sorted(faces, key=lambda face: -face.score)


class Haar:
    """The boosted cascade of Viola & Jones 2001, as it comes with OpenCV: frontal faces, boxes only."""

    name = "Haar"

    def __init__(self) -> None:
        self._own = threading.local()

    def detect(self, picture: np.ndarray) -> list[Face]:
        """Return the faces (see `FaceDetector`)."""
        if not hasattr(self._own, "cascade"):
            file = Path(cv2.data.haarcascades, "haarcascade_frontalface_default.xml")
            self._own.cascade = cv2.CascadeClassifier(str(file))
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        smallest = max(24, min(grey.shape) // 10)  # smaller ones are mostly folds and leaves
        boxes, _, scores = self._own.cascade.detectMultiScale3(
            grey, scaleFactor=1.1, minNeighbors=5, minSize=(smallest, smallest), outputRejectLevels=True
        )
        faces = [
            Face(np.array([x, y, x + wide, y + high], np.float32), float(score))
            for (x, y, wide, high), score in zip(boxes, scores, strict=True)
        ]
        return sorted(faces, key=lambda face: -face.score)


def find_detector(name: str = "YuNet") -> FaceDetector:
    """Return the detector of this name: "Haar", or "YuNet", or Haar with a warning where it cannot be had.

    YuNet's weights are any ``*yunet*.onnx`` in `weights/` of the data root, else they are fetched once into
    the cache and their SHA-256 is compared.

    Raises:
        CourseError: there is no such detector.
    """
    if name not in DETECTORS:
        raise CourseError(f"There is no face detector {name!r}. Use one of {', '.join(DETECTORS)}.")
    if name == "Haar":
        return Haar()
    root = paths.data_root()
    here = sorted((root / "weights").glob("*yunet*.onnx")) if root else []
    if here:
        return YuNet(here[-1])
    pooch.get_logger().setLevel("WARNING")  # or what it fetches is told among a notebook's errors
    try:
        folder = paths.writable_cache() / "weights"
        file = pooch.retrieve(YUNET_URL, f"sha256:{YUNET_SHA256}", Path(YUNET_URL).name, folder)
    except (OSError, ValueError) as error:
        warnings.warn(
            "Faces are looked for with Haar cascades, which miss faces that are turned, because YuNet's"
            f" weights cannot be had: {error}. Put {YUNET_URL} into weights/ of the data root, delete what"
            " was prepared, and prepare again.",
            stacklevel=2,
        )
        return Haar()
    return YuNet(Path(file))


def find_pointer() -> YuNet:
    """Return the detector of `find_detector` that also gives a face's five points.

    Raises:
        CourseError: YuNet's weights cannot be had.
    """
    detector = find_detector()
    if not isinstance(detector, YuNet):
        raise CourseError(
            "Faces are placed by the five points that YuNet gives, and its weights cannot be had. Put"
            f" {YUNET_URL} into weights/ of the data root and try again."
        )
    return detector


def middle_face(detector: FaceDetector, picture: np.ndarray) -> Face | None:
    """Return the face with points that is nearest to the middle of `picture`, whom a portrait is of.

    Args:
        detector: one that gives points, see `find_pointer`.
        picture: H x W x 3 uint8 RGB.
    """
    middle = np.array(picture.shape[1::-1]) / 2
    found = [face for face in detector.detect(picture) if face.points is not None]
    return min(found, key=lambda face: np.hypot(*(face.points.mean(axis=0) - middle)), default=None)


def follow(faces: Sequence[Sequence[Face]]) -> list[np.ndarray | None]:
    """Return the box of one person in each frame, or None where that person is not seen.

    A face is the same person's as one before if its centre is less than a face's width away and its size
    within a factor of two; nearest go together first. Of several people, the one with the largest area over
    all frames is followed. Where a detector missed up to `LARGEST_GAP` frames in between, boxes are
    interpolated.

    Args:
        faces: the faces of each frame that was looked at, in order of time.
    """
    people: list[dict[int, np.ndarray]] = []
    for number, found in enumerate(faces):
        boxes = [face.box for face in found]
        latest = [person[max(person)] for person in people]
        near = sorted(
            (distance, i, j)
            for i, box in enumerate(latest)
            for j, other in enumerate(boxes)
            if (distance := _distance(box, other)) < 1
        )
        taken, placed = set(), set()
        for _, i, j in near:
            if i not in taken and j not in placed:
                people[i][number] = boxes[j]
                taken.add(i)
                placed.add(j)
        people += [{number: box} for j, box in enumerate(boxes) if j not in placed]
    followed: list[np.ndarray | None] = [None] * len(faces)
    if people:
        seen = max(people, key=lambda person: sum(_area(box) for box in person.values()))
        for number, box in seen.items():
            followed[number] = box
        for start, end in pairwise(sorted(seen)):
            if end - start - 1 <= LARGEST_GAP:
                for number in range(start + 1, end):
                    share = (number - start) / (end - start)
                    followed[number] = (1 - share) * seen[start] + share * seen[end]
    return followed


def square_crop(box: Sequence[float], width: int, height: int, scale: float = 1.3) -> tuple[int, int, int]:
    """Return (x0, y0, side) in whole pixels: the square around a face that detectors are trained on.

    Its side is `scale` times the longer side of `box` and it is centred on it (Rössler et al. 2019; 1.3 is
    theirs). A square that reaches over a border is moved back into the picture, and shrunk only where the
    picture itself is smaller; the authors' own code shrinks it at two borders instead.

    Args:
        box: x0 y0 x1 y1 in pixels.
        width: of the picture, in pixels.
        height: of the picture, in pixels.
        scale: side of the square over the longer side of the box.
    """
    x0, y0, x1, y1 = map(float, box)
    side = max(1, min(round(scale * max(x1 - x0, y1 - y0)), width, height))
    left = min(max(round((x0 + x1 - side) / 2), 0), width - side)
    top = min(max(round((y0 + y1 - side) / 2), 0), height - side)
    return left, top, side


def _distance(box: np.ndarray, other: np.ndarray) -> float:
    """Return how far apart the centres are in mean face sides; infinity if the sizes differ by over two."""
    sides = [np.sqrt(_area(box)), np.sqrt(_area(other))]
    if max(sides) > 2 * min(sides):
        return np.inf
    centres = (box[:2] + box[2:]) / 2, (other[:2] + other[2:]) / 2
    return float(np.hypot(*(centres[0] - centres[1])) / np.mean(sides))


def _area(box: np.ndarray) -> float:
    return float((box[2] - box[0]) * (box[3] - box[1]))
