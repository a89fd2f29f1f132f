"""Several prepared data sets as one: their tables joined and dealt out anew, their pictures where they are.

After "CVCS DFD" (Govi, Poppi, Marinelli): the photographs of Catania and the frames of FaceForensics++,
shuffled into train, val and test by ratios. Here whole groups are dealt out, so that nobody is in two splits.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from course_utils.data.samples import SAMPLE_COLUMNS, class_balance
from course_utils.data.splits import SPLITS, DealtSplit, GivenSplit
from course_utils.errors import CourseError

NAMES = ("group", "video", "target", "source")  # what two data sets may call alike and is not the same


def merge_tables(
    name: str, tables: Mapping[str, pd.DataFrame], rule: DealtSplit | GivenSplit
) -> pd.DataFrame:
    """Return the sample table of all that `tables` hold, sorted by path, whatever order they come in.

    A group, video or person gets its source's name in front, and so does a path: ``rendered/000_003`` is not
    ``celeb_df/000_003``. `dataset` stays what it was, so that each row tells where it is from.

    Args:
        name: what the whole is called, for messages.
        tables: the sample table of each source, by name.
        rule: which split a group goes to; a `GivenSplit` leaves it where it is in its source.

    Raises:
        CourseError: the same data set is in two sources, or a class is missing in a split or altogether.
    """
    home: dict[str, str] = {}
    for source, table in tables.items():
        for dataset in sorted(set(table["dataset"])):
            if dataset in home:
                raise CourseError(
                    f"{name}: {dataset} is in it twice, from {home[dataset]} and from {source}: a picture"
                    " would be both learnt and tested. Leave one of them out."
                )
            home[dataset] = source
    merged = pd.concat([_named(tables[source], source) for source in sorted(tables)], ignore_index=True)
    rows = merged[["dataset", "label", "group", "split"]].to_dict("records")
    bound = rule.bound(Path(), rows)
    merged["split"] = [bound.split_of(row) for row in rows]
    merged = merged.astype(SAMPLE_COLUMNS).sort_values("path", kind="stable", ignore_index=True)
    _refuse_one_class(name, merged)
    return merged


def link_roots(folder: Path, roots: Mapping[str, Path]) -> None:
    """Make a link in `folder` to each source's root, under its name: a merged table's paths lead through it.

    Raises:
        CourseError: links cannot be made there.
    """
    for name, root in roots.items():
        temporary = folder / f".{name}.{os.getpid()}"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            temporary.unlink(missing_ok=True)
            temporary.symlink_to(root, target_is_directory=True)
            temporary.replace(folder / name)
        except (OSError, NotImplementedError) as error:
            raise CourseError(
                f"{folder / name}, a link to the pictures of {name}, cannot be made: {error}. They are not"
                " copied; set COURSE_CACHE to a folder of your own on a disk that has links and room."
            ) from error


def tell_one_sided(samples: pd.DataFrame) -> str:
    """Return a sentence on the sources whose pictures are all of one class; "" if none."""
    classes = samples.groupby("dataset")["label"].agg(["nunique", "first"])
    alone = classes[classes["nunique"] == 1]
    told = "; ".join(f"all of {name} is {('real', 'fake')[label]}" for name, label in alone["first"].items())
    return f"Who recognises the source knows the label: {told}." if told and len(classes) > 1 else ""


def _named(table: pd.DataFrame, source: str) -> pd.DataFrame:
    table = table.copy()
    for column in ("path", "mask", *NAMES):
        known = table[column].notna() & (table[column] != "")
        table.loc[known, column] = source + "/" + table.loc[known, column]
    return table


def _refuse_one_class(name: str, merged: pd.DataFrame) -> None:
    balance = class_balance(merged)
    counts = "; ".join(f"{row.Index}: {row.real} real, {row.fake} fake" for row in balance.itertuples())
    groups = merged["group"].nunique()
    for word in ("real", "fake"):
        if not balance[word].any():
            raise CourseError(
                f"{name}: none of its {len(merged)} pictures is {word}, and nothing can be learnt from one"
                " class. Merge it with a data set that has the other."
            )
        if lacking := [split for split in SPLITS if not balance.loc[split, word]]:
            raise CourseError(
                f"{name}: no picture in {lacking[0]} is {word} ({counts}). Whole groups are dealt out, and"
                f" there are {groups}: give {lacking[0]} a larger share, or merge more data."
            )
