"""How far a training run has come: sums within the epoch, curves over the epochs, the best weights so far."""

import math
from dataclasses import asdict, dataclass, field
from typing import NamedTuple, Self

import torch
from torch import Tensor

from course_utils.data.splits import SPLITS

CURVES = tuple(f"{split}_{quantity}" for split in SPLITS for quantity in ("loss", "acc"))


class Outcome(NamedTuple):
    """What a step found out about a batch of B samples.

    Attributes:
        losses: B, each sample's own loss, unweighted.
        correct: B, whether each was classified correctly; None where nothing is classified.
        scores: B, higher = more likely fake.
    """

    losses: Tensor
    correct: Tensor | None
    scores: Tensor


@dataclass
class Sums:
    """Sums over samples, so far.

    Averages come from these and never from batches' averages: the last batch of an epoch is smaller.
    """

    loss: float = 0.0
    weight: float = 0.0
    correct: float = 0.0
    samples: float = 0.0

    def add(self, outcome: Outcome, weights: Tensor) -> None:
        """Add a batch; `weights` (B, on the CPU) say how much each sample's loss counts."""
        losses = outcome.losses.detach().float()
        correct = torch.full_like(losses, torch.nan) if outcome.correct is None else outcome.correct.float()
        found = torch.stack([losses, correct])
        losses, correct = found.cpu().double()  # one transfer from the device
        self.loss += (losses * weights).sum().item()
        self.weight += weights.sum(dtype=torch.float64).item()
        self.correct += correct.sum().item()
        self.samples += len(correct)

    def averages(self) -> tuple[float, float]:
        """Return the (weighted) average loss of a sample and the accuracy in percent, NaN for none."""
        return self.loss / self.weight, 100 * self.correct / self.samples


@dataclass
class Progress:
    """Where a run stands.

    Attributes:
        epoch: finished epochs.
        batch: finished batches of the epoch under way.
        curves: a list a curve of history.json (`CURVES`), with a number an epoch.
        best_weights: the model's weights after the best epoch so far.
        sums: of this process, over the finished batches of the epoch under way.
    """

    epoch: int = 0
    batch: int = 0
    curves: dict[str, list[float]] = field(default_factory=lambda: {curve: [] for curve in CURVES})
    best_weights: dict[str, Tensor] | None = None
    sums: Sums = field(default_factory=Sums)

    def finish_epoch(self, averages: dict[str, tuple[float, float]]) -> None:
        """Note the (loss, accuracy) of each split and go to the beginning of the next epoch.

        Where nothing is classified there is no accuracy (NaN), and its curves stay empty.
        """
        for split, (loss, accuracy) in averages.items():
            self.curves[f"{split}_loss"].append(loss)
            self.curves[f"{split}_acc"] += [] if math.isnan(accuracy) else [accuracy]
        self.epoch, self.batch, self.sums = self.epoch + 1, 0, Sums()

    def best_epoch(self, monitor: str) -> int:
        """Return the best epoch so far, counted from 1, the earliest of equals; 0 before there is one."""
        values = self.curves[monitor]
        best = max if monitor == "val_acc" else min
        return values.index(best(values)) + 1 if values else 0

    def as_dict(self) -> dict:
        """Return everything as plain values and tensors, for a checkpoint."""
        return {**vars(self), "sums": asdict(self.sums)}

    @classmethod
    def from_dict(cls, values: dict) -> Self:
        """Return what `as_dict` was called on."""
        return cls(**{**values, "sums": Sums(**values["sums"])})
