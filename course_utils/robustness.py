"""What is left of a detector when pictures are degraded, as they are when they are passed on.

Pictures are degraded as the model would see them, after they were brought to its size: uint8 goes in and
uint8 comes out. The kinds follow Rössler et al. 2019 (compression) and Hendrycks & Dietterich 2019
("Benchmarking Neural Network Robustness to Common Corruptions and Perturbations": blur, noise).
"""

import io
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import cv2
import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from course_utils.data.datasets import PictureDataset
from course_utils.intervals import accuracy_interval, auroc_interval, compare
from course_utils.predictions import predictions_table

BILINEAR = Image.Resampling.BILINEAR  # as Pillow does it, averaging what is made smaller


@dataclass(frozen=True)
class Corruption:
    """A way to degrade a picture, at several severities from mild to strong.

    Attributes:
        name: of what is done.
        unit: what a severity counts, e.g. "quality, 1 to 100".
        severities: how strongly, mildest first.
        degrade: what takes a picture (H x W x 3 uint8), a severity and a generator to draw noise from, and
            returns the degraded picture in the same form.
    """

    name: str
    unit: str
    severities: tuple[float, ...]
    degrade: Callable[[np.ndarray, float, np.random.Generator], np.ndarray]

    def at(self, *severities: float) -> "Corruption":
        """Return the same at other severities."""
        return replace(self, severities=severities)


def _as_they_are(picture: np.ndarray, severity: float, noise: np.random.Generator) -> np.ndarray:
    return picture


def _jpeg(picture: np.ndarray, quality: float, noise: np.random.Generator) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=int(quality))  # colour at half the resolution
    return np.array(Image.open(buffer))


def _blur(picture: np.ndarray, sigma: float, noise: np.random.Generator) -> np.ndarray:
    return cv2.GaussianBlur(picture, (0, 0), sigma, borderType=cv2.BORDER_REFLECT_101)


def _resize(picture: np.ndarray, share: float, noise: np.random.Generator) -> np.ndarray:
    height, width, _ = picture.shape
    small = [max(1, round(side * share / 100)) for side in (width, height)]
    whole = Image.fromarray(picture)
    return np.array(whole.resize(small, BILINEAR).resize((width, height), BILINEAR))


def _noise(picture: np.ndarray, deviation: float, noise: np.random.Generator) -> np.ndarray:
    noisy = picture + deviation * noise.standard_normal(picture.shape, dtype=np.float32)
    return noisy.round().clip(0, 255).astype(np.uint8)


CLEAN = Corruption("none", "", (np.nan,), _as_they_are)
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
        self.pictures = []
        for number, path in enumerate(dataset.samples["path"]):
            noise = np.random.default_rng([seed, zlib.crc32(path.encode())])
            picture = dataset[number][0].permute(1, 2, 0).numpy()
            degraded = corruption.degrade(picture, severity, noise)
            self.pictures.append(torch.from_numpy(degraded).permute(2, 0, 1).contiguous())

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

    Each severity is made once, for all models: a few milliseconds a picture of 128². Most of the time goes
    into the models, each of which scores every picture at every severity.

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
    for corruption in (CLEAN, *corruptions):
        for severity in corruption.severities:
            pictures = DegradedPictures(dataset, corruption, severity, seed)
            told = {"corruption": corruption.name, "unit": corruption.unit, "severity": float(severity)}
            for model, score in models.items():
                table = predictions_table(dataset.samples, score(pictures), model=model, run="degraded")
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
    whole = dict(iter(predictions[predictions["corruption"] == CLEAN.name].groupby("model")))
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
