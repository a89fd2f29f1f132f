import numpy as np
import pytest
from lir.data.models import LLRData
from lir.metrics import cllr as cllr_of_lir
from predicted import predictions

from course_utils.errors import CourseError
from course_utils.likelihood import cllr, fit_likelihood_ratio, posterior


def test_a_ratio_is_that_of_the_two_densities():
    # Logits are normal with deviation 1, of fakes 2 further up: ln LR = 2 x - 2.
    ratio = fit_likelihood_ratio(predictions(4000, 2000, 2.0, split="val"))
    assert (ratio.score_kind, ratio.dataset, ratio.pictures, ratio.groups) == (
        "probability",
        "made_up",
        6000,
        6000,
    )
    at = np.array([-1.0, 0.0, 1.0, 2.0, 3.0])
    expected = (2 * at - 2) / np.log(10)
    assert ratio.of(1 / (1 + np.exp(-at))) == pytest.approx(expected, abs=0.12)


def test_how_many_fakes_there_are_changes_no_ratio():
    few, many = (fit_likelihood_ratio(predictions(4000, fakes, 2.0, split="val")) for fakes in (2000, 16000))
    scores = np.linspace(0.1, 0.9, 9)
    assert few.of(scores) == pytest.approx(many.of(scores), abs=0.2)


def test_it_goes_no_further_than_the_pictures_carry():
    small = fit_likelihood_ratio(predictions(50, 50, 6.0, split="val"))
    large = fit_likelihood_ratio(predictions(2000, 2000, 6.0, split="val"))
    assert -np.log10(51) <= small.lowest < 0 < small.highest <= np.log10(51)
    assert large.lowest < small.lowest and large.highest > small.highest
    assert small.of(np.array([0.0, 1.0])).tolist() == [small.lowest, small.highest]


def test_ten_pictures_of_a_person_carry_no_further_than_one():
    once = predictions(50, 50, 6.0, split="val")
    often = once.loc[once.index.repeat(10)].reset_index(drop=True)
    assert fit_likelihood_ratio(often).highest == pytest.approx(fit_likelihood_ratio(once).highest, abs=0.1)
    assert fit_likelihood_ratio(predictions(500, 500, 6.0, split="val")).highest > 2.5  # of 500 people


def test_a_guesser_says_nothing():
    ratio = fit_likelihood_ratio(predictions(2000, 2000, 0.0, split="val"))
    assert ratio.of(np.array([0.01, 0.5, 0.99])) == pytest.approx(0, abs=0.15)
    assert cllr(predictions(500, 500, 0.0), ratio).value == pytest.approx(1, abs=0.02)


def test_an_anomaly_score_is_taken_as_it_is():
    table = predictions(500, 500, 2.0, split="val")
    strange = table.assign(score=np.log(table["score"] / (1 - table["score"])), score_kind="anomaly")
    one, other = fit_likelihood_ratio(table), fit_likelihood_ratio(strange)
    assert (one.slope, one.intercept) == pytest.approx((other.slope, other.intercept))


def test_the_cost_is_that_of_the_forensic_institutes_library():
    ratio, test = fit_likelihood_ratio(predictions(200, 100, 1.5, split="val")), predictions(90, 60, 1.0)
    found = cllr(test, ratio)
    expected = cllr_of_lir(LLRData(features=ratio.of(test["score"]), labels=test["label"].to_numpy()))
    assert found.value == pytest.approx(expected)
    assert found.low < found.value < found.high
    assert found.groups == 150


def test_saying_nothing_costs_one_bit_and_bayes_brings_the_prior():
    assert posterior(np.array([0.0, 1.0, -1.0]), 0.5) == pytest.approx([0.5, 10 / 11, 1 / 11])
    assert posterior(np.array([2.0]), 0.01) == pytest.approx([100 * 0.01 / (100 * 0.01 + 0.99)])


def test_what_is_not_of_validation_or_of_one_class_is_refused():
    with pytest.raises(CourseError, match="test split"):
        fit_likelihood_ratio(predictions())
    with pytest.raises(CourseError):
        fit_likelihood_ratio(predictions(reals=0, fakes=20, split="val"))
