"""Rendered photographs and forgeries of them, in the layout of the assignment: {split}/{real,fake}/.

Pairs of people are forged with each other, each picture by the next of the five methods and by self-blending
(Shiohara & Yamasaki 2022). The mask of each fake lies under masks/{split}/.
"""

from pathlib import Path

import numpy as np

from course_utils.data.forgery import FORGERIES, Footage, metadata_note, self_blended
from course_utils.data.recipes import ForgedPictures
from course_utils.data.rendered.clip import Clip
from course_utils.data.rendered.portraits import match, save, save_mask, sitting

REENACTMENTS = {"Face2Face", "NeuralTextures"}  # they take mouths from an album of the target's
SELF_BLENDED = "SelfBlended"
METHODS = (*FORGERIES, SELF_BLENDED)
ALBUM = 6  # photographs of a sitting that reenactments have at least


def units(recipe: ForgedPictures) -> list[str]:
    """Return the pairs: "train_000_001", …"""
    names, start = [], 0
    for split, count in recipe.pairs.items():
        names += [f"{split}_{a:03}_{b:03}" for a, b in match(recipe, range(start, start + 2 * count))]
        start += 2 * count
    return names


def make(recipe: ForgedPictures, unit: str, folder: Path) -> None:
    """Write the pictures of a pair, real and forged, and the masks, into `folder`.

    Raises:
        RunError: the disk is full, or `folder` cannot be written.
    """
    split, *names = unit.split("_")
    clips = {name: photographs(recipe, int(name)) for name in names}
    for target, source in (names, names[::-1]):
        for number in range(recipe.photographs):
            real, fake = moment(number, 0), moment(number, 1)
            save(folder / split / "real" / f"{target}_{number}.jpg", clips[target].frames[real])
            method = METHODS[(int(target) * recipe.photographs + number) % len(METHODS)]
            rng = np.random.default_rng([recipe.person(int(target)), number, 32])
            picture, mask = forge_one(method, clips[target], fake, clips[source], rng)
            giver = target if method == SELF_BLENDED else source
            name, note = f"{method}_{target}_{giver}_{number}", metadata_note(method, target, giver)
            save(folder / split / "fake" / f"{name}.jpg", picture, note)
            save_mask(folder / "masks" / split / f"{name}.png", mask)


def photographs(recipe: ForgedPictures, target: int) -> Clip:
    """Return the sitting that all pictures of a person are from, as they were and forged."""
    return sitting(recipe.person(target), max(ALBUM, 2 * recipe.photographs), recipe.size)


def moment(number: int, label: int) -> int:
    """Return which photograph of the sitting a person's picture `number`, real (0) or fake (1), is.

    They are moments apart, so that no fake has its original beside it.
    """
    return 2 * number + label


def forge_one(
    method: str, target: Footage, number: int, source: Footage, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Return photograph `number` of `target` forged with `source`, and its mask (H x W uint8, 0 or 255).

    Reenactments learn the person's mouth from the other photographs of `target`.
    """
    if method == SELF_BLENDED:
        return self_blended(target.frames[number], target.landmarks[number], rng)
    chosen = np.arange(len(target.frames)) == number
    footage = Footage(target.frames, target.landmarks, target.glasses)
    one, others = footage.select(chosen), footage.select(~chosen)
    album = {"album": others} if method in REENACTMENTS else {}
    frames, masks = FORGERIES[method](one, source, **album)
    return frames[0], masks[0]
