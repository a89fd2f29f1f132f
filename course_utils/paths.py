"""Every place on disk that the course reads or writes, and the two ways in which it writes.

Three environment variables move them: ``COURSE_DATA_ROOT`` (data sets, input only), ``COURSE_CACHE``
(prepared data; may be a list, see `cache_roots`) and ``COURSE_BUILD`` (everything a run makes).
"""

import contextlib
import errno
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from course_utils.errors import CourseError, RunError

PACKAGE = Path(__file__).resolve().parent


def settings() -> dict[str, str]:
    """Return the environment variables that let another process read and write where this one does."""
    return {
        "COURSE_DATA_ROOT": str(data_root() or ""),
        "COURSE_CACHE": os.pathsep.join(map(str, cache_roots())),
        "COURSE_BUILD": str(build()),
    }


def repository() -> Path:
    """Return the folder that holds ``notebooks/``: the clone, or a release, that the user works in.

    An editable install knows its clone. Anywhere else (a wheel, Colab) it is looked for from the working
    folder upwards, and the working folder itself is used when there is none.
    """
    for folder in (PACKAGE.parent, Path.cwd(), *Path.cwd().parents):
        if (folder / "notebooks" / "profiles.yaml").is_file():
            return folder
    return Path.cwd()


def notebooks() -> Path:
    """Return the folder of the student notebooks and of ``profiles.yaml``."""
    return repository() / "notebooks"


def instructor() -> Path:
    """Return the folder of sources and checks; a student release does not have it."""
    return repository() / "instructor"


def reference_runs() -> Path:
    """Return the folder of what longer runs of our own found, and of the weights of small networks."""
    return repository() / "reference_runs"


def read_reference(name: str) -> Any:
    """Return what a longer run of our own found, such as "09_variants".

    Raises:
        CourseError: the file is not where the course was installed from.
    """
    known = read_json(reference_runs() / f"{name}.json", missing=None)
    if known is None:
        raise CourseError(
            f"reference_runs/{name}.json, which holds what a longer run of our own found, is not here. Work"
            " in a clone or a release of the course, which has it."
        )
    return known


def work() -> Path:
    """Return the folder of the user's own copies of notebooks; git ignores it."""
    return repository() / "work"


def manifests() -> list[Path]:
    """Return the folders that hold manifests, the user's own (made by ``prepare --folder``) first."""
    shipped = repository() / "data_manifests"
    return [writable_cache() / "manifests", shipped if shipped.is_dir() else PACKAGE / "data_manifests"]


def data_root() -> Path | None:
    """Return the folder of the data sets (``COURSE_DATA_ROOT``), or None when it is not set."""
    value = os.environ.get("COURSE_DATA_ROOT", "").strip()
    return Path(value).expanduser().resolve() if value else None


def cache_roots() -> list[Path]:
    """Return the caches of prepared data in the order in which they are searched.

    ``COURSE_CACHE`` is one folder, or several joined by the system's path separator (``:`` or ``;``): a
    shared read-only cache first, the user's own last. Only the last is ever written.
    """
    parts = [part for part in os.environ.get("COURSE_CACHE", "").split(os.pathsep) if part.strip()]
    return [Path(part).expanduser().resolve() for part in parts] or [repository() / "cache"]


def writable_cache() -> Path:
    """Return the cache that is written: the last of `cache_roots`."""
    return cache_roots()[-1]


def build() -> Path:
    """Return the folder of everything a run makes (``COURSE_BUILD``, else ``build/`` in the repository)."""
    value = os.environ.get("COURSE_BUILD", "").strip()
    return Path(value).expanduser().resolve() if value else repository() / "build"


def solutions() -> Path:
    """Return the folder of the solved notebooks that ``course build`` writes."""
    return build() / "solutions"


def run_folder() -> Path:
    """Return the folder of the run in progress.

    ``course run`` names it in ``COURSE_RUN_FOLDER``; a notebook opened by hand works in
    ``build/interactive``.
    """
    value = os.environ.get("COURSE_RUN_FOLDER", "").strip()
    return Path(value) if value else build() / "interactive"


@contextlib.contextmanager
def atomic_write(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; it replaces `path` when the block ends without an error.

    A reader, or a run that is killed at any moment, sees the old file or the new one, never half of one.

    Raises:
        RunError: the disk is full or the folder cannot be written; the old file is still there.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent)
        os.close(handle)
    except OSError as error:
        raise cannot_write(path, error) from error
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.chmod(0o666 & ~umask())
        temporary.replace(path)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES):
            raise cannot_write(path, error) from error
        raise
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: Path, value: object) -> None:
    """Write `value` as indented JSON, atomically (see `atomic_write`).

    Raises:
        CourseError: it is no plain data, or holds NaN or infinity.
        RunError: the disk is full, or the folder cannot be written.
    """
    try:
        text = json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise CourseError(
            f"{path} is not written: what it should hold is no plain data ({error}). Expected are text,"
            " finite numbers of Python's own, true or false, None, lists and dictionaries."
        ) from error
    with atomic_write(path) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")


def read_json(path: Path, missing: Any) -> Any:
    """Read what `write_json` wrote, or return `missing` where there is no such file.

    Raises:
        CourseError: it is not JSON: somebody edited it.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return missing
    except ValueError as error:
        raise CourseError(
            f"{path} is not what the course wrote ({error}). Put the old file back, or delete it."
        ) from error


def umask() -> int:
    """Return this process's umask: the rights that new files do not get."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


def cannot_write(path: Path, error: OSError) -> RunError:
    """Return the error, in words and with what to do, for `path` that could not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
        return RunError(
            f"The disk is full: {path} could not be written ({error.strerror}). What was there before is"
            " unharmed. Free some space (`course doctor` shows how much there is) and type the same command"
            " again: it goes on from where it stopped."
        )
    return RunError(
        f"{path} cannot be written: {error.strerror}. Give yourself the right to write in {path.parent},"
        " or set COURSE_CACHE and COURSE_BUILD to folders of your own."
    )
