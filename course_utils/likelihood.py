"""What a score is worth as evidence: how many times likelier it is of a fake than of a real picture.

A probability of fake mixes what the picture shows with how many fakes were in the set that a detector
learnt from. The likelihood ratio leaves the second out: whoever must decide brings the odds from elsewhere
(ENFSI, "Guideline for Evaluative Reporting in Forensic Science", 2015). It is written as its decimal
logarithm: 0 says nothing, 1 is ten times likelier of a fake, -1 ten times likelier of a real.
"""

import numpy as np
import pandas as pd
from lir.algorithms.bayeserror import elub
from lir.algorithms.logistic_regression import LogitCalibrator
from pydantic import BaseModel, ConfigDict

from course_utils.calibration import logits
from course_utils.intervals import Interval, mean_of_classes_interval
from course_utils.predictions import labels_and_scores, refuse_test


class LikelihoodRatio(BaseModel):
    """What turns scores of one detector into log-likelihood ratios, and on what it was fitted.

    A log10 likelihood ratio is ``slope * x + intercept``, kept between ``lowest`` and ``highest``, where x is
    the logit of a probability, or an anomaly score as it is.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    slope: float
    intercept: float
    lowest: float
    highest: float
    score_kind: str
    dataset: str
    pictures: int
    groups: int

    def of(self, scores: np.ndarray) -> np.ndarray:
        """Return the log10 likelihood ratio (n) of scores (n)."""
        ratios = self.slope * _raw(np.asarray(scores, np.float64), self.score_kind) + self.intercept
        return np.clip(ratios, self.lowest, self.highest)


def fit_likelihood_ratio(validation: pd.DataFrame) -> LikelihoodRatio:
    """Learn what scores are worth from a predictions table of the validation split.

    The line is that of logistic regression, both classes with the same weight. The limits are the empirical
    ones of Vergeer et al. 2016 ("Numerical likelihood ratios outputted by LR systems are often based on
    extrapolation: when to stop extrapolating?", Science & Justice 56): beyond them a single misleading
    picture more would make it wiser not to have asked. Pictures of a group are not independent, so that for
    the limits each group counts once a class.

    Raises:
        CourseError: the predictions are of the test split, or of one class.
    """
    refuse_test(validation, "likelihood ratio")
    labels, scores = labels_and_scores(validation)
    (kind,) = validation["score_kind"].unique()
    raw = _raw(scores, kind)
    line = LogitCalibrator().fit(raw, labels)
    intercept, at_one = line.transform(np.array([0.0, 1.0]))
    ratios = pd.Series(line.transform(raw), index=validation.index)
    once = ratios.groupby([validation["group"], validation["label"]]).mean()
    lowest, highest = elub(once.to_numpy(copy=True), once.index.get_level_values("label").to_numpy())
    return LikelihoodRatio(
        slope=float(at_one - intercept),
        intercept=float(intercept),
        lowest=float(lowest),
        highest=float(highest),
        score_kind=kind,
        dataset=", ".join(sorted(validation["dataset"].unique())),
        pictures=len(validation),
        groups=int(validation["group"].nunique()),
    )


def cllr(table: pd.DataFrame, ratio: LikelihoodRatio) -> Interval:
    """Return the cost of the log-likelihood ratios of a predictions table, with its interval over groups.

    Cllr of Brümmer & du Preez 2006 ("Application-independent evaluation of speaker detection"), in bits: 0 is
    perfect, 1 is what saying nothing costs (a ratio of 1 for every picture), and more is worse than that. It
    is the mean over the two classes, however many pictures each has.
    """
    labels, scores = labels_and_scores(table)
    towards_truth = ratio.of(scores) * np.log(10) * (2 * labels - 1)
    return mean_of_classes_interval(np.logaddexp(0, -towards_truth) / np.log(2), table)


def posterior(ratios: np.ndarray, prior: float) -> np.ndarray:
    """Return the probability of a fake (n, 0 to 1) by Bayes' rule from log10 likelihood ratios (n).

    Args:
        ratios: see `LikelihoodRatio`.
        prior: the probability, over 0 and under 1, that somebody gave the picture before it was looked at.
    """
    odds = np.power(10.0, ratios) * prior / (1 - prior)
    return odds / (1 + odds)


def _raw(scores: np.ndarray, score_kind: str) -> np.ndarray:
    return logits(scores) if score_kind == "probability" else scores
