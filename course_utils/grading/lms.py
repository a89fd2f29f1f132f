"""The gradebook as learning management systems import it: Moodle and Canvas."""

from pathlib import Path
from typing import Any, Literal

from course_utils.grading.gradebook import NOT_IN_ROSTER, Gradebook
from course_utils.grading.tables import write_table


def write_for(folder: Path, book: Gradebook, system: Literal["moodle", "canvas"]) -> Path:
    """Write the totals as Moodle or Canvas imports them; a total that still waits for a person stays empty.

    Moodle's file serves the import into an assignment (by Identifier) and into the gradebook (by ID number).
    """
    file = folder / f"gradebook_{system}.csv"
    notebooks = book.notebooks()
    rows: list[dict[str, Any]] = []
    for student in book.students:
        if student.section == NOT_IN_ROSTER:
            continue
        totals = {name: _final(book, student.id, name) for name in notebooks}
        rows.append(
            {
                "Identifier": f"Participant {student.participant}" if student.participant else "",
                "Full name": student.name,
                "ID number": student.id,
                "Grade": _final(book, student.id, None),
                "Maximum Grade": book.possible(),
                "Last modified (grade)": "-",
                "Student": student.name or student.id,
                "SIS User ID": student.id,
                "Section": student.section,
                **totals,
            }
        )
    if system == "moodle":
        columns = ["Identifier", "Full name", "ID number", "Grade", "Maximum Grade", "Last modified (grade)"]
    else:
        columns = ["Student", "ID", "SIS User ID", "SIS Login ID", "Section"]
        possible = {name: book.possible(name) for name in notebooks}
        rows.insert(0, {"Student": "    Points Possible", **possible})
    write_table(file, [*columns, *notebooks], rows, byte_order_mark=False)
    return file


def _final(book: Gradebook, student: str, notebook: str | None) -> float | None:
    marks = [mark for mark in book.marks[student] if notebook in (None, mark.notebook)]
    if book.waiting(student, notebook) or all(mark.points is None for mark in marks):
        return None
    return book.total(student, notebook)
