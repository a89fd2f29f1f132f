import numpy as np
import pandas as pd
import pytest
from predicted import predictions
from scipy.special import expit, logit
from sklearn.calibration import calibration_curve
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

from course_utils.calibration import (
    TEMPERATURES,
    calibrated_errors,
    expected_calibration_error,
    fit_temperature,
    reliability,
    with_temperature,
)
from course_utils.errors import CourseError


def calibrated(count: int, seed: int = 0, split: str = "val") -> pd.DataFrame:
    """Predictions each of which is fake with just the probability that it was given."""
    random = np.random.default_rng(seed)
    scores = expit(random.normal(0, 2, count))
    table = predictions(count, 0, split=split)
    return table.assign(score=scores, label=(random.random(count) < scores).astype(int))


def with_logits_times(table: pd.DataFrame, factor: float) -> pd.DataFrame:
    return table.assign(score=expit(factor * logit(table["score"])))


@pytest.mark.parametrize("bins", [1, 7, 10])
def test_bins_are_those_of_scikit_learn(bins):
    table = predictions(300, 200, separation=1.5)
    # Rounding puts scores on the edges; both ends of the range are there.
    table["score"] = np.r_[0, 1, table["score"].round(1)[2:]]
    found = reliability(table, bins)
    observed, predicted = calibration_curve(table["label"], table["score"], n_bins=bins)
    assert found["observed"].to_numpy() == pytest.approx(observed)
    assert found["predicted"].to_numpy() == pytest.approx(predicted)
    assert found["pictures"].sum() == 500
    assert found["predicted"].between(found["low"] - 1e-9, found["high"] + 1e-9).all()


def test_a_bin_has_an_interval_over_groups_from_eight_on():
    table = predictions(50, 50, pictures_a_group=10).assign(score=0.7)
    (row,) = reliability(table).itertuples()
    assert (row.pictures, row.groups, row.observed) == (100, 10, 0.5)
    assert row.observed_low < 0.3 and row.observed_high > 0.7
    few = reliability(table[table["group"] > "group 2"])
    assert few["observed_low"].isna().all() and few["observed_high"].isna().all()


def test_a_bin_of_one_class_is_not_certain():
    (row,) = reliability(predictions(20, 0).assign(score=0.05)).itertuples()
    assert (row.observed, row.observed_low) == (0, 0)
    assert row.observed_high == pytest.approx(1 - 0.025 ** (1 / 20))  # Clopper and Pearson


def test_calibration_error_of_known_answers():
    table = predictions(50, 50)
    assert expected_calibration_error(table.assign(score=0.5)) == 0
    assert expected_calibration_error(table.assign(score=0.8)) == pytest.approx(0.3)
    assert expected_calibration_error(table.assign(score=table["label"])) == 0
    assert expected_calibration_error(table.assign(score=1 - table["label"])) == 1
    # Three quarters of the pictures are right at 0.1, a quarter says 0.9 and is fake by half.
    mixed = predictions(80, 20).assign(score=np.r_[np.full(70, 0.1), np.full(20, 0.9), np.full(10, 0.1)])
    assert expected_calibration_error(mixed, 2) == pytest.approx(0.8 * abs(10 / 80 - 0.1) + 0.2 * 0.4)


def test_calibration_error_is_the_bins_weighted_by_their_pictures():
    table = predictions(200, 100)
    rows = reliability(table, 15)
    expected = np.average((rows["observed"] - rows["predicted"]).abs(), weights=rows["pictures"])
    assert expected_calibration_error(table, 15) == pytest.approx(expected)


def test_a_calibrated_model_has_an_error_all_the_same_that_falls_with_pictures():
    errors = {}
    for count in (50, 1000):
        table = calibrated(count)
        by_chance = calibrated_errors(table)
        low, high = np.quantile(by_chance, (0.005, 0.995))
        assert low < expected_calibration_error(table) < high
        errors[count] = by_chance.mean()
    assert errors[50] > 3 * errors[1000] > 0.03
    overconfident = with_logits_times(calibrated(1000), 3)
    assert expected_calibration_error(overconfident) > calibrated_errors(overconfident).max()


