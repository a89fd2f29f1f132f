"""Shapes of faces apart from where they stand: expressions carried over, frames found that are alike."""

import numpy as np
from scipy.spatial.distance import cdist

from course_utils.data.forgery.template import MOVING, SOLID, STILL, TEMPLATE, camera_rows

# A person's neutral face is estimated from the footage as if the mean face had been seen in four frames more:
# a single photograph has an expression, too, and a long clip is hardly drawn to the mean.
PRIOR_FRAMES = 4
LARGEST = 0.35  # of the distance between the eyes: no part of a face moves farther
# SOLID -> picture by least squares over what no expression moves: one matrix for all frames.
_FIT = np.linalg.pinv(camera_rows(SOLID[STILL]))


def cameras(landmarks: np.ndarray) -> np.ndarray:
    """Return the affine cameras that see the mean face as `landmarks` (N x 68 x 2) show it: N x 4 x 2.

    They are fitted to nose and eye corners, so they hold place, size and pose, and no expression.
    """
    return _FIT @ landmarks[:, STILL].astype(np.float64)


def shapes_of(landmarks: np.ndarray) -> np.ndarray:
    """Return `landmarks` (N x 68 x 2 pixels) in template coordinates: without place, size and pose."""
    seen = cameras(landmarks)
    return TEMPLATE + (landmarks - camera_rows(SOLID) @ seen) @ np.linalg.pinv(seen[:, :2])


def neutral(shapes: np.ndarray) -> np.ndarray:
    """Return the person's mean shape (68 x 2) over `shapes` (N x 68 x 2), see `PRIOR_FRAMES`."""
    return (shapes.sum(axis=0) + PRIOR_FRAMES * TEMPLATE) / (len(shapes) + PRIOR_FRAMES)


def expressions(landmarks: np.ndarray, person: np.ndarray) -> np.ndarray:
    """Return what the expression moves in `landmarks` (N x 68 x 2), as offsets from the neutral face.

    Only mouth, brows and chin have any, in template coordinates; `person` (K x 68 x 2) are the landmarks that
    the neutral face of the same person is estimated from. A part that moves sideways as a whole is no
    expression but a turned head whose depth is not the mean face's, and that much is taken out.
    """
    moved = shapes_of(landmarks) - neutral(shapes_of(person))
    offsets = np.zeros_like(moved)
    for part in MOVING:
        offsets[:, part] = moved[:, part]
        offsets[:, part, 0] -= moved[:, part, 0].mean(axis=1, keepdims=True)
    return np.clip(offsets, -LARGEST, LARGEST)


def reenacted(target: np.ndarray, person: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Return where `target` landmarks (N x 68 x 2) would lie with the expressions of `source` (M x 68 x 2).

    The target's own expression, against the neutral face of `person`'s landmarks (K x 68 x 2), is taken away
    and the source's added; frame n takes frame n modulo M, so a shorter source is looped.
    """
    wanted = expressions(source, source)[np.arange(len(target)) % len(source)]
    move = wanted - expressions(target, person)
    return target + move @ cameras(target)[:, :2]


def nearest(wanted: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return for each of `wanted` (N x P x 2) the number of the most similar of `known` (M x P x 2): N."""
    return cdist(wanted.reshape(len(wanted), -1), known.reshape(len(known), -1)).argmin(axis=1)


def upright(landmarks: np.ndarray) -> np.ndarray:
    """Return faces (N x 68 x 2 pixels) moved, turned and scaled onto the template; yaw and expression stay.

    The similarity with the least squared error, in complex numbers.
    """
    faces = (landmarks - landmarks.mean(axis=1, keepdims=True)) @ [1, 1j]
    mean = (TEMPLATE - TEMPLATE.mean(axis=0)) @ [1, 1j]
    power = np.maximum((np.abs(faces) ** 2).sum(axis=1, keepdims=True), 1e-9)
    turned = faces * ((faces.conj() * mean).sum(axis=1, keepdims=True) / power)
    return np.stack([turned.real, turned.imag], axis=-1) + TEMPLATE.mean(axis=0)
