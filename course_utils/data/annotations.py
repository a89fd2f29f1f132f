"""Labels that lie beside the pictures, in the two published forms: read, with every fault named by its line.

`yolo`: `train/`, `val/` and `test/` hold pictures, and beside `name.jpg` a `name.txt` that holds 0 for real
or 1 for fake. `list`: `train.txt`, `val.txt` and `test.txt` have a line `path label` a picture. Neither can
say how a fake was made, what belongs together, which frame of which video it is or where the face is: a table
`samples.parquet` beside them (`course data export` writes it) tells that. `table` is such a table alone.

Text is UTF-8; a byte order mark and the line ends of Windows are read as well, and a list's paths may hold
spaces.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

import pandas as pd

from course_utils.data.pictures import EXTENSIONS
from course_utils.data.samples import read_samples
from course_utils.data.splits import SPLITS
from course_utils.errors import CourseError

AnnotationForm = Literal["yolo", "list", "table"]
TABLE = "samples.parquet"
WORDS = ("real", "fake")
LABELS = {"0": 0, "1": 1}
TOLD = 5  # faults that a message spells out
BOX = ["x0", "y0", "x1", "y1"]


@dataclass(frozen=True)
class Annotation:
    """What one line says: the path in the folder, label, split, and where it stands ("val.txt, line 3")."""

    path: str
    label: int
    split: str
    where: str


class _Faults(list[str]):
    """Sentences on what is wrong in a folder."""

    def refuse(self, root: Path) -> None:
        if self:
            more = f"\n… and {len(self) - TOLD} more." if len(self) > TOLD else ""
            raise CourseError(
                f"The annotations in {root} are not used; {len(self)} to put right:\n"
                + "\n".join(self[:TOLD])
                + more
            )


def annotated_as(root: Path) -> Literal["yolo", "list"] | None:
    """Return the form of the annotations in a folder, None if there are none."""
    if any((root / f"{split}.txt").is_file() for split in SPLITS):
        return "list"
    for split in SPLITS:
        files = sorted((root / split).rglob("*"))
        pictures = {file.with_suffix(".txt") for file in files if file.suffix.lower() in EXTENSIONS}
        if any(file in pictures and file.read_bytes().strip() in (b"0", b"1") for file in files):
            return "yolo"
    return None


def read_annotated(form: AnnotationForm, root: Path, files: list[str]) -> dict[str, dict]:
    """Return the columns of all pictures in `root`, by path, as a manifest's layout gives them.

    Args:
        form: what the annotations look like.
        root: the folder.
        files: the paths of all its pictures.

    Raises:
        CourseError: a label is neither 0 nor 1, a picture has no annotation or two, an annotation no picture,
            a path leads out of the folder, text is not UTF-8, or the table beside says something else. All
            faults are counted and the first five named.
    """
    known = table_columns(read_samples(root / TABLE)) if (root / TABLE).is_file() or form == "table" else {}
    if form == "table":
        return known
    faults = _Faults()
    pictures = set(files) - {columns["mask"] for columns in known.values()}
    found = _read_lists(root, faults) if form == "list" else _read_beside(root, pictures, faults)
    noted: dict[str, Annotation] = {}
    for note in found:
        if earlier := noted.get(note.path):
            faults.append(
                f"{note.where}: {note.path} is annotated twice, as {note.label} in {note.split}, and as"
                f" {earlier.label} in {earlier.split} in {earlier.where}; expected each picture once."
            )
        noted.setdefault(note.path, note)
    for note in noted.values():
        if note.path not in pictures:
            faults.append(f"{note.where}: there is no picture {note.path} in the folder.")
        elif known:
            faults += _contradiction(note, known.get(note.path))
    if not faults:
        missed = sorted(pictures - set(noted))
        faults += [f"{path}: no annotation names this picture; expected one for each." for path in missed]
    faults.refuse(root)
    return {path: known.get(path) or _columns(note) for path, note in noted.items()}


def table_columns(samples: pd.DataFrame) -> dict[str, dict]:
    """Return the columns of each picture of a sample table, by path, as a manifest's layout gives them.

    `boxes` are the boxes themselves: a picture of several faces has a row a face.
    """
    described: dict[str, dict] = {}
    for row in samples.to_dict("records"):
        box = [row.pop(side) for side in BOX]
        mask = None if pd.isna(row["mask"]) else row["mask"]
        first = {**row, "label_word": WORDS[row["label"]], "mask": mask, "boxes": []}
        described.setdefault(row["path"], first)["boxes"] += [] if pd.isna(box[0]) else [box]
    return described


def _columns(note: Annotation) -> dict:
    return {
        "path": note.path,
        "label": note.label,
        "label_word": WORDS[note.label],
        "split": note.split,
        "method": ("original", "fake")[note.label],
        "group": note.path,
        "mask": None,
        "boxes": [],
    }


def _contradiction(note: Annotation, columns: dict | None) -> Iterator[str]:
    if columns is None:
        yield f"{note.where}: {TABLE} has no {note.path}. Delete {TABLE} if the annotations are right."
        return
    for column in ("label", "split"):
        if (said := getattr(note, column)) != columns[column]:
            yield (
                f"{note.where}: {note.path} has the {column} {said}, and {TABLE} says"
                f" {columns[column]}. Delete {TABLE} if the annotations are right."
            )


def _read_lists(root: Path, faults: _Faults) -> Iterator[Annotation]:
    for split in SPLITS:
        name = f"{split}.txt"
        for number, line in _lines(root, name, faults) if (root / name).is_file() else ():
            where = f"{name}, line {number}"
            match = re.fullmatch(r"(.*?\S)\s+(\S+)\s*", line)
            path, label = match.groups() if match else (line, "")
            yield from _checked(path, label, split, where, faults)


def _read_beside(root: Path, pictures: set[str], faults: _Faults) -> Iterator[Annotation]:
    beside = defaultdict(list)
    for path in sorted(pictures):
        beside[str(PurePosixPath(path).with_suffix(".txt"))].append(path)
    files = {f.relative_to(root).as_posix() for split in SPLITS for f in (root / split).rglob("*.txt")}
    faults += [f"{name}: there is no picture beside it." for name in sorted(files - set(beside))]
    for name, (path, *others) in beside.items():
        split = path.partition("/")[0]
        if others:
            faults.append(f"{name}: {path} and {others[0]} share it; expected names of their own.")
        elif split not in SPLITS:
            faults.append(f"{path}: it lies outside train/, val/ and test/.")
        elif name not in files:
            faults.append(f"{path}: there is no {name} beside it.")
        else:
            lines = list(_lines(root, name, faults))
            if len(lines) > 1:
                faults.append(f"{name}, line {lines[1][0]}: a second label; expected 0 or 1, alone.")
            for number, line in lines[:1] or [(1, "")]:
                yield from _checked(path, line.strip(), split, f"{name}, line {number}", faults)


def _lines(root: Path, name: str, faults: _Faults) -> Iterator[tuple[int, str]]:
    """Yield the number and text of each line of a file that is not blank."""
    data = (root / name).read_bytes().removeprefix(b"\xef\xbb\xbf")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        number = data[: error.start].count(b"\n") + 1
        faults.append(f"{name}, line {number}: {error.object[error.start : error.end]!r} is not UTF-8.")
        return
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, line.removesuffix("\r")


def _checked(path: str, label: str, split: str, where: str, faults: _Faults) -> Iterator[Annotation]:
    if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts or re.match(r"[A-Za-z]:", path):
        faults.append(f"{where}: {path} leads out of the folder; expected a path relative to it.")
    elif "\\" in path:
        faults.append(f"{where}: {path} has backslashes; expected forward slashes between folders.")
    elif label not in LABELS:
        said = f"the label {label!r}" if label else "no label"
        faults.append(f"{where}: {said}; expected 0 (real) or 1 (fake).")
    else:
        yield Annotation(str(PurePosixPath(path)), LABELS[label], split, where)
