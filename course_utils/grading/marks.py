"""From results to marks: what ``course marks`` does, in the order in which it does it.

Everything that people wrote is read before anything is written, so that a mistake in it costs nothing. The
same inputs give the same files, and a run that was killed is repaired by the next.
"""

import ast
import shutil
import textwrap
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from course_utils import paths
from course_utils.errors import CourseError
from course_utils.grading.assignment import Assignment, load_assignment
from course_utils.grading.feedback import write_feedback, write_feedback_zip, write_overview
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
from course_utils.grading.results import read_results, result_file, write_result
from course_utils.grading.roster import Student, group_members, read_roster, roster_of
from course_utils.grading.submissions import whose
from course_utils.grading.tables import known_id, read_table, refuse, write_table

DERIVED = (
    *("gradebook*.csv", "feedback.zip", "overview.html"),
    *("reading/*/*.html", "reading/*/pictures/*"),
)
"""What is written anew from results and from what people gave."""


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
        names = _graded(folder) | {student for student, _ in handed_in(folder)}
        roster = read_roster(roster_file, names, listed_before(folder)) if roster_file else []
        forget(folder, forget_student, roster, questions)
    results = read_results(folder)
    if not results:
        raise CourseError(
            f"There are no results under {folder}: grade first, by `course grade … --out {folder}`."
        )
    there = handed_in(folder)
    submitters = sorted(_graded(folder) | {student for student, _ in there})
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
        for entry in _handed_in(folder)
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


def forget(folder: Path, student: str, roster: list[Student], questions: dict[str, list[Question]]) -> None:
    """Remove a student from all that is kept under `folder`.

    Work that counts for a group goes on under the group's name. The roster, the submissions themselves and
    files handed to others are not touched.

    Args:
        folder: of the results.
        student: the id, in full.
        roster: empty where there is none.
        questions: by notebook.

    Raises:
        CourseError: nobody of that id is known; nothing is removed.
    """
    gradebook = folder / "gradebook.json"
    state = paths.read_json(gradebook, {"marks": {}})
    graded = _graded(folder)
    submitters = graded | {student for student, _ in handed_in(folder)}
    entry = next((one for one in roster if one.id == student), Student(id=student, submission=student))
    known = submitters | set(state["marks"]) | {one.id for one in roster}
    if student not in known:
        raise CourseError(f"--forget {student}: there is nobody of that id. Ids are written in full.")
    name = entry.submission
    fellows = [one for one in group_members(roster).get(entry.group, []) if one != entry]
    keys = Keys(folder, graded, questions)
    if fellows and name:
        _pass_on(folder, name, entry.group, keys)
    elif name:
        gone = {key for key, (owner, _, _) in keys.known.items() if owner == name}
        marks = ManualMarks(folder)
        marks.forget(gone)
        marks.save()
        shares = Shares.load(folder)
        shares.forget(gone)
        shares.save(folder)
        for file in sorted(folder.glob("reading/*/manual.csv")):
            _keep_rows(file, MANUAL, "key", gone, keys.known)
    for file in (folder / "overrides.csv", folder / "changes.csv"):
        _keep_rows(file, ("student",), "student", {student}, known)
    # What follows from the rest is written anew, if anybody is left.
    for pattern in DERIVED:
        for file in folder.glob(pattern):
            file.unlink()
    if gradebook.is_file():
        state["marks"].pop(student, None)
        paths.write_json(gradebook, state)
    shutil.rmtree(folder / "feedback" / student, ignore_errors=True)
    if name:
        _remove_work(folder, name, questions)


def _pass_on(folder: Path, name: str, group: str, keys: Keys) -> None:
    # Whatever the group has under its own name stays; pieces are copied one by one, as a kill may come.
    keys.rename(name, group)
    for result in read_results(folder):
        copy = result.model_copy(update={"student": group})
        if result.student == name and not result_file(folder, group, copy.notebook, copy.question).exists():
            write_result(folder, copy)
    for kind in ("answers", "figures"):
        for place in sorted((folder / kind / name).glob("*")):
            if not (folder / kind / group / place.name).exists():
                (folder / kind / group).mkdir(parents=True, exist_ok=True)
                place.rename(folder / kind / group / place.name)
    times = [entry | {"student": group} for entry in _handed_in(folder) if entry["student"] == name]
    kept = [{key: entry[key] for key in ("student", "notebook", "handed_in")} for entry in times]
    _write_handed_in(folder, [*_handed_in(folder), *kept])


def _remove_work(folder: Path, name: str, notebooks: Iterable[str]) -> None:
    unpacked = folder / "unpacked"
    for entry in _handed_in(folder):
        for version in entry.get("versions", ()) if entry["student"] == name else ():
            if Path(version["file"]).resolve().is_relative_to(unpacked.resolve()):
                Path(version["file"]).unlink(missing_ok=True)
    for place in sorted(unpacked.rglob("*"), reverse=True):
        if place.is_dir() and name in (place.name, whose(place.name, notebooks)):
            shutil.rmtree(place)
    _write_handed_in(folder, [entry for entry in _handed_in(folder) if entry["student"] != name])
    # Results last: while they are there, the same command goes on after a kill.
    for kind in ("figures", "answers", "results"):
        shutil.rmtree(folder / kind / name, ignore_errors=True)


def _keep_rows(
    file: Path, columns: tuple[str, ...], column: str, gone: set[str], known: Collection[str]
) -> None:
    """Write a table without the rows of those who are gone, whose ids may have lost their zeros in it."""
    rows = read_table(file, columns) if file.is_file() else []
    kept, problems = [], []
    for row in rows:
        try:
            if known_id(row[column], known) not in gone:
                kept.append(row.cells)
        except ValueError as error:
            problems.append(f"row {row.number}: {error}")
    refuse(file, problems)
    if len(kept) < len(rows):
        write_table(file, list(rows[0].cells), kept)


def _handed_in(folder: Path) -> list[dict[str, Any]]:
    return paths.read_json(folder / "submissions.json", [])


def _write_handed_in(folder: Path, entries: list[dict[str, Any]]) -> None:
    if (folder / "submissions.json").is_file():
        paths.write_json(folder / "submissions.json", entries)


def _graded(folder: Path) -> set[str]:
    return {place.name for place in (folder / "results").glob("*") if place.is_dir()}
