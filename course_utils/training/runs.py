"""A training run that can be killed at any moment and goes on as if nothing had happened."""

import contextlib
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import astuple
from pathlib import Path
from typing import Any

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast, broadcast_object_list, gather_object, send_to_device, set_seed
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from course_utils.data.datasets import batches
from course_utils.errors import CourseError, RunError
from course_utils.history import Run, read_history
from course_utils.models.pretrained import load_weights
from course_utils.paths import write_json
from course_utils.training import checkpoints
from course_utils.training.precision import Precision, choose
from course_utils.training.progress import Progress, Sums
from course_utils.training.settings import (
    check_settings,
    configuration,
    make_optimizer,
    make_scheduler,
    seed_of,
)

# What of a run's configuration says which model it is of, and on which data.
IDENTITY = (
    "name",
    "dataset_name",
    "parameters",
    "layers",
    "weights",
    "train",
    "validation",
    "test",
    "pictures",
)


class ResumableRun(ABC):
    """The life of a run: its settings, files, devices and processes. `Trainer` adds the learning."""

    def __init__(
        self,
        model: nn.Module,
        train: Dataset,
        validation: Dataset,
        test: Dataset | None,
        *,
        folder: Path,
        **settings: Any,
    ) -> None:
        self.settings = check_settings(settings)
        self.accelerator = Accelerator()
        if self.settings.batch_size % self.accelerator.num_processes:
            raise CourseError(
                f"batch_size={self.settings.batch_size} cannot be shared out evenly among the"
                f" {self.accelerator.num_processes} processes that train together. Use a multiple of these."
            )
        self.model = model.to(self.accelerator.device)
        self.train, self.validation, self.test = train, validation, test
        self.folder = Path(folder)
        self.configuration = configuration(
            self.settings, model, {"train": train, "validation": validation, "test": test}
        )
        self.precision = Precision("float32", channels_last=False)
        self.fitted = False
        self._loaders: dict[tuple[int, bool], DataLoader] = {}

    @abstractmethod
    def train_one_epoch(self) -> tuple[float, float]:
        """Learn from what is left of the epoch; return its average loss and accuracy in percent."""

    @abstractmethod
    def evaluate(self, dataset: Dataset) -> tuple[float, float]:
        """Return the average loss and the accuracy in percent on `dataset`."""

    @property
    def seed(self) -> int:
        """The seed that was set, or else one that depends on the whole configuration."""
        if self.settings.seed is not None:
            return self.settings.seed
        return seed_of(self.configuration)

    def fit(self) -> Run:
        """Train, or go on training, or do nothing because this run is already finished.

        The process's random generators are seeded. Afterwards the model holds its best weights.

        Returns:
            The run's history.

        Raises:
            CourseError: the folder holds a run with other settings; the loss is no longer a number (says at
                which batch); the GPU has too little memory (says what to set); the disk is full. What the
                last checkpoint holds is never lost.
        """
        with self._advice_on_memory():
            if not self._finished_before():
                self._start()
                while not self._done():
                    self._run_epoch()
                self._finish()
        self.accelerator.wait_for_everyone()
        self._hold_best_weights(self.folder)
        return read_history(self.folder / "history.json")[0]

    def start_over(self) -> None:
        """Delete what an earlier run left in `folder`, so that `fit` starts from the beginning."""
        for name in ("history.json", "checkpoint.pt", "best.safetensors"):
            (self.folder / name).unlink(missing_ok=True)

    def reuse(self, folder: Path, *, any_start: bool = False) -> Run | None:
        """Take the best weights of a run that finished in `folder`, if there is one that fits; else None.

        It fits if it is of this model and data set, with the same samples, labels and transforms. How and for
        how long it was trained may differ: the history that is returned says so.

        Args:
            folder: that of another trainer, such as one of an earlier notebook.
            any_start: also if its training began with other weights, such as ImageNet's, or none.
        """
        run = _finished_run(Path(folder))
        same = [key for key in IDENTITY if key != "weights" or not any_start]
        if run is None or any(run.configuration.get(key) != self.configuration.get(key) for key in same):
            return None
        self._set_precision(Precision(run.precision, run.channels_last))
        self._hold_best_weights(Path(folder))
        return run

    def _finished_before(self) -> bool:
        run = _finished_run(self.folder)
        if run is None:
            return False
        path = self.folder / "history.json"
        checkpoints.require_same_configuration(path, run.configuration, self.configuration)
        self._set_precision(Precision(run.precision, run.channels_last))
        return True

    def _hold_best_weights(self, folder: Path) -> None:
        load_weights(folder / "best.safetensors", self.model)
        self.fitted = True

    def _start(self) -> None:
        """Begin, or go on from the checkpoint; whatever an interrupted `fit` left in memory is dropped."""
        state = checkpoints.load_checkpoint(self.folder / "checkpoint.pt", self.configuration)
        set_seed(self.seed, device_specific=True)
        broadcast(list(self.model.state_dict().values()))
        self._set_precision(Precision(**state["precision"]) if state else self._choose_precision())
        self.optimizer = make_optimizer(self.settings.optimizer, self.model, self.settings.learning_rates)
        self.scheduler = make_scheduler(self.settings.scheduler, self.optimizer, self.settings.monitor)
        self.progress = Progress()
        if state:
            self._restore(state)
        self._saved_at = time.monotonic()
        if not state:
            self._save()  # a run that is killed at once already has its weights and its precision

    def _choose_precision(self) -> Precision:
        loader = batches(self.train, self._share_of_batch(), shuffle=True, seed=self.seed, workers=0)
        inputs = self._on_device(next(iter(loader)), self.train)[0]
        chosen = [choose(self.model, inputs, self.settings.precision)]
        return broadcast_object_list(chosen)[0]

    def _set_precision(self, precision: Precision) -> None:
        self.precision = precision
        precision.arrange(self.model)

    def _restore(self, state: dict) -> None:
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        if self.scheduler is not None:
            self.scheduler.load_state_dict(state["scheduler"])
        process = state["processes"][self.accelerator.process_index]
        self.progress = Progress.from_dict({**state["progress"], "sums": process["sums"]})
        checkpoints.restore_generators(process["generators"])

    def _save(self) -> None:
        if not all(parameter.isfinite().all() for parameter in self.model.parameters()):
            raise self._diverged("The weights")
        progress = self.progress.as_dict()
        process = {"sums": progress["sums"], "generators": checkpoints.generators_state()}
        processes = gather_object([process])
        if self.accelerator.is_main_process:
            state = {
                "configuration": self.configuration,
                "precision": self.precision.as_dict(),
                "model": self.model.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "scheduler": self.scheduler.state_dict() if self.scheduler is not None else None,
                "processes": processes,
                "progress": progress,
            }
            checkpoints.save_checkpoint(self.folder / "checkpoint.pt", state)
        self._saved_at = time.monotonic()

    def _save_if_due(self) -> None:
        due = time.monotonic() - self._saved_at >= self.settings.checkpoint_seconds
        if self._over_processes(due) > 0:  # all or none: saving is a joint effort
            self._save()

    def _done(self) -> bool:
        epoch, patience = self.progress.epoch, self.settings.patience
        stale = epoch - self.progress.best_epoch(self.settings.monitor)
        return epoch >= self.settings.epochs or (patience is not None and epoch > 0 and stale >= patience)

    def _run_epoch(self) -> None:
        averages = {"train": self.train_one_epoch(), "val": self.evaluate(self.validation)}
        if self.test is not None:
            averages["test"] = self.evaluate(self.test)
        self.progress.finish_epoch(averages)
        if self.progress.best_epoch(self.settings.monitor) == self.progress.epoch:
            self.progress.best_weights = checkpoints.weights_of(self.model)
        if isinstance(self.scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau):
            self.scheduler.step(self.progress.curves[self.settings.monitor][-1])
        elif self.scheduler is not None:
            self.scheduler.step()
        self._save_if_due()
        self._write_history(finished=False)
        shown = " · ".join(map(_told, averages, averages.values()))
        self.accelerator.print(f"epoch {self.progress.epoch}/{self.settings.epochs}: {shown}")

    def _finish(self) -> None:
        if self.accelerator.is_main_process:
            checkpoints.save_weights(self.folder / "best.safetensors", self.progress.best_weights)
            self._write_history(finished=True)
            (self.folder / "checkpoint.pt").unlink(missing_ok=True)
        # A finished model stays in a notebook; what only training needs is three times as large as it.
        self.progress.best_weights = None
        self.optimizer.state.clear()
        self.model.zero_grad()

    def _write_history(self, finished: bool) -> None:
        """Write history.json, the same for the same run."""
        if not self.accelerator.is_main_process:
            return
        run = {
            "model": self.settings.name,
            "dataset": self.settings.dataset_name,
            "optimizer": self.settings.optimizer.model_dump(),
            **self.progress.curves,
            "best_epoch": self.progress.best_epoch(self.settings.monitor),
            "monitor": self.settings.monitor,
            "seed": self.seed,
            "precision": self.precision.name,
            "channels_last": self.precision.channels_last,
            "device": self.accelerator.device.type,
            "finished": finished,
            "configuration": self.configuration,
        }
        write_json(self.folder / "history.json", [run])

    def _loader(self, dataset: Dataset, shuffle: bool) -> DataLoader:
        """Return this process's loader; the same one every epoch, so that its workers live on."""
        key = (id(dataset), shuffle)
        if key not in self._loaders:
            self._loaders[key] = batches(
                dataset,
                self._share_of_batch(),
                shuffle=shuffle,
                seed=self.seed,
                workers=self.settings.workers,
                rank=self.accelerator.process_index,
                world_size=self.accelerator.num_processes,
            )
        return self._loaders[key]

    def _share_of_batch(self) -> int:
        return self.settings.batch_size // self.accelerator.num_processes

    def _on_device(self, batch: Sequence[Tensor], dataset: Dataset) -> list[Tensor]:
        """Return a loader's batch as the steps take it: on the device, scaled, in the chosen layout."""
        inputs, *others = send_to_device(batch, self.accelerator.device, non_blocking=True)
        transform = getattr(dataset, "batch_transform", None)
        if transform is not None:
            inputs = transform(inputs)
        return [self.precision.arrange(inputs), *others]

    def _over_processes(self, value: float) -> float:
        if self.accelerator.num_processes == 1:
            return float(value)
        tensor = torch.tensor(float(value), device=self.accelerator.device)
        return self.accelerator.reduce(tensor, reduction="sum").item()

    def _add_gradients_of_all_processes(self) -> None:
        if self.accelerator.num_processes > 1:
            weights = [weight for weight in self.model.parameters() if weight.grad is not None]
            sums = self.accelerator.reduce([weight.grad for weight in weights], reduction="sum")
            for weight, gradient in zip(weights, sums, strict=True):
                weight.grad = gradient

    def _averages(self, sums: Sums) -> tuple[float, float]:
        return Sums(*(self._over_processes(value) for value in astuple(sums))).averages()

    def _require_finite(self, sums: Sums, where: str) -> None:
        if not math.isfinite(sums.loss):
            raise self._diverged(f"The loss ({where})")

    def _diverged(self, what: str) -> RunError:
        epoch = self.progress.epoch + 1
        return RunError(
            f"{what} of {self.settings.name} stopped being a number in epoch {epoch}. Training has stopped;"
            f" the checkpoint in {self.folder} is from before. Usually the learning rate is too high"
            f" (optimizer {self.settings.optimizer.name}, {self.settings.optimizer.params}), or a picture or"
            ' label is not finite; try a tenth of it, or precision="float32". With new settings build the'
            " model and the trainer anew and call start_over() before fit()."
        )

    @contextlib.contextmanager
    def _advice_on_memory(self) -> Iterator[None]:
        try:
            yield
        except torch.OutOfMemoryError as error:
            batch, accumulation = self.settings.batch_size, self.settings.accumulation
            advice = f"batch_size={batch // 2}, accumulation={accumulation * 2}, which has the same gradients"
            if batch == 1:
                advice = "smaller pictures or a smaller model: the batch is down to one sample"
            raise RunError(
                f"The GPU has too little memory to train {self.settings.name} with batch_size={batch}."
                f" Build the trainer with {advice}, and call start_over() before fit(). Other programs or"
                " notebooks may hold memory on the same GPU, too: `nvidia-smi` lists them."
            ) from error


def _told(split: str, averages: tuple[float, float]) -> str:
    loss, accuracy = averages
    if math.isnan(accuracy):  # a reconstruction's loss is small, and there is nothing to be right about
        return f"{split} loss {loss:.3g}"
    return f"{split} loss {loss:.3f}, {accuracy:.1f} %"


def _finished_run(folder: Path) -> Run | None:
    """Return the history of the run that came to its end in `folder`, or None."""
    path = folder / "history.json"
    if not path.is_file() or not (folder / "best.safetensors").is_file():
        return None
    run = read_history(path)[0]
    return run if getattr(run, "finished", False) else None
