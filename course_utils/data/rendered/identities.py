"""Photographs of rendered people in the layout of Labeled Faces in the Wild, for face recognition."""

from pathlib import Path

from course_utils.data.recipes import Identities
from course_utils.data.rendered.portraits import save, sittings


def units(recipe: Identities) -> list[str]:
    """Return the people's names: "Person_000", …"""
    return [f"Person_{number:03}" for number in range(recipe.people)]


def make(recipe: Identities, unit: str, folder: Path) -> None:
    """Write a person's photographs, each of another sitting: Person_000/Person_000_0001.jpg, …

    Raises:
        RunError: the disk is full, or `folder` cannot be written.
    """
    person = recipe.person(int(unit.rpartition("_")[2]))
    for number, clip in enumerate(sittings(person, recipe.photographs, 1, recipe.size), start=1):
        save(folder / unit / f"{unit}_{number:04}.jpg", clip.frames[0])
