"""Videos of rendered people and of what was forged from them, in the layout of FaceForensics++.

Of each pair A, B there are the videos A and B, and with every forgery A_B (A's video, B's face or
expression) and B_A, as in Rössler et al. 2019 ("FaceForensics++", section 3). Beside what is published there
are masks for all five methods, and the face's box in each frame: boxes/A.json.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from course_utils import paths
from course_utils.data.forgery import FORGERIES, metadata_note
from course_utils.data.recipes import TalkingHeads
from course_utils.data.rendered.clip import Clip, render_clip
from course_utils.data.rendered.identity import draw_identity
from course_utils.data.rendered.motion import talking
from course_utils.data.rendered.portraits import match
from course_utils.data.video import write_video

LISTS = "splits"
LOSSLESS = 0  # constant rate factor: the masks' edges are the truth


def units(recipe: TalkingHeads) -> list[str]:
    """Return the lists of splits, and each pair: "splits", "017_003", …"""
    return [LISTS, *("_".join(pair) for _, pair in _pairs(recipe))]


def make(recipe: TalkingHeads, unit: str, folder: Path) -> None:
    """Write a unit into `folder`.

    Raises:
        RunError: the disk is full, or `folder` cannot be written.
    """
    if unit == LISTS:
        for split in recipe.pairs:
            pairs = [pair for name, pair in _pairs(recipe) if name == split]
            paths.write_json(folder / LISTS / f"{split}.json", pairs)
        return
    clips = {name: film(recipe, int(name)) for name in unit.split("_")}
    for name, clip in clips.items():
        paths.write_json(folder / "boxes" / f"{name}.json", clip.boxes.round(2).tolist())
        _encode(recipe, folder / "original_sequences" / "youtube", name, clip.frames)
    first, second = clips
    for target, source in ((first, second), (second, first)):
        for method, forge in FORGERIES.items():
            frames, masks = forge(clips[target], clips[source])
            place, name = folder / "manipulated_sequences" / method, f"{target}_{source}"
            note = metadata_note(method, target, source)
            _encode(recipe, place, name, frames, note)
            _write(place / "masks" / "videos" / f"{name}.mp4", masks, recipe.rate, LOSSLESS, note)


def _pairs(recipe: TalkingHeads) -> Iterator[tuple[str, list[str]]]:
    """Yield the split and the names of each pair; who is in which split is drawn from the seed."""
    people = np.random.default_rng([recipe.seed, 31]).permutation(2 * sum(recipe.pairs.values())).tolist()
    for split, count in recipe.pairs.items():
        chosen, people = people[: 2 * count], people[2 * count :]
        for pair in match(recipe, chosen):
            yield split, [f"{number:03}" for number in pair]


def film(recipe: TalkingHeads, number: int) -> Clip:
    """Return the film of the data set's person `number`, before it was compressed."""
    seed = recipe.person(number)
    return render_clip(draw_identity(seed), talking(seed, recipe.frames, recipe.rate), recipe.size, seed)


def _encode(recipe: TalkingHeads, place: Path, name: str, frames: np.ndarray, note: str = "") -> None:
    for compression, crf in recipe.compressions.items():
        _write(place / compression / "videos" / f"{name}.mp4", frames, recipe.rate, crf, note)


def _write(path: Path, frames: np.ndarray, rate: float, crf: int, note: str) -> None:
    with paths.atomic_write(path) as temporary:
        write_video(temporary, frames, rate, crf, note)
