"""An assignment: one notebook as the grader, or a student's own check, knows it."""

import ast
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from pydantic import ValidationError

from course_utils import paths
from course_utils.errors import CourseError
from course_utils.grading.names import Statement, needed, statements
from course_utils.grading.questions import AskedQuestion, read_questions
from course_utils.notebooks.build import CODE_MARK, blank, read_source, solved
from course_utils.notebooks.catalogue import (
    Notebook,
    parameters_cell,
    profile_values,
    read_notebooks,
    set_parameters,
)


@dataclass(frozen=True)
class Assignment:
    """One notebook with its questions.

    Attributes:
        name: the notebook's name, such as ``03_simplenet``.
        blank: the pristine student notebook, with the quick values.
        questions: in the order of the notebook; with rubrics, probes and judges where the instructor's half
            is at hand, and `AskedQuestion` in a release.
        solutions: by code question: source of the course's answer; in a release, what the notebook itself
            goes on with where the student's answer does not pass.
    """

    name: str
    blank: NotebookNode
    questions: tuple[AskedQuestion, ...]
    solutions: dict[str, str]

    def question(self, identity: str) -> AskedQuestion:
        """Return a question by its id.

        Raises:
            CourseError: there is none; the message lists those there are.
        """
        for question in self.questions:
            if question.id == identity:
                return question
        there_are = ", ".join(question.id for question in self.questions)
        raise CourseError(f"{self.name} has no question {identity!r}. There are: {there_are}.")

    def answer_cell(self, identity: str) -> NotebookNode:
        """Return the blank answer cell of a question."""
        return next(cell for cell in self.blank.cells if cell.metadata.get("question") == identity)

    @cached_property
    def given(self) -> list[Statement]:
        """The statements of the cells that students do not fill in, parameters aside."""
        given = []
        for cell in self.blank.cells:
            tags = cell.metadata.get("tags", [])
            if cell.cell_type == "code" and not {"answer", "helpers", "parameters"} & set(tags):
                given += statements(cell.source)
        return given

    def parameters(self) -> str:
        """Return the source of the parameters cell, with the quick values."""
        cell = parameters_cell(self.blank)
        return cell.source if cell else ""

    def goes_on(self, identity: str) -> tuple[str, str] | None:
        """Return the visible check and the course's version of a code question, as the notebook names them.

        They are the third and fourth argument of its ``lesson.go_on_with``; None where there is no such call.
        """
        for statement in self.given:
            for call in ast.walk(statement.node):
                match call:
                    case ast.Call(
                        func=ast.Attribute(attr="go_on_with"),
                        args=[ast.Constant(value=question), _, check, version],
                    ) if question == identity:
                        return ast.unparse(check), ast.unparse(version)
        return None

    @cached_property
    def course_versions(self) -> frozenset[str]:
        """The functions and classes that the notebook goes on with where a student's answer does not pass."""
        wanted = [self.goes_on(question.id) for question in self.questions if question.kind == "code"]
        uses = {name for pair in wanted if pair for one in statements(pair[1]) for name in one.uses}
        return frozenset(name for one in self.given if one.defines for name in one.binds & uses)


def assignment_names(*folders: Path) -> list[str]:
    """Return the names of the notebooks in the instructor's folder, and in private ones like it, in order."""
    sources = [file for folder in (paths.instructor(), *folders) for file in _sources(folder)]
    return sorted({file.stem for file in sources})


def _sources(folder: Path) -> Iterable[Path]:
    return (folder / "sources").glob("[0-9][0-9]_*.py")


def source_of(name: str, *folders: Path) -> Path:
    """Return the source of a notebook: that of the last folder that has one.

    Raises:
        CourseError: there is none; the message lists those there are.
    """
    everywhere = (paths.instructor(), *folders)
    files = [file for folder in everywhere for file in _sources(folder) if file.stem == name]
    if not files:
        there_are = ", ".join(assignment_names(*folders)) or "none"
        raise CourseError(f"There is no source of a notebook {name!r}. There are: {there_are}.")
    return files[-1]


def with_quick_values(node: NotebookNode, file: Path) -> NotebookNode:
    """Write the quick profile's values into a notebook's parameters cell, and return the notebook."""
    set_parameters(node, file, profile_values("quick", Notebook(file.with_suffix(".ipynb"), node)))
    return node


