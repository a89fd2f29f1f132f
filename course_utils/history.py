"""Training histories: the assignment's JSON format, ours and other people's."""

import json
import math
import warnings
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from course_utils.data.splits import SPLITS
from course_utils.errors import CourseError


def _percent(value: float) -> float:
    if not (math.isnan(value) or 0 <= value <= 100):
        raise ValueError(f"{value} is no accuracy: percent, from 0 to 100, is expected")
    return value


Loss = list[float]
Accuracy = list[Annotated[float, AfterValidator(_percent)]]


class Optimizer(BaseModel):
    """An optimizer's name and its parameters, as the assignment writes them."""

    name: str
    params: dict[str, Any] = {}


class Run(BaseModel):
    """One training run: average loss a sample and accuracy in percent, a number an epoch.

    Files hold more keys (seed, precision, device, …), which are kept as attributes. Curves of the test
    split may be missing, and those of the accuracy where nothing was classified (an autoencoder).
    """

    model_config = ConfigDict(extra="allow")

    model: str
    dataset: str
    optimizer: Optimizer
    train_loss: Loss = Field(min_length=1)
    train_acc: Accuracy
    val_loss: Loss
    val_acc: Accuracy
    test_loss: Loss = []
    test_acc: Accuracy = []

    @property
    def epochs(self) -> int:
        """Number of epochs."""
        return len(self.train_loss)

    def curve(self, split: str, quantity: str) -> list[float]:
        """Return the curve of "loss" or "acc" on one of `SPLITS`; an empty one where the file has none."""
        return getattr(self, f"{split}_{quantity}")

    @property
    def classifies(self) -> bool:
        """Whether there is an accuracy."""
        return bool(self.train_acc)

    @property
    def chosen_by(self) -> str:
        """What chooses the best epoch: "val_loss" where the run says so or has no accuracy, or "val_acc"."""
        by_loss = (self.model_extra or {}).get("monitor") == "val_loss" or not self.classifies
        return "val_loss" if by_loss else "val_acc"

    @model_validator(mode="after")
    def _same_length(self) -> Self:
        lengths = {
            f"{split}_{quantity}": len(self.curve(split, quantity))
            for split in SPLITS
            for quantity in ("loss", "acc")
        }
        wrong = {
            key: length
            for key, length in lengths.items()
            if length != self.epochs and (length or not self._may_be_empty(key))
        }
        if wrong:
            raise ValueError(
                f"train_loss has {self.epochs} epochs, but {wrong} differ: one number an epoch each"
            )
        return self

    def _may_be_empty(self, curve: str) -> bool:
        return curve.startswith("test") or (curve.endswith("acc") and not (self.train_acc or self.val_acc))


def read_history(path: Path) -> list[Run]:
    """Read a ``history.json``: a list of runs, or a single run.

    Accuracies that look like fractions are warned about and left as they are.

    Raises:
        CourseError: the file is missing, no JSON, or not in the format; the message names run and key.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CourseError(f"{path} does not exist. Train the model first: training writes it.") from error
    except ValueError as error:
        raise CourseError(f"{path} is no JSON ({error}). Was its writing cut short? Train again.") from error
    entries = content if isinstance(content, list) else [content]
    if not entries:
        raise CourseError(f"{path} holds no run: an empty list. Train the model first.")
    runs = [_run(entry, number, path) for number, entry in enumerate(entries, start=1)]
    for number, run in enumerate(runs, start=1):
        highest = max((value for split in SPLITS for value in run.curve(split, "acc")), default=math.nan)
        if 0 < highest <= 1:
            warnings.warn(
                f"{path}, run {number} ({run.model}): no accuracy is above {highest:g}. Accuracies are in"
                " percent here; if these are fractions, multiply them by 100. They are shown as they are.",
                stacklevel=2,
            )
    return runs


def best_epoch(run: Run) -> int:
    """Return the epoch, counted from 1, that is best by `Run.chosen_by`; the earliest of equals."""
    sign = -1 if run.chosen_by == "val_loss" else 1
    values = [-math.inf if math.isnan(value) else sign * value for value in getattr(run, run.chosen_by)]
    return values.index(max(values)) + 1


def _run(entry: object, number: int, path: Path) -> Run:
    try:
        return Run.model_validate(entry)
    except ValidationError as error:
        details = "; ".join(
            f"{'.'.join(map(str, problem['loc'])) or 'the run'}: {problem['msg']}"
            for problem in error.errors()
        )
        raise CourseError(
            f"{path}, run {number}: {details}. A run holds model, dataset, optimizer (name, params), and"
            " train_loss, train_acc, val_loss, val_acc, test_loss, test_acc: lists of a number an epoch,"
            " accuracies in percent."
        ) from error
