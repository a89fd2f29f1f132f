"""Photographs of rendered people in the layout of Labeled Faces in the Wild, for face recognition."""

from dataclasses import fields
from pathlib import Path

import numpy as np

from course_utils.data.recipes import Identities
from course_utils.data.rendered.clip import Clip
from course_utils.data.rendered.portraits import save, sittings


def units(recipe: Identities) -> list[str]:
    """Return the people's names: "Person_000", …"""
    return [f"Person_{number:03}" for number in range(recipe.people)]


def make(recipe: Identities, unit: str, folder: Path) -> None:
    """Write a person's photographs, each of another sitting: Person_000/Person_000_0001.jpg, …

    Raises:
        RunError: the disk is full, or `folder` cannot be written.
    """
    pictures = photographs(recipe, int(unit.rpartition("_")[2])).frames
    for number, picture in enumerate(pictures, start=1):
        save(folder / unit / f"{unit}_{number:04}.jpg", picture)


def photographs(recipe: Identities, target: int) -> Clip:
    """Return a person's photographs, each of another sitting."""
    clips = list(sittings(recipe.person(target), recipe.photographs, 1, recipe.size))
    names = [field.name for field in fields(Clip)]
    return Clip(*(np.concatenate([getattr(clip, name) for clip in clips]) for name in names))
