"""The questions of the notebooks, as ``instructor/checks/NN_topic.py`` lists them."""

import importlib.util
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from course_utils.errors import CourseError


class Criterion(BaseModel):
    """What earns points; a question's criteria add up to its points."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    points: float = Field(gt=0)
    text: str = Field(min_length=1)


class Question(BaseModel):
    """One question: 1–35 are the published assignment's own numbers; others count from 100 · notebook."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    number: int = Field(ge=1)
    title: str = Field(min_length=1)
    points: float = Field(gt=0)
    kind: Literal["code", "words"]
    rubric: tuple[Criterion, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _rubric_adds_up(self) -> Self:
        total = sum(criterion.points for criterion in self.rubric)
        if total != self.points:
            raise ValueError(f"question {self.id!r} has {self.points:g} points, its rubric adds to {total:g}")
        return self


def read_questions(folder: Path) -> dict[str, list[Question]]:
    """Return the questions of each notebook by the notebook's name, in the order in which they are listed.

    Raises:
        CourseError: a file holds no ``QUESTIONS``.
    """
    questions = {}
    for file in sorted(folder.glob("[0-9][0-9]_*.py")):
        # A file named like its notebook begins with a digit, so `import` cannot name it.
        specification = importlib.util.spec_from_file_location(f"checks_{file.stem}", file)
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        if not hasattr(module, "QUESTIONS"):
            raise CourseError(f"{file}: expected a list named QUESTIONS.")
        questions[file.stem] = list(module.QUESTIONS)
    return questions
