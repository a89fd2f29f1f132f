"""What grading found: one small file for each student and question, written as it lands."""

import json
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from course_utils import paths
from course_utils.errors import CourseError

State = Literal[
    "passed",
    "failed",
    "error",
    "timeout",
    "resource_limit",
    "kernel_died",
    "missing",
    "duplicate",
    "rejected",
    "needs_manual",
]


class CriterionResult(BaseModel):
    """How much of one criterion was earned, and why (`hidden`: what only the instructor is shown)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str
    points: float
    earned: float
    reason: str
    hidden: str = ""


class Result(BaseModel):
    """What grading says of one student's answer to one question.

    Attributes:
        student: the name of the submission, which the roster may know by the student's id.
        notebook: the notebook's name, such as ``03_simplenet``.
        key: hash of whatever the result depends on: the answer with its helpers, the question's checks, the
            environment, the assignment's seed. The same key is not graded again.
        points: what was earned; None while it needs a reader.
        message: one sentence for the student.
        flags: how the answer was found, where that was not by its id.
        seconds: from start to judgement.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    student: str
    notebook: str
    question: str
    key: str
    state: State
    points: float | None
    possible: float
    criteria: tuple[CriterionResult, ...] = ()
    message: str = ""
    flags: tuple[str, ...] = ()
    seconds: float = 0.0
    sandboxed: bool = True


def result_file(folder: Path, student: str, notebook: str, question: str) -> Path:
    """Return where a result stands: ``results/<student>/<notebook>/<question>.json`` under `folder`."""
    return folder / "results" / student / notebook / f"{question}.json"


def write_result(folder: Path, result: Result) -> None:
    """Write one result; a kill leaves the old file or the new one, never half of one."""
    file = result_file(folder, result.student, result.notebook, result.question)
    paths.write_json(file, result.model_dump(mode="json"))


def read_results(folder: Path) -> list[Result]:
    """Read all results under `folder`, in order of student, notebook and question.

    Raises:
        CourseError: a file there is not a result.
    """
    results = []
    for file in sorted((folder / "results").glob("*/*/*.json")):
        try:
            results.append(Result.model_validate(json.loads(file.read_text(encoding="utf-8"))))
        except (ValidationError, json.JSONDecodeError) as error:
            raise CourseError(
                f"{file}: is no result of grading ({error}). Delete it and grade again."
            ) from error
    return results


def graded_names(folder: Path) -> set[str]:
    """Return the names under which results are kept."""
    return {place.name for place in (folder / "results").glob("*") if place.is_dir()}


def read_handed_in(folder: Path) -> list[dict[str, Any]]:
    """Return what grading wrote down of each student's notebook: which versions came, and when."""
    return paths.read_json(folder / "submissions.json", [])
