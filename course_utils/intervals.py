"""How far a number that a test set gives can be trusted: intervals over groups, and paired comparisons.

A group is what must not straddle splits (the pictures of one person, the frames of one video). Its rows are
not independent, so that whole groups are drawn, with replacement, and not rows. The bounds are those of the
expanded percentile bootstrap (Hesterberg, "What Teachers Should Know About the Bootstrap", The American
Statistician 69(4), 2015): quantiles further out than 2.5 % and 97.5 %, for with few groups those hold the
true value too seldom, with eight groups in nine cases of ten.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.stats import binomtest, norm, t

from course_utils.errors import CourseError
from course_utils.predictions import labels_and_scores, paired

# Below this an interval drawn over groups says more about the few groups than about the model.
FEWEST_GROUPS = 8
REPLICATES = 2000
GUESSERS = 1000
SEED = 0


@dataclass(frozen=True)
class Interval:
    """A number and its 95 % interval over test groups; `low` and `high` are NaN with too few groups.

    It covers the choice of test groups, not of training runs: another training may land outside.
    """

    value: float
    low: float
    high: float
    groups: int

    def __str__(self) -> str:
        if np.isnan(self.low):
            return f"{self.value:.3f} (too few groups for an interval: {self.groups})"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class Comparison:
    """The difference of two models' AUROC, or another `measure`, first minus second, on the same groups."""

    first: str
    second: str
    difference: Interval
    measure: str = "AUROC"

    def __str__(self) -> str:
        if np.isnan(self.difference.low) or self.difference.low <= 0 <= self.difference.high:
            verdict = f"{self.first} and {self.second} are not told apart"
        else:
            better, other = (self.first, self.second)[:: 1 if self.difference.value > 0 else -1]
            verdict = f"{better} is better than {other}"
        return (
            f"{verdict}: difference of {self.measure} {self.difference} over {self.difference.groups} groups"
        )


def auroc_interval(table: pd.DataFrame) -> Interval:
    """Return the AUROC with its 95 % bootstrap interval, drawn over groups.

    Where the classes are separated without an error every draw gives 1, and so do both bounds.
    """
    return bootstrap(table["group"], _auroc(*labels_and_scores(table)))


def accuracy_interval(table: pd.DataFrame, threshold: float) -> Interval:
    """Return the accuracy (0 to 1) at `threshold` with its 95 % bootstrap interval, drawn over groups."""
    correct = ((table["score"] >= threshold) == table["label"]).to_numpy(np.float64)
    return share_interval(correct, table["group"])


def share_interval(hits: np.ndarray, groups: pd.Series) -> Interval:
    """Return the share of `hits` (n, 0 or 1) among rows of `groups` (n), with its 95 % interval over groups.

    Where all rows are alike, so are all draws, and would have no spread. The interval then is the exact one
    of as many trials as there are groups (Clopper & Pearson 1934): none of 10 goes with up to 31 %.
    """
    found = mean_interval(hits, groups)
    if not np.isnan(found.low) and found.value in (0, 1):
        exact = binomtest(round(found.value) * found.groups, found.groups).proportion_ci()
        return replace(found, low=float(exact.low), high=float(exact.high))
    return found


def mean_interval(values: np.ndarray, groups: pd.Series) -> Interval:
    """Return the mean of `values` (n) of rows of `groups` (n), with its 95 % interval over groups.

    A value that is missing (NaN) is left out.

    Raises:
        CourseError: nothing is left.
    """
    values = np.asarray(values, dtype=np.float64)
    known = ~np.isnan(values)
    if not known.any():
        raise CourseError(f"There is no mean: all of {len(values)} values are missing.")
    return bootstrap(groups[known], lambda weights: weights @ values[known] / weights.sum(axis=1))


