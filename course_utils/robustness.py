"""What is left of a detector when pictures are degraded, as they are when they are passed on.

Pictures are degraded as the model would see them, after they were brought to its size: uint8 goes in and
uint8 comes out. The kinds follow Rössler et al. 2019 (compression) and Hendrycks & Dietterich 2019
("Benchmarking Neural Network Robustness to Common Corruptions and Perturbations": blur, noise).
"""

import math
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms.v2 import functional

from course_utils.data.datasets import PictureDataset
from course_utils.intervals import accuracy_interval, auroc_interval, compare
from course_utils.predictions import predictions_table

CLEAN = "none"


@dataclass(frozen=True)
class Corruption:
    """A way to degrade a picture, at several severities from mild to strong.

    Attributes:
        name: of what is done.
        unit: what a severity counts, e.g. "quality, 1 to 100".
        severities: how strongly, mildest first.
        degrade: what takes a picture (3 x H x W uint8), a severity and noise to draw from, and returns the
            degraded picture in the same form.
    """

    name: str
    unit: str
    severities: tuple[float, ...]
    degrade: Callable[[Tensor, float, torch.Generator], Tensor]

    def at(self, *severities: float) -> "Corruption":
        """Return the same at other severities."""
        return replace(self, severities=severities)


def _jpeg(picture: Tensor, quality: float, noise: torch.Generator) -> Tensor:
    return functional.jpeg(picture, int(quality))


def _blur(picture: Tensor, sigma: float, noise: torch.Generator) -> Tensor:
    # Three deviations hold 99.7 %; a kernel may not reach over the picture twice.
    size = 2 * min(math.ceil(3 * sigma), min(picture.shape[1:]) - 1) + 1
    return functional.gaussian_blur(picture, [size, size], [sigma, sigma])


def _resize(picture: Tensor, share: float, noise: torch.Generator) -> Tensor:
    height, width = picture.shape[1:]
    small = [max(1, round(side * share / 100)) for side in (height, width)]
    return functional.resize(functional.resize(picture, small), [height, width])


def _noise(picture: Tensor, deviation: float, noise: torch.Generator) -> Tensor:
    noisy = picture + deviation * torch.randn(picture.shape, generator=noise)
    return noisy.round().clamp(0, 255).to(torch.uint8)


JPEG = Corruption("JPEG", "quality, 1 to 100", (90, 70, 50, 30), _jpeg)
BLUR = Corruption("Gaussian blur", "standard deviation in pixels", (0.5, 1, 2, 3), _blur)
RESIZE = Corruption("down and up again", "side kept, in percent", (75, 50, 35, 25), _resize)
NOISE = Corruption("Gaussian noise", "standard deviation, of 255 levels", (2, 5, 10, 20), _noise)
CORRUPTIONS = (JPEG, BLUR, RESIZE, NOISE)


class DegradedPictures(Dataset):
    """The pictures of `dataset`, degraded once and kept: item i is (uint8 tensor 3 x H x W, label 0 or 1).

    Noise depends on `seed` and a picture's path alone, whatever stands beside it, and at another severity is
    the same noise made stronger.
    """

    def __init__(
        self, dataset: PictureDataset, corruption: Corruption, severity: float, seed: int = 0
    ) -> None:
        self.labels = dataset.labels
        self.batch_transform = dataset.batch_transform
        noise = torch.Generator()
        self.pictures = []
        for number, path in enumerate(dataset.samples["path"]):
            noise.manual_seed(zlib.crc32(f"{seed} {path}".encode()))
            self.pictures.append(corruption.degrade(dataset[number][0], severity, noise))

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.pictures[index], int(self.labels[index])


def predict_degraded(
    dataset: PictureDataset,
    models: Mapping[str, Callable[[Dataset], np.ndarray]],
    corruptions: tuple[Corruption, ...] = CORRUPTIONS,
    seed: int = 0,
) -> pd.DataFrame:
    """Let `models` score the pictures of `dataset` as they are, and at each severity of each corruption.

    Each severity is made once, for all models. A picture of 128² takes about 2 ms a severity, and each model
    its own time for every picture and severity.

    Args:
        dataset: n test pictures, without a random transform.
        models: by name what scores a dataset's n items: a `Trainer.predict`, or any function that returns
            P(fake) a picture.
        corruptions: what is done, e.g. ``(JPEG.at(80, 40), NOISE)``.
        seed: of the noise.

    Returns:
        A predictions table with the columns ``corruption``, ``unit`` and ``severity`` beside: first the
        pictures as they are ("none", at NaN), then all else, mildest first. `run` is "degraded".

    Raises:
        CourseError: a picture is gone, or what a model gives are no n probabilities.
    """
    tables = []
    for corruption, severity in [
        (Corruption(CLEAN, "", (np.nan,), lambda picture, severity, noise: picture), np.nan),
        *((corruption, severity) for corruption in corruptions for severity in corruption.severities),
    ]:
        pictures = DegradedPictures(dataset, corruption, severity, seed)
        for model, score in models.items():
            table = predictions_table(dataset.samples, score(pictures), model=model, run="degraded")
            told = {"corruption": corruption.name, "unit": corruption.unit, "severity": float(severity)}
            tables.append(table.assign(**told))
    return pd.concat(tables, ignore_index=True)


def robustness(predictions: pd.DataFrame, thresholds: Mapping[str, float] | float = 0.5) -> pd.DataFrame:
    """Return how well each model does at each severity, and how much it has lost.

    Args:
        predictions: what `predict_degraded` returns.
        thresholds: from which score each model, by name, calls a picture fake, chosen on undegraded
            validation pictures; one number holds for all.

    Returns:
        A row a corruption, severity and model, in the order of `predictions`: columns ``corruption``,
        ``unit``, ``severity`` (NaN for "none"), ``model``, ``accuracy`` (0 to 1) and ``auroc``, each with
        ``_low`` and ``_high``, the bounds of its 95 % interval over groups; ``auroc_change``, the AUROC
        less that of the same pictures undegraded, whose bounds are of a paired bootstrap, so that an interval
        without 0 tells a loss from the choice of pictures; and ``groups``.
    """
    whole = {model: part for model, part in predictions.query("corruption == @CLEAN").groupby("model")}
    rows = []
    keys = ["corruption", "unit", "severity", "model"]
    for key, part in predictions.groupby(keys, sort=False, dropna=False):
        threshold = thresholds[key[-1]] if isinstance(thresholds, Mapping) else thresholds
        auroc = auroc_interval(part)
        found = {
            "accuracy": accuracy_interval(part, threshold),
            "auroc": auroc,
            "auroc_change": compare(part, whole[key[-1]]).difference,
        }
        row = dict(zip(keys, key, strict=True))
        for name, interval in found.items():
            row |= {name: interval.value, f"{name}_low": interval.low, f"{name}_high": interval.high}
        rows.append(row | {"groups": auroc.groups})
    return pd.DataFrame(rows)
