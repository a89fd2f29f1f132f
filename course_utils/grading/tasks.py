"""What there is to grade in a student's notebook, and the key of all that each result will rest on."""

import functools
import hashlib
import importlib.metadata
import inspect
import json
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from course_utils import paths
from course_utils.grading.answers import read_submission
from course_utils.grading.assignment import Assignment
from course_utils.grading.cells import RejectedSubmission
from course_utils.grading.found import Answer, Submission
from course_utils.grading.judge import tail
from course_utils.grading.kept import keep_answer, keep_run
from course_utils.grading.names import needed, statements
from course_utils.grading.program import program
from course_utils.grading.questions import Question
from course_utils.grading.submissions import Handed

PACKAGES = (
    *("torch", "torchvision", "timm", "transformers", "numpy", "scipy", "scikit-learn", "pandas"),
    *("pillow", "opencv-python-headless", "av", "ipykernel"),
)
"""Those whose version may change what a program returns."""

NOT_GRADED_WITH = ("notebooks", "cli")
GRADED_WITH = ("judge.py", "questions.py", "verdicts.py", "warm.py")
"""Parts of the course's own package on which no result rests, and those of ``grading/`` on which it does."""


@dataclass(frozen=True)
class Task:
    """One student's answer to one question, and what its result will rest on.

    Attributes:
        version: of the release that the notebook began as; None where an editor lost it.
    """

    student: str
    notebook: str
    question: Question
    answer: Answer | None
    key: str
    program: NotebookNode | None = None
    rejected: str = ""
    version: str | None = None


def environment() -> dict[str, Any]:
    """Return the versions, and the hash of the course's own code, on which all results rest."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    course = hashlib.sha256()
    for file in sorted(paths.PACKAGE.rglob("*.py")):
        top, *_ = file.relative_to(paths.PACKAGE).parts
        if file.name in GRADED_WITH if top == "grading" else top not in NOT_GRADED_WITH:
            course.update(file.read_bytes())
    return {"python": platform.python_version(), "packages": versions, "course": course.hexdigest()}


@functools.cache
def _checks(question: Question) -> dict[str, Any]:
    """Return what a judgement rests on: the question's fields, its functions' source with what they use."""
    fields = question.model_dump(mode="json", exclude={"draw", "probe", "judge"})
    if question.probe is None:
        return fields
    file = inspect.getsourcefile(question.judge)
    names = {function.__name__ for function in (question.draw, question.probe, question.judge)}
    source = needed(statements(Path(file).read_text(encoding="utf-8")), names)
    return fields | {"source": [one.text for one in source]}


def _key(**rests_on: Any) -> str:
    return hashlib.sha256(json.dumps(rests_on, sort_keys=True).encode()).hexdigest()[:32]


def tasks_of(handed: Handed, assignment: Assignment, conditions: dict[str, Any], out: Path) -> list[Task]:
    """Return the tasks of one student's notebook, and keep its answers and figures beside the results."""
    where = (handed.student, handed.notebook)
    try:
        submission = read_submission(handed.chosen.path, assignment)
    except RejectedSubmission as error:
        why = str(error)
        return [
            Task(*where, question, None, _key(rejected=why, checks=_checks(question)), rejected=why)
            for question in assignment.questions
        ]
    keep_run(out / "figures" / handed.student / handed.notebook, submission.file)
    tasks = []
    for question in assignment.questions:
        answer = submission.answers[question.id]
        keep_answer(out / "answers" / handed.student / handed.notebook, answer)
        tasks.append(_task(where, assignment, submission, question, conditions))
    return tasks


def _task(
    where: tuple[str, str],
    assignment: Assignment,
    submission: Submission,
    question: Question,
    conditions: dict[str, Any],
) -> Task:
    answer = submission.answers[question.id]
    if question.probe is None or answer.state != "answered":
        pictures = [hashlib.sha256(content).hexdigest() for _, content in answer.pictures]
        rests_on = [answer.state, answer.text, pictures, answer.flags]
        return Task(
            *where,
            question,
            answer,
            _key(answer=rests_on, checks=_checks(question)),
            version=submission.version,
        )
    node = program(assignment, submission, question.id, tail(question))
    sources = [[cell.id, cell.source] for cell in node.cells]
    key = _key(program=sources, flags=answer.flags, checks=_checks(question), **conditions)
    return Task(*where, question, answer, key, node, version=submission.version)
