"""What was computed of pictures, kept in the cache by units: the pictures of one folder, or some of them.

A unit is a safetensors file whose name stands for its pictures and for how they are read, so that nothing
that was computed of others is ever taken for it. It is looked for in every cache and written to the user's.
"""

import hashlib
from pathlib import Path

import pandas as pd
import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from course_utils import paths
from course_utils.errors import CourseError


def units_of(samples: pd.DataFrame, root: Path, reading: str, largest: int) -> dict[str, list[int]]:
    """Return the rows of each unit of `samples`, counted from 0, by the unit's name.

    Args:
        samples: rows of a sample table.
        root: the folder that their paths are relative to.
        reading: what decides, beside the files, what is computed of them.
        largest: pictures a unit, at most: so much work is lost when a computation is killed.

    Raises:
        CourseError: a picture is gone.
    """
    units = {}
    folders = samples["path"].str.rpartition("/")[0].to_numpy()
    for rows in samples.groupby(folders, sort=False).indices.values():
        for start in range(0, len(rows), largest):
            part = rows[start : start + largest].tolist()
            files = [_identity_of_file(root / path) for path in samples["path"].iloc[part]]
            units[hashlib.sha256(repr((reading, files)).encode()).hexdigest()[:24]] = part
    return units


def read_unit(place: Path) -> dict[str, Tensor] | None:
    """Return a unit, at `place` in a cache, from the first cache that has it whole, None where none has."""
    for cache in paths.cache_roots():
        try:
            return safetensors.torch.load_file(cache / place)
        except (FileNotFoundError, SafetensorError):
            continue
    return None


def write_unit(place: Path, content: dict[str, Tensor]) -> None:
    """Write a unit to `place` in the user's own cache, whole or not at all.

    Raises:
        CourseError: the disk is full, or the cache cannot be written.
    """
    with paths.atomic_write(paths.writable_cache() / place) as temporary:
        temporary.write_bytes(safetensors.torch.save(content))


def _identity_of_file(path: Path) -> tuple[str, int, int]:
    """Return what changes when a file does: where it is, its size, and when it was written."""
    try:
        facts = path.stat()
    except FileNotFoundError as error:
        raise CourseError(
            f"{path} was a picture when its dataset was prepared and is gone. Put it back, or type"
            " `course data prepare` with the dataset's name to leave it out."
        ) from error
    return str(path), facts.st_size, facts.st_mtime_ns
