"""The gradebook: every student's points, where they come from, and what a regrade changed."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from course_utils import paths
from course_utils.errors import CourseError
from course_utils.grading.manual import Given
from course_utils.grading.questions import Question
from course_utils.grading.results import Result
from course_utils.grading.roster import Student, group_members
from course_utils.grading.tables import Row, as_text, known_id, number, read_table, refuse, write_table

NOT_IN_ROSTER = "not in the roster"
NOTHING = "nothing handed in"
NOT_GRADED = "not graded yet"
OVERRIDES = ("student", "question", "points", "reason", "by")

Place = tuple[str, str, str]
"""Student, notebook and question."""


@dataclass(frozen=True)
class Override:
    """Points that a person set, whatever grading finds: a row of ``overrides.csv``."""

    points: float
    reason: str
    by: str


@dataclass(frozen=True)
class Mark:
    """One student's points for one question.

    Attributes:
        result: what grading found; None where nothing was handed in, or nothing is graded yet.
        points: None where nothing was handed in, or while a person still has to decide.
        because: where the points come from.
        comment: of those who read the answer.
        override: what replaced the points.
        waits: a person still has to decide, or grading is not through.
    """

    notebook: str
    question: Question
    result: Result | None
    points: float | None
    because: str
    comment: str = ""
    override: Override | None = None
    waits: bool = False


@dataclass
class Gradebook:
    """All marks of all students.

    Attributes:
        students: in the order of the roster; those who are in none come last.
        columns: the questions of which anything was graded, and all those of a notebook that was handed in
            and of which nothing is graded yet, in order.
        marks: of each student, in the order of the columns.
        late_by: how late each student's latest notebook was; only those who were late.
        notices: what the instructor should know.
    """

    students: list[Student]
    columns: list[tuple[str, Question]]
    marks: dict[str, list[Mark]] = field(default_factory=dict)
    late_by: dict[str, timedelta] = field(default_factory=dict)
    notices: list[str] = field(default_factory=list)

    def total(self, student: str, notebook: str | None = None) -> float:
        """Return the points so far, of one notebook or of all."""
        return sum(mark.points or 0.0 for mark in self._of(student, notebook))

    def waiting(self, student: str, notebook: str | None = None) -> int:
        """Return how many marks still wait for a person."""
        return sum(mark.waits for mark in self._of(student, notebook))

    def possible(self, notebook: str | None = None) -> float:
        """Return the points that could be had, in one notebook or in all."""
        return sum(question.points for name, question in self.columns if notebook in (None, name))

    def notebooks(self) -> list[str]:
        """Return the names of the notebooks, in order."""
        return list(dict.fromkeys(name for name, _ in self.columns))

    def _of(self, student: str, notebook: str | None) -> list[Mark]:
        return [mark for mark in self.marks[student] if notebook in (None, mark.notebook)]


def make_gradebook(
    results: list[Result],
    questions: dict[str, list[Question]],
    roster: list[Student],
    given: Mapping[Place, Given],
    handed_in: Mapping[tuple[str, str], datetime],
) -> Gradebook:
    """Put together what grading and readers found; each student of a group gets the group's marks.

    Raises:
        CourseError: a result is of a question that is not listed.
    """
    found = {(result.student, result.notebook, result.question): result for result in results}
    there = {(student, notebook) for student, notebook, _ in found} | set(handed_in)
    graded = {(notebook, question) for _, notebook, question in found}
    begun = {notebook for notebook, _ in graded}
    listed = [
        (notebook, question)
        for notebook in sorted({notebook for _, notebook in there})
        for question in questions.get(notebook, [])
    ]
    columns = [
        (notebook, question)
        for notebook, question in listed
        if (notebook, question.id) in graded or notebook not in begun
    ]
    known = {(notebook, question.id) for notebook, question in listed}
    unknown = sorted(", ".join(place) for place in graded - known)
    if unknown:
        raise CourseError(
            f"There are results of questions that no checks file lists: {'; '.join(unknown)}. If they are of"
            " your own folder, name it by --instructor; else delete these results."
        )
    book = Gradebook(students=list(roster), columns=columns)
    left_out = [
        f"{notebook}, {question.id}" for notebook, question in listed if (notebook, question) not in columns
    ]
    if left_out:
        book.notices.append(f"Nothing is graded of {'; '.join(left_out)}: no column in the gradebook.")
    sources = _sources(book, there)
    for student in book.students:
        marks = []
        for notebook, question in columns:
            source = sources.get((student.id, notebook))
            place = (source, notebook, question.id)
            marks.append(_mark(notebook, question, source, found.get(place), given.get(place)))
        book.marks[student.id] = marks
        late = [
            student.late_by(handed_in[source, notebook])
            for notebook in book.notebooks()
            if (source := sources.get((student.id, notebook), "")) and (source, notebook) in handed_in
        ]
        if any(late):
            book.late_by[student.id] = max(late)
    return book


def _sources(book: Gradebook, there: set[tuple[str, str]]) -> dict[tuple[str, str], str]:
    # Whose submission counts for a student: the student's own, that under the group's name, or a fellow's.
    submitters = {student for student, _ in there}
    members = group_members(book.students)
    sources = {}
    for student in book.students:
        fellows = members.get(student.group, [])
        candidates = [student.submission, student.group, *(fellow.submission for fellow in fellows)]
        for notebook in book.notebooks():
            source = next((name for name in candidates if name and (name, notebook) in there), None)
            if source:
                sources[student.id, notebook] = source
    for group, fellows in members.items():
        for notebook in book.notebooks():
            several = sorted({sources[one.id, notebook] for one in fellows if (one.id, notebook) in sources})
            if len(several) > 1:
                book.notices.append(
                    f"group {group}, {notebook}: handed in several times ({', '.join(several)}); each of them"
                    " has the marks of the own one, the others of the first."
                )
    for stranger in sorted(submitters - set(sources.values())):
        book.notices.append(f"{stranger}: handed in, and is {NOT_IN_ROSTER}.")
        book.students.append(Student(id=stranger, section=NOT_IN_ROSTER, submission=stranger))
        sources |= {(name, notebook): name for name, notebook in there if name == stranger}
    return sources


def _mark(
    notebook: str, question: Question, source: str | None, result: Result | None, given: Given | None
) -> Mark:
    if source is None:
        return Mark(notebook, question, None, None, NOTHING)
    if result is None:
        return Mark(notebook, question, None, None, NOT_GRADED, waits=True)
    if result.points is not None:
        return Mark(notebook, question, result, result.points, f"graded: {result.state}")
    if given is None:
        return Mark(notebook, question, result, None, f"waits for a person: {result.state}", waits=True)
    return Mark(
        notebook, question, result, given.points, given.because, given.comment, waits=given.points is None
    )


def apply_overrides(book: Gradebook, file: Path) -> None:
    """Put the points of ``overrides.csv`` in place of what was found; make an empty file where there is none.

    A question is named by its id, or by its number as in ``16`` or ``q16``.

    Raises:
        CourseError: a row names nobody or no question, or lacks proper points, a reason or a name. All such
            rows are listed.
    """
    if not file.is_file():
        write_table(file, list(OVERRIDES), [])
        return
    places = {
        name.casefold(): index
        for index, (_, question) in enumerate(book.columns)
        for name in (question.id, str(question.number), f"q{question.number}", _heading(question))
    }
    problems = []
    seen = set()
    for row in read_table(file, OVERRIDES):
        try:
            student = known_id(row["student"], book.marks)
            index = places.get(row["question"].casefold())
            points = number(row["points"])
            if student is None:
                raise ValueError(f"{row['student']!r} is nobody's id")
            if index is None:
                raise ValueError(f"{row['question']!r} is no question here")
            mark = book.marks[student][index]
            if points is None or not 0 <= points <= mark.question.points:
                raise ValueError(f"{row['points']!r} points; expected 0 to {as_text(mark.question.points)}")
            if not row["reason"] or not row["by"]:
                raise ValueError("expected a reason, and by whom")
            if (student, index) in seen:
                raise ValueError(f"{student} has another row for {mark.question.id}: keep one")
        except ValueError as error:
            problems.append(f"row {row.number}: {error}")
            continue
        seen.add((student, index))
        override = Override(points, row["reason"], row["by"])
        because = f"override by {override.by}: {override.reason} (before: {mark.because})"
        book.marks[student][index] = Mark(
            mark.notebook, mark.question, mark.result, points, because, mark.comment, override
        )
    refuse(file, problems)


def listed_before(folder: Path) -> list[str]:
    """Return the ids of the gradebook that was written into `folder` last; none where there is none."""
    return list(paths.read_json(folder / "gradebook.json", {}).get("marks", {}))


def write_gradebook(folder: Path, book: Gradebook) -> list[dict[str, Any]]:
    """Write ``changes.csv``, where there was a gradebook, then ``gradebook.csv``; return the new changes.

    The same marks give the same bytes, also when an earlier try was killed at any moment.
    """
    state_file = folder / "gradebook.json"
    state = _state(book)
    regrade, changes = 0, []
    if old := paths.read_json(state_file, {}):
        changes = _changes(old["marks"], state)
        regrade = old["regrade"] + bool(changes)
        _write_changes(folder, old["regrade"], changes)
    paths.write_json(state_file, {"regrade": regrade, "marks": state})
    headings = [_heading(question) for _, question in book.columns]
    rows = []
    for student in book.students:
        marks = book.marks[student.id]
        late = book.late_by.get(student.id)
        rows.append(
            {
                "id": student.id,
                "name": student.name,
                "section": student.section,
                "group": student.group,
                **{heading: mark.points for heading, mark in zip(headings, marks, strict=True)},
                "total": book.total(student.id),
                "possible": book.possible(),
                "waiting": book.waiting(student.id),
                "late_by": round(late / timedelta(hours=1), 2) if late else None,
                "overrides": "; ".join(
                    f"{mark.question.id} {as_text(mark.points)} by {mark.override.by}: {mark.override.reason}"
                    for mark in marks
                    if mark.override
                ),
                "note": NOTHING if all(mark.because == NOTHING for mark in marks) else "",
            }
        )
    columns = ["id", "name", "section", "group", *headings, "total", "possible", "waiting", "late_by"]
    write_table(folder / "gradebook.csv", [*columns, "overrides", "note"], rows)
    return changes


def _heading(question: Question) -> str:
    return f"q{question.number} {question.id}"


def _state(book: Gradebook) -> dict[str, dict[str, dict[str, Any]]]:
    return {
        student: {
            f"{mark.notebook}/{mark.question.id}": {
                "points": mark.points,
                "because": mark.because,
                "key": mark.result.key if mark.result else "",
            }
            for mark in marks
        }
        for student, marks in sorted(book.marks.items())
    }


def _changes(old: dict[str, Any], new: dict[str, Any]) -> list[dict[str, Any]]:
    changes = []
    for student, marks in old.items():
        for place, before in marks.items():
            after = new.get(student, {}).get(place, {"points": None, "because": "no longer there", "key": ""})
            if before["points"] == after["points"]:
                continue
            why = after["because"]
            if before["because"] != why and "(before:" not in why:
                why += f" (before: {before['because']})"
            elif before["key"] != after["key"]:
                why += " (graded again: the answer, its checks or the environment changed)"
            notebook, _, question = place.partition("/")
            changes.append(
                {
                    "student": student,
                    "notebook": notebook,
                    "question": question,
                    "old": before["points"],
                    "new": after["points"],
                    "why": why,
                }
            )
    return changes


def read_changes(folder: Path) -> list[tuple[int, Row]]:
    """Return the rows of ``changes.csv``, each with the number of its regrade; none where there is no file.

    Raises:
        CourseError: somebody made something of it that is no such table.
    """
    file = folder / "changes.csv"
    rows = read_table(file, ("regrade", "student")) if file.is_file() else []
    odd = [row for row in rows if not re.fullmatch(r"[0-9]+", row["regrade"])]
    refuse(file, [f"row {row.number}: {row['regrade']!r} is no number of a regrade" for row in odd])
    return [(int(row["regrade"]), row) for row in rows]


def _write_changes(folder: Path, regrades: int, changes: Iterable[dict[str, Any]]) -> None:
    # Changes of a regrade that was killed before it wrote its gradebook are found again, and not kept twice.
    rows = [row.cells for regrade, row in read_changes(folder) if regrade <= regrades]
    rows += [{"regrade": regrades + 1, **change} for change in changes]
    columns = ["regrade", "student", "notebook", "question", "old", "new", "why"]
    write_table(folder / "changes.csv", columns, rows)
