import numpy as np
import pandas as pd
import pytest
from predicted import predictions
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from course_utils.ensembles import mean_of_logits, stack
from course_utils.errors import CourseError


def detector(name, seed, split="test"):
    table = predictions().assign(model=name, split=split)
    random = np.random.default_rng(seed)
    return table.assign(score=expit(random.normal(2 * table["label"] - 1, 1.5)))


def test_the_mean_is_of_logits_row_by_row_whatever_the_order():
    first, second = detector("first", 0), detector("second", 1)
    both = mean_of_logits([first, second.sample(frac=1, random_state=0)])
    expected = expit((logit(first["score"]) + logit(second["score"])) / 2)
    np.testing.assert_allclose(both["score"], expected)
    assert both["path"].tolist() == first["path"].tolist()
    assert (both["model"].iloc[0], both["run"].iloc[0]) == ("mean of logits", "first + second")
    alone = mean_of_logits([first])
    np.testing.assert_allclose(alone["score"], first["score"])


def test_a_certain_detector_does_not_decide_for_ever():
    first, second = detector("first", 0), detector("second", 1)
    sure = first.assign(score=first["label"].astype(float))
    assert np.isfinite(logit(mean_of_logits([sure, second])["score"])).all()


def test_stacking_is_logistic_regression_on_the_logits_of_validation():
    names = ("first", "second", "third")
    validation = [detector(name, seed, "val") for seed, name in enumerate(names)]
    test = [detector(name, 10 + seed) for seed, name in enumerate(names)]
    stacked, weights = stack(validation, test)
    fitted = LogisticRegression().fit(
        np.stack([logit(table["score"]) for table in validation], axis=1), validation[0]["label"]
    )
    logits = np.stack([logit(table["score"]) for table in test], axis=1)
    np.testing.assert_allclose(stacked["score"], fitted.predict_proba(logits)[:, 1], rtol=1e-6)
    assert weights.index.tolist() == [*names, "constant"]
    np.testing.assert_allclose(weights[:3], fitted.coef_[0])


def test_what_cannot_go_together_is_named():
    first, second = detector("first", 0), detector("second", 1)
    with pytest.raises(CourseError, match="of first and of second are not of the same samples"):
        mean_of_logits([first, second.iloc[1:]])
    with pytest.raises(CourseError, match="1 rows of the predictions of second are of samples that stand"):
        mean_of_logits([first, pd.concat([second, second.head(1)])])
    with pytest.raises(CourseError, match="give one or more"):
        stack([], [])
    with pytest.raises(CourseError, match="scores of second are of the kind anomaly"):
        mean_of_logits([first, second.assign(score_kind="anomaly")])
    with pytest.raises(CourseError, match="give one or more"):
        mean_of_logits([])
    with pytest.raises(CourseError, match="would have seen the answers"):
        stack([first, second], [first, second])
    with pytest.raises(CourseError, match="first, second there and second, first here"):
        stack([first.assign(split="val"), second.assign(split="val")], [second, first])
