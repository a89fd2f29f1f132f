"""The card of a detector: what is known of it, and so what a number of it means."""

from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from course_utils.intervals import Interval
from course_utils.likelihood import LikelihoodRatio
from course_utils.predict.scope import Scope, measure


class Measured(BaseModel):
    """A number with its 95 % interval over groups, null where there were too few."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    value: float
    low: float | None
    high: float | None

    @classmethod
    def of(cls, interval: Interval) -> "Measured":
        """Return what an interval says, as plain data."""
        bounds = (None if np.isnan(bound) else bound for bound in (interval.low, interval.high))
        return cls(**dict(zip(("value", "low", "high"), (interval.value, *bounds), strict=True)))


class Card(BaseModel):
    """What is known of a detector.

    Attributes:
        form: of this file.
        title: what it is called where it is asked.
        model: its network's name in `MODELS`.
        options: with which that is built.
        image_size: side of the pictures that it takes, in pixels.
        frames: how many of a clip its network takes at once; 1 takes pictures.
        stride: from one of these to the next as they were filmed; null spreads them evenly over the clip.
        weights: the file of its weights, beside the card.
        weights_sha256: of that file.
        trained_on: in words: which data set, how many pictures, of whom.
        tested_on: the data set's name, or those of several.
        test_pictures: how many it was tested on, or clips.
        test_groups: of how many people (or what must not straddle splits).
        auroc: on the test.
        cllr: likewise, see `likelihood.cllr`.
        ratio: what its scores are worth.
        zoom: side of what the network was shown of a picture over the longer side of the face's box, by the
            face detector's name.
        side: of the squares that were tested, in pixels, where each had `image_size`, so that none was
            resized; null where some were. Resizing takes the finest detail, by which a network may have
            decided: a test without it does not hold with it.
        scope: of the test, by the face detector's name.
        date: when the card was written.
        device: on which device.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    form: Literal[1] = 1
    title: str
    model: str
    options: dict[str, Any] = {}
    image_size: int
    frames: int = 1
    stride: int | None = None
    weights: str
    weights_sha256: str
    trained_on: str
    tested_on: str
    test_pictures: int
    test_groups: int
    auroc: Measured
    cllr: Measured
    ratio: LikelihoodRatio
    zoom: dict[str, float]
    side: int | None
    scope: dict[str, Scope]
    date: str
    device: str

    @property
    def takes(self) -> str:
        """What it was tested on: "pictures" or "clips"."""
        return "pictures" if self.frames == 1 else "clips"

    def places(self, length: int, most: int) -> list[np.ndarray]:
        """Return which frames of a clip it is shown, one after the other.

        As in its test, a clip that is too short for the stride gets a shorter one, and one with fewer frames
        than the network takes starts again from its first.

        Args:
            length: of the clip in frames.
            most: how many of them are looked at, at most, unless the network takes more at once.

        Returns:
            The numbers of `frames` frames each time; fewer only where they are spread over a shorter clip.
        """
        if self.frames == 1:
            return list(evenly(length, most)[:, None])
        if self.stride is None:
            return [evenly(length, self.frames)]
        stride = max(1, min(self.stride, (length - 1) // (self.frames - 1)))
        room = max(0, length - 1 - stride * (self.frames - 1))
        count = min(max(1, most // self.frames), 1 + room)
        starts = evenly(room + 1, count) if count > 1 else [room // 2]
        return [(start + stride * np.arange(self.frames)) % length for start in starts]

    def scale(self, faces: str, face: float) -> float:
        """Return the side of the square to cut around a face, over the longer side of its box.

        Args:
            faces: the name of what found the face.
            face: the longer side of its box in pixels.
        """
        scope = self.scope[faces]
        if self.side is None or not scope.low["face"] <= face <= scope.high["face"]:
            return self.zoom[faces]
        return self.side / face

    def reasons(self, faces: str, crop: np.ndarray, face: float) -> list[str]:
        """Return in words what about a face is outside of what was tested; nothing if it is inside.

        Args:
            faces: the name of what found the face.
            crop: H x H x 3 uint8, cut by `scale` and not resized.
            face: the longer side of the face's box in pixels.
        """
        told = self.scope[faces].reasons(measure(crop, face))
        if not told and self.side is not None and len(crop) != self.side:
            told.append(f"around it are {len(crop)} pixels, and what was tested has {self.side}")
        return told


def evenly(length: int, count: int) -> np.ndarray:
    """Return the numbers of `count` of `length` frames, or of all if they are fewer, evenly far apart."""
    return np.linspace(0, length - 1, min(count, length)).round().astype(int)
