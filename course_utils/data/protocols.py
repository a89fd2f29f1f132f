"""What a detector of forged videos learns from and what it is tested on: the protocols of Das et al. 2021, V.

Each takes a sample table and returns tables by split. Splits stay as they are: a protocol only leaves out.
`part_of_training` makes of one the same with fewer people to learn from.
"""

from collections.abc import Sequence

import pandas as pd

from course_utils.data.splits import SPLITS
from course_utils.errors import CourseError


def all_methods(
    samples: pd.DataFrame, *, methods: Sequence[str] | None = None, compression: str | None = None
) -> dict[str, pd.DataFrame]:
    """Return originals and the fakes of all methods in each split.

    Args:
        samples: a sample table of videos.
        methods: the forgeries that count, e.g. the paper's four of FaceForensics++'s five; all if None.
        compression: the quality that counts, e.g. "c40"; all that there are if None.

    Returns:
        "train", "val" and "test", each with rows of `samples` as they stand there.

    Raises:
        CourseError: there are no videos; a method or compression is not there (those that are, are listed);
            or a split is left without an original or without a fake.
    """
    return _by_split(_chosen(samples, methods, compression))


def leave_one_out(
    samples: pd.DataFrame,
    method: str,
    *,
    methods: Sequence[str] | None = None,
    compression: str | None = None,
) -> dict[str, pd.DataFrame]:
    """Return originals in each split, in test with the fakes of `method`, in train and val with all others'.

    So a detector is tested on a kind of forgery that it has never seen. For the rest see `all_methods`.
    """
    chosen = _chosen(samples, None if methods is None else {*methods, method}, compression)
    _chosen(chosen, [method], None)  # says so where it is not there
    fake = chosen["label"] == 1
    in_place = (chosen["method"] == method) == (chosen["split"] == "test")
    return _by_split(chosen[~fake | in_place])


def few_frames(samples: pd.DataFrame, most: int) -> pd.DataFrame:
    """Return at most so many frames of each video, evenly far apart, or as many as it has."""
    videos = samples.groupby(["method", "compression", "video"], dropna=False)
    step = (videos["frame"].transform("size") / most).clip(lower=1)
    return samples[(videos.cumcount() % step) < 1].reset_index(drop=True)


def part_of_training(tables: dict[str, pd.DataFrame], share: float, seed: int = 0) -> dict[str, pd.DataFrame]:
    """Return the tables of a protocol with a share of the training groups, drawn at random, one at least.

    Whole groups go, with all that was made of them, because it is people and not pictures that there are too
    few of. Validation and test stay whole: small and large training sets are compared on the same.

    Raises:
        CourseError: the share is not above 0 and up to 1.
    """
    if not 0 < share <= 1:
        raise CourseError(f"A share of the training groups is above 0 and up to 1, not {share}.")
    train = tables["train"]
    groups = pd.Series(sorted(train["group"].unique()))
    kept = groups.sample(max(1, round(share * len(groups))), random_state=seed)
    return {**tables, "train": train[train["group"].isin(kept)].reset_index(drop=True)}


def _chosen(samples: pd.DataFrame, methods: Sequence[str] | None, compression: str | None) -> pd.DataFrame:
    """Return the originals and the fakes of `methods`, in one compression; None takes all."""
    if (samples["video"].fillna("") == "").any():
        raise CourseError(
            "These samples are pictures that belong to no video (column 'video' is empty), and the protocols"
            " are of videos. Choose a data set of videos: its manifest has `frames`."
        )
    if compression is not None:
        _require("compression", [compression], samples["compression"])
        samples = samples[samples["compression"] == compression]
    fake = samples["label"] == 1
    if methods is not None:
        _require("method", methods, samples["method"][fake])
        samples = samples[~fake | samples["method"].isin(methods)]
    return samples


def _require(what: str, wanted: Sequence[str], there: pd.Series) -> None:
    if missing := sorted(set(wanted) - set(there)):
        known = ", ".join(sorted(set(there))) or "none at all"
        raise CourseError(f"The data set has no {what} {', '.join(map(repr, missing))}; it has {known}.")


def _by_split(samples: pd.DataFrame) -> dict[str, pd.DataFrame]:
    tables = {split: samples[samples["split"] == split].reset_index(drop=True) for split in SPLITS}
    for split, table in tables.items():
        if lacking := [
            word for label, word in enumerate(("original", "fake")) if label not in set(table["label"])
        ]:
            raise CourseError(
                f"This protocol leaves no {' and no '.join(lacking)} in {split}, and nothing can be learnt or"
                " measured there. Choose other methods or another compression, or prepare more videos."
            )
    return tables
