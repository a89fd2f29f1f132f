"""Maps held against the truth: how well do they find what was manipulated?

Negative attribution counts as none. A map without any attribution says nothing, and is scored as the uniform
map that it is.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from torch import Tensor

from course_utils.errors import CourseError
from course_utils.intervals import Interval, mean_interval

MEASURES = ("pointing", "share", "auroc")

Maps = Tensor | np.ndarray


def score_maps(
    explanations: Mapping[str, Maps], masks: Sequence[np.ndarray | None], groups: Sequence[str]
) -> pd.DataFrame:
    """Score maps by how well they find the manipulated pixels.

    Args:
        explanations: maps (B x H x W, on the CPU) by the name of what made them.
        masks: of each picture H x W, True where it was manipulated, or None where that is not known.
        groups: of each picture what must not straddle splits; intervals are drawn over these.

    Returns:
        A row an explanation and picture: ``explanation``, ``picture`` (0 to B-1), ``group``; ``area``, the
        mask's share of the picture, which is also what a random map is expected to get in the next two;
        ``pointing``, whether the map's highest pixel lies in the mask (the share of them where several are
        equally high; the pointing game of Zhang et al. 2018, without a tolerance); ``share`` of the
        attribution that lies in the mask; ``auroc`` of the pixels, those in the mask against the others.
        These are NaN where nothing (or everything) is manipulated, or that is not known.

    Raises:
        CourseError: maps, masks and groups are not of the same pictures, or a map holds what is no number.
    """
    counts = {len(masks), len(groups), *map(len, explanations.values())}
    if len(counts) > 1:
        raise CourseError(
            f"{len(masks)} masks, {len(groups)} groups and maps of"
            f" {', '.join(f'{len(maps)} pictures ({name})' for name, maps in explanations.items())}: all must"
            " be of the same pictures, in the same order."
        )
    rows = [
        {"explanation": name, "picture": picture, "group": group, **_scores(found, mask)}
        for name, maps in explanations.items()
        for picture, (group, mask, found) in enumerate(zip(groups, masks, _attributions(maps), strict=True))
    ]
    return pd.DataFrame(rows)


def summarise(scores: pd.DataFrame) -> pd.DataFrame:
    """Return a row an explanation and measure of what `score_maps` returned.

    Columns: ``explanation``, ``measure``, its mean ``value`` with the bounds ``low`` and ``high`` of its
    interval over groups, and the numbers of ``groups``, of ``pictures`` scored, and of those ``left_out``.
    """
    keys, rows = ["explanation", "picture", "group"], []
    long = scores.melt(keys, list(MEASURES), var_name="measure", value_name="score")
    for (name, measure), part in long.groupby(["explanation", "measure"], sort=False):
        counts = {"pictures": int(part["score"].count()), "left_out": int(part["score"].isna().sum())}
        interval = asdict(mean_interval(part["score"], part["group"]))
        rows.append({"explanation": name, "measure": measure, **interval, **counts})
    return pd.DataFrame(rows)


def difference(scores: pd.DataFrame, first: str, second: str, measure: str = "auroc") -> Interval:
    """Return the mean of `measure` of one explanation minus that of another, paired by picture.

    Only an interval that does not hold 0 says that one finds the manipulation better.
    """
    table = scores.pivot(index=["picture", "group"], columns="explanation", values=measure).reset_index()
    return mean_interval(table[first] - table[second], table["group"])


def random_maps(shape: tuple[int, int, int], seed: int = 0) -> np.ndarray:
    """Return maps of the shape B x H x W by chance, each pixel uniform in 0 to 1."""
    return np.random.default_rng(seed).random(shape, dtype=np.float32)


def centre_maps(shape: tuple[int, int, int]) -> np.ndarray:
    """Return maps of the shape B x H x W that point at the middle of every picture, whatever it shows.

    A Gaussian of height 1, whose standard deviation is a quarter of each side. Faces are cropped to the
    middle: what does not beat this has not looked at the picture.
    """
    rows, columns = (
        np.exp(-0.5 * ((np.arange(side) + 0.5) / side - 0.5) ** 2 / 0.25**2) for side in shape[1:]
    )
    return np.broadcast_to(np.outer(rows, columns).astype(np.float32), shape)


def attribution_by_part(maps: Maps, parts: np.ndarray, names: Sequence[str]) -> pd.DataFrame:
    """Return how much of each map lies on each part of the face.

    Args:
        maps: B x H x W, on the CPU.
        parts: B x H x W integers: which part a pixel shows (see `course_utils.data.regions.face_parts`).
        names: of the parts, by their number.

    Returns:
        A row a picture and part: ``picture``, ``part``, ``attribution`` (share of the map, 0 to 1) and
        ``area`` (share of the picture): attribution above area is what the part has more than its size.

    Raises:
        CourseError: maps and parts have different shapes, a part has no name, or a map holds what is no
            number.
    """
    parts = np.asarray(parts)
    unnamed = sorted(set(np.unique(parts).tolist()) - set(range(len(names))))
    if parts.shape != tuple(maps.shape) or unnamed:
        raise CourseError(
            f"Maps of {tuple(maps.shape)} need a part for every pixel, and a name for every part; these parts"
            f" are {parts.shape}, and without a name are {unnamed or 'none'}."
        )
    return pd.DataFrame(
        {
            "picture": picture,
            "part": name,
            "attribution": float(found[where == number].sum()),
            "area": float(np.mean(where == number)),
        }
        for picture, (found, where) in enumerate(zip(_attributions(maps), parts, strict=True))
        for number, name in enumerate(names)
    )


def _attributions(maps: Maps) -> Iterator[np.ndarray]:
    """Give each picture's map as shares of the whole: H x W, 0 or more, with the sum 1."""
    for number, found in enumerate(np.asarray(maps, dtype=np.float64)):
        if found.ndim != 2 or not np.isfinite(found).all():
            raise CourseError(
                f"Map {number} is {' x '.join(map(str, found.shape))} with {np.sum(~np.isfinite(found))}"
                " values that are no finite number. Expected are B x H x W numbers."
            )
        positive = found.clip(min=0)
        yield positive / positive.sum() if positive.any() else np.full_like(found, 1 / found.size)


def _scores(found: np.ndarray, mask: np.ndarray | None) -> dict[str, float]:
    if mask is None:
        return {"area": np.nan, **dict.fromkeys(MEASURES, np.nan)}
    mask = np.asarray(mask)
    if mask.dtype != bool or mask.shape != found.shape:
        raise CourseError(
            f"A mask is {mask.shape} of {mask.dtype}; expected is {found.shape} of bool, as large as the map."
            " Resize it with nearest neighbours, and compare with a threshold."
        )
    area = float(mask.mean())
    if area in (0, 1):
        return {"area": area, **dict.fromkeys(MEASURES, np.nan)}
    return {
        "area": area,
        "pointing": float(mask[found == found.max()].mean()),
        "share": float(found[mask].sum()),
        "auroc": _auroc(mask.ravel(), found.ravel()),
    }


def _auroc(inside: np.ndarray, found: np.ndarray) -> float:
    """Return the chance that a pixel inside is above one outside, ties counting half: Mann & Whitney's U.

    The same as scikit-learn's, which takes three times as long for the pixels of a picture, or more.
    """
    count = np.count_nonzero(inside)
    wins = rankdata(found)[inside].sum() - count * (count + 1) / 2
    return float(wins / (count * (inside.size - count)))
