"""A prepared data set copied to a folder, with annotations in a published form; see `annotations`."""

import shutil
import tempfile
from collections import Counter
from pathlib import Path, PurePosixPath

import pandas as pd

from course_utils import paths
from course_utils.bars import bar
from course_utils.data.annotations import TABLE, AnnotationForm
from course_utils.data.prepare import PreparedDataset
from course_utils.data.samples import write_samples
from course_utils.errors import CourseError


def export(prepared: PreparedDataset, form: AnnotationForm, out: Path, progress: bool = True) -> int:
    """Copy the pictures and masks of a data set to a new folder, and write annotations.

    The folder gets its name when all is in it. `list` keeps the paths; `yolo` puts the split's folder before
    each. What annotations cannot say stands in the sample table beside them.

    Args:
        prepared: the data set.
        form: "yolo" or "list".
        out: the folder; it must not be there, or be empty.
        progress: show a progress bar.

    Returns:
        How many pictures were copied.

    Raises:
        CourseError: the folder holds something, a picture is gone or has two labels, or a name cannot be
            written in this form.
        RunError: the disk is full, or the folder cannot be written.
    """
    out = Path(out).expanduser().resolve()
    if out.exists() and not (out.is_dir() and not any(out.iterdir())):
        raise CourseError(f"{out} is there already, and not empty. Choose a new folder with --out.")
    moved = prepared.samples.copy()
    if form == "yolo":
        moved["path"], moved["mask"] = (moved["split"] + "/" + moved[column] for column in ("path", "mask"))
    pictures = moved[["path", "label", "split"]].drop_duplicates()
    _refuse_what_cannot_be_said(pictures, form)
    copies = pd.concat(
        [
            pd.DataFrame({"from": prepared.samples[column], "to": moved[column]}).dropna().drop_duplicates()
            for column in ("path", "mask")
        ]
    )
    folder = None
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
        shown = bar(copies.to_numpy(), progress, desc=f"Exporting {prepared.name}", unit="picture")
        for source, target in shown:
            _copy(prepared, source, folder / target)
        write_samples(folder / TABLE, moved)
        if form == "yolo":
            for path, label, _ in pictures.to_numpy():
                (folder / _beside(path)).write_text(f"{label}\n", encoding="utf-8")
        else:
            for split, rows in pictures.groupby("split"):
                lines = [f"{path} {label}\n" for path, label in rows[["path", "label"]].to_numpy()]
                (folder / f"{split}.txt").write_text("".join(lines), encoding="utf-8", newline="\n")
        folder.chmod(0o777 & ~paths.umask())
        folder.replace(out)
    except OSError as error:
        raise paths.cannot_write(out, error) from error
    finally:
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)
    return len(pictures)


def _copy(prepared: PreparedDataset, path: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copyfile(prepared.root / path, target)
    except FileNotFoundError as error:
        raise CourseError(
            f"{prepared.root / path} is gone since {prepared.name} was prepared. Put it back, or type `course"
            f" data prepare {prepared.name}` to leave it out."
        ) from error


def _beside(path: str) -> str:
    return str(PurePosixPath(path).with_suffix(".txt"))


def _refuse_what_cannot_be_said(pictures: pd.DataFrame, form: AnnotationForm) -> None:
    if odd := next((path for path in pictures["path"] if not path.isprintable()), None):
        raise CourseError(f"{odd!r} holds characters that no annotation can: rename it, and prepare again.")
    if twice := _first_twice(pictures["path"]):
        raise CourseError(f"{twice} has rows of two labels or splits, and an annotation says one.")
    if form == "yolo" and (twice := _first_twice(map(_beside, pictures["path"]))):
        raise CourseError(
            f"Two pictures would share the annotation {twice}: their names differ in the ending alone. Export"
            " with --format list."
        )


def _first_twice(names: object) -> str | None:
    return next((name for name, count in Counter(names).items() if count > 1), None)
