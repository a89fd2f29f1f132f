"""Training of autoencoders on real pictures alone."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor
from torch.utils.data import Dataset

from course_utils.errors import CourseError
from course_utils.training.progress import Outcome
from course_utils.training.trainer import Trainer

# Santoro 2024, section 2.3: halved every 10 epochs during the first 40, then constant.
HALVED = {"name": "MultiStepLR", "params": {"milestones": [10, 20, 30, 40], "gamma": 0.5}}


class ReconstructionTrainer(Trainer):
    """Trains a model to return its input; a picture's loss, and its score, is its mean squared error.

    Nothing is classified, so that the history has no accuracy, and the lowest ``val_loss`` chooses the epoch.

    Args:
        settings: as of `Trainer`, without `monitor`.

    Raises:
        CourseError: the training or validation set is empty or holds a fake. A test set may hold both.
    """

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, monitor="val_loss", **settings)
        _require_reals("training", self.train)
        _require_reals("validation", self.validation)

    def training_step(self, batch: Sequence[Tensor]) -> Outcome:
        """Reconstruct the pictures and compare with them; their labels are not looked at."""
        pictures = batch[0]
        errors = (self.model(pictures).float() - pictures.float()).square().flatten(1).mean(dim=1)
        return Outcome(losses=errors, correct=None, scores=errors)


def _require_reals(name: str, dataset: Dataset) -> None:
    labels = np.asarray(getattr(dataset, "labels", np.zeros(len(dataset))))
    if len(labels) == 0:
        raise CourseError(f"The {name} set is empty: there is no real picture to learn from.")
    if labels.any():
        raise CourseError(
            f"The {name} set holds {np.count_nonzero(labels)} fakes among {len(labels)} samples. This method"
            " may see none before the test: what is real is all it learns. Keep the rows with label 0."
        )
