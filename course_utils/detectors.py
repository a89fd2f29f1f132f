"""Detectors of forged pictures: trained on a prepared data set, or taken from an earlier notebook."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import nn

from course_utils.data.clips import ClipDataset
from course_utils.data.datasets import PictureDataset, batches, train_transform
from course_utils.data.prepare import PreparedDataset
from course_utils.history import Run
from course_utils.predictions import predictions_table
from course_utils.training import ClassificationTrainer

BATCH = 64


@dataclass(frozen=True)
class Detector:
    """A trained classifier of pictures.

    Attributes:
        name: the model's, such as ``xception``.
        trainer: holds the model, with the weights of the best epoch by validation.
        run: the history of its training.
        image_size: side of the pictures that it takes, in pixels.
    """

    name: str
    trainer: ClassificationTrainer
    run: Run
    image_size: int

    @property
    def model(self) -> nn.Module:
        """The network, on the trainer's device; returns logits B x 2, class 1 is fake."""
        return self.trainer.model

    def pictures(self, prepared: PreparedDataset, split: str = "test") -> PictureDataset:
        """Return the pictures of a split as this detector takes them, without augmentation."""
        return PictureDataset(prepared.split(split), prepared.root, self.image_size)

    def predictions(self, prepared: PreparedDataset, split: str = "test") -> pd.DataFrame:
        """Score a split of any data set; return a predictions table with P(fake)."""
        pictures = self.pictures(prepared, split)
        scores = self.trainer.predict(pictures)
        return predictions_table(
            pictures.samples, scores, model=self.name, run=f"{self.run.dataset}, seed {self.run.seed}"
        )


@torch.inference_mode()
def score_pictures(
    network: nn.Module, pictures: PictureDataset | ClipDataset, *, batch_size: int = BATCH
) -> np.ndarray:
    """Return P(fake) of each picture or clip (n), in order, of a network that was trained elsewhere.

    Args:
        network: in eval mode, on any device; returns logits B x 2, class 1 is fake.
        pictures: as the network takes them.
        batch_size: how many it takes at once.
    """
    device = next(network.parameters()).device
    loader = batches(pictures, batch_size, shuffle=False, seed=0)
    logits = [network(pictures.batch_transform(inputs.to(device))) for inputs, _ in loader]
    return torch.cat(logits).float().softmax(dim=1)[:, 1].cpu().numpy()


def few_training_pictures(prepared: PreparedDataset, count: int | None, seed: int = 0) -> PreparedDataset:
    """Return the data set with `count` training pictures, half of each class, at random; None keeps all.

    Validation and test are whole: measuring is cheap, and a small test set has wide intervals.
    """
    if count is None:
        return prepared
    train = prepared.split("train").sample(frac=1, random_state=seed)
    others = prepared.samples[prepared.samples["split"] != "train"]
    kept = pd.concat([train.groupby("label").head(count // 2).sort_values("path"), others])
    return replace(prepared, samples=kept.reset_index(drop=True))


def train_detector(
    name: str,
    build: Callable[[], nn.Module],
    prepared: PreparedDataset,
    image_size: int,
    *,
    folder: Path,
    earlier: Iterable[Path] = (),
    **settings: Any,
) -> Detector:
    """Train a detector in `folder`, or take the one that an earlier notebook trained on the same pictures.

    Args:
        name: the model's, in histories and tables.
        build: returns the model; called where it has to be trained, and where its weights are loaded.
        prepared: the data set: its splits train, val and test are used.
        image_size: side of the pictures in pixels.
        folder: where the run is kept, see `Trainer`.
        earlier: folders in which another notebook may have left a finished run of it; the first that fits
            this model and data set is taken, however it was trained.
        settings: as of `ClassificationTrainer`.

    Raises:
        CourseError: see `ClassificationTrainer`.
    """
    trainer = _trainer(name, build(), prepared, image_size, folder=folder, **settings)
    return Detector(name, trainer, _first_that_fits(trainer, earlier) or trainer.fit(), image_size)


def earlier_detector(
    name: str,
    build: Callable[[], nn.Module],
    prepared: PreparedDataset,
    image_size: int,
    earlier: Iterable[Path],
) -> Detector | None:
    """Return the detector that an earlier notebook trained on the same pictures, or None; trains nothing.

    Args are those of `train_detector`. With which weights its training began does not matter.
    """
    unused = {"epochs": 1, "optimizer": {"name": "SGD", "params": {"lr": 1.0}}}
    trainer = _trainer(name, build(), prepared, image_size, folder=Path(), batch_size=BATCH, **unused)
    run = _first_that_fits(trainer, earlier, any_start=True)
    return Detector(name, trainer, run, image_size) if run else None


def _trainer(
    name: str, network: nn.Module, prepared: PreparedDataset, image_size: int, **settings: Any
) -> ClassificationTrainer:
    train, validation, test = (
        PictureDataset(prepared.split(split), prepared.root, image_size) for split in ("train", "val", "test")
    )
    train.transform = train_transform(image_size)
    return ClassificationTrainer(
        network, train, validation, test, name=name, dataset_name=prepared.name, **settings
    )


def _first_that_fits(
    trainer: ClassificationTrainer, earlier: Iterable[Path], *, any_start: bool = False
) -> Run | None:
    found = (trainer.reuse(folder, any_start=any_start) for folder in earlier)
    return next(filter(None, found), None)
