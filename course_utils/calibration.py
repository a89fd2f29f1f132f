"""Whether a probability means what it says: of the pictures scored 0.8, are eight in ten fake?

Ranking fakes above reals (AUROC) is one thing, and probabilities that hold is another: a temperature mends
the second and leaves the first as it is.
"""

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import expit, logit

from course_utils.errors import CourseError
from course_utils.intervals import GUESSERS, SEED, share_interval
from course_utils.predictions import labels_and_scores, probabilities, refuse_test

TEMPERATURES = (0.05, 20)  # what `fit_temperature` chooses between
# A softmax in float32 gives exactly 0 below the first and exactly 1 above the second: how far, it cannot say.
ZERO, ONE = 2.0**-150, 1 - 2.0**-25


def reliability(table: pd.DataFrame, bins: int = 10) -> pd.DataFrame:
    """Compare predicted probabilities with how often pictures are fake, bin by bin.

    Args:
        table: a predictions table of probabilities.
        bins: how many intervals of equal width the range from 0 to 1 is cut into.

    Returns:
        A row a bin that has pictures, in rising order: ``low`` (exclusive, but for 0) and ``high``, the bin's
        bounds; ``predicted``, its mean P(fake); ``observed``, its share of fakes, with the bounds
        ``observed_low`` and ``observed_high`` of the 95 % interval over groups (NaN with too few groups);
        and the counts ``pictures`` and ``groups``.

    Raises:
        CourseError: the scores are no probabilities, or `bins` is under 1.
    """
    scores = probabilities(table)
    edges, inside = _binned(scores, bins)
    rows = []
    for number in np.unique(inside):
        part = table[inside == number]
        observed = share_interval(part["label"].to_numpy(), part["group"])
        rows.append(
            {
                "low": edges[number],
                "high": edges[number + 1],
                "predicted": scores[inside == number].mean(),
                "observed": observed.value,
                "observed_low": observed.low,
                "observed_high": observed.high,
                "pictures": len(part),
                "groups": observed.groups,
            }
        )
    return pd.DataFrame(rows)


def expected_calibration_error(table: pd.DataFrame, bins: int = 10) -> float:
    """Return how far the share of fakes is from the mean P(fake) of its bin, 0 to 1, averaged over pictures.

    The expected calibration error of Naeini, Cooper, Hauskrecht (AAAI 2015), of P(fake) against the share of
    fakes, in the equal-width bins of Guo et al. (ICML 2017, eq. 3), who compare the probability of the class
    that is called with accuracy instead.

    It is biased upwards with few pictures, the more the finer the bins: a model that is calibrated to
    perfection has not 0 either. What it would have is what `calibrated_errors` tells, and only errors of as
    many pictures in the same bins can be compared.

    Raises:
        CourseError: see `reliability`.
    """
    scores = probabilities(table)
    _, inside = _binned(scores, bins)
    return float(_error(table["label"].to_numpy()[None], scores, inside)[0])


def calibrated_errors(table: pd.DataFrame, bins: int = 10) -> np.ndarray:
    """Return the expected calibration errors that chance alone gives to these scores, were they calibrated.

    For each of 1,000 draws every picture is fake with just the probability it was given (Bröcker & Smith
    2007, "Increasing the Reliability of Reliability Diagrams"). Pictures are drawn one by one, although those
    of one group may be alike: that chance gives more than this cannot be excluded.

    Raises:
        CourseError: see `reliability`.
    """
    scores = probabilities(table)
    _, inside = _binned(scores, bins)
    drawn = np.random.default_rng(SEED).random((GUESSERS, len(scores))) < scores
    return _error(drawn, scores, inside)


def fit_temperature(validation: pd.DataFrame) -> float:
    """Return the temperature T that makes validation probabilities hold best, by their log loss.

    Dividing logits by T > 1 takes confidence away, T < 1 adds to it (Guo et al., "On Calibration of Modern
    Neural Networks", ICML 2017, section 4.2). For two classes softmax(z / T)[1] = sigmoid(logit(p) / T), so
    that the table is enough. T lies in `TEMPERATURES`: at the lower end the validation pictures are told
    apart at 0.5 without an error, at the upper end the scores know nothing that a half does not.

    Args:
        validation: a predictions table of probabilities, of the validation split, with both classes.

    Raises:
        CourseError: the predictions are of the test split, or no probabilities, or of one class.
    """
    refuse_test(validation, "temperature")
    labels, _ = labels_and_scores(validation)
    towards_truth = logits(probabilities(validation)) * (2 * labels - 1)

    def log_loss(log_temperature: float) -> float:
        return np.logaddexp(0, -towards_truth / np.exp(log_temperature)).mean()

    found = minimize_scalar(log_loss, bounds=np.log(TEMPERATURES), method="bounded", options={"xatol": 1e-6})
    return float(np.exp(found.x))


def with_temperature(table: pd.DataFrame, temperature: float) -> pd.DataFrame:
    """Return the same predictions with their logits divided by `temperature` (over 0).

    The ranking is the same, hence the AUROC, and so is what is called fake at 0.5. A probability of exactly 0
    or 1 is read as the nearest that float32 can tell from it.

    Raises:
        CourseError: the scores are no probabilities, or `temperature` is not over 0 and finite.
    """
    if not (np.isfinite(temperature) and temperature > 0):
        raise CourseError(
            f"Logits are divided by a temperature over 0, a finite number, not by {temperature}."
        )
    return table.assign(score=expit(logits(probabilities(table)) / temperature))


def logits(scores: np.ndarray) -> np.ndarray:
    """Return the log odds of probabilities; exactly 0 or 1 is read as the nearest that float32 can tell."""
    return logit(np.clip(scores, ZERO, ONE))


def _binned(scores: np.ndarray, bins: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the edges of the bins (bins + 1) and the number of each score's bin; an edge is the lower's."""
    if bins < 1:
        raise CourseError(f"Scores are put into one bin or more, not into {bins}.")
    edges = np.linspace(0, 1, bins + 1)
    return edges, np.searchsorted(edges[1:-1], scores)


def _error(labels: np.ndarray, scores: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Return the expected calibration error of each row of `labels` (draws x n)."""
    member = inside[:, None] == np.unique(inside)  # n x bins
    return np.abs((labels - scores) @ member).sum(axis=1) / len(scores)
