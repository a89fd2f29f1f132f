"""Training that survives being killed and is as fast as the machine allows."""

from course_utils.training.progress import Outcome
from course_utils.training.trainer import ClassificationTrainer, Trainer

__all__ = ["ClassificationTrainer", "Outcome", "Trainer"]
