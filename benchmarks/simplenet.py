"""How fast the course's trainer trains SimpleNet: whole epochs, and training beside the bare model."""

import contextlib
import io
import itertools
import time
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import torch
from torch.nn import functional

from benchmarks.pictures import Pictures
from benchmarks.plain import PlainTraining
from course_utils.models.simplenet import SimpleNet
from course_utils.training import ClassificationTrainer
from course_utils.training.settings import Choice, make_optimizer

BATCH_SIZE = 32
ADAM = {"name": "Adam", "params": {"lr": 1e-3}}
EPOCHS = 5  # as many as the assignment trains


class InTurns(ClassificationTrainer):
    """A trainer that lets others have their turn, so that all meet the same disturbances.

    After each pass over the training set the same number of pictures goes through the bare model, and after
    each epoch the plain loop runs one of its own. `turns` has the seconds of each, epoch by epoch.
    """

    def take_turns_with(self, plain: PlainTraining) -> None:
        self.plain, self.turns = plain, []

    def _run_epoch(self) -> None:
        self.turn = {"waiting": 0.0}
        started = time.perf_counter()
        super()._run_epoch()
        self.turn["epoch"] = time.perf_counter() - started - self.turn["bare"]
        self.turn["plain"] = self.plain.run_epoch()
        self.turns.append(self.turn)

    def train_one_epoch(self) -> tuple[float, float]:
        started = time.perf_counter()
        averages = super().train_one_epoch()
        self.turn["training"] = time.perf_counter() - started
        if not self.turns:
            self.bare = BareModel(self)
        self.turn["bare"] = self.bare.run_epoch()
        return averages

    def _groups(self) -> Iterator[list]:
        groups = super()._groups()
        while True:
            started = time.perf_counter()
            group = next(groups, None)
            self.turn["waiting"] += time.perf_counter() - started
            if group is None:
                return
            yield group


class BareModel:
    """Forward, backward and optimizer step on batches that already are where and as the model wants them."""

    def __init__(self, trainer: ClassificationTrainer) -> None:
        self.precision, self.device = trainer.precision, trainer.accelerator.device
        self.model = self.precision.arrange(SimpleNet().to(self.device))
        self.optimizer = make_optimizer(Choice(**ADAM), self.model)
        full, rest = divmod(len(trainer.train), BATCH_SIZE)
        self.sizes = [BATCH_SIZE] * full + [rest] * (rest > 0)
        self.pictures = [
            self.precision.arrange(torch.randn(BATCH_SIZE, 3, 256, 256, device=self.device)) for _ in range(4)
        ]
        self.labels = torch.arange(BATCH_SIZE, device=self.device) % 2

    def run_epoch(self) -> float:
        """Return the seconds that one pass takes."""
        started = time.perf_counter()
        for size, pictures in zip(self.sizes, itertools.cycle(self.pictures)):
            self.optimizer.zero_grad()
            with self.precision.autocast(self.device):
                logits = self.model(pictures[:size])
            functional.cross_entropy(logits.float(), self.labels[:size]).backward()
            self.optimizer.step()
        if self.device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - started


def measure(pictures: Pictures, precision: str, folder: Path) -> list[dict]:
    """Train once in this precision and return its lines of bench.json."""
    torch.manual_seed(0)
    trainer = InTurns(
        SimpleNet(),
        *pictures.datasets(),
        folder=folder / precision,
        name="simplenet",
        dataset_name="benchmark",
        epochs=EPOCHS,
        batch_size=BATCH_SIZE,
        optimizer=ADAM,
        precision=precision,
    )
    trainer.take_turns_with(PlainTraining(pictures, BATCH_SIZE))
    with contextlib.redirect_stdout(io.StringIO()):
        trainer.fit()
    # An epoch is all of train, val and test, and the first one decodes the files. Training is set beside the
    # bare model from the second on.
    turns = pd.DataFrame(trainer.turns)
    later = turns[1:]
    pictures_trained = len(trainer.train)
    waiting = 100 * later["waiting"] / later["training"]
    return [
        {
            "name": "simplenet_epoch" if precision == "float32" else f"simplenet_epoch_{precision}",
            "value": turns["epoch"].mean(),
            "unit": "s",
            "baseline": turns["plain"].mean(),
            **gain(turns["plain"], turns["epoch"]),
        },
        {
            "name": f"simplenet_vs_model_only_{precision}",
            "value": pictures_trained / later["training"].mean(),
            "unit": "pictures/s",
            "baseline": pictures_trained / later["bare"].mean(),
            **gain(later["bare"], later["training"]),
        },
        {
            "name": f"simplenet_data_wait_{precision}",
            "value": waiting.mean(),
            "unit": "%",
            "baseline": None,
            "ratio": None,
            "spread": [waiting.min(), waiting.max()],
        },
    ]


def gain(theirs: pd.Series, ours: pd.Series) -> dict:
    """Return how many times as fast we are over all turns, and in the worst and the best of them."""
    ratios = theirs / ours
    return {"ratio": theirs.sum() / ours.sum(), "spread": [ratios.min(), ratios.max()]}