def load_assignment(name: str, *folders: Path) -> Assignment:
    """Read an assignment from the instructor's folder and from private ones like it, which go before.

    The last source of that name is taken whole. Questions are merged by id, a later folder's before an
    earlier one's, and those count that the notebook has an answer cell for.

    Raises:
        CourseError: there is no such source; an answer cell belongs to no question; what a question `needs`
            is no code question of this notebook.
    """
    listed = {
        question.id: question
        for folder in (paths.instructor(), *folders)
        for question in read_questions(folder / "checks").get(name, [])
    }
    file = source_of(name, *folders)
    source = read_source(file)
    node = with_quick_values(blank(source, file), file)
    full = {cell.metadata["question"]: cell for cell in solved(source).cells if "question" in cell.metadata}
    unknown = [identity for identity in full if identity not in listed]
    if unknown:
        raise CourseError(
            f"{file}: no checks/{name}.py lists {', '.join(unknown)}; add the question, or take its"
            " answer cell out."
        )
    questions = tuple(_named(listed[identity], node) for identity in full)
    solutions = {
        question.id: without_mark(full[question.id].source)
        for question in questions
        if question.kind == "code"
    }
    for question in questions:
        if missing := [need for need in question.needs if need not in solutions]:
            raise CourseError(
                f"{name}, question {question.id!r}: needs {missing}, which is no code question of it."
            )
    return Assignment(name, node, questions, solutions)


def _named(question: AskedQuestion, node: NotebookNode) -> AskedQuestion:
    if question.kind == "words" or question.answers:
        return question
    cell = next(cell for cell in node.cells if cell.metadata.get("question") == question.id)
    defined = [statement.node.name for statement in statements(cell.source) if statement.defines]
    if not defined:
        raise CourseError(f"Question {question.id!r}: its blank defines no function and no class.")
    return question.model_copy(update={"answers": defined[-1]})


def without_mark(source: str) -> str:
    """Return the source of a code answer without the line that names its question."""
    return CODE_MARK.sub("", source).strip("\n")


def release_of(node: NotebookNode) -> dict[str, Any]:
    """Return what a release wrote into a notebook's metadata, checked for nothing; empty where there is none.

    ``{"name": "03_simplenet", "version": "…", "questions": [{…, "text": hash, "blank": hash}]}``.
    """
    course = node.metadata.get("course", {})
    release = course.get("release", {}) if isinstance(course, dict) else {}
    return release if isinstance(release, dict) else {}


def released_assignment(file: Path) -> Assignment:
    """Read an assignment from a notebook of a release, which needs nothing of the instructor's half.

    Raises:
        CourseError: the notebook is of no release.
    """
    node = nbformat.read(file, as_version=4)
    try:
        questions = tuple(
            AskedQuestion.model_validate(
                {key: entry[key] for key in AskedQuestion.model_fields if key in entry}
            )
            for entry in release_of(node)["questions"]
        )
    except (KeyError, TypeError, ValidationError) as error:
        raise CourseError(
            f"{file}: this notebook does not say which questions it asks. Expected one that `course release`"
            " wrote; fetch the release again."
        ) from error
    assignment = Assignment(file.stem, node, questions, {})
    for question in questions:
        goes_on = assignment.goes_on(question.id)
        if question.kind == "code" and goes_on:
            version = f"{question.answers} = {goes_on[1]}"
            assignment.solutions[question.id] = with_what_it_needs(version, assignment)
    return assignment


def assignments_at_hand() -> list[Assignment]:
    """Return the assignments of the repository that the user works in, a release or the whole, in order.

    Raises:
        CourseError: there are no notebooks.
    """
    notebooks = read_notebooks(paths.notebooks())
    if not notebooks:
        raise CourseError(f"There are no notebooks in {paths.notebooks()}. Work in a clone of the course.")
    return [
        released_assignment(one.path) if release_of(one.node) else load_assignment(one.name)
        for one in notebooks
    ]


def with_what_it_needs(source: str, assignment: Assignment) -> str:
    """Return source of the notebook's own with the given statements that it rests on before it."""
    uses = {name for statement in statements(source) for name in statement.uses}
    answers = {question.answers for question in assignment.questions}
    # A line that goes on with an answer would bring the answer's own cell with it.
    given = [one for one in assignment.given if one.defines or not one.binds & answers]
    return "\n".join([*(one.text for one in needed(given, uses)), source])


def question_texts(node: NotebookNode) -> dict[str, str]:
    """Return the Markdown cell that asks each question, by id."""
    asked = re.compile(r"\*\*Question \d+ · (?P<id>[a-z0-9-]+)\*\*")
    texts: dict[str, str] = {}
    for cell in node.cells:
        if cell.cell_type == "markdown":
            for match in asked.finditer(cell.source):
                texts[match["id"]] = cell.source
    return texts
