"""A detector that can be used alone: its weights, and a card of all that is known of it.

What a number of it means depends on what it was calibrated and tested on, so that the card goes with the
weights and is written from predictions, not by hand.
"""

import datetime
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from scipy.special import expit
from torch import nn
from torch.nn import functional

from course_utils import doctor, paths
from course_utils.bars import bar
from course_utils.calibration import logits
from course_utils.data.datasets import NORMALISE
from course_utils.data.faces import FaceDetector
from course_utils.data.pictures import fit_square, open_prepared
from course_utils.data.prepare import PreparedDataset
from course_utils.errors import CourseError
from course_utils.explain.maps import grad_cam
from course_utils.intervals import Interval, auroc_interval
from course_utils.likelihood import LikelihoodRatio, cllr, fit_likelihood_ratio
from course_utils.models import MODELS
from course_utils.models.attention_anomaly import AttentionAnomaly
from course_utils.models.pretrained import load_weights
from course_utils.paths import write_json
from course_utils.predict.scope import Scope, measure, scope_of
from course_utils.training.checkpoints import save_weights, weights_of

MEASURED = 400  # pictures of the test, at most, of which the scope is measured
CARD = "card.json"
FAKE = 1  # the class whose score is explained


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
        tested_on: the data set's name.
        test_pictures: how many it was tested on, or clips.
        test_groups: of how many people (or what must not straddle splits).
        auroc: on the test.
        cllr: likewise, see `likelihood.cllr`.
        ratio: what its scores are worth.
        zoom: side of the picture over the longer side of the face's box, by the face detector's name.
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


