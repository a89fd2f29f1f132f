"""Self-blended images: fakes made of a single photograph, for training (Shiohara & Yamasaki 2022)."""

import cv2
import numpy as np

from course_utils.data.forgery import warping
from course_utils.data.forgery.template import OUTLINE

# "Detecting Deepfakes with Self-Blended Images", section 3: the mask is scaled by one of these.
BLENDING_RATIOS = (0.25, 0.5, 0.75, 1, 1, 1)


def self_blended(
    picture: np.ndarray, landmarks: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return `picture` with a slightly changed copy of its own face blended in, and the mask of what changed.

    Shiohara & Yamasaki 2022, section 3: the copy gets other colours and is coarsened or sharpened, then
    scaled and moved a little; the mask is the landmarks' outline, deformed and blurred by chance, times a
    blending ratio. What every swap leaves behind (two textures, two tones, a border) is there, and the trace
    of no single method. The paper changes the colours of face or background by chance; here it is always the
    face, so that all outside the mask stays as photographed.

    Args:
        picture: H x W x 3 uint8, RGB.
        landmarks: 68 x 2, x and y in pixels.
        rng: where the chance comes from; the same state gives the same picture.

    Returns:
        The blended picture (H x W x 3 uint8), equal to `picture` outside the mask, and the mask (H x W uint8,
        0 or 255; see `warping.changed`).

    Raises:
        CourseError: picture or landmarks are not of these shapes, or not finite.
    """
    still = warping.Footage(picture[None], np.asarray(landmarks, np.float64)[None])
    warping.check(still, "picture")
    points = still.landmarks[0]
    where = warping.window(points, picture, margin=0.1)
    width = warping.face_width(points)

    def paint(number: int) -> np.ndarray:
        face = _moved(_other_statistics(picture[where], rng), width, rng)
        weight = _deformed_outline(points - warping.corner(where), face.shape[:2], width, rng)
        return warping.blend(picture, where, face, weight * rng.choice(BLENDING_RATIOS))

    forged, masks = warping.forge(still, paint)
    return forged[0], masks[0]


def _other_statistics(face: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return `face` (h x w x 3 uint8) in other colours and with less, or more, fine detail: float32."""
    contrast, shift = rng.uniform(0.9, 1.1), rng.uniform(-20, 20, 3)
    changed = (contrast * (face - face.mean()) + face.mean() + shift).astype(np.float32)
    if rng.random() < 0.5:
        size = changed.shape[1::-1]
        small = cv2.resize(changed, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
        return cv2.resize(small, size, interpolation=cv2.INTER_LINEAR)
    return changed + rng.uniform(0.5, 1.5) * (changed - cv2.GaussianBlur(changed, (0, 0), 1))


def _moved(face: np.ndarray, width: float, rng: np.random.Generator) -> np.ndarray:
    """Return `face` scaled by up to 5 % and moved by up to 3 % of its `width` across, half of that down."""
    scale = rng.uniform(0.95, 1 / 0.95, 2)
    move = rng.uniform(-1, 1, 2) * (0.03 * width, 0.015 * width)
    middle = np.array(face.shape[1::-1]) / 2
    affine = np.c_[np.diag(scale), middle - scale * middle + move]
    return cv2.warpAffine(face, affine, face.shape[1::-1], borderMode=cv2.BORDER_REPLICATE)


def _deformed_outline(
    points: np.ndarray, shape: tuple[int, int], width: float, rng: np.random.Generator
) -> np.ndarray:
    """Return the outline of the landmarks, cut anew, deformed smoothly and blurred: h x w float32 in 0..1."""
    low = rng.uniform(0.75, 1)  # the chin may be left out, or the cheeks
    middle = points.mean(axis=0)
    hull = middle + (points[OUTLINE] - middle) * rng.uniform([0.8, low], [1, 1])
    weight = warping.feathered(hull, shape, rng.uniform(0.03, 0.2) * width)
    coarse = rng.normal(0, 0.03 * width, (5, 5, 2)).astype(np.float32)
    bend = cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)
    columns, rows = np.meshgrid(*(np.arange(n, dtype=np.float32) for n in shape[::-1]))
    return cv2.remap(weight, columns + bend[..., 0], rows + bend[..., 1], cv2.INTER_LINEAR)