def mean_of_classes_interval(values: np.ndarray, table: pd.DataFrame) -> Interval:
    """Return the mean of the means of `values` (n) over reals and over fakes, with its interval over groups.

    Args:
        values: one for each row.
        table: a predictions table with both classes.
    """
    labels, _ = labels_and_scores(table)

    def mean(weights: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore"):  # a draw that misses a class
            parts = [weights * (labels == label) for label in (0, 1)]
            return sum(part @ values / part.sum(axis=1) for part in parts) / 2

    return bootstrap(table["group"], mean)


def compare(first: pd.DataFrame, second: pd.DataFrame) -> Comparison:
    """Compare two models' AUROC by a paired bootstrap: every draw takes the same groups for both.

    Only this may say "better": two intervals that overlap do not show that there is no difference.

    Raises:
        CourseError: the tables are not of the same samples, or of one class.
    """
    labels, _ = labels_and_scores(first)
    one, other = (_auroc(labels, scores) for scores in paired([first, second]).T)
    difference = bootstrap(first["group"], lambda weights: one(weights) - other(weights))
    return Comparison(_name(first), _name(second), difference)


def compare_means(values: Mapping[str, np.ndarray], groups: pd.Series, measure: str) -> Comparison:
    """Compare the means of two rows of numbers, the higher the better, by a paired bootstrap over groups.

    Args:
        values: two names, each with n numbers of the same n things (NaN where there is none, in both).
        groups: n.
        measure: what the mean is called.
    """
    (first, one), (second, other) = values.items()
    return Comparison(first, second, mean_interval(np.asarray(one) - np.asarray(other), groups), measure)


def across_datasets(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return how well models that were trained on one data set tell fakes from reals on others.

    Args:
        tables: predictions of test splits by the name of the data set that their models were trained on; a
            table may hold those of several models on several data sets.

    Returns:
        The AUROC as an `Interval`: a row a model and data set trained on, a column a data set tested on, NaN
        where there are no predictions. ``.map(str)`` writes it, ``.stack().map(lambda auroc: auroc.value)``
        gives numbers. Whether one is better than another in its column, `compare` tells.

    Raises:
        CourseError: predictions are not of the test split, two runs of one model are mixed, or there is only
            one class in a cell.
    """
    cells = {}
    for trained_on, table in tables.items():
        if others := sorted(set(table["split"]) - {"test"}):
            raise CourseError(
                f"Predictions of models trained on {trained_on} are of the split {', '.join(others)} too."
                " Data sets are compared on their test splits alone: keep the rows whose split is 'test'."
            )
        for (model, tested_on), part in table.groupby(["model", "dataset"], sort=False):
            if len(runs := part["run"].unique()) > 1:
                raise CourseError(
                    f"{model}, trained on {trained_on}, has predictions of several runs: {', '.join(runs)}."
                    " Give one run at a time: their scores have no common scale."
                )
            cells[model, trained_on, tested_on] = auroc_interval(part)
    matrix = pd.Series(cells, dtype=object).rename_axis(["model", "trained_on", "tested_on"]).unstack()
    order = dict.fromkeys([*tables, *matrix.columns])
    return matrix[[name for name in order if name in matrix]]


def random_classifier(table: pd.DataFrame) -> tuple[pd.DataFrame, np.ndarray]:
    """Let guessers, who score by chance, take the test that `table` is of.

    Returns:
        The band that holds 95 % of their ROC curves at each false positive rate (columns
        ``false_positive_rate``, ``low``, ``high``), and the AUROC of each of `GUESSERS` guessers.
    """
    labels, _ = labels_and_scores(table)
    fakes, reals = int(labels.sum()), int((1 - labels).sum())
    random = np.random.default_rng(SEED)
    hits = np.empty((GUESSERS, reals), dtype=np.float32)
    for guesser in hits:
        real = -np.sort(-random.random(reals))
        guesser[:] = 1 - np.searchsorted(np.sort(random.random(fakes)), real) / fakes
    low, high = np.quantile(hits, (0.025, 0.975), axis=0)
    rates = np.arange(reals + 1) / reals
    band = pd.DataFrame({"false_positive_rate": rates, "low": [*low, 1.0], "high": [*high, 1.0]})
    return band, hits.mean(axis=1)


def _name(table: pd.DataFrame) -> str:
    return " ".join(filter(None, table[["model", "run"]].iloc[0]))


def _auroc(labels: np.ndarray, scores: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function from weights (draws x n) to the weighted AUROC of each draw.

    The AUROC is the chance that a fake scores above a real, ties counting half (Hanley & McNeil 1982): one
    sort serves all draws. A draw that misses a class gives NaN.
    """
    fake, real = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    real = real[np.argsort(scores[real], kind="stable")]
    below = np.searchsorted(scores[real], scores[fake], side="left")
    not_above = np.searchsorted(scores[real], scores[fake], side="right")

    def weighted(weights: np.ndarray) -> np.ndarray:
        passed = np.cumsum(np.pad(weights[:, real], ((0, 0), (1, 0))), axis=1)
        wins = np.sum(weights[:, fake] * (passed[:, below] + passed[:, not_above]), axis=1) / 2
        with np.errstate(invalid="ignore"):
            return wins / (weights[:, fake].sum(axis=1) * passed[:, -1])

    return weighted


def bootstrap(groups: pd.Series, statistic: Callable[[np.ndarray], np.ndarray]) -> Interval:
    """Return `statistic` (weights, draws x n -> draws) on all rows, and its interval over drawn groups."""
    members, names = pd.factorize(groups)
    value, low, high = float(statistic(np.ones((1, len(members))))[0]), np.nan, np.nan
    if len(names) >= FEWEST_GROUPS:
        random, draws = np.random.default_rng(SEED), []
        chunk = max(1, 2_000_000 // len(members))  # some 16 MB of weights at a time
        for start in range(0, REPLICATES, chunk):
            count = min(chunk, REPLICATES - start)
            drawn = random.integers(len(names), size=(count, len(names)))
            cells = drawn + np.arange(count)[:, None] * len(names)
            times = np.bincount(cells.ravel(), minlength=count * len(names)).reshape(count, -1)
            draws.append(statistic(times.astype(np.float64)[:, members]))
        tail = _tail(len(names))
        low, high = (float(bound) for bound in np.nanquantile(np.concatenate(draws), (tail, 1 - tail)))
    return Interval(value, low, high, len(names))


def _tail(groups: int) -> float:
    """Return the share of draws beyond each bound, which is 2.5 % with many groups and less with few.

    For a mean, draws are spread by sqrt((n - 1) / n) too little, and as a normal distribution where Student's
    is needed.
    """
    return float(norm.cdf(t.ppf(0.025, groups - 1) * np.sqrt(groups / (groups - 1))))
