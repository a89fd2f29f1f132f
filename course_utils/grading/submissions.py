"""Go through what was handed in: a folder of notebooks or of student folders, or the archive of an LMS."""

import datetime
import os
import re
import shutil
import stat
import time
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from course_utils import paths
from course_utils.errors import CourseError, RunError
from course_utils.grading.answers import question_ids, read_submission
from course_utils.grading.assignment import Assignment, release_of
from course_utils.grading.cells import MAX_BYTES, RejectedSubmission, read_cells
from course_utils.grading.modules import NO_ANSWERS, answers_any, module_files

RULE = (
    "Of several versions of a notebook, the last one before the due time counts, or the last of all where"
    " none was in time; one without any answer counts only where no other holds one. All versions are kept."
)
MAX_FILES = 20_000
MAX_TOTAL_BYTES = 8 * 2**30
MAX_STUDENT_BYTES = 2**28  # of all that one archive of a student unpacks to
MAX_NAME_BYTES = 200
MAX_PATH_BYTES = 1000
LATEST = 250_000_000_000  # seconds; calendars end with the year 9999, file systems do not
KEPT = {".ipynb", ".py", ".zip"}

# "Ada Lovelace_12345_assignsubmission_file_", and the same without the last underscore when it is repacked.
MOODLE = re.compile(r"(?P<student>.+_\d+)_assignsubmission_[a-z]+_?")
# "lovelaceada_1234_56789_03_simplenet.ipynb", with LATE where it was.
CANVAS = re.compile(r"(?P<name>[^_]+)_(?P<late>LATE_)?(?P<user>\d+)_(?P<submission>\d+)_(?P<file>.+)")
COPY = re.compile(r"copy of |copy|\(\d+\)", re.IGNORECASE)


@dataclass(frozen=True)
class Version:
    """One file that was handed in, or a folder of ``.py`` files.

    Attributes:
        path: where it is.
        modified: when it was last changed, as its file system or archive says, in this machine's time zone.
        late: whether the LMS calls it late.
    """

    path: Path
    modified: datetime.datetime
    late: bool = False


@dataclass(frozen=True)
class Handed:
    """One student's work on one notebook.

    Attributes:
        student: the name of the student's folder; Moodle's ``Ada Lovelace_12345``, Canvas'
            ``lovelaceada_1234``; else what a file's name says beside the notebook's.
        notebook: the notebook's name.
        versions: all that there are, oldest first.
        chosen: the one that counts, by `RULE`.
    """

    student: str
    notebook: str
    versions: tuple[Version, ...]
    chosen: Version


@dataclass
class Collected:
    """What `collect` found.

    Attributes:
        handed: in order of student and notebook.
        left_out: files that belong to no notebook or were not read, each with the reason.
    """

    handed: list[Handed] = field(default_factory=list)
    left_out: list[tuple[str, str]] = field(default_factory=list)


def collect(
    submissions: Path,
    assignments: Sequence[Assignment],
    kept: Path,
    due_times: Callable[[Collection[str]], Mapping[str, datetime.datetime]] = lambda students: {},
) -> Collected:
    """Go through a folder or an archive of submissions.

    Args:
        submissions: a folder of notebooks, of student folders, or a zip file of either.
        assignments: the notebooks that may be handed in.
        kept: where archives are unpacked.
        due_times: students → when the work of each was due, with its time zone, as far as that is known.

    Raises:
        CourseError: there is no such folder or archive, it holds nothing to grade, or it is too large.
    """
    collected = Collected()
    if submissions.is_file() and zipfile.is_zipfile(submissions):
        root = kept / submissions.stem
        _unpack(submissions, root, collected, PurePosixPath(), MAX_TOTAL_BYTES)
        root = _inside(root)
    elif submissions.is_dir():
        root = submissions
    else:
        raise CourseError(
            f"{submissions} is neither a folder nor a zip file. Expected a folder of notebooks or of student"
            " folders, or the archive that Moodle or Canvas makes of all submissions."
        )
    found: dict[tuple[str, str], list[Version]] = {}
    for student, place, late in _students(root, assignments, collected):
        for notebook, path in _work(place, root, kept, assignments, collected):
            version = Version(path, _modified(path), late)
            found.setdefault((student, notebook), []).append(version)
    due = due_times({student for student, _ in found})
    by_name = {assignment.name: assignment for assignment in assignments}
    for (student, notebook), versions in sorted(found.items()):
        versions.sort(key=lambda version: (version.modified, version.path))
        chosen = _choose(versions, by_name[notebook], due.get(student))
        collected.handed.append(Handed(student, notebook, tuple(versions), chosen))
    if not collected.handed:
        raise CourseError(
            f"{submissions} holds no notebook to grade ({len(collected.left_out)} files were left out)."
            f" Expected notebooks such as {assignments[0].name}.ipynb, in a folder for each student or as the"
            " LMS packs them."
        )
    return collected


