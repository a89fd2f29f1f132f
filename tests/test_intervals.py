import numpy as np
import pandas as pd
import pytest
from predicted import predictions
from scipy import stats
from sklearn.metrics import roc_auc_score

from course_utils.errors import CourseError
from course_utils.intervals import (
    accuracy_interval,
    across_datasets,
    auroc_interval,
    compare,
    compare_means,
    mean_interval,
    random_classifier,
)


def brute_force(table, statistic, draws=400, seed=1):
    """Bootstrap over groups, one draw after the other, with whole tables."""
    random = np.random.default_rng(seed)
    members = [group for _, group in table.groupby("group")]
    values = []
    for _ in range(draws):
        drawn = [members[i] for i in random.integers(len(members), size=len(members))]
        labels = np.concatenate([part["label"] for part in drawn])
        if len(set(labels)) == 2:
            values.append(statistic(labels, np.concatenate([part["score"] for part in drawn])))
    return np.quantile(values, (0.025, 0.975))


@pytest.mark.parametrize("pictures_a_group", [1, 5])
def test_auroc_interval_is_that_of_a_plain_bootstrap(pictures_a_group):
    table = predictions(pictures_a_group=pictures_a_group)
    table["score"] = table["score"].round(2)  # ties
    found = auroc_interval(table)
    assert found.value == pytest.approx(roc_auc_score(table["label"], table["score"]))
    assert found.groups == 100 // pictures_a_group
    assert (found.low, found.high) == pytest.approx(brute_force(table, roc_auc_score), abs=0.025)


def test_accuracy_interval_is_that_of_a_plain_bootstrap():
    table = predictions()
    found = accuracy_interval(table, 0.5)
    expected = brute_force(table, lambda labels, scores: np.mean((scores >= 0.5) == labels))
    assert found.value == np.mean((table["score"] >= 0.5) == table["label"])
    assert (found.low, found.high) == pytest.approx(expected, abs=0.025)


def test_the_mean_of_what_is_known_and_its_groups():
    table = predictions()
    values = table["score"].where(np.arange(len(table)) % 4 > 0)
    found = mean_interval(values, table["group"])
    assert found.value == pytest.approx(values.mean())
    assert found.groups == table["group"][values.notna()].nunique()
    assert found == mean_interval(values.dropna(), table["group"][values.notna()])
    assert found.low < found.value < found.high
    with pytest.raises(CourseError, match="all of 2 values"):
        mean_interval(values[:2] * np.nan, table["group"][:2])


@pytest.mark.parametrize("count", [8, 12, 30])
def test_the_interval_of_a_mean_over_few_groups_is_as_wide_as_students(count):
    values = np.random.default_rng(3).normal(0.6, 0.1, count)
    found = mean_interval(values, pd.Series(np.arange(count)))
    low, high = stats.t.interval(0.95, count - 1, values.mean(), stats.sem(values))
    assert found.high - found.low == pytest.approx(high - low, rel=0.1)


def test_pictures_of_one_group_count_as_one():
    table = predictions(reals=50, fakes=50)
    copied = table.loc[table.index.repeat(10)]
    alone, copies = auroc_interval(table), auroc_interval(copied)
    assert (copies.low, copies.high) == pytest.approx((alone.low, alone.high))


def test_the_same_table_gives_the_same_interval():
    assert auroc_interval(predictions()) == auroc_interval(predictions())


def test_seven_groups_are_too_few():
    table = predictions(reals=8, fakes=6, pictures_a_group=2)
    found = auroc_interval(table)
    assert np.isnan(found.low) and np.isnan(found.high)
    assert "too few groups for an interval: 7" in str(found)
    assert not np.isnan(auroc_interval(predictions(reals=10, fakes=6, pictures_a_group=2)).low)


def test_draws_without_a_class_are_left_out():
    found = auroc_interval(predictions(reals=9, fakes=1))
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_a_paired_difference_is_found_where_intervals_overlap():
    first = predictions(reals=150, fakes=150)
    worse = first.assign(model="Worse", score=(first["score"] - 0.06 * first["label"]).clip(0, 1))
    one, other = auroc_interval(first), auroc_interval(worse)
    assert other.high > one.low  # the intervals overlap
    found = compare(first, worse)
    assert found.difference.value == pytest.approx(one.value - other.value)
    assert str(found).startswith("SimpleNet quick is better than Worse quick")
    assert str(compare(worse, first)).startswith("SimpleNet quick is better than Worse quick")


