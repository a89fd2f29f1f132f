"""What is known of rendered pictures, because it was drawn: who is seen, and where the face has its parts."""

from collections.abc import Iterator
from pathlib import PurePosixPath

import numpy as np
import pandas as pd

from course_utils.data.faces import square_crop
from course_utils.data.prepare import PreparedDataset
from course_utils.data.recipes import (
    DecodedPictures,
    ForgedPictures,
    Identities,
    Recipe,
    TalkingHeads,
)
from course_utils.data.rendered import fakes, identities, synthetic, world
from course_utils.data.rendered.identity import draw_identity
from course_utils.errors import CourseError


def people(prepared: PreparedDataset) -> pd.DataFrame:
    """Return what the people of a rendered data set are like, a row a person.

    Columns are ``target``, as in the sample and predictions tables; ``skin_tone``, 1 (very light) to 6 (very
    dark), like Fitzpatrick's types; ``age`` in years; ``glasses``, whether they are worn; and ``beard``:
    "none", "stubble", "moustache", "goatee" or "full". A forged picture shows its target, with glasses and
    beard as the forgery left them.

    Raises:
        CourseError: the data set is not one of rendered people.
    """
    recipe = recipe_of(prepared)
    rows = []
    for target in sorted(set(prepared.samples["target"])):
        person = draw_identity(recipe.person(_number(target)))
        told = {"skin_tone": person.skin_tone, "age": person.age, "glasses": person.glasses}
        rows.append({"target": target, **told, "beard": person.beard})
    return pd.DataFrame(rows).astype({"target": "string", "beard": "string"})


def geometry(prepared: PreparedDataset, samples: pd.DataFrame) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield for each of `samples` its 68 landmarks (68 x 2 float32, pixels) and its parts (H x W uint8).

    Parts are `surface.Part`. The sitting or film that a picture is from is rendered again, which takes about
    half a second a person. A forged picture has the geometry of its target; where a forgery moved the mouth,
    the mouth is where the target had it.

    Raises:
        CourseError: the data set is not one of rendered people.
    """
    recipe, clips = recipe_of(prepared), {}
    for sample in samples.itertuples():
        clip_of, key, moment = _shot(recipe, sample)
        if key not in clips:
            clips[key] = clip_of(recipe, *key)
        landmarks, parts = clips[key].landmarks[moment], clips[key].parts[moment]
        if isinstance(recipe, TalkingHeads):  # a picture is a crop of a frame
            x, y, side = square_crop((sample.x0, sample.y0, sample.x1, sample.y1), *parts.shape[::-1])
            landmarks, parts = landmarks - (x, y), parts[y : y + side, x : x + side]
        yield landmarks.astype(np.float32), parts


def recipe_of(prepared: PreparedDataset) -> Recipe:
    """Return the recipe of a data set of rendered people whom its table names.

    Raises:
        CourseError: it is a data set of another kind.
    """
    recipe = prepared.manifest.generate
    if not isinstance(recipe, TalkingHeads | ForgedPictures | DecodedPictures | Identities):
        raise CourseError(
            f"{prepared.name} is not one of the data sets of rendered people whom the table names (rendered,"
            " rendered_fakes, rendered_synthetic, rendered_identities). Of real people the course knows no"
            " skin tone, age, glasses or beard, and guesses none."
        )
    return recipe


def _shot(recipe: Recipe, sample: tuple) -> tuple:
    """Return the function that makes the clip of a picture, its arguments, and which frame the picture is."""
    target, number = _number(sample.target), _number(PurePosixPath(sample.path).stem)
    match recipe:
        case TalkingHeads():
            return world.film, (target,), sample.frame
        case ForgedPictures():
            return fakes.photographs, (target,), fakes.moment(number, sample.label)
        case DecodedPictures():
            return synthetic.photographs, (target,), number
        case Identities():
            return identities.photographs, (target,), number - 1


def _number(name: str) -> int:
    return int(name.rpartition("_")[2])