def _choose(versions: list[Version], assignment: Assignment, due: datetime.datetime | None) -> Version:
    if len(versions) == 1:
        return versions[0]
    answered = [version for version in versions if _holds_answers(version.path, assignment)] or versions
    in_time = [version for version in answered if due is None or version.modified <= due]
    return (in_time or answered)[-1]


def _holds_answers(path: Path, assignment: Assignment) -> bool:
    try:
        answers = read_submission(path, assignment).answers.values()
    except RejectedSubmission:
        return False
    return any(answer.state != "missing" for answer in answers)


def _students(
    root: Path, assignments: Sequence[Assignment], collected: Collected
) -> Iterator[tuple[str, Path, bool]]:
    """Yield each student with the folder or file of theirs, and whether the LMS calls it late."""
    for path in sorted(root.iterdir()):
        if _is_clutter(PurePosixPath(path.name)) or path.name in NO_ANSWERS:
            continue
        if not _is_text(path.name) or len(path.name.encode()) > MAX_NAME_BYTES:
            # A student's name becomes that of a folder of results.
            collected.left_out.append((_shown(path, root), "its name is too long, or not text in UTF-8"))
        elif path.is_dir():
            moodle = MOODLE.fullmatch(path.name)
            yield (moodle["student"] if moodle else path.name), path, False
        elif path.suffix in KEPT:
            canvas = CANVAS.fullmatch(path.name)
            student = whose(path.stem, [assignment.name for assignment in assignments])
            yield student or path.parent.name, path, bool(canvas and canvas["late"])


def whose(name: str, notebooks: Iterable[str]) -> str:
    """Return the student of whom a file of this name, without its ending, was handed in; "" for nobody's."""
    if moodle := MOODLE.fullmatch(name):
        return moodle["student"]
    if canvas := CANVAS.fullmatch(name):
        return f"{canvas['name']}_{canvas['user']}"
    rest = COPY.sub("", name)
    for notebook in notebooks:
        rest = rest.replace(notebook, "")
    return rest.strip(" -_.")


def _work(
    place: Path, root: Path, kept: Path, assignments: Sequence[Assignment], collected: Collected
) -> Iterator[tuple[str, Path]]:
    """Yield the notebooks in a student's folder or file by name, or its modules where there are none."""
    files = list(_files(place, root, collected))
    for archive in [file for file in files if file.suffix == ".zip"]:
        inside = kept / "unpacked" / archive.relative_to(root).with_suffix("")
        try:
            shown = PurePosixPath(archive.relative_to(root))
            _unpack(archive, inside, collected, shown, MAX_STUDENT_BYTES)
        except CourseError as error:
            collected.left_out.append((str(archive.relative_to(root)), str(error)))
            continue
        files += _files(inside, inside, collected)
    notebooks = [file for file in files if file.suffix == ".ipynb"]
    for file in notebooks:
        name = notebook_of(file, assignments)
        if name:
            yield name, file
        else:
            reason = "it is none of " + ", ".join(one.name for one in assignments)
            collected.left_out.append((_shown(file, root), reason))
    modules = [file for file in files if file.suffix == ".py"]
    if modules and not notebooks:
        folder = modules[0] if len(modules) == 1 else _common_folder(modules)
        for assignment in assignments:
            if answers_any(modules, assignment):
                yield assignment.name, folder


def _common_folder(files: list[Path]) -> Path:
    common = files[0].parent
    while not all(file.is_relative_to(common) for file in files):
        common = common.parent
    return common


def _files(place: Path, root: Path, collected: Collected) -> Iterator[Path]:
    if place.is_file() and not place.is_symlink():
        yield place
        return
    modules = set(module_files(place))
    for path in sorted([place, *place.rglob("*")]):
        inside = PurePosixPath(path.relative_to(place).as_posix())
        if path.suffix not in KEPT or _is_clutter(inside) or NO_ANSWERS & set(inside.parts):
            continue
        if any(one.is_symlink() for one in (path, *path.parents) if one.is_relative_to(place)):
            collected.left_out.append((_shown(path, root), "it is a link"))
        elif not _is_text(str(inside)):
            collected.left_out.append((_shown(path, root), "its name is not text in UTF-8"))
        elif not path.is_file():
            collected.left_out.append((_shown(path, root), "it is a folder, a pipe or a device, and no file"))
        elif path.suffix != ".py" or path in modules:
            yield path


def _shown(path: Path, root: Path) -> str:
    shown = str(path.relative_to(root)) if path.is_relative_to(root) else path.name
    return shown.encode(errors="replace").decode()


def _is_text(name: str) -> bool:
    """Return whether the system could read a file's name; what it could not is in no character set."""
    return not any("\ud800" <= character <= "\udfff" for character in name)


def _is_clutter(path: PurePosixPath) -> bool:
    """Return whether an editor or a file system made this: checkpoints, caches, resource forks."""
    return any(part.startswith(".") or part in ("__MACOSX", "__pycache__") for part in path.parts)


