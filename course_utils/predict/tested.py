"""A detector that can be used alone: its weights, and a card of all that is known of it.

What a number of it means depends on what it was calibrated and tested on, so that the card goes with the
weights and is written from predictions, not by hand.
"""

import datetime
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from torch import nn

from course_utils import doctor, paths
from course_utils.bars import bar
from course_utils.data.datasets import NORMALISE
from course_utils.data.faces import FaceDetector
from course_utils.data.pictures import fit_square, open_prepared
from course_utils.data.prepare import PreparedDataset
from course_utils.errors import CourseError
from course_utils.intervals import Interval, auroc_interval
from course_utils.likelihood import LikelihoodRatio, cllr, fit_likelihood_ratio
from course_utils.models import MODELS
from course_utils.models.pretrained import load_weights
from course_utils.paths import write_json
from course_utils.predict.scope import Scope, measure, scope_of
from course_utils.training.checkpoints import save_weights, weights_of

MEASURED = 400  # pictures of the test, at most, of which the scope is measured
CARD = "card.json"


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
        image_size: side of the pictures that it takes, in pixels.
        weights: the file of its weights, beside the card.
        weights_sha256: of that file.
        trained_on: in words: which data set, how many pictures, of whom.
        tested_on: the data set's name.
        test_pictures: how many it was tested on.
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
    image_size: int
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

    def batch(self, crops: list[np.ndarray]) -> torch.Tensor:
        """Return square pictures (H x W x 3 uint8) as the network takes them, B x 3 x size x size float32."""
        mean, deviation = (torch.tensor(part).view(3, 1, 1) for part in NORMALISE)
        pictures = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2)
        return (pictures.float() / 255 - mean) / deviation

    @torch.inference_mode()
    def scores(self, crops: list[np.ndarray]) -> np.ndarray:
        """Return P(fake) of square pictures of the network's size (size x size x 3 uint8)."""
        return self.network(self.batch(crops)).float().softmax(dim=1)[:, 1].double().numpy()


def release(
    folder: Path,
    *,
    title: str,
    model: str,
    network: nn.Module,
    image_size: int,
    trained_on: str,
    tables: Mapping[str, pd.DataFrame],
    prepared: PreparedDataset,
    faces: list[FaceDetector],
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
        tables: its predictions of "val", which calibrates, and of "test".
        prepared: the data set that these are of.
        faces: the face detectors with which it may be used. How much of a picture a face takes up is measured
            with each, for no two draw the same box.
        name: the card's file; the weights' has the same stem.

    Raises:
        CourseError: there is no such model, a table is of another split or of one class, or no face is found.
    """
    if model not in MODELS:
        raise CourseError(f"There is no model {model!r}. The models are {', '.join(MODELS)}.")
    weights = folder / Path(name).with_suffix(".safetensors").name
    save_weights(weights, weights_of(network))
    ratio, test = fit_likelihood_ratio(tables["val"]), tables["test"]
    zoom, scope, sides = {}, {}, set()
    for detector in faces:
        measured = _measure_test(prepared, detector)
        sides |= set(measured["side"])
        zoom[detector.name] = float(measured["zoom"].median())
        scope[detector.name] = scope_of(measured)
    card = Card(
        title=title,
        model=model,
        image_size=image_size,
        weights=weights.name,
        weights_sha256=_sha256(weights),
        trained_on=trained_on,
        tested_on=prepared.name,
        test_pictures=len(test),
        test_groups=int(test["group"].nunique()),
        auroc=Measured.of(auroc_interval(test)),
        cllr=Measured.of(cllr(test, ratio)),
        ratio=ratio,
        zoom=zoom,
        side=image_size if sides == {image_size} else None,
        scope=scope,
        date=datetime.date.today().isoformat(),
        device=doctor.device_name(),
    )
    write_json(folder / name, card.model_dump(mode="json"))
    return TestedDetector(card, network)


def shipped() -> list[Path]:
    """Return the cards of the detectors that come with the course."""
    return sorted((paths.repository() / "reference_runs").glob("13_*.json"))


def load_tested(place: Path) -> TestedDetector:
    """Return the detector of a card, or of the folder that holds one.

    Raises:
        CourseError: there is no card, it is damaged, or its weights are not those that it was written for.
    """
    file = place / CARD if place.is_dir() else place
    try:
        card = Card.model_validate_json(file.read_bytes())
    except FileNotFoundError as error:
        raise CourseError(
            f"There is no {file}. A detector is a folder with {CARD} and its weights; notebook 13 writes one."
        ) from error
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
    network = MODELS[card.model].build_for(card.image_size)
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
