"""The questions of the notebooks, as ``instructor/checks/NN_topic.py`` lists them.

A code question is a *probe* and a *judge*. Outside, `draw` makes inputs; inside the sandboxed kernel the
probe calls the student's function on them and returns plain data; outside again, the judge computes the
reference and says of each criterion of the rubric how much of it is earned, and why.
"""

import importlib.util
import inspect
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, model_validator

from course_utils.errors import CourseError

Data = dict[str, Any]
"""What JSON holds: numbers, text, booleans, None, lists and dictionaries of them."""


class Criterion(BaseModel):
    """What earns points; a question's criteria add up to its points."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    points: float = Field(gt=0)
    text: str = Field(min_length=1)


class Verdict(NamedTuple):
    """What a judge says of one criterion.

    Attributes:
        earned: the share of the criterion's points, 0 to 1.
        reason: a sentence for the student; it does not give the expectation away.
        hidden: what was expected and found, shown with ``--show-hidden`` only.
    """

    earned: float
    reason: str
    hidden: str = ""


class AskedQuestion(BaseModel):
    """What a student may know of a question; a release carries it in the metadata of its notebook.

    Numbers 1–35 are the published assignment's own; others count from 100 · notebook.

    Attributes:
        answers: the name that a code answer defines, such as ``train_one_epoch``. Where it is not given, it
            is the last function or class of the blank.
        without: modules that may not answer it; the sandbox of this question does not contain them. What
            imports one of them cannot be imported there either, and neither may be needed by an answer.
        needs: questions of this notebook whose course's version is defined before the answer.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    number: int = Field(ge=1)
    title: str = Field(min_length=1)
    points: float = Field(gt=0)
    kind: Literal["code", "words"]
    answers: str | None = None
    without: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()


class Question(AskedQuestion):
    """One question with its rubric. The last three fields are those of a code question.

    Attributes:
        draw: a generator → inputs, as plain data; called with the assignment's seed, the same for everybody.
        probe: ``probe(answer, inputs)`` → outputs, as plain data. Only its *source*, and that of `tried`,
            enters the sandbox: it imports what it needs in its body. What it raises counts as the answer's
            error.
        judge: ``judge(inputs, outputs)`` → a `Verdict` for each criterion of the rubric, in its order. It
            gets what a hostile program may have written, checked for nothing but size: a missing key or a
            wrong type is its business, by `LookupError`, `TypeError`, `ValueError` or `ArithmeticError`,
            which mean "nothing earned".
    """

    rubric: tuple[Criterion, ...] = Field(min_length=1)
    draw: Callable[[np.random.Generator], Data] | None = None
    probe: Callable[[Any, Data], Data] | None = None
    judge: Callable[[Data, Data], list[Verdict]] | None = None

    @model_validator(mode="after")
    def _rubric_adds_up(self) -> Self:
        total = sum(criterion.points for criterion in self.rubric)
        if total != self.points:
            raise ValueError(f"question {self.id!r} has {self.points:g} points, its rubric adds to {total:g}")
        return self

    def probe_source(self) -> str:
        """Return the text that defines ``probe``, which is all of it that the sandbox gets."""
        texts = [textwrap.dedent(inspect.getsource(function)) for function in (tried, self.probe)]
        return "\n\n".join([*texts, f"probe = {self.probe.__name__}\n"])


def tried(part):
    """Return ``part()``, or ``{"error": …}`` if it raises or is no plain data.

    A probe calls each of its parts so, that a mistake in one costs the points of that one alone. It has no
    type hints because its text is run in the sandbox, where their names are not known.
    """
    import json

    try:
        found = part()
        json.dumps(found, allow_nan=False)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"[:500]}
    return found


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
