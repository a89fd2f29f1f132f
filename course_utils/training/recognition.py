"""Training of face recognisers."""

from collections.abc import Sequence

from torch import Tensor

from course_utils.training.progress import Outcome
from course_utils.training.trainer import ClassificationTrainer


class RecognitionTrainer(ClassificationTrainer):
    """Trains a `FaceRecogniser` to name people, whose number is their label, with its head's margin.

    The training loss and accuracy are those with the margin, so that they look worse than on the validation
    set, where there is none.
    """

    def training_step(self, batch: Sequence[Tensor]) -> Outcome:
        """Name the people on the pictures, the right name made harder by the margin."""
        pictures, identities = batch
        return self.judge(self.model(pictures, identities).float(), identities)

    def evaluation_step(self, batch: Sequence[Tensor]) -> Outcome:
        """Name the people on the pictures."""
        return super().training_step(batch)
