"""The training loop that every notebook shares; a model's own part is two short methods of a subclass."""

import itertools
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch import Tensor
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset

from course_utils.bars import bar
from course_utils.data.datasets import batches
from course_utils.errors import CourseError
from course_utils.training.progress import Outcome, Sums
from course_utils.training.runs import ResumableRun


class Trainer(ResumableRun):
    """Trains a model, survives being killed, and keeps what came out in `folder`.

    `fit` leaves there ``history.json`` and ``best.safetensors``, the weights after the epoch that was best on
    the validation set; while it runs, a checkpoint. Called again after any interruption it goes on; on a CPU
    the result is the same to the last bit. With several processes (``accelerate launch``) each takes its
    share of every batch.

    Args:
        model: the network; its weights are changed in place.
        train: dataset of (input, label) to learn from.
        validation: dataset that chooses the best epoch.
        test: dataset that is evaluated after each epoch and chooses nothing; may be None.
        folder: where everything is written; one run, one folder.
        settings: name, dataset_name, epochs, batch_size, optimizer, …: see `training.settings.Settings`.

    Raises:
        CourseError: a setting is unknown, missing or out of range.
    """

    @abstractmethod
    def training_step(self, batch: Sequence[Tensor]) -> Outcome:
        """Return what the model makes of a batch on the device; gradients flow back from the losses."""

    def evaluation_step(self, batch: Sequence[Tensor]) -> Outcome:
        """Return what the model, in eval mode and without gradients, makes of a batch on the device.

        The mode makes the difference to a training step, unless a subclass differs.
        """
        return self.training_step(batch)

    def sample_weights(self, batch: Sequence[Tensor]) -> Tensor:
        """Return how much each sample's loss counts (B, on the CPU): all alike unless a subclass differs."""
        return torch.ones(len(batch[0]))

    def train_one_epoch(self) -> tuple[float, float]:
        """Go through the training set (after an interruption: through the rest of it), learning.

        Returns:
            The average loss of a sample and the accuracy in percent, as they were while learning.
        """
        self.model.train()
        for group in self._groups():  # as many batches as make one step of the optimizer
            weights = [self.sample_weights(batch) for batch in group]
            total_weight = self._over_processes(sum(weight.sum().item() for weight in weights))
            self.optimizer.zero_grad()
            for batch, weight in zip(group, weights, strict=True):
                with self.precision.autocast(self.accelerator.device):
                    outcome = self.training_step(self._on_device(batch, self.train))
                loss = (outcome.losses * weight.to(outcome.losses.device)).sum() / total_weight
                self.accelerator.backward(loss)
                self.progress.sums.add(outcome, weight)
                self.progress.batch += 1
            self._require_finite(self.progress.sums, f"batch {self.progress.batch}")
            self._add_gradients_of_all_processes()
            self.optimizer.step()
            self._save_if_due()
        return self._averages(self.progress.sums)

    @torch.inference_mode()
    def evaluate(self, dataset: Dataset) -> tuple[float, float]:
        """Return the average loss of a sample and the accuracy in percent on `dataset`, without learning."""
        sums = Sums()
        for batch, outcome in self._outcomes(dataset, self._loader(dataset, shuffle=False)):
            sums.add(outcome, self.sample_weights(batch))
        self._require_finite(sums, "evaluation")
        return self._averages(sums)

    @torch.inference_mode()
    def predict(self, dataset: Dataset) -> np.ndarray:
        """Return a score for each item of `dataset`, in its order: with the best weights, higher = more fake.

        Raises:
            CourseError: the model was not trained yet.
        """
        if not self.fitted:
            raise CourseError(f"{self.settings.name} is not trained yet: call fit() before predict().")
        loader = batches(dataset, self.settings.batch_size, shuffle=False, seed=self.seed)
        scores = [outcome.scores.float().cpu() for _, outcome in self._outcomes(dataset, loader)]
        return torch.cat(scores).numpy()

    def _groups(self) -> Iterator[list]:
        loader = self._loader(self.train, shuffle=True)
        loader.batch_sampler.at(self.progress.epoch, skip_batches=self.progress.batch)
        shown = iter(
            bar(
                loader,
                shown=self.accelerator.is_main_process,
                desc=f"epoch {self.progress.epoch + 1}/{self.settings.epochs}",
                initial=self.progress.batch,
                total=self.progress.batch + len(loader),
            )
        )
        while group := list(itertools.islice(shown, self.settings.accumulation)):
            yield group

    def _outcomes(self, dataset: Dataset, loader: DataLoader) -> Iterator[tuple[Sequence[Tensor], Outcome]]:
        self.model.eval()
        for batch in loader:
            with self.precision.autocast(self.accelerator.device):
                outcome = self.evaluation_step(self._on_device(batch, dataset))
            yield batch, outcome


class ClassificationTrainer(Trainer):
    """Trains a model that returns logits (B x classes; class 1 is fake) by cross-entropy.

    Args:
        class_weights: None counts all samples alike; a list has a weight a class; "balanced" gives each
            class the same total weight in the training set. A loss is then the weighted average, as
            ``torch.nn.CrossEntropyLoss(weight=...)`` computes it over the whole set.
        settings: as of `Trainer`.

    Raises:
        CourseError: "balanced" is asked for and the training set has no `labels`.
    """

    def __init__(
        self, *arguments: Any, class_weights: Sequence[float] | str | None = None, **settings: Any
    ) -> None:
        super().__init__(*arguments, **settings)
        self.class_weights = self._weights(class_weights)
        self.configuration["class_weights"] = self.class_weights.tolist()

    def training_step(self, batch: Sequence[Tensor]) -> Outcome:
        """Classify the pictures and compare with their labels."""
        pictures, labels = batch
        return self.judge(self.model(pictures).float(), labels)

    def judge(self, logits: Tensor, labels: Tensor) -> Outcome:
        """Return how logits (B x classes) fare against labels (B)."""
        return Outcome(
            losses=functional.cross_entropy(logits, labels, reduction="none"),
            correct=logits.argmax(dim=1) == labels,
            scores=logits.softmax(dim=1)[:, 1],
        )

    def sample_weights(self, batch: Sequence[Tensor]) -> Tensor:
        """Return the weight of each sample's class (B)."""
        labels = batch[1].cpu()
        return self.class_weights[labels] if len(self.class_weights) else torch.ones(len(labels))

    def _weights(self, class_weights: Sequence[float] | str | None) -> Tensor:
        """Return a weight a class, or none at all where all count alike."""
        if class_weights == "balanced":
            labels = getattr(self.train, "labels", None)
            if labels is None:
                raise CourseError(
                    'class_weights="balanced" counts the labels of the training set, and this dataset has no'
                    " attribute `labels`. Give it one (an array of 0 and 1), or give class_weights a list."
                )
            class_weights = compute_class_weight("balanced", classes=np.unique(labels), y=np.asarray(labels))
        return torch.as_tensor([] if class_weights is None else class_weights, dtype=torch.float32)
