"""How the pictures of a test lie around their faces, so that others can be cut in the same way."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from torchvision.transforms.v2 import functional

from course_utils.bars import bar
from course_utils.data.faces import FaceDetector
from course_utils.data.pictures import fit_square, open_prepared
from course_utils.data.prepare import PreparedDataset
from course_utils.errors import CourseError
from course_utils.predict.scope import Scope, measure, scope_of

MEASURED = 400  # pictures of the test, at most, of which the scope is measured


@dataclass(frozen=True)
class Framing:
    """How the pictures of a test lie around their faces, by the name of what finds these: see `Card`.

    Attributes:
        zoom: see there.
        scope: see there.
        side: that all of them have, in pixels; None where they differ.
    """

    zoom: Mapping[str, float]
    scope: Mapping[str, Scope]
    side: int | None


def framing_of(prepared: PreparedDataset, faces: Sequence[FaceDetector], *, middle: float = 1.0) -> Framing:
    """Measure how the test pictures of a data set lie around their faces.

    Args:
        prepared: the data set, or a part of it.
        faces: the face detectors with which a detector may be used. How much of a picture a face takes up is
            measured with each, for no two draw the same box.
        middle: the share of a picture's side that the network is shown, cut out of its middle.

    Raises:
        CourseError: one of them finds a face in less than half of the pictures.
    """
    measured = {detector.name: _measure_test(prepared, detector, middle) for detector in faces}
    sides = set().union(*(table["side"] for table in measured.values()))
    return Framing(
        zoom={name: float(table["zoom"].median()) for name, table in measured.items()},
        scope={name: scope_of(table) for name, table in measured.items()},
        side=sides.pop() if len(sides) == 1 else None,
    )


def _measure_test(prepared: PreparedDataset, detector: FaceDetector, middle: float) -> pd.DataFrame:
    samples = prepared.split("test")
    samples = samples.sample(min(MEASURED, len(samples)), random_state=0)
    rows = []
    for path in bar(samples["path"], total=len(samples), desc="Measuring", unit="picture"):
        picture = open_prepared(prepared.root / path)
        square = fit_square(picture, min(picture.size))
        if found := detector.detect(np.asarray(square)):
            x0, y0, x1, y1 = max(found, key=lambda face: np.prod(face.box[2:] - face.box[:2])).box
            face = float(max(x1 - x0, y1 - y0))
            side = round(middle * square.width)
            crop = functional.center_crop(square, [side, side])
            rows.append({"side": side, "zoom": side / face, **measure(np.asarray(crop), face)})
    if len(rows) < len(samples) / 2:
        raise CourseError(
            f"{detector.name} finds a face in {len(rows)} of {len(samples)} test pictures of {prepared.name}:"
            " what is examined with it would not be what was tested."
        )
    return pd.DataFrame(rows)
