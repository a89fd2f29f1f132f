"""Training of detectors, which say of each anchor whether there is a head and where."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from course_utils.models.head_detector import detection_losses
from course_utils.training.progress import Outcome
from course_utils.training.trainer import Trainer


class DetectionTrainer(Trainer):
    """Trains a `HeadNetwork` on batches of a `SceneDataset` whose boxes an `AnchorGrid` encoded.

    A picture counts by how many of its anchors answer for a head, and one more, so that the average loss is
    that of an anchor that does, over the whole set. The history has no accuracy, and the lowest ``val_loss``
    chooses the epoch.

    Args:
        settings: as of `Trainer`, without `monitor`.
    """

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, monitor="val_loss", **settings)

    def sample_weights(self, batch: Sequence[Tensor]) -> Tensor:
        """Return how many anchors answer for a head in each picture, plus one (B, on the CPU)."""
        return batch[1].cpu().sum(dim=1) + 1

    def training_step(self, batch: Sequence[Tensor]) -> Outcome:
        """Compare what the network says of each anchor with what it should; a score is the surest head's."""
        pictures, answers, targets = batch
        output = self.model(pictures).float()
        losses = detection_losses(output, answers, targets) / (answers.sum(dim=1) + 1)
        return Outcome(losses=losses, correct=None, scores=output[..., 0].amax(dim=1).sigmoid())
