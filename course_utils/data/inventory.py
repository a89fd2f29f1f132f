"""Find the files of a data set and open each once: the slow half of preparing and checking.

What opening a file told is appended to `inventory.jsonl` in the cache as it becomes known, so that a survey
that was killed goes on from there, and one of an unchanged data set opens nothing.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from course_utils import paths
from course_utils.bars import bar
from course_utils.cluster import work
from course_utils.data.annotations import TABLE, read_annotated, table_columns
from course_utils.data.manifest import Manifest
from course_utils.data.pictures import EXTENSIONS as PICTURES
from course_utils.data.pictures import PictureFacts, describe
from course_utils.data.samples import read_samples
from course_utils.data.video import EXTENSIONS as VIDEOS
from course_utils.data.video import describe_video
from course_utils.errors import CourseError

STRANGE = "no layout line describes it, or no split takes it"
BATCH = 16  # files that are opened one after the other: a picture takes milliseconds


class Entry(BaseModel):
    """A line of the inventory: a file as it was (size in bytes, time of change) and what opening it told."""

    model_config = ConfigDict(frozen=True)

    path: str
    size: int
    mtime_ns: int
    facts: PictureFacts

    @property
    def key(self) -> tuple[str, int, int]:
        """What must be unchanged for the facts to hold still."""
        return self.path, self.size, self.mtime_ns


@dataclass(frozen=True)
class Survey:
    """All files of a data set: `pictures` are (columns of the manifest, facts), sorted by path.

    In a data set of videos they are videos. A mask is named in the columns of what it belongs to, if it is
    there, and is no picture of its own. `strangers` are files that no layout line or list of a split names,
    `closed` what could not be listed, with the reason, and `opened` how many files were opened this time.
    """

    root: Path
    pictures: list[tuple[dict, PictureFacts]]
    strangers: list[str]
    closed: list[tuple[str, str]]
    opened: int


def survey(
    manifest: Manifest, jobs: int | None = None, progress: bool = True, *, trust_inventory: bool = True
) -> Survey:
    """Find every picture or video of the data set, and open those that the inventory does not know yet.

    Args:
        manifest: the data set.
        jobs: threads that decode pictures where no cluster is connected; one a processor core if None.
        progress: show a progress bar.
        trust_inventory: False opens every file, so that damage which left size and time alone is found.

    Raises:
        CourseError: the data folder, a list of splits or metadata are not there or cannot be read, there are
            faults in the annotations, or the disk is full.
    """
    root = manifest.data_folder()
    if manifest.sources:  # all that it has stands in its table
        described, closed = table_columns(read_samples(root / TABLE)), []
        files = [*described, *filter(None, (columns["mask"] for columns in described.values()))]
    else:
        files, closed = _find(root, VIDEOS if manifest.frames else PICTURES)
        form = manifest.annotations
        described = read_annotated(form, root, files) if form else manifest.read_all(files, root)
    masks = {columns["mask"] for columns in described.values()} & set(files)
    for columns in described.values():
        columns["mask"] = columns["mask"] if columns["mask"] in masks else None
    known = _read_inventories(manifest.name) if trust_inventory else {}
    facts = {path: known[key] for path in described if (key := file_key(root, path)) in known}
    todo = [path for path in described if path not in facts]
    with Appender(paths.writable_cache() / manifest.name / "inventory.jsonl") as inventory:
        look = partial(_open, root, describe_video if manifest.frames else describe)
        # Threads will do: decoding and hashing leave the interpreter's lock.
        opened = work(look, todo, jobs=jobs, batch=BATCH) if todo else ()
        shown = progress and bool(todo)
        for _, entry in bar(opened, shown, total=len(todo), desc=f"Opening {manifest.name}", unit="file"):
            inventory.append(entry)
            facts[entry.path] = entry.facts
    pictures = [(columns, facts[path]) for path, columns in described.items()]
    strangers = [path for path in files if path not in described and path not in masks]
    return Survey(root, pictures, strangers, closed, len(todo))


def _find(root: Path, extensions: set[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """Return the paths of all files that end so, sorted, and what cannot be listed, with the reason."""
    files, closed, seen = [], [], set()

    def cannot_list(error: OSError) -> None:
        if Path(error.filename) == root:
            raise CourseError(f"{root} cannot be listed: {error.strerror}. Give yourself the right to read.")
        closed.append((_relative(error.filename, root), f"the folder cannot be listed: {error.strerror}"))

    for folder, subfolders, names in os.walk(root, onerror=cannot_list, followlinks=True):
        real = os.path.realpath(folder)
        if real in seen:  # a link that leads back up, or to a folder that was here already
            subfolders.clear()
            continue
        seen.add(real)
        subfolders[:] = sorted(name for name in subfolders if not name.startswith("."))
        for name in names:
            path = _relative(f"{folder}/{name}", root)
            if name.startswith(".") or Path(name).suffix.lower() not in extensions:
                continue
            if path.isprintable():
                files.append(path)
            else:
                closed.append((ascii(path)[1:-1], "its name holds characters that are no text"))
    return sorted(files), closed


def _relative(path: str, root: Path) -> str:
    return Path(path).relative_to(root).as_posix()


def file_key(root: Path, path: str) -> tuple[str, int, int]:
    """Return what changes when a file does: its path, size in bytes and time of change."""
    try:
        status = (root / path).stat()
    except OSError:  # a link that leads nowhere, or no right to look: opening it will say so
        return path, -1, -1
    return path, status.st_size, status.st_mtime_ns


def _open(root: Path, describe: Callable[[Path], PictureFacts], path: str) -> Entry:
    _, size, mtime_ns = file_key(root, path)  # before opening: a change meanwhile is noticed next time
    return Entry(path=path, size=size, mtime_ns=mtime_ns, facts=describe(root / path))


def _read_inventories(name: str) -> dict[tuple[str, int, int], PictureFacts]:
    """Return what all caches know; a line that a kill left half written is passed over."""
    known = {}
    for cache in paths.cache_roots():
        file = cache / name / "inventory.jsonl"
        for line in file.read_bytes().splitlines() if file.is_file() else ():
            try:
                entry = Entry.model_validate_json(line)
            except ValidationError:
                continue
            if entry.size >= 0 and entry.facts.problem not in ("missing", "unreadable"):
                known[entry.key] = entry.facts
    return known


class Appender:
    """Appends whole lines of JSON to a file, each with a single write: a kill can only spoil the last."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = None

    def __enter__(self) -> "Appender":
        return self

    def append(self, entry: BaseModel) -> None:
        """Append a line.

        Raises:
            CourseError: the disk is full, or the cache cannot be written.
        """
        try:
            if self.file is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self.file = self.path.open("ab", buffering=0)
                self.file.write(b"\n")  # ends a half-written line
            self.file.write(entry.model_dump_json().encode() + b"\n")
        except OSError as error:
            raise CourseError(
                f"{self.path} could not be written: {error.strerror}. What was done so far is kept. Make room"
                " on the disk, or set COURSE_CACHE to a folder that you may write in, and type the same"
                " command again: it goes on from where it stopped."
            ) from error

    def __exit__(self, *_: object) -> None:
        if self.file is not None:
            self.file.close()