def test_a_model_is_not_better_than_its_like():
    first, second = predictions(seed=1), predictions(seed=2, model="Other")
    assert "not told apart" in str(compare(first, second))
    assert compare(first, first.sample(frac=1, random_state=0)).difference.high == 0


def test_a_clip_may_be_shown_moving_and_still():
    moving = predictions()
    still = moving.assign(label=1 - moving["label"], score=1 - moving["score"])
    both = pd.concat([moving, still], ignore_index=True)
    assert "not told apart" in str(compare(both, both.sample(frac=1, random_state=0)))


def test_different_test_sets_are_not_compared():
    first = predictions()
    with pytest.raises(CourseError, match="same samples"):
        compare(first, first.iloc[:90])
    with pytest.raises(CourseError, match="same samples"):
        compare(first, first.assign(label=1 - first["label"]))


def test_means_are_compared_in_pairs():
    """What varies from group to group alike in both says nothing about their difference."""
    random = np.random.default_rng(0)
    groups = pd.Series([f"person {number // 3}" for number in range(60)])
    of_group = np.repeat(random.normal(0, 5, 20), 3)
    one, other = of_group + 0.5 + random.normal(0, 0.1, 60), of_group + random.normal(0, 0.1, 60)
    found = compare_means({"one": one, "other": other}, groups, "mAP")
    assert found.difference.value == pytest.approx(one.mean() - other.mean())
    assert str(found).startswith("one is better than other: difference of mAP 0.5")
    alone = mean_interval(one, groups)
    assert found.difference.high - found.difference.low < (alone.high - alone.low) / 10
    same = compare_means({"one": one, "other": one[::-1]}, groups, "mAP")
    assert "are not told apart" in str(same)


def test_guessers_fill_a_band_around_the_diagonal():
    band, areas = random_classifier(predictions(reals=80, fakes=60))
    assert areas.mean() == pytest.approx(0.5, abs=0.01)
    # Standard deviation of the AUROC under chance: sqrt((m + n + 1) / (12 m n)) (Mann & Whitney 1947).
    assert areas.std() == pytest.approx(np.sqrt(141 / (12 * 80 * 60)), rel=0.05)
    middle = band[band["false_positive_rate"].between(0.1, 0.9)]
    assert (middle["low"] < middle["false_positive_rate"]).all()
    assert (middle["high"] > middle["false_positive_rate"]).all()


def test_a_share_of_none_is_not_certain():
    table = predictions(reals=30, fakes=10)
    found = accuracy_interval(table.assign(score=table["label"]), 0.5)
    assert (found.value, found.high) == (1, 1)
    assert found.low == pytest.approx(0.025 ** (1 / 40))  # Clopper and Pearson


def test_models_are_set_against_data_sets():
    here, there = predictions(separation=2).assign(dataset="here"), predictions(separation=0, seed=2)
    there = there.assign(dataset="there")
    other = here.assign(model="Xception")
    found = across_datasets({"here": pd.concat([here, there, other]), "there": there})
    assert list(found.columns) == ["here", "there"]
    assert list(found.index) == [("SimpleNet", "here"), ("SimpleNet", "there"), ("Xception", "here")]
    assert found.loc[("SimpleNet", "here"), "there"] == auroc_interval(there)
    assert found.loc[("Xception", "here"), "here"] == auroc_interval(here)
    assert found.isna().sum().sum() == 2


def test_training_predictions_and_mixed_runs_are_no_test_of_other_data():
    table = predictions()
    with pytest.raises(CourseError, match=r"here are of the split train too"):
        across_datasets({"here": pd.concat([table, predictions(split="train")])})
    with pytest.raises(CourseError, match=r"several runs: quick, full"):
        across_datasets({"here": pd.concat([table, table.assign(run="full")])})
