import numpy as np
import pandas as pd
import pytest
from predicted import predictions

from course_utils.errors import CourseError
from course_utils.subgroups import errors_by


def people(wrong_in_b: float = 0.0, pictures: int = 4, count: int = 40, seed: int = 0) -> pd.DataFrame:
    """Predictions of so many people, half of them of each subgroup; half of a person's pictures are fake."""
    table = predictions(count * pictures, 0, pictures_a_group=pictures)
    number = np.arange(len(table))
    label = number % 2
    tone = pd.Categorical(np.where(number // pictures % 2, "b", "a"))
    wrong = np.random.default_rng(seed).random(len(table)) < np.where(tone == "b", wrong_in_b, 0.1)
    return table.assign(label=label, tone=tone, score=np.where(wrong, 1 - label, label).astype(float))


def test_rates_are_those_of_a_confusion_matrix():
    table = people(0.3)
    found = errors_by(table, "tone", 0.5).set_index(["subgroup", "error"])
    assert list(dict.fromkeys(found.index.get_level_values(0))) == ["all", "a", "b"]
    for subgroup, part in [("all", table), *table.groupby("tone", observed=True)]:
        called, real = part["score"] >= 0.5, part["label"] == 0
        assert found["rate"][subgroup, "error rate"] == pytest.approx(np.mean(called == real))
        assert found["rate"][subgroup, "false positive rate"] == pytest.approx(called[real].mean())
        assert found["rate"][subgroup, "miss rate"] == pytest.approx(1 - called[~real].mean())
    assert found["pictures"]["b", "miss rate"] == 40
    assert found["groups"]["b", "miss rate"] == 20
    assert (found["low"] <= found["rate"]).all() and (found["rate"] <= found["high"]).all()


def test_a_score_at_the_threshold_is_called_fake():
    table = people().assign(score=0.5)
    found = errors_by(table, "tone", 0.5).set_index(["subgroup", "error"])["rate"]
    assert (found["all", "false positive rate"], found["all", "miss rate"]) == (1, 0)


def test_no_error_seen_does_not_mean_none():
    found = errors_by(people().assign(score=0.0), "tone", 0.5).set_index(["subgroup", "error"])
    row = found.loc[("a", "false positive rate")]
    assert (row["rate"], row["low"]) == (0, 0)
    assert row["high"] == pytest.approx(1 - 0.025 ** (1 / 20))


def test_seven_people_are_too_few():
    table = people(count=14)
    found = errors_by(table, "tone", 0.5).set_index("subgroup")
    assert found.loc[["a", "b"], ["low", "high"]].isna().all(axis=None)
    assert found.loc["all", ["low", "high"]].notna().all(axis=None)


def test_the_order_of_categories_is_kept_and_the_rest_is_unknown():
    table = people()
    cut = pd.cut(np.arange(len(table)) % 90, [0, 20, 40, 60, 80, 100])
    found = errors_by(table.assign(age=cut), "age", 0.5)
    assert list(dict.fromkeys(found["subgroup"])) == ["all", "(0, 20]", "(20, 40]", "(40, 60]", "(60, 80]",
                                                      "(80, 100]", "unknown"]  # fmt: skip
    counts = found[found["error"] == "error rate"].set_index("subgroup")["pictures"]
    assert counts["unknown"] == 2 and counts.drop("all").sum() == counts["all"]


def test_a_subgroup_of_one_class_has_no_rate_of_the_other():
    table = people()
    table = table[(table["tone"] == "a") | (table["label"] == 1)]
    found = errors_by(table, "tone", 0.5).set_index(["subgroup", "error"]).loc[("b", "false positive rate")]
    assert np.isnan(found["rate"]) and found["pictures"] == 0


def test_a_column_that_is_not_there_is_named():
    with pytest.raises(CourseError, match=r"no column 'glasses'.*merge"):
        errors_by(people(), "glasses", 0.5)


def test_whoever_says_unknown_themselves_is_among_the_unknown_and_all_is_taken():
    table = people()
    said = table.assign(tone=np.where(np.arange(len(table)) < 10, "unknown", table["tone"].astype(str)))
    said.loc[10:19, "tone"] = None
    found = errors_by(said, "tone", 0.5).set_index(["subgroup", "error"])
    assert found.loc[("unknown", "error rate"), "pictures"] == 20
    with pytest.raises(CourseError, match="called 'all'"):
        errors_by(table.assign(tone=table["tone"].astype(str).replace("a", "all")), "tone", 0.5)
