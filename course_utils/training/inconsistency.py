"""Training of ASRID, by whole videos."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from course_utils.models.asrid import ASRID
from course_utils.training.progress import Outcome
from course_utils.training.trainer import ClassificationTrainer


class InconsistencyTrainer(ClassificationTrainer):
    """Trains an `ASRID`: a video's loss is (1 - strength) · static + strength · dynamic, two cross-entropies.

    So Wang, Guo & Zhang, section 5.2, with w = 1 - strength. The score is the sigmoid of the two logits,
    likewise weighed. Items are (clip, label), or (clip, label, number of frames) of a `ClipDataset` with
    ``pad=True``. For sampling by pictures give it clips of one frame.

    Args:
        mixing: how often a training video is laid over another of its batch, as the challenge's third
            (NTech-Lab 2020) lays fakes over reals: with a weight drawn from 0 to 1, by which its label
            becomes a fraction.
        independence: weight of the regional independence loss, of a model with attention maps; it is a part
            of the training loss alone.
        settings: as of `ClassificationTrainer`.
    """

    def __init__(
        self, model: ASRID, *arguments: Any, mixing: float = 0.0, independence: float = 1.0, **settings: Any
    ) -> None:
        super().__init__(model, *arguments, **settings)
        self.mixing = mixing
        self.independence = independence
        self.configuration |= {"mixing": mixing, "independence": independence}

    def training_step(self, batch: Sequence[Tensor]) -> Outcome:
        """Score the videos, some of them mixed, and compare with their labels."""
        return self._judged(*self._mixed(*batch))

    def evaluation_step(self, batch: Sequence[Tensor]) -> Outcome:
        """Score the videos as they are."""
        return self._judged(*batch)

    def _judged(self, clips: Tensor, labels: Tensor, counts: Tensor | None = None) -> Outcome:
        scores = self.model.scores(clips, counts)
        labels = labels.to(torch.float32)
        losses = _cross_entropy(scores.static, labels)
        if scores.dynamic is not None:
            losses = torch.lerp(losses, _cross_entropy(scores.dynamic, labels), self.model.strength)
        if scores.regions is not None and self.model.training:
            of_frames = labels.repeat_interleave(clips.shape[2] if counts is None else counts)
            independence = self.model.regions.independence(scores.regions.float(), of_frames)
            losses = losses + self.independence * _means(independence, clips, counts)
        fake = scores.video.float().sigmoid()
        return Outcome(losses, correct=(fake >= 0.5) == (labels >= 0.5), scores=fake)

    def _mixed(
        self, clips: Tensor, labels: Tensor, counts: Tensor | None = None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return the batch with some videos laid over others; two go on as far as the shorter does."""
        if not self.mixing:
            return clips, labels, counts
        number = len(clips)
        weights = torch.where(torch.rand(number) < self.mixing, torch.rand(number), 1.0).to(clips)
        others = torch.randperm(number).to(clips.device)
        mixed = torch.lerp(clips[others], clips, weights[:, None, None, None, None])
        labels = torch.lerp(labels[others].to(weights), labels.to(weights), weights)
        if counts is not None:
            counts = torch.where(weights < 1, torch.minimum(counts, counts[others]), counts)
        return mixed, labels, counts


def _cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    return functional.binary_cross_entropy_with_logits(logits.float(), labels, reduction="none")


def _means(values: Tensor, clips: Tensor, counts: Tensor | None) -> Tensor:
    """Return the mean over each video's frames, B, of values of single frames, N."""
    if counts is None:
        return values.unflatten(0, (len(clips), -1)).mean(dim=1)
    return torch.stack([part.mean() for part in values.split(counts.tolist())])
