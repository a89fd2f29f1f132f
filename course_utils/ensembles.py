"""Several detectors as one, from the predictions tables of each: what won the DFDC challenge.

Logits are averaged and not probabilities, so that a detector that is sure counts for more than one that
hesitates.
Detectors of clips and of single frames go together by video (`predictions.per_video`).
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from course_utils.calibration import logits
from course_utils.errors import CourseError
from course_utils.predictions import labels_and_scores, paired, predictions_table, probabilities, refuse_test


def mean_of_logits(tables: Sequence[pd.DataFrame], *, name: str = "mean of logits") -> pd.DataFrame:
    """Return the predictions of several detectors together: the sigmoid of the mean of their logits.

    Args:
        tables: predictions tables of probabilities, of the same samples in whatever order, one or more.
        name: of the model, in the table that is returned.

    Returns:
        A predictions table of the samples of the first, in its order.

    Raises:
        CourseError: there is none, samples differ, or scores are no probabilities.
    """
    return _together(tables, expit(_logits(tables).mean(axis=1)), name)


def stack(
    validation: Sequence[pd.DataFrame], test: Sequence[pd.DataFrame], *, name: str = "stacked"
) -> tuple[pd.DataFrame, pd.Series]:
    """Weigh detectors by how well they did together on validation (stacking, Wolpert 1992).

    A logistic regression on the detectors' logits, with scikit-learn's default penalty. With few validation
    videos it learns their luck, which the mean of logits cannot.

    Args:
        validation: predictions tables of each detector on the validation split.
        test: those of the same detectors, in the same order, to be weighed.
        name: of the model, in the table that is returned.

    Returns:
        The predictions table of `test` weighed; and the weights, of each detector by its name and the
        ``constant``.

    Raises:
        CourseError: the detectors differ, validation is of the test split or of one class, or as of
            `mean_of_logits`.
    """
    names = [[table["model"].iloc[0] for table in tables] for tables in (validation, test)]
    if names[0] != names[1]:
        raise CourseError(
            f"Detectors are weighed on validation and used on test: these are {', '.join(names[0])} there and"
            f" {', '.join(names[1])} here. Give the same ones in the same order."
        )
    for table in validation:
        refuse_test(table, "weight")
    of_validation = _logits(validation)
    labels, _ = labels_and_scores(validation[0])
    regression = LogisticRegression().fit(of_validation, labels)
    weights = pd.Series([*regression.coef_[0], *regression.intercept_], index=[*names[0], "constant"])
    return _together(test, regression.predict_proba(_logits(test))[:, 1], name), weights


def _logits(tables: Sequence[pd.DataFrame]) -> np.ndarray:
    """Return the logits of the first table's n samples, in its order, by each detector: n x detectors."""
    for table in tables:
        probabilities(table)
    return logits(paired(tables))


def _together(tables: Sequence[pd.DataFrame], scores: np.ndarray, name: str) -> pd.DataFrame:
    members = " + ".join(table["model"].iloc[0] for table in tables)
    return predictions_table(tables[0], scores, model=name, run=members)
