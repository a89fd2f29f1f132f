"""The roster: who is in the course, in which group, and until when each may hand in."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from course_utils.grading.tables import Row, known_id, read_table, refuse

COLUMNS = ("id", "name", "section", "group", "due", "extra time")
DAY_FIRST = ("%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y")
SLASHES = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?:\s+(\d{1,2}):(\d{2})(?::\d{2})?)?")
SPAN = re.compile(r"(\d+(?:[.,]\d+)?)\s*(days?|d|hours?|h|minutes?|min|m)\b", re.IGNORECASE)
UNITS = {"d": "days", "h": "hours", "m": "minutes"}


@dataclass(frozen=True)
class Student:
    """One row of the roster.

    Attributes:
        id: as in the names of the submissions.
        group: whose submission counts for this student too; empty for a student alone.
        due: local time; None where nothing is late.
        extra_time: what is added to `due`.
        participant: Moodle's number of the student in this assignment, for the names of feedback files.
    """

    id: str
    name: str = ""
    section: str = ""
    group: str = ""
    due: datetime | None = None
    extra_time: timedelta = timedelta()
    participant: str = ""

    def late_by(self, handed_in: datetime) -> timedelta:
        """Return how long after the due time, extra time included, something was handed in."""
        if self.due is None:
            return timedelta()
        return max(handed_in - self.due - self.extra_time, timedelta())


def read_roster(file: Path, known: Collection[str] = ()) -> list[Student]:
    """Read ``roster.csv``: id, name, section, group, due, extra time, and for Moodle a column "participant".

    Only `id` and `name` must be there. A due time is written ``2026-12-01 23:59``; a date alone is the end of
    that day. Extra time is written ``2 days``, ``36 h``, ``90 min``.

    Args:
        file: the roster.
        known: ids that are certain, those of the submissions: an id that lost its zeros is put right by them.

    Raises:
        CourseError: rows that cannot be read, all of them listed.
    """
    students: dict[str, Student] = {}
    problems = []
    for row in read_table(file, ("id", "name")):
        try:
            student = _student(row, known)
        except ValueError as error:
            problems.append(f"row {row.number}: {error}")
            continue
        if student.id in students:
            problems.append(f"row {row.number}: the id {student.id!r} stands twice")
        students[student.id] = student
    refuse(file, problems)
    return list(students.values())


def group_members(roster: list[Student]) -> dict[str, list[str]]:
    """Return the ids of each group's members, in the order of the roster."""
    members: dict[str, list[str]] = {}
    for student in roster:
        if student.group:
            members.setdefault(student.group, []).append(student.id)
    return members


def _student(row: Row, known: Collection[str]) -> Student:
    identity = row["id"]
    if not identity or re.search(r"[/\\:\x00-\x1f]", identity) or identity.startswith("."):
        raise ValueError(f"{identity!r} is no id: expected text without slash, colon and leading dot")
    return Student(
        id=known_id(identity, known) or identity,
        name=" ".join(row["name"].split()),
        section=row["section"],
        group=row["group"],
        due=_due(row["due"]),
        extra_time=_span(row["extra time"] or row["extra_time"]),
        participant="".join(re.findall(r"\d+", row["participant"])),
    )


def _due(text: str) -> datetime | None:
    if not text:
        return None
    moment = None
    if slashes := SLASHES.fullmatch(text):
        first, second, year, hour, minute = (int(part) if part else 0 for part in slashes.groups())
        if first <= 12 and second <= 12 and first != second:
            raise ValueError(
                f"due {text!r} may be two days: write it as {year}-{second:02d}-{first:02d} 23:59"
            )
        day, month = (first, second) if second <= 12 else (second, first)
        moment = datetime(year, month, day, hour, minute)
    for form in DAY_FIRST:
        try:
            moment = moment or datetime.strptime(text, form)
        except ValueError:
            continue
    try:
        moment = moment or datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"due {text!r} is no time: expected one like 2026-12-01 23:59") from error
    if moment.tzinfo:
        moment = moment.astimezone().replace(tzinfo=None)
    return moment if ":" in text else moment.replace(hour=23, minute=59)


def _span(text: str) -> timedelta:
    if SPAN.sub("", text).strip(" ,+and"):
        raise ValueError(f"extra time {text!r}: expected one like 2 days, 36 h or 90 min")
    return sum(
        (
            timedelta(**{UNITS[unit[0].lower()]: float(amount.replace(",", "."))})
            for amount, unit in SPAN.findall(text)
        ),
        timedelta(),
    )
