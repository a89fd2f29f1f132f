"""Which pixels of a picture, as a model sees it, show which part of a face, and which were manipulated.

Maps have the geometry of `PictureDataset`'s pictures: cut to the middle square and brought to its size.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import pandas as pd
from PIL import Image

from course_utils.data.faces import find_pointer
from course_utils.data.forgery.template import (
    LEFT_EYE,
    LIPS,
    NOSE_BASE,
    NOSE_TIP,
    OUTLINE,
    RIGHT_EYE,
    place_template,
)
from course_utils.data.pictures import fit_square, open_prepared
from course_utils.data.prepare import PreparedDataset
from course_utils.data.recipes import ForgedPhotographs
from course_utils.data.rendered.surface import Part
from course_utils.data.rendered.truth import geometry
from course_utils.errors import CourseError

FACE_PARTS = ("outside", "hair", "rest of the face", "brows", "eyes", "nose", "mouth")
OUTSIDE, HAIR, REST, BROWS, EYES, NOSE, MOUTH = range(len(FACE_PARTS))
LEFT_BROW, RIGHT_BROW = slice(17, 22), slice(22, 27)
NOSE_BRIDGE = slice(27, NOSE_TIP + 1)
# What is drawn over what, and by how much of the distance between the eyes each hull is made wider: what
# gives a forgery away is around lids and lips as much as on them.
FEATURES = (
    (NOSE, [np.r_[NOSE_BRIDGE, NOSE_BASE]], 0.08),
    (MOUTH, [LIPS], 0.1),
    (BROWS, [LEFT_BROW, RIGHT_BROW], 0.06),
    (EYES, [LEFT_EYE, RIGHT_EYE], 0.1),
)
FOREHEAD = 0.36  # of the height from chin to brows: how far a face goes on above the brows
NO_FACE = (Part.BACKGROUND, Part.NECK, Part.CLOTHES)


@dataclass(frozen=True)
class Regions:
    """Maps of B pictures, of `samples` (B rows of the sample table, renumbered); `left_out` had none.

    `maps` are B x H x W: uint8 numbers of `FACE_PARTS`, or bool, where True was manipulated.
    """

    maps: np.ndarray
    samples: pd.DataFrame
    left_out: int


def face_parts(prepared: PreparedDataset, samples: pd.DataFrame, image_size: int) -> Regions:
    """Return which part of a face each pixel shows, as numbers of `FACE_PARTS`.

    Of rendered people the landmarks are known, see `rendered.truth.geometry`, and so are hair and what is
    no face. In photographs of real people a detector's five points place a mean face (see `face_template`):
    that is coarse, a face then ends in the middle of the forehead, and hair is not told from what is outside.
    Where no face is found, or one too much from the side, the picture is left out.

    Brows, eyes, nose and mouth are the hulls of their landmarks, made wider by 6 to 10 % of the distance
    between the eyes. A forged picture has the geometry of its target.

    Args:
        prepared: the data set that `samples` are of.
        samples: rows of its sample table.
        image_size: side of the square pictures in pixels.

    Raises:
        CourseError: a picture is gone, no picture has a face, or a detector that gives points is not there.
    """
    recipe = prepared.manifest.generate
    drawn = recipe is not None and not isinstance(recipe, ForgedPhotographs)
    parts = _drawn_parts(prepared, samples) if drawn else _found_parts(prepared, samples)
    return _regions(parts, samples, image_size, Image.Resampling.NEAREST, f"a face in {prepared.name}")


def manipulated_masks(prepared: PreparedDataset, samples: pd.DataFrame, image_size: int) -> Regions:
    """Return which pixels of fakes were manipulated; pictures without a mask are left out.

    Args:
        prepared: the data set that `samples` are of.
        samples: rows of its sample table.
        image_size: side of the square pictures in pixels.

    Raises:
        CourseError: a mask is gone, or no picture has one.
    """
    masks = (
        None if pd.isna(path) else np.asarray(open_prepared(prepared.root / path).convert("L"))
        for path in samples["mask"]
    )
    found = _regions(masks, samples, image_size, Image.Resampling.BILINEAR, f"a mask in {prepared.name}")
    return Regions(found.maps >= 128, found.samples, found.left_out)


def _regions(
    maps: Iterator[np.ndarray | None],
    samples: pd.DataFrame,
    image_size: int,
    method: Image.Resampling,
    wanted: str,
) -> Regions:
    """Bring each of `maps` (H x W uint8; None is left out) to the size, and keep its row of `samples`."""
    fitted, kept = [], []
    for number, one in enumerate(maps):
        if one is not None:
            fitted.append(np.asarray(fit_square(Image.fromarray(one), image_size, method)))
            kept.append(number)
    if not kept:
        raise CourseError(
            f"None of these {len(samples)} pictures has {wanted}. Choose other rows of its table, or another"
            " data set: the generated ones have faces everywhere, and rendered and rendered_fakes have masks."
        )
    return Regions(np.stack(fitted), samples.iloc[kept].reset_index(drop=True), len(samples) - len(kept))


def _drawn_parts(prepared: PreparedDataset, samples: pd.DataFrame) -> Iterator[np.ndarray]:
    for landmarks, shown in geometry(prepared, samples):
        parts = np.full(shown.shape, REST, np.uint8)
        _draw_features(parts, landmarks)
        parts[np.isin(shown, NO_FACE)] = OUTSIDE
        parts[shown == Part.HAIR] = HAIR
        yield parts


def _found_parts(prepared: PreparedDataset, samples: pd.DataFrame) -> Iterator[np.ndarray | None]:
    detector = find_pointer()
    for path in samples["path"]:
        picture = np.asarray(open_prepared(prepared.root / path))
        landmarks = place_template(detector, picture)
        if landmarks is None:
            yield None
            continue
        parts = np.full(picture.shape[:2], OUTSIDE, np.uint8)
        upwards = landmarks[8] - landmarks[LEFT_BROW.start : RIGHT_BROW.stop].mean(axis=0)
        outline = landmarks[OUTLINE].copy()
        outline[17:] -= FOREHEAD * upwards
        cv2.fillPoly(parts, [np.rint(outline).astype(np.int32)], REST)
        _draw_features(parts, landmarks)
        yield parts


def _draw_features(parts: np.ndarray, landmarks: np.ndarray) -> None:
    """Draw brows, eyes, nose and mouth into `parts` (H x W uint8)."""
    between = np.linalg.norm(landmarks[LEFT_EYE].mean(axis=0) - landmarks[RIGHT_EYE].mean(axis=0))
    for part, marks, wider in FEATURES:
        for these in marks:
            hull = cv2.convexHull(np.rint(landmarks[these]).astype(np.int32))
            cv2.fillConvexPoly(parts, hull, part)
            cv2.polylines(parts, [hull], True, part, 1 + 2 * round(wider * between))
