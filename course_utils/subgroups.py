"""Whether a detector errs more often on some people than on others, at one threshold for all."""

import numpy as np
import pandas as pd

from course_utils.errors import CourseError
from course_utils.intervals import share_interval

ALL, UNKNOWN = "all", "unknown"
# Each kind of error, and the label of the pictures that can suffer it; None: both.
ERRORS = {"error rate": None, "false positive rate": 0, "miss rate": 1}


def errors_by(table: pd.DataFrame, column: str, threshold: float) -> pd.DataFrame:
    """Return each subgroup's error rates at `threshold`, with 95 % intervals over groups.

    Args:
        table: a predictions table with one more column, e.g. of
            ``predictions.merge(people(prepared), on="target")``. Of a forgery, `target` is who is seen and
            `source` whose face was taken: say which of them the column describes.
        column: the subgroup of each row; ages and other numbers are cut first (``pandas.cut``).
        threshold: chosen on the validation split; a score at or above it is called fake.

    Returns:
        A row a subgroup (``all`` first, pictures without one under "unknown") and kind of error: columns
        ``subgroup``, ``error``, ``rate`` (0 to 1; NaN without a picture), ``low`` and ``high`` (NaN with too
        few groups), ``pictures`` and ``groups``. Errors are the "error rate" of all pictures, the "false
        positive rate" of reals and the "miss rate" of fakes.

    Raises:
        CourseError: there is no such column, or a subgroup is called "all".
    """
    subgroups = _subgroups(table, column)
    wrong = ((table["score"] >= threshold) != table["label"]).to_numpy()
    rows = []
    for name in [None, *subgroups.cat.categories]:
        of_subgroup = np.ones(len(table), bool) if name is None else (subgroups == name).to_numpy()
        for error, label in ERRORS.items():
            chosen = of_subgroup & ((table["label"] == label).to_numpy() if label is not None else True)
            row = {"subgroup": ALL if name is None else name, "error": error, "pictures": int(chosen.sum())}
            if row["pictures"]:
                found = share_interval(wrong[chosen], table["group"][chosen])
                row |= {"rate": found.value, "low": found.low, "high": found.high, "groups": found.groups}
            rows.append({"rate": np.nan, "low": np.nan, "high": np.nan, "groups": 0} | row)
    order = ["subgroup", "error", "rate", "low", "high", "pictures", "groups"]
    return pd.DataFrame(rows)[order]


def _subgroups(table: pd.DataFrame, column: str) -> pd.Series:
    """Return the subgroup of each row as categories in order, "unknown" the last."""
    if column not in table:
        raise CourseError(
            f"The predictions have no column {column!r}; they have {', '.join(table)}. Join it first, e.g."
            " predictions.merge(people(prepared), on='target')."
        )
    found = table[column].astype("category").cat.remove_unused_categories()
    found = found.cat.rename_categories(str)
    if ALL in found.cat.categories:
        raise CourseError(f"A subgroup of {column!r} is called {ALL!r}, like the row of all. Rename it.")
    if UNKNOWN not in found.cat.categories:
        found = found.cat.add_categories([UNKNOWN])
    return found.fillna(UNKNOWN).cat.remove_unused_categories()
