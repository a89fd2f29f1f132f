"""From results to marks: what ``course marks`` does, in the order in which it does it.

Everything that people wrote is read before anything is written, so that a mistake in it costs nothing. The
same inputs give the same files, and a run that was killed is repaired by the next.
"""

import ast
import textwrap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from course_utils import paths
from course_utils.errors import CourseError
from course_utils.grading.assignment import Assignment, load_assignment
from course_utils.grading.feedback import write_feedback, write_feedback_zip, write_overview
from course_utils.grading.forget import forget
from course_utils.grading.gradebook import (
    apply_overrides,
    listed_before,
    make_gradebook,
    read_changes,
    write_gradebook,
)
from course_utils.grading.lms import write_for
from course_utils.grading.manual import MANUAL, ManualMarks
from course_utils.grading.questions import Question
from course_utils.grading.reading import (
    Keys,
    Shares,
    read_answer,
    to_read,
    write_reading,
)
from course_utils.grading.results import graded_names, read_handed_in, read_results
from course_utils.grading.roster import read_roster, roster_of
from course_utils.grading.tables import read_table


@dataclass
class Summary:
    """What a run of ``course marks`` did.

    Attributes:
        files: what to open, by what it is.
        notices: what the instructor should know.
        waiting: how many marks still wait for a person.
        changes: how many points differ from the gradebook before.
    """

    files: dict[str, Path] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)
    waiting: int = 0
    changes: int = 0


def write_marks(
    folder: Path,
    questions: dict[str, list[Question]],
    *,
    roster_file: Path | None = None,
    manual: list[Path] | None = None,
    markers: list[str] | None = None,
    system: Literal["moodle", "canvas"] | None = None,
    show_hidden: bool = False,
    forget_student: str | None = None,
    tell: Callable[[str], None] = lambda message: None,
) -> Summary:
    """Write reading pages, gradebook, feedback and overview of the results under `folder`.

    Args:
        folder: what ``course grade --out`` wrote into.
        questions: by notebook; those of notebooks that nobody handed in are left out.
        roster_file: without one, those who handed in are listed.
        manual: tables in which readers wrote; they are taken over for good.
        markers: among whom the answers to read are shared; None keeps the shares there are.
        system: also write the totals as this system imports them.
        show_hidden: tell students what was expected of them, too.
        forget_student: the id of one who is removed from everything first.
        tell: gets a line of progress.

    Raises:
        CourseError: something in `folder`, the roster, the overrides or a table of marks cannot be read; then
            nothing is written.
    """
    if forget_student:
        names = graded_names(folder) | {student for student, _ in handed_in(folder)}
        roster = read_roster(roster_file, names, listed_before(folder)) if roster_file else []
        forget(folder, forget_student, roster, questions)
    results = read_results(folder)
    if not results:
        raise CourseError(
            f"There are no results under {folder}: grade first, by `course grade … --out {folder}`."
        )
    there = handed_in(folder)
    submitters = sorted(graded_names(folder) | {student for student, _ in there})
    roster = (
        read_roster(roster_file, submitters, listed_before(folder)) if roster_file else roster_of(submitters)
    )
    roster = [student for student in roster if student.id != forget_student]
    notebooks = {result.notebook for result in results} | {notebook for _, notebook in there}
    questions = {notebook: asked for notebook, asked in questions.items() if notebook in notebooks}

    keys = Keys(folder, submitters, questions)
    readings = to_read(folder, results, keys)
    marks = ManualMarks(folder)
    summary = Summary(notices=marks.read(manual or [], keys, readings))
    shares = Shares.load(folder, markers)
    given = {
        (reading.student, reading.notebook, reading.question.id): marks.of(reading) for reading in readings
    }
    book = make_gradebook(results, questions, roster, given, there)
    apply_overrides(book, folder / "overrides.csv")
    read_changes(folder)
    for table in folder.glob("reading/*/manual.csv"):
        read_table(table, MANUAL)

    marks.save()
    summary.notices += book.notices
    keys_of = {(reading.student, reading.notebook, reading.question.id): reading.key for reading in readings}
    summary.notices += [
        f"{keys_of[place]}: {entry.because}." for place, entry in sorted(given.items()) if entry.disagree
    ]
    for place in write_reading(folder, readings, shares, tell):
        summary.files[f"to read ({place.name})"] = place / "index.html"
    if len(shares.markers) > 1:
        twice = shares.read_twice(readings)
        summary.notices.append(f"{twice} of {len(readings)} answers are read by two markers.")
    tell("gradebook")
    summary.changes = len(write_gradebook(folder, book))
    summary.files["gradebook"] = folder / "gradebook.csv"
    if system:
        summary.files[f"gradebook for {system}"] = write_for(folder, book, system)
    tell("feedback")
    write_feedback(folder, book, show_hidden)
    summary.files["feedback"], unknown = write_feedback_zip(folder, book)
    if unknown and system == "moodle":
        summary.notices.append(
            f"Moodle will not recognise the feedback of {', '.join(unknown)}: give the roster a column"
            ' "participant" with the number that stands in the names of the files Moodle hands out.'
        )
    summary.files["overview"] = write_overview(folder, book)
    summary.waiting = sum(book.waiting(student.id) for student in book.students)
    return summary


