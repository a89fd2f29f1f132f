"""What students get back, and what the instructor sees of all of them on one page."""

import contextlib
import hashlib
import re
import statistics
import zipfile
from collections import Counter
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from course_utils import paths
from course_utils.grading.gradebook import NOTHING, Gradebook, Mark
from course_utils.grading.questions import Question
from course_utils.grading.rendering import write_page

STATES = {
    "passed": "all checks passed",
    "failed": "checks failed",
    "error": "the code stopped with an error",
    "timeout": "the code took too long",
    "resource_limit": "the code needed too much memory or disk",
    "kernel_died": "the code ended its own process",
    "missing": "not answered",
    "duplicate": "two different answers",
    "rejected": "the file could not be taken",
    "needs_manual": "read by a person",
}
"""What each state of a result says to people."""

BINS = 5
LONGEST_NAME = 40
SLOWEST = 15


@dataclass(frozen=True)
class Distribution:
    """How the students did on one question.

    Attributes:
        bins: how many students earned up to a fifth of the points, up to two fifths, …; those without points
            are in none.
        full: how many earned all points.
        mean: average share of the points, 0 to 1; None without any points.
        waiting: how many marks still wait for a person.
        states: how many results are in each state, the most frequent first.
    """

    notebook: str
    question: Question
    bins: list[int]
    full: int
    mean: float | None
    waiting: int
    states: dict[str, int]


def write_feedback(folder: Path, book: Gradebook, show_hidden: bool = False) -> list[Path]:
    """Write ``feedback/<id>/feedback.html`` for everybody, and remove that of those who are no more."""
    place = folder / "feedback"
    written = []
    for student in book.students:
        file = place / student.id / "feedback.html"
        notebooks = {
            name: [mark for mark in book.marks[student.id] if mark.notebook == name]
            for name in book.notebooks()
        }
        write_page(
            file,
            "feedback.html.j2",
            student=student,
            notebooks=notebooks,
            book=book,
            late_by=_hours(book.late_by.get(student.id)),
            states=STATES,
            nothing=NOTHING,
            show_hidden=show_hidden,
        )
        written.append(file)
    for old in sorted(place.glob("*/feedback.html")):
        if old not in written:
            old.unlink()
            with contextlib.suppress(OSError):  # somebody keeps something else there
                old.parent.rmdir()
    return written


def write_feedback_zip(folder: Path, book: Gradebook) -> tuple[Path, list[str]]:
    """Zip the feedback as Moodle takes it back: ``Name_12345_assignsubmission_file_/feedback.html``.

    12345 is Moodle's number of the participant: the roster's column "participant", or the ids where nobody
    has one there, since Moodle's own files are named by it. Returns the zip, and the ids of those whom Moodle
    will not recognise.
    """
    archive = folder / "feedback.zip"
    unknown = []
    by_participant = any(student.participant for student in book.students)
    with (
        paths.atomic_write(archive) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for student in sorted(book.students, key=lambda student: student.id):
            number = student.participant if by_participant else student.id
            if not number.isdecimal():
                unknown.append(student.id)
                number = f"id-{_in_a_path(student.id)}"  # never a number that may be somebody else's
            # Moodle splits at underscores.
            name = re.sub(r"[\W_]+", " ", student.name or student.id).strip()[:LONGEST_NAME]
            member = f"{name}_{number}_assignsubmission_file_/feedback.html"
            content = (folder / "feedback" / student.id / "feedback.html").read_bytes()
            # A fixed date, so that the same feedback gives the same bytes.
            packed.writestr(zipfile.ZipInfo(member), content, zipfile.ZIP_DEFLATED)
    return archive, unknown


def _in_a_path(identity: str) -> str:
    """Return an id as part of a file's name that unpacks to one file of its own on any system."""
    shown = re.sub(r"[^\w.-]+", "-", identity)[:LONGEST_NAME]
    if shown == identity:
        return shown
    return f"{shown}-{hashlib.sha256(identity.encode()).hexdigest()[:6]}"


def write_overview(folder: Path, book: Gradebook) -> Path:
    """Write ``overview.html``: distributions, failures by kind, what was slow, what waits."""
    file = folder / "overview.html"
    results = {
        (mark.result.student, mark.notebook, mark.question.id): mark.result
        for marks in book.marks.values()
        for mark in marks
        if mark.result
    }
    slowest = sorted(results.values(), key=lambda result: (-result.seconds, result.student, result.question))
    overrides = [
        (student.id, mark) for student in book.students for mark in book.marks[student.id] if mark.override
    ]
    write_page(
        file,
        "overview.html.j2",
        book=book,
        distributions=distributions(book),
        failures=Counter(result.state for result in results.values()).most_common(),
        slowest=slowest[:SLOWEST],
        overrides=overrides,
        not_sandboxed=sum(not result.sandboxed for result in results.values()),
        silent=[student for student in book.students if _handed_in_nothing(book.marks[student.id])],
        late={student: _hours(late) for student, late in sorted(book.late_by.items())},
        states=STATES,
    )
    return file


def distributions(book: Gradebook) -> list[Distribution]:
    """Return how the students did on each question, in the order of the gradebook's columns."""
    found = []
    for index, (notebook, question) in enumerate(book.columns):
        marks = [book.marks[student.id][index] for student in book.students]
        shares = [mark.points / question.points for mark in marks if mark.points is not None]
        bins = Counter(max(0, min(BINS - 1, -int(-share * BINS // 1) - 1)) for share in shares)
        found.append(
            Distribution(
                notebook,
                question,
                bins=[bins[number] for number in range(BINS)],
                full=sum(share == 1 for share in shares),
                mean=statistics.fmean(shares) if shares else None,
                waiting=sum(mark.waits for mark in marks),
                states=dict(Counter(mark.result.state for mark in marks if mark.result).most_common()),
            )
        )
    return found


def _handed_in_nothing(marks: list[Mark]) -> bool:
    return all(mark.result is None and not mark.waits for mark in marks)


def _hours(late: timedelta | None) -> Any:
    return f"{late / timedelta(hours=1):.1f} hours" if late else None
