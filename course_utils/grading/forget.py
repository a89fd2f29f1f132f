"""To remove a student from all that grading and marking keep."""

import shutil
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

from course_utils import paths
from course_utils.errors import CourseError
from course_utils.grading.manual import MANUAL, ManualMarks
from course_utils.grading.questions import Question
from course_utils.grading.reading import Keys, Shares
from course_utils.grading.results import (
    graded_names,
    read_handed_in,
    read_results,
    result_file,
    write_result,
)
from course_utils.grading.roster import Student, group_members
from course_utils.grading.submissions import whose
from course_utils.grading.tables import known_id, read_table, refuse, write_table

DERIVED = (
    *("gradebook*.csv", "feedback.zip", "overview.html"),
    *("reading/*/*.html", "reading/*/pictures/*"),
)
"""What is written anew from results and from what people gave."""


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
        CourseError: nobody of that id is known, or a table cannot be read; nothing is removed.
    """
    gradebook = folder / "gradebook.json"
    state = paths.read_json(gradebook, {"marks": {}})
    graded = graded_names(folder)
    submitters = graded | {entry["student"] for entry in read_handed_in(folder) if entry.get("handed_in")}
    entry = next((one for one in roster if one.id == student), Student(id=student, submission=student))
    known = submitters | set(state["marks"]) | {one.id for one in roster}
    if student not in known:
        raise CourseError(f"--forget {student}: there is nobody of that id. Ids are written in full.")
    name = entry.submission
    fellows = [one for one in group_members(roster).get(entry.group, []) if one != entry]
    keys = Keys(folder, graded, questions)
    gone = set() if fellows else {key for key, (owner, _, _) in keys.known.items() if owner == name}
    # What people may have edited is read before anything is removed.
    tables = {
        file: _without(file, MANUAL, "key", gone, keys.known) for file in folder.glob("reading/*/manual.csv")
    }
    for file in (folder / "overrides.csv", folder / "changes.csv"):
        if file.is_file():
            tables[file] = _without(file, ("student",), "student", {student}, known)
    if fellows and name:
        _pass_on(folder, name, entry.group, keys)
    elif name:
        marks = ManualMarks(folder)
        marks.forget(gone)
        marks.save()
        shares = Shares.load(folder)
        shares.forget(gone)
        shares.save(folder)
    for file, left in tables.items():
        if left is not None:
            write_table(file, *left)
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
    times = [entry | {"student": group} for entry in read_handed_in(folder) if entry["student"] == name]
    kept = [{key: entry[key] for key in ("student", "notebook", "handed_in")} for entry in times]
    _write_handed_in(folder, [*read_handed_in(folder), *kept])


def _remove_work(folder: Path, name: str, notebooks: Iterable[str]) -> None:
    unpacked = folder / "unpacked"
    for entry in read_handed_in(folder):
        for version in entry.get("versions", ()) if entry["student"] == name else ():
            if Path(version["file"]).resolve().is_relative_to(unpacked.resolve()):
                Path(version["file"]).unlink(missing_ok=True)
    for place in sorted(unpacked.rglob("*"), reverse=True):
        if place.is_dir() and name in (place.name, whose(place.name, notebooks)):
            shutil.rmtree(place)
    _write_handed_in(folder, [entry for entry in read_handed_in(folder) if entry["student"] != name])
    # Results last: while they are there, the same command goes on after a kill.
    for kind in ("figures", "answers", "results"):
        shutil.rmtree(folder / kind / name, ignore_errors=True)


def _without(
    file: Path, needed: tuple[str, ...], column: str, gone: set[str], known: Collection[str]
) -> tuple[list[str], list[dict[str, str]]] | None:
    """Return a table's columns and rows without those of who is gone; None if none is.

    Ids may have lost their zeros in it.
    """
    rows, kept, problems = read_table(file, needed), [], []
    for row in rows:
        try:
            if known_id(row[column], known) not in gone:
                kept.append(row.cells)
        except ValueError as error:
            problems.append(f"row {row.number}: {error}")
    refuse(file, problems)
    return (list(rows[0].cells), kept) if len(kept) < len(rows) else None


def _write_handed_in(folder: Path, entries: list[dict[str, Any]]) -> None:
    if (folder / "submissions.json").is_file():
        paths.write_json(folder / "submissions.json", entries)