def handed_in(folder: Path) -> dict[tuple[str, str], datetime]:
    """Return when each student handed in each notebook, where grading wrote that down."""
    return {
        (entry["student"], entry["notebook"]): datetime.fromisoformat(entry["handed_in"])
        for entry in read_handed_in(folder)
        if entry.get("handed_in")
    }


def graded_assignments(folder: Path, *private: Path) -> list[Assignment]:
    """Return the assignments that were handed in, with what private instructor folders add."""
    names = {place.name for place in (folder / "results").glob("*/*") if place.is_dir()}
    names |= {notebook for _, notebook in handed_in(folder)}
    return [load_assignment(name, *private) for name in sorted(names)]


def export_answers(
    folder: Path,
    questions: dict[str, list[Question]],
    blanks: Mapping[tuple[str, str], str],
    out: Path,
) -> int:
    """Write one plain file a question and student, as programs that look for copies want them.

    ``out/<notebook>-<question>/<student>.py`` (``.md`` for words) holds the answer without the lines that its
    blank holds already. Untouched blanks are left out. Returns the number of files.

    Args:
        folder: of the results.
        questions: by notebook.
        blanks: source of the blank answers, by notebook and question.
        out: where to; files of an earlier export that are no more are removed.
    """
    kinds = {
        (notebook, question.id): question.kind for notebook, asked in questions.items() for question in asked
    }
    written = set()
    for result in read_results(folder):
        place = (result.notebook, result.question)
        if result.state in ("missing", "rejected") or place not in kinds:
            continue
        text, _ = read_answer(folder, result)
        words = kinds[place] == "words"
        own = without_blank(text, blanks.get(place, ""), words)
        if own.strip():
            file = out / "-".join(place) / f"{result.student}.{'md' if words else 'py'}"
            with paths.atomic_write(file) as temporary:
                temporary.write_text(own, encoding="utf-8", newline="\n")
            written.add(file)
    for place in kinds:
        for old in (out / "-".join(place)).glob("*.[mp][dy]"):
            if old not in written:
                old.unlink()
    return len(written)


def blank_answers(assignments: list[Assignment]) -> dict[tuple[str, str], str]:
    """Return the text of all blank answer cells, by notebook and question."""
    return {
        (assignment.name, question.id): assignment.answer_cell(question.id).source
        for assignment in assignments
        for question in assignment.questions
    }


def without_blank(text: str, blank: str, words: bool = False) -> str:
    """Return an answer without the lines of its blank; code stays code that can be parsed.

    Where the body alone cannot be parsed, lines that open a block (``def …:``) stay.
    """
    given = {line.strip() for line in blank.splitlines()} - {""}
    lines = text.splitlines()
    own = [line for line in lines if line.strip() not in given]
    candidates = [own, [line for line in lines if line.strip() not in given or line.rstrip().endswith(":")]]
    for candidate in candidates:
        shown = textwrap.dedent("\n".join(candidate)).strip("\n") + "\n"
        if words or _parses(shown):
            return shown
    return text


def _parses(source: str) -> bool:
    try:
        ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
