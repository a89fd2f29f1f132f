"""From pictures to square crops of the heads in them: a row a head, pictures without one left out.

After "CVCS Cropped DFD" (Govi, Poppi, Marinelli), which EfficientDet cropped; any `FaceDetector` does here.
Each crop is written whole or not at all, and a picture's line in `heads.jsonl` after its crops: killed at any
moment, cutting goes on from there.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from course_utils import paths
from course_utils.bars import bar
from course_utils.cluster import one_core_each, work
from course_utils.data.annotations import BOX
from course_utils.data.crops import encode
from course_utils.data.faces import FaceDetector, square_crop
from course_utils.data.inventory import BATCH, Appender, file_key
from course_utils.data.pictures import SMALLEST, open_rgb
from course_utils.data.samples import sample_table
from course_utils.errors import CourseError

RECORD = "heads.jsonl"


class Heads(BaseModel):
    """A line of `heads.jsonl`: a picture as it was (see `file_key`), and what was cut from it.

    `squares` are (x0, y0, side) in pixels of the picture, the surest head first; `masked` says whether its
    mask was cut too, and `problem` why the picture could not be read.
    """

    model_config = ConfigDict(frozen=True)

    key: tuple[str, int, int]
    detector: str
    squares: list[tuple[int, int, int]] = []
    masked: bool = False
    problem: str = ""


def cut_heads(
    samples: pd.DataFrame,
    root: Path,
    folder: Path,
    find: Callable[[], FaceDetector],
    *,
    jobs: int | None = None,
    progress: bool = True,
) -> tuple[pd.DataFrame, list[tuple[str, str]], int]:
    """Cut the heads out of all pictures of a sample table that are not cut yet.

    A head is cut as faces are, see `square_crop`, and its picture's mask with it. It is a row of its own with
    its picture's label, group and split: whoever stands beside a forged face is called a fake too. `x0` to
    `y1` is where it was cut, in pixels of the picture.

    Args:
        samples: the pictures.
        root: the folder that their paths are relative to.
        folder: where the crops go: ``<folder>/<path of the picture>/<number of the head>.jpg``.
        find: returns the detector; called once a process. A detector of another name cuts all anew.
        jobs: threads that work side by side where no cluster is connected; one a processor core if None.
        progress: show a progress bar.

    Returns:
        The sample table of the crops, (path, reason) of each picture without one, and how many pictures were
        looked at this time.

    Raises:
        CourseError: no picture has a head, or the disk is full.
    """
    pictures = samples.drop_duplicates("path").sort_values("path", ignore_index=True)
    tasks = [(path, None if pd.isna(mask) else mask) for path, mask in pictures[["path", "mask"]].to_numpy()]
    name, known = _detector(find).name, _read_record(folder / RECORD)
    cut = {path: known.get((file_key(root, path), name)) for path, _ in tasks}
    masks = dict(tasks)  # one that came later is cut
    cut = {
        path: heads
        for path, heads in cut.items()
        if heads and heads.masked == (masks[path] is not None) and _whole(folder, heads)
    }
    todo = [task for task in tasks if task[0] not in cut]
    with Appender(folder / RECORD) as record, one_core_each():
        # Threads will do: decoding, detecting and encoding leave the interpreter's lock.
        done = work(partial(_cut, root, folder, find), todo, jobs=jobs, batch=BATCH) if todo else ()
        for (path, _), heads in bar(done, progress and bool(todo), total=len(todo), desc="Cutting heads"):
            record.append(heads)
            cut[path] = heads
    rows = [row for picture in pictures.to_dict("records") for row in _rows(picture, cut[picture["path"]])]
    if not rows:
        raise CourseError(f"{name} found no head in any of the {len(tasks)} pictures in {root}.")
    without = [path for path, _ in tasks if not cut[path].squares]
    headless = [(path, cut[path].problem or f"{name} found no head") for path in without]
    return sample_table(rows), headless, len(todo)


def _cut(root: Path, folder: Path, find: Callable[[], FaceDetector], task: tuple[str, str | None]) -> Heads:
    path, mask = task
    detector, key = _detector(find), file_key(root, path)
    try:
        picture = np.asarray(open_rgb(root / path))
        masks = None if mask is None else np.asarray(open_rgb(root / mask))[..., 0]
    except OSError as error:
        return Heads(key=key, detector=detector.name, problem=str(error))
    squares = [square_crop(face.box, *picture.shape[1::-1]) for face in detector.detect(picture)]
    squares = [square for square in squares if square[2] >= SMALLEST]
    for number, (x, y, side) in enumerate(squares):
        here = slice(y, y + side), slice(x, x + side)
        _write(folder / path / f"{number}.jpg", picture[here])
        if masks is not None:
            _write(folder / path / f"{number}_mask.png", masks[here])
    return Heads(key=key, detector=detector.name, squares=squares, masked=masks is not None)


@lru_cache(maxsize=1)  # what finds heads is loaded once a process
def _detector(find: Callable[[], FaceDetector]) -> FaceDetector:
    return find()


def _write(file: Path, crop: np.ndarray) -> None:
    with paths.atomic_write(file) as temporary:
        temporary.write_bytes(encode(file.suffix, crop))


def _read_record(file: Path) -> dict[tuple[tuple[str, int, int], str], Heads]:
    """Return what was cut, by picture and detector; a line that a kill left half written is passed over."""
    known = {}
    for line in file.read_bytes().splitlines() if file.is_file() else ():
        try:
            heads = Heads.model_validate_json(line)
        except ValidationError:
            continue
        if not heads.problem:
            known[heads.key, heads.detector] = heads
    return known


def _files(heads: Heads) -> Iterator[tuple[str, str | None]]:
    """Yield the path of each crop and that of its mask."""
    for number in range(len(heads.squares)):
        stem = f"{heads.key[0]}/{number}"
        yield f"{stem}.jpg", f"{stem}_mask.png" if heads.masked else None


def _whole(folder: Path, heads: Heads) -> bool:
    return all((folder / file).is_file() for files in _files(heads) for file in files if file)


def _rows(picture: dict, heads: Heads) -> Iterator[dict]:
    for (x, y, side), (path, mask) in zip(heads.squares, _files(heads), strict=True):
        box = dict(zip(BOX, (x, y, x + side, y + side), strict=True))
        yield {**picture, "path": path, "mask": mask, "width": side, "height": side, **box}
