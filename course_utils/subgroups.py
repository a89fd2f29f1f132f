"""Whether a detector errs more often on some people than on others, at one threshold for all."""

import numpy as np
import pandas as pd

from course_utils.errors import CourseError
from course_utils.intervals import REPLICATES, SEED, share_interval

UNKNOWN = "unknown"
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
        CourseError: there is no such column.
    """
    subgroups = _subgroups(table, column)
    wrong = ((table["score"] >= threshold) != table["label"]).to_numpy()
    rows = []
    for name in [None, *subgroups.cat.categories]:
        of_subgroup = np.ones(len(table), bool) if name is None else (subgroups == name).to_numpy()
        for error, label in ERRORS.items():
            chosen = of_subgroup & ((table["label"] == label).to_numpy() if label is not None else True)
            row = {"subgroup": "all" if name is None else name, "error": error, "pictures": int(chosen.sum())}
            if row["pictures"]:
                found = share_interval(wrong[chosen], table["group"][chosen])
                row |= {"rate": found.value, "low": found.low, "high": found.high, "groups": found.groups}
            rows.append({"rate": np.nan, "low": np.nan, "high": np.nan, "groups": 0} | row)
    order = ["subgroup", "error", "rate", "low", "high", "pictures", "groups"]
    return pd.DataFrame(rows)[order]


def differences_by_chance(table: pd.DataFrame, column: str, threshold: float) -> pd.DataFrame:
    """Say for each kind of error whether subgroups differ by more than chance would make them.

    Subgroups are of different people, so that no pair of pictures can be compared. Instead the subgroups are
    dealt out anew among the groups, 2,000 times: a permutation test, one for all subgroups together. Its
    statistic is the spread of their rates about the overall rate, each weighted by its pictures. That it
    finds nothing does not show that there is nothing: look at how wide the intervals of `errors_by` are.

    Args:
        table: as for `errors_by`; rows without a subgroup are left out.
        column: the subgroup, one a group.
        threshold: as for `errors_by`.

    Returns:
        A row a kind of error that there are pictures for: ``error``; ``gap``, the highest rate less the
        lowest (0 to 1); ``p_value``, the share of deals, this one included, that spread the rates as
        far; and the number of ``groups``.

    Raises:
        CourseError: there is no such column, or a group has rows in two subgroups, so that dealing out is not
            possible.
    """
    subgroups = _subgroups(table, column)
    known = (subgroups != UNKNOWN).to_numpy()
    table, subgroups = table[known], subgroups[known]
    wrong = ((table["score"] >= threshold) != table["label"]).to_numpy()
    mixed = subgroups.groupby(table["group"]).nunique()
    if (mixed > 1).any():
        raise CourseError(
            f"The group {mixed.idxmax()} has rows in {mixed.max()} subgroups of {column}. Subgroups that"
            " share a group cannot be dealt out anew: ask this of what is one a group, like a person's skin."
        )
    rows = []
    for error, label in ERRORS.items():
        chosen = np.ones(len(table), bool) if label is None else (table["label"] == label).to_numpy()
        if not chosen.any():
            continue
        members, names = pd.factorize(table["group"][chosen])
        pictures, errors = np.bincount(members), np.bincount(members, wrong[chosen])
        own = subgroups.cat.codes[chosen].groupby(members).first().to_numpy(copy=True)
        random = np.random.default_rng(SEED)
        deals = np.stack([own, *(random.permutation(own) for _ in range(REPLICATES))])
        gaps, spreads = _spread(deals, pictures, errors)
        p_value = np.mean(spreads >= spreads[0] * (1 - 1e-9))
        rows.append({"error": error, "gap": gaps[0], "p_value": float(p_value), "groups": len(names)})
    return pd.DataFrame(rows)


def _subgroups(table: pd.DataFrame, column: str) -> pd.Series:
    """Return the subgroup of each row as categories in order, "unknown" the last."""
    if column not in table:
        raise CourseError(
            f"The predictions have no column {column!r}; they have {', '.join(table)}. Join it first, e.g."
            " predictions.merge(people(prepared), on='target')."
        )
    found = table[column].astype("category").cat.remove_unused_categories()
    found = found.cat.rename_categories(str)
    return found.cat.add_categories([UNKNOWN]).fillna(UNKNOWN).cat.remove_unused_categories()


def _spread(deals: np.ndarray, pictures: np.ndarray, errors: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return for each deal (deals x groups, a subgroup's number a group) the gap and the weighted spread."""
    member = deals[..., None] == np.unique(deals)  # deals x groups x subgroups
    count, wrong = (np.einsum("g,dgs->ds", values, member) for values in (pictures, errors))
    rates = wrong / count
    return np.ptp(rates, axis=1), np.sum(count * (rates - errors.sum() / pictures.sum()) ** 2, axis=1)
