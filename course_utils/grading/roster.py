"""The roster: who is in the course, in which group, and until when each may hand in."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from course_utils.grading.tables import Row, known_id, read_table, refuse, same_text

MAX_ID_BYTES = 200  # it becomes the name of a folder
DAY_FIRST = ("%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S", "%d.%m.%Y")
SLASHES = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})(?:\s+(\d{1,2}):(\d{2})(?::\d{2})?)?")
SPAN = re.compile(r"(\d+(?:[.,]\d+)?)\s*(days?|d|hours?|h|minutes?|min|m)\b", re.IGNORECASE)
# Moodle's "Ada Lovelace_12345", Canvas' "lovelaceada_1234".
OF_A_SYSTEM = re.compile(r"(?P<name>.+)_(?P<number>\d+)")
UNITS = {"d": "days", "h": "hours", "m": "minutes"}


@dataclass(frozen=True)
class Student:
    """One row of the roster.

    Attributes:
        group: whose submission counts for this student too; empty for a student alone.
        due: local time; None where nothing is late.
        extra_time: what is added to `due`.
        participant: Moodle's number of the student in this assignment, for the names of feedback files.
        submission: the name under which the own work was handed in; empty where there is none.
    """

    id: str
    name: str = ""
    section: str = ""
    group: str = ""
    due: datetime | None = None
    extra_time: timedelta = timedelta()
    participant: str = ""
    submission: str = ""

    def late_by(self, handed_in: datetime) -> timedelta:
        """Return how long after the due time, extra time included, something was handed in."""
        if self.due is None:
            return timedelta()
        return max(handed_in - self.due - self.extra_time, timedelta())


def read_roster(file: Path, submissions: Collection[str] = (), listed: Collection[str] = ()) -> list[Student]:
    """Read ``roster.csv``: id, name, section, group, due, extra time, and for Moodle a column "participant".

    Only `id` and `name` must be there. A due time is written ``2026-12-01 23:59``; a date alone is the end of
    that day. Extra time is written ``2 days``, ``36 h``, ``90 min``.

    A submission is a student's if its name is the id, which may have lost zeros in the roster; or if, as
    Moodle and Canvas name it, its number is the participant's or the id; or else if the name in it is the
    student's.

    Args:
        file: the roster.
        submissions: the names under which work was handed in.
        listed: ids as an earlier roster had them, which this one, saved by a spreadsheet, may have shortened.

    Raises:
        CourseError: rows that cannot be read, all of them listed.
    """
    students: dict[str, Student] = {}
    owners: dict[str, str] = {}
    problems = []
    for row in read_table(file, ("id", "name")):
        try:
            student = _student(row, submissions, listed)
        except ValueError as error:
            problems.append(f"row {row.number}: {error}")
            continue
        if student.id in students:
            problems.append(f"row {row.number}: the id {student.id!r} stands twice")
        students[student.id] = student
        owner = owners.setdefault(student.submission, student.id)
        if student.submission and owner != student.id:
            problems.append(f"row {row.number}: {student.submission!r} may be of {owner} or of {student.id}")
    refuse(file, problems)
    return list(students.values())


def roster_of(submissions: Collection[str]) -> list[Student]:
    """Return those who handed in, as a roster; their numbers are in the names that Moodle gives."""
    students = []
    for name in sorted(submissions):
        parts = OF_A_SYSTEM.fullmatch(name)
        shown, participant = (parts["name"], parts["number"]) if parts else ("", "")
        students.append(Student(id=name, name=shown, participant=participant, submission=name))
    return students


def group_members(roster: list[Student]) -> dict[str, list[Student]]:
    """Return each group's members, in the order of the roster."""
    members: dict[str, list[Student]] = {}
    for student in roster:
        if student.group:
            members.setdefault(student.group, []).append(student)
    return members


def submissions_of(student: Student, names: Collection[str]) -> list[str]:
    """Return which of the submissions count for a student: the own one, and that under the group's name."""
    return [name for name in dict.fromkeys((student.submission, student.group)) if name and name in names]


def _student(row: Row, submissions: Collection[str], listed: Collection[str]) -> Student:
    identity = row["id"]
    if not identity or re.search(r"[/\\:\x00-\x1f]", identity) or identity.startswith("."):
        raise ValueError(f"{identity!r} is no id: expected text without slash, colon and leading dot")
    if len(identity.encode()) > MAX_ID_BYTES:
        raise ValueError(f"the id {identity[:20]}… is too long: expected at most {MAX_ID_BYTES} bytes")
    if re.fullmatch(r"\d[.,]\d+E\+\d+", identity):
        raise ValueError(
            f"a spreadsheet has rounded the id to {identity}: make the column text, and fill it anew"
        )
    name = " ".join(row["name"].split())
    participant = "".join(re.findall(r"\d+", row["participant"]))
    exact = known_id(identity, submissions)
    before = known_id(identity, listed) or ""
    submission = exact or _named_by_a_system(submissions, identity, participant, name)
    if not participant and (parts := OF_A_SYSTEM.fullmatch(submission)):
        participant = parts["number"]
    return Student(
        id=exact or max(before, identity, key=len),
        name=name,
        section=row["section"],
        group=known_id(row["group"], submissions) or row["group"],
        due=_due(row["due"]),
        extra_time=_span(row["extra time"] or row["extra_time"]),
        participant=participant,
        submission=submission,
    )


def _named_by_a_system(submissions: Collection[str], identity: str, participant: str, name: str) -> str:
    named = [parts for submission in submissions if (parts := OF_A_SYSTEM.fullmatch(submission))]
    number = participant or identity.lstrip("0")
    of_number = [parts[0] for parts in named if parts["number"].lstrip("0") == number]
    of_name = [parts[0] for parts in named if name and same_text(parts["name"]) == same_text(name)]
    candidates = sorted(of_number or of_name)
    if len(candidates) > 1:
        raise ValueError(
            f"{' and '.join(candidates)} may both be of {name or identity}: put the number behind the name"
            ' into a column "participant"'
        )
    return candidates[0] if candidates else ""


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
