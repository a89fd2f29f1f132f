"""Rendered photographs, and such that a network's decoder drew, in the layout of the assignment.

No network is trained. What is named "decoded" went through a small convolutional generator with transposed
convolutions (`decoder.Decoder`), whose upsampling leaves its mark on the spectrum, as that of trained ones
does: copies of the low frequencies at high ones (Zhang, Karaman, Chang 2019, "Detecting and Simulating
Artifacts in GAN Fake Images"; Durall, Keuper, Keuper 2020, "Watch your Up-Convolution").
"""

from pathlib import Path

import numpy as np

from course_utils.data.recipes import DecodedPictures
from course_utils.data.rendered.clip import Clip
from course_utils.data.rendered.portraits import save, sitting

DECODED = (
    "FORGED for teaching: a rendered head, drawn anew by a small generator with transposed convolutions. This"
    " person does not exist. Do not remove this note."
)


def units(recipe: DecodedPictures) -> list[str]:
    """Return the people: "train_000", …"""
    splits = [split for split, count in recipe.people.items() for _ in range(count)]
    return [f"{split}_{number:03}" for number, split in enumerate(splits)]


def make(recipe: DecodedPictures, unit: str, folder: Path) -> None:
    """Write the pictures of a person, all real or all decoded, into `folder`.

    Raises:
        RunError: the disk is full, or `folder` cannot be written.
    """
    # Not above, since it imports torch, which generating other sets does without; before the first picture,
    # since the pool takes a process that grows by so much in between for one that leaks, and starts it anew.
    from course_utils.data.rendered.decoder import Decoder

    split, name = unit.split("_")
    decoded = int(name) % 2 == 1
    pictures = photographs(recipe, int(name)).frames
    if decoded:
        rng = np.random.default_rng([recipe.person(int(name)), 34])
        pictures = Decoder(recipe.seed)(pictures, rng)
    place = folder / split / ("fake" if decoded else "real")
    for number, picture in enumerate(pictures):
        save(place / f"{name}_{number}.jpg", picture, *[DECODED] * decoded)


def photographs(recipe: DecodedPictures, target: int) -> Clip:
    """Return the sitting that all pictures of a person are from, before they were decoded."""
    return sitting(recipe.person(target), recipe.photographs, recipe.size)