class TestedDetector:
    """A network with its card.

    Attributes:
        card: see `Card`.
        network: in eval mode; returns logits B x 2, class 1 is fake.
    """

    __test__ = False  # pytest takes classes of this name for tests

    def __init__(self, card: Card, network: nn.Module) -> None:
        self.card = card
        self.network = network.eval()

    def batch(self, crops: Sequence[np.ndarray]) -> torch.Tensor:
        """Return squares as the network takes them: float32, B x 3 x size x size, or B x 3 x T x size x size.

        Args:
            crops: each size x size x 3 uint8, or of a clip T x size x size x 3.
        """
        pictures = torch.from_numpy(np.stack(crops)).movedim(-1, 1).float() / 255
        shape = (3, *[1] * (pictures.ndim - 2))
        mean, deviation = (torch.tensor(part).view(shape) for part in NORMALISE)
        return (pictures - mean) / deviation

    @torch.inference_mode()
    def scores(self, crops: Sequence[np.ndarray]) -> np.ndarray:
        """Return P(fake) of each of `crops` (n), which are as in `batch`."""
        return self.network(self.batch(crops)).float().softmax(dim=1)[:, 1].double().numpy()

    def explain(self, crop: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return one of the squares of `scores`, and what raised its score: a map, H x W, 0 or more.

        Of a clip it is the frame in which the map is strongest. The map is Grad-CAM's; that of an anomaly is
        the reconstruction error itself.
        """
        batch = self.batch([crop])
        if isinstance(self.network, AttentionAnomaly):
            with torch.inference_mode():
                errors = self.network.errors(batch)[:, None]
            (maps,) = functional.interpolate(errors, batch.shape[-2:], mode="bilinear").numpy()
        else:
            maps = grad_cam(self.network, batch, [FAKE]).numpy()
        if crop.ndim == 3:
            return crop, maps[0]
        strongest = maps[0].max(axis=(1, 2)).argmax()
        return crop[strongest], maps[0, strongest]

    def together(self, scores: np.ndarray) -> float:
        """Return one P(fake) for several of one face.

        Pictures are not independent: the mean of their logits counts as one. What a clip network makes of
        parts of a clip is averaged as in its test, see `predictions.per_video`.
        """
        return float(scores.mean() if self.card.frames > 1 else expit(logits(scores).mean()))


def framing_of(prepared: PreparedDataset, faces: Sequence[FaceDetector]) -> Framing:
    """Measure how the test pictures of a data set lie around their faces.

    Args:
        prepared: the data set, or a part of it.
        faces: the face detectors with which a detector may be used. How much of a picture a face takes up is
            measured with each, for no two draw the same box.

    Raises:
        CourseError: one of them finds a face in less than half of the pictures.
    """
    measured = {detector.name: _measure_test(prepared, detector) for detector in faces}
    sides = set().union(*(table["side"] for table in measured.values()))
    return Framing(
        zoom={name: float(table["zoom"].median()) for name, table in measured.items()},
        scope={name: scope_of(table) for name, table in measured.items()},
        side=sides.pop() if len(sides) == 1 else None,
    )


def release(
    folder: Path,
    *,
    title: str,
    model: str,
    network: nn.Module,
    image_size: int,
    trained_on: str,
    tables: Mapping[str, pd.DataFrame],
    framing: Framing,
    options: Mapping[str, Any] | None = None,
    frames: int = 1,
    stride: int | None = None,
    name: str = CARD,
) -> TestedDetector:
    """Write a detector into `folder`: its weights and its card.

    Args:
        folder: where to; what is there under the same names is replaced.
        title: what it is called.
        model: its name in `MODELS`.
        network: the trained network.
        image_size: side of its pictures in pixels.
        trained_on: in words.
        tables: its predictions of "val", which calibrates, and of "test": a row a picture, or a clip.
        framing: of the pictures of the test.
        options: see `Card`, like the next two.
        frames: likewise.
        stride: likewise.
        name: the card's file; the weights' has the same stem.

    Raises:
        CourseError: there is no such model, or a table is of another split or of one class.
    """
    if model not in MODELS:
        raise CourseError(f"There is no model {model!r}. The models are {', '.join(MODELS)}.")
    weights = folder / Path(name).with_suffix(".safetensors").name
    save_weights(weights, weights_of(network))
    ratio, test = fit_likelihood_ratio(tables["val"]), tables["test"]
    card = Card(
        title=title,
        model=model,
        options=dict(options or {}),
        image_size=image_size,
        frames=frames,
        stride=stride,
        weights=weights.name,
        weights_sha256=_sha256(weights),
        trained_on=trained_on,
        tested_on=test["dataset"].iloc[0],
        test_pictures=len(test),
        test_groups=int(test["group"].nunique()),
        auroc=Measured.of(auroc_interval(test)),
        cllr=Measured.of(cllr(test, ratio)),
        ratio=ratio,
        zoom=framing.zoom,
        side=image_size if framing.side == image_size else None,
        scope=framing.scope,
        date=datetime.date.today().isoformat(),
        device=doctor.device_name(),
    )
    write_json(folder / name, card.model_dump(mode="json"))
    return TestedDetector(card, network)


def shipped() -> list[Path]:
    """Return the cards of the detectors that come with the course."""
    return sorted((paths.repository() / "reference_runs").glob("13_*.json"))


def find_cards(place: Path) -> list[Path]:
    """Return the cards in a folder and all below it, or the card that `place` is.

    Raises:
        CourseError: the folder is not there, or holds none.
    """
    if place.is_file():
        return [place]
    if found := sorted(place.rglob(CARD)):
        return found
    raise CourseError(
        f"There is no {CARD} in {place}. Detectors are given by the folder with {CARD} and weights of one, or"
        " by that of a run that left some: notebooks 10 to 13 write them."
    )


def load_tested(file: Path) -> TestedDetector:
    """Return the detector of a card.

    Raises:
        CourseError: the card is damaged, or its weights are not those that it was written for.
    """
    try:
        card = Card.model_validate_json(file.read_bytes())
    except (OSError, ValidationError) as error:
        raise CourseError(f"{file} is no card of a detector: {error}") from error
    weights = file.parent / Path(card.weights).name
    if not weights.is_file() or _sha256(weights) != card.weights_sha256:
        raise CourseError(
            f"{weights} is not there, or not the file that {file.name} was written for: what the card says"
            " does not hold for other weights. Put both back as they were released."
        )
    if card.model not in MODELS:
        raise CourseError(f"{file} is of a model {card.model!r} that this version of the course has not.")
    network = MODELS[card.model].build_for(card.image_size, **card.options)
    load_weights(weights, network)
    return TestedDetector(card, network)


def _measure_test(prepared: PreparedDataset, detector: FaceDetector) -> pd.DataFrame:
    samples = prepared.split("test")
    samples = samples.sample(min(MEASURED, len(samples)), random_state=0)
    rows = []
    for path in bar(samples["path"], total=len(samples), desc="Measuring", unit="picture"):
        picture = open_prepared(prepared.root / path)
        side = min(picture.size)
        crop = np.asarray(fit_square(picture, side))
        if found := detector.detect(crop):
            x0, y0, x1, y1 = max(found, key=lambda face: np.prod(face.box[2:] - face.box[:2])).box
            face = float(max(x1 - x0, y1 - y0))
            rows.append({"side": side, "zoom": side / face, **measure(crop, face)})
    if len(rows) < len(samples) / 2:
        raise CourseError(
            f"{detector.name} finds a face in {len(rows)} of {len(samples)} test pictures of {prepared.name}:"
            " what is examined with it would not be what was tested."
        )
    return pd.DataFrame(rows)


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