def notebook_of(file: Path, assignments: Sequence[Assignment]) -> str | None:
    """Return the name of the notebook that a file is a version of, or None.

    What a release wrote into it goes before the file's name, and that before the questions that it answers.
    """
    names = [assignment.name for assignment in assignments]
    try:
        node = read_cells(file)
    except RejectedSubmission:
        node = None
    if node is not None and (name := release_of(node).get("name")) in names:
        return name
    if named := [name for name in names if name in file.stem]:
        return named[0]
    if node is not None:
        answered = question_ids(node)
        shared = {
            one.name: len(answered & {question.id for question in one.questions}) for one in assignments
        }
        best = max(shared, key=shared.__getitem__)
        return best if shared[best] else None
    return names[0] if len(names) == 1 else None


def _modified(path: Path) -> datetime.datetime:
    files = [path] if path.is_file() else module_files(path)
    seconds = min(max(file.stat().st_mtime for file in files), LATEST)
    return datetime.datetime.fromtimestamp(seconds).astimezone()


def _inside(root: Path) -> Path:
    """Step over a folder that holds all the student folders of an archive."""
    children = [path for path in root.iterdir() if not _is_clutter(PurePosixPath(path.name))]
    if len(children) == 1 and children[0].is_dir() and not MOODLE.fullmatch(children[0].name):
        inner = list(children[0].iterdir())
        if all(path.is_dir() or CANVAS.fullmatch(path.name) for path in inner):
            return children[0]
    return root


def _unpack(archive: Path, into: Path, collected: Collected, shown: PurePosixPath, most: int) -> None:
    """Unpack the notebooks, modules and archives of a zip file; leave out, with a reason, what is not safe.

    Raises:
        CourseError: it is damaged, or too large in all.
    """
    into.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = [entry for entry in opened.infolist() if _is_kept(entry)]
            total = sum(entry.file_size for entry in entries)
            if len(entries) > MAX_FILES or total > most:
                raise CourseError(
                    f"{archive.name} holds {len(entries)} files of {total / 2**30:.1f} GB in all; at most"
                    f" {MAX_FILES} files and {most / 2**30:g} GB are read. Unpack it yourself and give the"
                    " folder."
                )
            for entry in entries:
                path = _path_in(entry)
                if reason := _unsafe(entry, path):
                    collected.left_out.append((str(shown / path.name), reason))
                else:
                    _extract(opened, entry, into / path, collected, shown)
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError) as error:
        raise CourseError(f"{archive.name} is a damaged zip file ({error}); download it again.") from error


def _path_in(entry: zipfile.ZipInfo) -> PurePosixPath:
    return PurePosixPath(entry.filename.replace("\\", "/"))


def _is_kept(entry: zipfile.ZipInfo) -> bool:
    if not entry.filename or entry.is_dir():  # a damaged entry may have no name at all
        return False
    path = _path_in(entry)
    inside = PurePosixPath(*(part for part in path.parts if part != ".."))
    return path.suffix in KEPT and not _is_clutter(inside)


def _unsafe(entry: zipfile.ZipInfo, path: PurePosixPath) -> str | None:
    if path.is_absolute() or ".." in path.parts or any(":" in part or "\0" in part for part in path.parts):
        return "its path leads out of the archive"
    longest = max(len(part.encode()) for part in path.parts)
    if longest > MAX_NAME_BYTES or len(str(path).encode()) > MAX_PATH_BYTES:
        return "its name is too long"
    if stat.S_ISLNK(entry.external_attr >> 16):
        return "it is a link"
    if entry.flag_bits & 1:
        return "it is encrypted"
    if entry.file_size > MAX_BYTES:
        return f"it has {entry.file_size / 2**20:.0f} MB, more than {MAX_BYTES / 2**20:.0f}"
    return None


def _extract(
    opened: zipfile.ZipFile, entry: zipfile.ZipInfo, file: Path, collected: Collected, shown: PurePosixPath
) -> None:
    try:
        # A damaged header may promise less than there is; what is read stops at the promise and fails.
        with opened.open(entry) as source, paths.atomic_write(file) as temporary:
            with temporary.open("wb") as target:
                shutil.copyfileobj(source, target)
            changed = time.mktime((*entry.date_time, 0, 0, -1))
            os.utime(temporary, (changed, changed))
    except RunError as error:
        # One student's file under the name of another's folder stops nobody else's work; a full disk does.
        if not isinstance(error.__cause__, FileExistsError | NotADirectoryError):
            raise
        collected.left_out.append((str(shown / file.name), "its folder has the name of a file"))
    except (
        OSError,
        EOFError,
        zipfile.BadZipFile,
        zlib.error,
        RuntimeError,
        ValueError,
        OverflowError,
    ) as error:
        collected.left_out.append((str(shown / file.name), f"it cannot be unpacked ({error})"))
