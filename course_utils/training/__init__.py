"""Training that survives being killed and is as fast as the machine allows."""

from course_utils.training.inconsistency import InconsistencyTrainer
from course_utils.training.progress import Outcome
from course_utils.training.recognition import RecognitionTrainer
from course_utils.training.reconstruction import ReconstructionTrainer
from course_utils.training.trainer import ClassificationTrainer, Trainer

__all__ = [
    "ClassificationTrainer",
    "InconsistencyTrainer",
    "Outcome",
    "RecognitionTrainer",
    "ReconstructionTrainer",
    "Trainer",
]
