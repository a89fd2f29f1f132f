"""What readers gave: their tables read back, and kept."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_utils import paths
from course_utils.grading.reading import ONE_READER, Keys, Reading
from course_utils.grading.tables import as_text, number, read_table, refuse

MANUAL = ("key", "points")  # the columns that a reader's table must have


@dataclass(frozen=True)
class Given:
    """What readers gave for one answer.

    Attributes:
        points: None while nobody gave any, or while readers disagree.
        comment: what all of them wrote for the student.
        because: who read it, or how they disagree.
        disagree: two readers gave different points.
    """

    points: float | None
    comment: str
    because: str
    disagree: bool = False


class ManualMarks:
    """All points and comments that readers gave, by key and marker, as ``manual.json`` keeps them."""

    def __init__(self, folder: Path):
        self.file = folder / "manual.json"
        self.given: dict[str, dict[str, dict[str, Any]]] = paths.read_json(self.file, {})

    def read(self, files: list[Path], keys: Keys, readings: list[Reading]) -> list[str]:
        """Take over what readers wrote into their tables; return what people should know.

        Empty rows change nothing. Nothing is written yet, see `save`.

        Raises:
            CourseError: a row matches no answer, has no proper points, or contradicts another of the same
                marker. All such rows are listed, and nothing is taken over.
        """
        current = {reading.key: reading.fingerprint for reading in readings}
        taken: dict[tuple[str, str], tuple[dict[str, Any], str]] = {}
        notices = []
        for file in files:
            problems = []
            for row in read_table(file, MANUAL):
                where = f"row {row.number}: {row['key']}"
                key = row["key"].casefold()
                if key not in keys.known:
                    problems.append(f"{where or 'no key'} is the key of no answer here")
                    continue
                question = keys.known[key][2]
                try:
                    points = number(row["points"])
                except ValueError:
                    points = -1.0
                if points is not None and not 0 <= points <= question.points:
                    expected = f"expected 0 to {as_text(question.points)}"
                    problems.append(f"{where}: {row['points']!r} points; {expected}")
                    continue
                if points is None and not row["comment"]:
                    continue
                if key not in current or row["answer"] not in ("", current[key]):
                    notices.append(f"{file}, {where}: the answer has changed since it was read; not counted.")
                    continue
                marker = row["marker"] or ONE_READER
                given = {"answer": current[key], "points": points, "comment": row["comment"]}
                other, place = taken.setdefault((key, marker), (given, f"{file}, row {row.number}"))
                if other != given:
                    problems.append(f"{where}: {marker} gave something else in {place}")
            refuse(file, problems)
        for (key, marker), (given, _) in taken.items():
            old = self.given.get(key, {}).get(marker)
            if old and old["answer"] == given["answer"] and old["points"] is not None:
                if given["points"] is None:
                    given["points"] = old["points"]  # an emptied cell takes nothing back
                elif given["points"] != old["points"]:
                    change = f"{as_text(old['points'])} before, {as_text(given['points'])} now"
                    notices.append(f"{key}: {marker} gave {change}.")
            self.given.setdefault(key, {})[marker] = given
        return notices

    def of(self, reading: Reading) -> Given:
        """Return what was given for an answer as it stands now."""
        entries = {
            marker: entry
            for marker, entry in sorted(self.given.get(reading.key, {}).items())
            if entry["answer"] == reading.fingerprint
        }
        comment = "\n\n".join(
            dict.fromkeys(entry["comment"] for entry in entries.values() if entry["comment"])
        )
        marked = {marker: entry["points"] for marker, entry in entries.items() if entry["points"] is not None}
        if not marked:
            return Given(None, comment, "waits for a reader")
        if len(set(marked.values())) > 1:
            listing = ", ".join(f"{marker} {as_text(points)}" for marker, points in marked.items())
            return Given(None, comment, f"readers disagree: {listing}", disagree=True)
        return Given(next(iter(marked.values())), comment, f"read by {', '.join(marked)}")

    def forget(self, keys: Collection[str]) -> None:
        """Drop what was given for some answers."""
        self.given = {key: entries for key, entries in self.given.items() if key not in keys}

    def save(self) -> None:
        """Write everything that was given."""
        paths.write_json(self.file, dict(sorted(self.given.items())))
