"""The mean face: 68 landmarks in the order of iBUG-68, the mesh over them, and how five points place it."""

import contextlib

import numpy as np
from scipy.spatial import Delaunay
from scipy.spatial.distance import cdist

from course_utils.data.faces import FaceDetector, middle_face
from course_utils.errors import CourseError

# Where the parts of a face stand among the 68 landmarks (Sagonas et al. 2013, "300 Faces in-the-Wild").
CHIN = slice(4, 13)
NOSE_BASE = slice(31, 36)
LEFT_EYE, RIGHT_EYE = slice(36, 42), slice(42, 48)
MOUTH = slice(48, 68)
LIPS = slice(48, 60)  # the outer contour
MOUTH_INSIDE = slice(60, 68)  # the inner contour
NOSE_TIP, LEFT_CORNER, RIGHT_CORNER = 30, 48, 54
OUTLINE = np.r_[0:17, 26:16:-1]  # around the face: along the jaw, back over the brows
MOVING = MOUTH, slice(17, 22), slice(22, 27), slice(6, 11)  # what expressions move: mouth, brows, chin
STILL = np.r_[27:36, 36, 39, 42, 45]  # what no expression moves: nose and eye corners

# The left half and the middle of the mean face, drawn by hand in units of the distance between the eyes: x
# to the right, y down, and depth towards the camera; the origin is between the eyes. Eyes, nose tip and
# mouth corners are at the medians that YuNet gave over 441 photographs of LFW, the rest follows the usual
# proportions.
_LEFT_HALF = [
    (range(3), [(-1.16, 0.05, -1.1), (-1.14, 0.38, -1.08), (-1.09, 0.69, -1)]),
    (range(3, 6), [(-1.01, 1, -0.9), (-0.88, 1.3, -0.72), (-0.68, 1.54, -0.45)]),
    (range(6, 9), [(-0.45, 1.72, -0.18), (-0.23, 1.83, 0.05), (0, 1.87, 0.15)]),
    (range(17, 20), [(-0.93, -0.21, -0.15), (-0.8, -0.34, 0), (-0.6, -0.38, 0.1)]),
    (range(20, 22), [(-0.4, -0.35, 0.17), (-0.2, -0.27, 0.2)]),
    (range(27, 31), [(0, 0, 0.2), (0, 0.18, 0.32), (0, 0.36, 0.45), (0, 0.54, 0.55)]),
    (range(31, 34), [(-0.23, 0.67, 0.2), (-0.12, 0.71, 0.3), (0, 0.74, 0.35)]),
    (range(36, 39), [(-0.69, 0.01, -0.12), (-0.58, -0.06, -0.02), (-0.42, -0.06, 0)]),
    (range(39, 42), [(-0.31, 0.01, -0.02), (-0.42, 0.05, 0), (-0.58, 0.05, -0.02)]),
    (range(48, 52), [(-0.43, 1.02, 0.1), (-0.27, 0.94, 0.25), (-0.1, 0.9, 0.34), (0, 0.92, 0.35)]),
    (range(57, 60), [(0, 1.21, 0.32), (-0.11, 1.2, 0.3), (-0.27, 1.13, 0.22)]),
    (range(60, 63), [(-0.36, 1.02, 0.13), (-0.11, 1, 0.3), (0, 1.01, 0.32)]),
    (range(66, 68), [(0, 1.06, 0.3), (-0.11, 1.05, 0.28)]),
]
# The landmark on the other side of the face, for each of the 68.
MIRRORED = np.r_[
    16:-1:-1, 26:16:-1, 27:31, 35:30:-1, 45:41:-1, 47, 46, 39:35:-1, 41, 40,
    54:47:-1, 59:54:-1, 64:59:-1, 67:64:-1,
]  # fmt: skip


def _both_halves() -> np.ndarray:
    points = np.zeros((68, 3))
    for numbers, half in _LEFT_HALF:
        points[list(numbers)] = half
        points[MIRRORED[numbers]] = half * np.array([-1, 1, 1])
    return points


