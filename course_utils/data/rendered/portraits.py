"""Rendered people: who is forged with whom, photographs of them, and how these are written."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from course_utils import paths
from course_utils.data.recipes import Recipe
from course_utils.data.rendered.clip import Clip, render_clips
from course_utils.data.rendered.identity import draw_identity
from course_utils.data.rendered.motion import talking

RATE = 2.5  # photographs a second: no two of one sitting have the same expression
NOTE = 320  # characters of every picture's note, so that the size of a file does not tell what it shows
DRAWN = "DRAWN for teaching: a rendered head. This person does not exist."


def match(recipe: Recipe, numbers: Iterable[int]) -> list[tuple[int, int]]:
    """Return the people `numbers` (an even count) in pairs of similar skin and build, as forgers choose."""
    people = {number: draw_identity(recipe.person(number)) for number in numbers}
    alike = sorted(people, key=lambda number: (people[number].skin_tone, people[number].angularity))
    return list(zip(alike[::2], alike[1::2], strict=True))


def sitting(person: int, photographs: int, size: int) -> Clip:
    """Return so many photographs, in one light and place, of the person that belongs to the seed `person`."""
    return next(sittings(person, 1, photographs, size))


def sittings(person: int, count: int, photographs: int, size: int) -> Iterator[Clip]:
    """Return so many photographs (see `sitting`) from each of `count` sittings, 1000 at most.

    Each sitting has a light, a place and a pose of its own.
    """
    seeds = range(1000 * person, 1000 * person + count)
    return render_clips(draw_identity(person), {s: talking(s, photographs, RATE) for s in seeds}, size)


def save(path: Path, picture: np.ndarray, note: str = DRAWN) -> None:
    """Write `picture` (H x W x 3 uint8 RGB) as JPEG, real and fake alike, with a note of what it shows.

    Raises:
        RunError: the disk is full, or the folder cannot be written.
    """
    with paths.atomic_write(path) as temporary:
        comment = note.ljust(NOTE).encode()
        Image.fromarray(picture).save(temporary, "JPEG", quality=95, subsampling=0, comment=comment)


def save_mask(path: Path, mask: np.ndarray) -> None:
    """Write `mask` (H x W uint8, 0 or 255) as PNG.

    Raises:
        RunError: the disk is full, or the folder cannot be written.
    """
    with paths.atomic_write(path) as temporary:
        Image.fromarray(mask).save(temporary, "PNG")
