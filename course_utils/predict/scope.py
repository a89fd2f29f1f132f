"""Whether a picture of a face is like those that a detector was tested on.

What a test says holds for pictures like the test's. Whether a face is larger, smoother or darker than any of
them can be seen without knowing if it is forged; where it is, the detector's number means nothing.
"""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict
from sklearn.covariance import LedoitWolf

from course_utils.data.cues import RINGS, radial_spectrum

LEEWAY = 0.1  # of the face's size, where all that was tested is of one: resizing by so little changes nothing
COVERED = 0.99  # of the tested pictures, within the bounds of each property and of all together
# What a picture is, that has less or more of it than all that was tested; how a value of it is written.
PROPERTIES = {
    "face": ("the face is smaller", "the face is larger", "{:.0f} pixels"),
    "brightness": ("it is darker", "it is brighter", "{:.0f} of 255"),
    "contrast": ("it has less contrast", "it has more contrast", "{:.0f} of 255"),
    "coarse": ("it has less coarse detail", "it has more coarse detail", "{:.2f}"),
    "fine": ("it has less fine detail", "it has more fine detail", "{:.2f}"),
    "finest": ("it has less of the finest detail", "it has more of the finest detail", "{:.2f}"),
}


class Scope(BaseModel):
    """What the faces were like that a detector was tested on.

    Attributes:
        low: of each of `PROPERTIES`, the bound that half of the uncovered pictures lie under.
        high: likewise, over.
        centre: the mean of the properties.
        precision: the inverse of their covariance, shrunk as Ledoit & Wolf 2004 do.
        farthest: the Mahalanobis distance from the centre within which the covered pictures lie.
        pictures: how many were measured.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    low: dict[str, float]
    high: dict[str, float]
    centre: list[float]
    precision: list[list[float]]
    farthest: float
    pictures: int

    def reasons(self, properties: Mapping[str, float]) -> list[str]:
        """Return in words what about a picture is outside of what was tested; nothing if it is inside."""
        told = []
        for name, (less, more, written) in PROPERTIES.items():
            value, low, high = properties[name], self.low[name], self.high[name]
            if not low <= value <= high:
                found, *tested = map(written.format, (value, low, high))
                told.append(f"{less if value < low else more} ({found}; tested were {' to '.join(tested)})")
        away = np.array([properties[name] for name in PROPERTIES]) - self.centre
        if not told and away @ np.array(self.precision) @ away > self.farthest**2:
            told.append("size, light and detail do not go together as in any picture that was tested")
        return told


def measure(crop: np.ndarray, face: float) -> dict[str, float]:
    """Return the `PROPERTIES` of a square picture of a face.

    The three of detail are means of the logarithm of the spectrum's power in a band of frequencies (from a
    quarter of the highest to a half, to three quarters, to all), less the mean of all: blurring, enlarging
    and strong compression lower the finest, noise and sharpening raise it.

    Args:
        crop: H x W x 3 uint8, as it stands in the file, not resized.
        face: the longer side of the face's box in pixels.
    """
    grey = crop.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    spectrum = radial_spectrum(grey)
    quarter = RINGS // 4
    bands = (spectrum - spectrum.mean()).reshape(4, quarter).mean(axis=1)
    found = (face, grey.mean(), grey.std(), *bands[1:])
    return dict(zip(PROPERTIES, map(float, found), strict=True))


def scope_of(measured: pd.DataFrame) -> Scope:
    """Return the scope of a test from the properties of its pictures, a row a picture."""
    table = measured[list(PROPERTIES)]
    tail = (1 - COVERED) / 2
    low, high = (table.quantile(share).to_dict() for share in (tail, 1 - tail))
    low["face"] *= 1 - LEEWAY
    high["face"] *= 1 + LEEWAY
    fitted = LedoitWolf().fit(table.to_numpy())
    return Scope(
        low=low,
        high=high,
        centre=fitted.location_.tolist(),
        precision=fitted.precision_.tolist(),
        farthest=float(np.sqrt(np.quantile(fitted.mahalanobis(table.to_numpy()), COVERED))),
        pictures=len(table),
    )