SOLID = _both_halves()  # 68 x 3
TEMPLATE = SOLID[:, :2]
MESH = Delaunay(TEMPLATE).simplices  # T x 3 numbers of landmarks


def five_points(landmarks: np.ndarray) -> np.ndarray:
    """Return the five points that 68 `landmarks` (68 x 2, or x 3) have, as YuNet orders them: 5 x 2.

    They are the middles of the eyes, the tip of the nose and the corners of the mouth, in each pair the one
    that stands left in the picture first.
    """
    eyes = landmarks[LEFT_EYE].mean(axis=0), landmarks[RIGHT_EYE].mean(axis=0)
    return np.stack([*eyes, landmarks[NOSE_TIP], landmarks[LEFT_CORNER], landmarks[RIGHT_CORNER]])


def camera_rows(points: np.ndarray) -> np.ndarray:
    """Return points in depth (P x 3) as P x 4 rows that an affine camera (4 x 2) maps to pixels."""
    return np.c_[points, np.ones(len(points))]


def _placement() -> np.ndarray:
    """Return the 68 x 5 matrix that takes five points in the picture to 68 landmarks, see `face_template`."""
    five = five_points(SOLID)
    camera = np.linalg.pinv(camera_rows(five))
    near = np.exp(-(cdist(SOLID, five) ** 2) / (2 * REACH**2))
    carried = near @ np.linalg.inv(five_points(near))
    return camera_rows(SOLID) @ camera + carried @ (np.eye(5) - camera_rows(five) @ camera)


REACH = 0.35  # of the distance between the eyes: how far a point that is off takes its surroundings along
_PLACEMENT = _placement()


def face_template(points: np.ndarray) -> np.ndarray:
    """Return 68 landmarks (68 x 2 float32, pixels) of a face of which a detector gave five `points` (5 x 2).

    The mean face, with its depth, is seen by the affine camera that puts its own five points nearest to these
    (least squares), so a turned head takes its jaw along; what then remains at each of the five is carried
    over to the landmarks near it. That is coarse: jaw and brows are those of the mean face, and lids and lips
    are always its own, however far open the picture shows them; only the corners of the mouth follow.

    Measured on rendered faces, whose 68 landmarks are known: on average 6 % of the distance between the outer
    corners of the eyes (jaw and brows 11 %, the rest 3 %) when the five points are exact, 8 % when YuNet
    found them.

    Raises:
        CourseError: `points` are not five finite points, or show a face too much from the side to be placed
            (all on one line, or the nose under an eye: about 35 degrees of yaw).
    """
    points = np.asarray(points, dtype=np.float64)
    if points.shape != (5, 2) or not np.isfinite(points).all():
        raise CourseError(
            f"A face is placed by five finite points (x, y), an array of shape (5, 2); these have the shape"
            f" {points.shape}: {points.tolist()}. Order: left eye, right eye, nose, left and right corner of"
            " the mouth, as seen in the picture."
        )
    eyes, nose = points[1] - points[0], points[2] - points[0]
    spread = np.linalg.svd(points - points.mean(axis=0), compute_uv=False)
    between = 0.1 * (eyes @ eyes) < nose @ eyes < 0.9 * (eyes @ eyes)
    if spread[1] <= 0.02 * spread[0] or not between:
        raise CourseError(
            f"The five points {points.round(1).tolist()} place no face: they lie on one line, or the nose is"
            " not between the eyes but under one, or beyond. Leave this face out: it is seen from the side,"
            " or the detector was wrong."
        )
    return (_PLACEMENT @ points).astype(np.float32)


def place_template(detector: FaceDetector, picture: np.ndarray) -> np.ndarray | None:
    """Return 68 landmarks (68 x 2 float32, pixels) of the face in the middle; None: none, or from the side.

    Args:
        detector: one that gives points, see `find_pointer`.
        picture: H x W x 3 uint8 RGB.
    """
    face = middle_face(detector, picture)
    with contextlib.suppress(CourseError):
        return None if face is None else face_template(face.points)
    return None
