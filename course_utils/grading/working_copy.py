"""A student's copy of a notebook: begin it, and carry it over into a corrected release."""

import base64
import shutil
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_utils import paths
from course_utils.errors import CourseError
from course_utils.grading.answers import question_ids, read_submission
from course_utils.grading.assignment import Assignment, assignments_at_hand, question_texts, release_of
from course_utils.grading.blanks import changed_questions
from course_utils.grading.cells import read_cells
from course_utils.grading.found import Answer, Submission
from course_utils.grading.modules import answers_any, module_files
from course_utils.grading.names import needed, statements
from course_utils.grading.submissions import notebook_of
from course_utils.notebooks.build import CODE_MARK, WORDS_MARK, write_notebook
from course_utils.notebooks.catalogue import choose, read_notebooks


@dataclass(frozen=True)
class Updated:
    """What `update` did.

    Attributes:
        kept: where the old file is now.
        version: of the release whose notebook it is now, or None in a clone of the whole repository.
        carried: the questions whose answers were carried over.
        changed: the questions whose text changed; read them again.
        duplicate: the questions that were answered in more than one way; both answers stand in the cell.
        gone: the questions that were answered and are not asked any more.
    """

    kept: Path
    version: str | None
    carried: tuple[str, ...]
    changed: tuple[str, ...]
    duplicate: tuple[str, ...]
    gone: tuple[str, ...]


def start(numbers: list[str]) -> list[Path]:
    """Copy notebooks into ``work/`` and return the copies.

    Raises:
        CourseError: there is no such notebook, or a copy of it is there already; then nothing is copied.
    """
    chosen = choose(read_notebooks(paths.notebooks()), numbers)
    copies = [paths.work() / one.path.name for one in chosen]
    for copy in copies:
        if copy.exists():
            raise CourseError(
                f"{copy} is there already, and may hold your answers. Go on with it, or rename it and start"
                " again."
            )
    for one, copy in zip(chosen, copies, strict=True):
        with paths.atomic_write(copy) as temporary:
            shutil.copyfile(one.path, temporary)
    return copies


def assignment_of(file: Path) -> Assignment:
    """Return the assignment, of the repository that the user works in, that a notebook or modules answer.

    Modules, a ``.py`` file or a folder of them, are of the one whose questions they answer.

    Raises:
        CourseError: there is no such file, or it belongs to none.
    """
    if not file.exists():
        raise CourseError(f"{file} is not there. Name a notebook, such as work/03_simplenet.ipynb.")
    assignments = assignments_at_hand()
    if file.is_dir() or file.suffix == ".py":
        files = module_files(file) if file.is_dir() else [file]
        name = next((one.name for one in assignments if answers_any(files, one)), None)
    else:
        name = notebook_of(file, assignments)
    for assignment in assignments:
        if assignment.name == name:
            return assignment
    there_are = ", ".join(assignment.name for assignment in assignments)
    raise CourseError(f"{file} answers no notebook that is here. There are: {there_are}.")


def update(file: Path) -> Updated:
    """Carry the answers, helpers and imports of a notebook into this release's version of it, in its place.

    The old file is kept beside it.

    Raises:
        CourseError: it cannot be read, or belongs to no notebook; then nothing is written.
    """
    assignment = assignment_of(file)
    old = read_cells(file)
    submission = read_submission(file, assignment)
    node = nbformat.from_dict(assignment.blank)
    for answer in submission.answers.values():
        if answer.state != "missing":
            cell = next(one for one in node.cells if one.metadata.get("question") == answer.question)
            _fill(cell, answer)
    helpers = next((one for one in node.cells if "helpers" in one.metadata.get("tags", [])), None)
    if helpers is not None:
        helpers.source = "\n".join(part for part in (helpers.source, *_helpers(submission)) if part)
    kept = _free_name(file)
    shutil.copy2(file, kept)
    write_notebook(node, file)
    answers = submission.answers.values()
    version = release_of(node).get("version")
    return Updated(
        kept,
        version if isinstance(version, str) else None,
        tuple(answer.question for answer in answers if answer.state != "missing"),
        tuple(changed_questions(old, assignment)),
        tuple(answer.question for answer in answers if answer.state == "duplicate"),
        tuple(sorted(_asked(old) - set(submission.answers))),
    )


def _fill(cell: NotebookNode, answer: Answer) -> None:
    mark = (CODE_MARK if answer.kind == "code" else WORDS_MARK).search(cell.source)[0]
    cell.source = f"{mark}\n{answer.text}" if answer.kind == "code" else f"{mark}\n\n{answer.text}"
    if answer.pictures:
        cell.attachments = nbformat.from_dict(
            {name: {"image/png": base64.b64encode(content).decode()} for name, content in answer.pictures}
        )


def _helpers(submission: Submission) -> list[str]:
    """Return the imports that helpers and answers use and do not hold, and the helpers."""
    code = [answer.text for answer in submission.answers.values() if answer.kind == "code"]
    used, held = set(), set()
    for source in (submission.helpers, *code):
        try:
            parts = statements(source)
        except SyntaxError:
            continue
        used |= {name for part in parts for name in part.uses}
        held |= {" ".join(part.text.split()) for part in parts if part.imports}
    imports = [part.text for part in needed(statements(submission.imports), used) if part.text not in held]
    return ["\n".join(imports), submission.helpers]


def _asked(node: NotebookNode) -> set[str]:
    return question_ids(node) & set(question_texts(node))


def _free_name(file: Path) -> Path:
    number = 1
    while (kept := file.with_suffix(f".kept-{number}.ipynb")).exists():
        number += 1
    return kept