@pytest.mark.parametrize("factor", [0.4, 1, 3])
def test_the_temperature_that_was_put_in_is_found(factor):
    table = with_logits_times(calibrated(20_000), factor)
    assert fit_temperature(table) == pytest.approx(factor, rel=0.06)


def test_the_temperature_is_one_over_the_slope_of_a_logistic_regression():
    table = predictions(300, 200, separation=1.5, split="val")
    oracle = LogisticRegression(C=np.inf, fit_intercept=False, tol=1e-8)
    oracle.fit(logit(table[["score"]].to_numpy()), table["label"])
    assert fit_temperature(table) == pytest.approx(1 / oracle.coef_.item(), rel=1e-3)


def test_a_fitted_temperature_lowers_the_log_loss_and_leaves_the_ranking():
    table = predictions(300, 200, separation=1.5, split="val")
    table = with_logits_times(table, 4)
    cooler = with_temperature(table, fit_temperature(table))
    assert log_loss(cooler["label"], cooler["score"]) < log_loss(table["label"], table["score"]) - 0.1
    assert roc_auc_score(cooler["label"], cooler["score"]) == roc_auc_score(table["label"], table["score"])
    assert ((cooler["score"] >= 0.5) == (table["score"] >= 0.5)).all()
    pd.testing.assert_frame_equal(cooler.drop(columns="score"), table.drop(columns="score"))


def test_softmax_of_divided_logits_is_what_the_table_gives():
    random = np.random.default_rng(0)
    logits = random.normal(0, 3, (100, 2))
    softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    divided = np.exp(logits / 2.5) / np.exp(logits / 2.5).sum(axis=1, keepdims=True)
    table = predictions().assign(score=softmax[:, 1])
    assert with_temperature(table, 2.5)["score"].to_numpy() == pytest.approx(divided[:, 1])
    assert with_temperature(table, 1)["score"].to_numpy() == pytest.approx(softmax[:, 1])


def test_probabilities_of_exactly_nought_and_one_are_taken():
    surest = np.float32([0, 1e-45, 1e-30, 0.5, 1 - 2.0**-24, 1]).astype(float)
    table = predictions(3, 3, split="val").assign(score=surest, label=[0, 0, 1, 0, 1, 1])
    assert np.isfinite(fit_temperature(table))
    cooler = with_temperature(table, 3)["score"]
    assert np.isfinite(cooler).all() and cooler.between(0, 1).all()
    assert (np.diff(cooler) > 0).all()  # float32 has no score that would change its place
    table = table.assign(score=[0.0, 0, 0, 1, 1, 1])
    assert len(reliability(table)) == 2
    assert TEMPERATURES[0] < fit_temperature(table) < TEMPERATURES[1]  # one wrong in three: less sure


def test_the_ends_of_the_temperature_say_too_good_and_too_bad():
    table = predictions(40, 40, split="val")
    perfect = table.assign(score=0.4 + 0.2 * table["label"])
    assert fit_temperature(perfect) == pytest.approx(TEMPERATURES[0], rel=1e-3)
    assert fit_temperature(perfect.assign(label=1 - table["label"])) == pytest.approx(
        TEMPERATURES[1], rel=1e-3
    )


def test_a_temperature_is_never_chosen_on_test():
    with pytest.raises(CourseError, match="A temperature chosen on them"):
        fit_temperature(predictions(split="test"))


def test_what_is_no_probability_or_no_temperature_is_refused():
    table = predictions(split="val")
    anomaly = table.assign(score_kind="anomaly")
    for asked in (reliability, expected_calibration_error, calibrated_errors, fit_temperature):
        with pytest.raises(CourseError, match="only rank"):
            asked(anomaly)
    with pytest.raises(CourseError, match="only rank"):
        with_temperature(anomaly, 2)
    for temperature in (0, -1, np.nan, np.inf):
        with pytest.raises(CourseError, match="over 0"):
            with_temperature(table, temperature)
    with pytest.raises(CourseError, match="not into 0"):
        reliability(table, bins=0)
