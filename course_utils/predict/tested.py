"""A detector that can be used alone: its weights, and a card of all that is known of it.

What a number of it means depends on what it was calibrated and tested on, so that the card goes with the
weights and is written from predictions, not by hand.
"""

import datetime
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from pydantic import ValidationError
from scipy.special import expit
from torch import nn
from torch.nn import functional

from course_utils import doctor, paths
from course_utils.calibration import logits
from course_utils.data.datasets import NORMALISE
from course_utils.data.pictures import digest
from course_utils.errors import CourseError
from course_utils.explain.maps import grad_cam, gradient_saliency
from course_utils.intervals import auroc_interval
from course_utils.likelihood import cllr, fit_likelihood_ratio
from course_utils.models import MODELS
from course_utils.models.attention_anomaly import AttentionAnomaly
from course_utils.models.pretrained import load_weights
from course_utils.models.timesformer import TimeSformer
from course_utils.paths import write_json
from course_utils.predict.card import Card, Measured
from course_utils.predict.framing import Framing
from course_utils.training.checkpoints import save_weights, weights_of

CARD = "card.json"
FAKE = 1  # the class whose score is explained


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
        the reconstruction error itself; and a TimeSformer, whose last convolution is its first layer, gets
        that of the gradient.
        """
        batch = self.batch([crop])
        if isinstance(self.network, AttentionAnomaly):
            with torch.inference_mode():
                errors = self.network.errors(batch)[:, None]
            (maps,) = functional.interpolate(errors, batch.shape[-2:], mode="bilinear").numpy()
        elif isinstance(self.network, TimeSformer):
            maps = gradient_saliency(self.network, batch, [FAKE]).numpy()
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
    ratio, test = fit_likelihood_ratio(tables["val"]), tables["test"]
    if others := sorted(set(test["split"]) - {"test"}):
        raise CourseError(
            "What a card says of a test is measured on the split 'test'; this table is of"
            f" {', '.join(others)}."
        )
    weights = folder / Path(name).with_suffix(".safetensors").name
    save_weights(weights, weights_of(network))
    card = Card(
        title=title,
        model=model,
        options=dict(options or {}),
        image_size=image_size,
        frames=frames,
        stride=stride,
        weights=weights.name,
        weights_sha256=digest(weights),
        trained_on=trained_on,
        tested_on=", ".join(sorted(set(test["dataset"]))),
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
    return sorted(paths.reference_runs().glob("13_*.json"))


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
        " by that of a run that left some: notebooks 09 to 13 write them."
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
    if not weights.is_file() or digest(weights) != card.weights_sha256:
        raise CourseError(
            f"{weights} is not there, or not the file that {file.name} was written for: what the card says"
            " does not hold for other weights. Put both back as they were released."
        )
    if card.model not in MODELS:
        raise CourseError(f"{file} is of a model {card.model!r} that this version of the course has not.")
    try:
        network = MODELS[card.model].build_for(card.image_size, **card.options)
    except TypeError as error:
        raise CourseError(f"{file}: {card.model} cannot be built with these options: {error}") from error
    load_weights(weights, network)
    return TestedDetector(card, network)
