"""Pictures of several rendered people with a box around every head, in the layout of HollywoodHeads.

Annotations/mov_001_000000.xml has the form of Pascal VOC, and Splits/ lists which picture is in which split
(Vu, Osokin, Laptev 2015, "Context-aware CNNs for Person Head Detection"). A "film" is a batch of pictures.
"""

from collections.abc import Sequence
from pathlib import Path
from xml.etree import ElementTree

from course_utils import paths
from course_utils.data.recipes import Scenes
from course_utils.data.rendered.portraits import save
from course_utils.data.rendered.scene import Head, render_scene

LISTS = "Splits"


def units(recipe: Scenes) -> list[str]:
    """Return the lists of splits, and the films: "Splits", "mov_000", …"""
    return [LISTS, *(film for films in _films(recipe).values() for film in films)]


def make(recipe: Scenes, unit: str, folder: Path) -> None:
    """Write a film's pictures and annotations, or the lists, into `folder`.

    Raises:
        RunError: the disk is full, or `folder` cannot be written.
    """
    if unit == LISTS:
        for split, films in _films(recipe).items():
            names = [name for film in films for name in _pictures(recipe, film)]
            with paths.atomic_write(folder / LISTS / f"{split}.txt") as temporary:
                temporary.write_text("\n".join(names) + "\n", encoding="utf-8")
        return
    size = recipe.size, recipe.size * 16 // 9 // 2 * 2
    first = int(unit.rpartition("_")[2]) * recipe.pictures
    for number, name in enumerate(_pictures(recipe, unit), first):
        picture, heads = render_scene(recipe.person(number), size)
        with paths.atomic_write(folder / "Annotations" / f"{name}.xml") as temporary:
            annotation(f"{name}.jpeg", size, heads).write(temporary, encoding="utf-8")
        save(folder / "JPEGImages" / f"{name}.jpeg", picture)


def annotation(name: str, size: tuple[int, int], heads: Sequence[Head]) -> ElementTree.ElementTree:
    """Return the heads of a picture of `size` (height, width) as Pascal VOC tells them."""
    root = ElementTree.Element("annotation")
    ElementTree.SubElement(root, "filename").text = name
    extent = ElementTree.SubElement(root, "size")
    for side, pixels in (("width", size[1]), ("height", size[0]), ("depth", 3)):
        ElementTree.SubElement(extent, side).text = str(pixels)
    for box, pose in heads:
        head = ElementTree.SubElement(root, "object")
        ElementTree.SubElement(head, "name").text = "head"
        ElementTree.SubElement(head, "pose").text = pose
        corners = ElementTree.SubElement(head, "bndbox")
        for side, value in zip(("xmin", "ymin", "xmax", "ymax"), box, strict=True):
            ElementTree.SubElement(corners, side).text = f"{value:.1f}"
    ElementTree.indent(root)
    return ElementTree.ElementTree(root)


def _films(recipe: Scenes) -> dict[str, list[str]]:
    films, start = {}, 0
    for split, count in recipe.films.items():
        films[split] = [f"mov_{number:03}" for number in range(start, start + count)]
        start += count
    return films


def _pictures(recipe: Scenes, film: str) -> list[str]:
    return [f"{film}_{number:06}" for number in range(recipe.pictures)]
