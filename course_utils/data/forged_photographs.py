"""The forgeries of the rendered photographs on real ones: those of Labeled Faces in the Wild.

A detector gives five points of each face, which place the mean face's 68 landmarks: jaw, brows and lids are
the mean face's, see `forgery.face_template`. Swaps take the face of the other person of a pair; reenactments
take the expression of another photograph of the same person, and mouths from all the others. Who has fewer
than three photographs in which a face is found is left out, and counted in skipped.json.
"""

from pathlib import Path

import numpy as np

from course_utils import paths
from course_utils.data.faces import find_pointer
from course_utils.data.forgery import Footage, metadata_note
from course_utils.data.forgery.template import place_template
from course_utils.data.manifest import load_manifest
from course_utils.data.pictures import open_rgb
from course_utils.data.recipes import ForgedPhotographs
from course_utils.data.rendered.fakes import METHODS, REENACTMENTS, SELF_BLENDED, forge_one
from course_utils.data.rendered.portraits import save, save_mask
from course_utils.data.splits import RatioSplit

FEWEST = 3  # photographs of a person: one to forge, one to take the expression from, one to learn from
SKIPPED = "skipped"
PHOTOGRAPH = "From Labeled Faces in the Wild (Huang et al. 2007), unchanged but for being saved anew."


def units(recipe: ForgedPhotographs) -> list[str]:
    """Return "skipped" and pairs of people who have photographs enough: "Al_Gore+Ana_Guevara", …

    Raises:
        CourseError: the photographs are not there.
    """
    people = [name for name, count in _people(recipe).items() if count >= FEWEST]
    return [SKIPPED, *("+".join(pair) for pair in zip(people[::2], people[1::2], strict=False))]


def make(recipe: ForgedPhotographs, unit: str, folder: Path) -> None:
    """Write the photographs of a pair, as they are and forged, and the masks, into `folder`.

    Raises:
        CourseError: the photographs or YuNet's weights are not there, or `folder` cannot be written.
    """
    if unit == SKIPPED:
        few = [name for name, count in _people(recipe).items() if count < FEWEST]
        paths.write_json(folder / f"{SKIPPED}.json", {"people": len(few), "fewer photographs than": FEWEST})
        return
    names = unit.split("+")
    footage = {name: _faces(recipe, name) for name in names}
    if lacking := [name for name, photographs in footage.items() if photographs is None]:
        reason = f"a face is found in fewer than {FEWEST} photographs"
        paths.write_json(folder / SKIPPED / f"{unit}.json", {name: reason for name in lacking})
        return
    split = RatioSplit(kind="ratios", seed=recipe.seed).split_of({"group": unit})
    for target, source in (names, names[::-1]):
        mine = footage[target]
        for number in range(min(recipe.photographs, len(mine.frames))):
            rng = np.random.default_rng([recipe.seed, *target.encode(), number])
            method = str(rng.choice(METHODS))
            other = (number + 1) % len(mine.frames)
            own = method in REENACTMENTS or method == SELF_BLENDED
            giver = target if own else source
            driver = _first(mine, other) if own else footage[source]
            picture, mask = forge_one(method, mine, number, driver, rng)
            save(folder / split / "real" / unit / f"{target}+{number}.jpg", mine.frames[number], PHOTOGRAPH)
            name, note = f"{method}+{target}+{giver}+{number}", metadata_note(method, target, giver)
            save(folder / split / "fake" / unit / f"{name}.jpg", picture, note)
            save_mask(folder / "masks" / split / unit / f"{name}.png", mask)


def _people(recipe: ForgedPhotographs) -> dict[str, int]:
    """Return how many photographs there are of each person."""
    root = load_manifest(recipe.photographs_of).data_folder()
    folders = sorted(folder for folder in root.iterdir() if folder.is_dir())
    return {folder.name: len(list(folder.glob("*.jpg"))) for folder in folders}


def _faces(recipe: ForgedPhotographs, name: str) -> Footage | None:
    """Return a person's photographs with a face, `album` at most; None if fewer than `FEWEST` have one."""
    detector = find_pointer()
    root = load_manifest(recipe.photographs_of).data_folder()
    frames, landmarks = [], []
    for file in sorted((root / name).glob("*.jpg")):
        if len(frames) == recipe.album:
            break
        picture = np.asarray(open_rgb(file))
        placed = place_template(detector, picture)
        if placed is not None:
            frames.append(picture)
            landmarks.append(placed)
    return Footage(np.stack(frames), np.stack(landmarks)) if len(frames) >= FEWEST else None


def _first(footage: Footage, number: int) -> Footage:
    """Return the photographs in another order, the one that drives first."""
    return Footage(np.roll(footage.frames, -number, axis=0), np.roll(footage.landmarks, -number, axis=0))
