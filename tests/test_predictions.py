import numpy as np
import pandas as pd
import pytest
from predicted import predictions
from scipy.interpolate import interp1d
from scipy.optimize import brentq
from sklearn import metrics as oracle

from course_utils.errors import CourseError
from course_utils.intervals import compare
from course_utils.predictions import (
    choose_threshold,
    equal_error_rate,
    log_losses,
    metrics,
    per_video,
    predictions_table,
    read_predictions,
    score_for_real,
    write_predictions,
)


def with_scores(table: pd.DataFrame, scores) -> pd.DataFrame:
    return table.assign(score=np.asarray(scores, dtype=float))


@pytest.mark.parametrize("separation", [0.0, 1.0, 2.5])
def test_metrics_are_those_of_scikit_learn(separation):
    table = predictions(separation=separation)
    # Rounding makes ties, which a ranking must count as half.
    table = with_scores(table, table["score"].round(1))
    labels, scores = table["label"], table["score"]
    found = metrics(table, 0.45)

    report = oracle.classification_report(labels, scores >= 0.45, output_dict=True)
    assert found["accuracy"] == pytest.approx(report["accuracy"])
    assert found["tcr"] == pytest.approx(100 * report["accuracy"])
    for name, key in (("real", "0"), ("fake", "1")):
        assert found[f"precision_{name}"] == pytest.approx(report[key]["precision"])
        assert found[f"recall_{name}"] == pytest.approx(report[key]["recall"])
    assert found["auroc"] == pytest.approx(oracle.roc_auc_score(labels, scores))
    assert found["log_loss"] == pytest.approx(oracle.log_loss(labels, scores))


def test_log_loss_of_always_answering_one_half_is_ln_2():
    table = with_scores(predictions(), np.full(100, 0.5))
    assert metrics(table, 0.5)["log_loss"] == pytest.approx(np.log(2))


@pytest.mark.parametrize("limit", [0.01, 0.05])
def test_true_positive_rate_keeps_to_its_false_positive_rate(limit):
    table = predictions(reals=300, fakes=200, separation=1.5)
    found = metrics(table, 0.5)[f"tpr_at_{round(100 * limit)}_fpr"]
    reals, fakes = (table["score"][table["label"] == label].to_numpy() for label in (0, 1))
    allowed = [t for t in [*table["score"], 2] if np.mean(reals >= t) <= limit]
    assert found == pytest.approx(max(np.mean(fakes >= t) for t in allowed))


@pytest.mark.parametrize("seed", range(5))
def test_equal_error_rate_is_the_root_on_the_curve(seed):
    table = predictions(separation=0.8, seed=seed)
    false_alarms, hits, _ = oracle.roc_curve(table["label"], table["score"])
    root = brentq(lambda x: 1 - x - interp1d(false_alarms, hits)(x), 0, 1)
    assert equal_error_rate(table) == pytest.approx(root, abs=1e-6)


def test_equal_error_rate_at_its_extremes():
    table = predictions()
    assert equal_error_rate(with_scores(table, table["label"])) == 0
    assert equal_error_rate(with_scores(table, 1 - table["label"])) == 1
    assert equal_error_rate(with_scores(table, np.full(100, 0.5))) == pytest.approx(0.5)


def test_log_loss_is_scikit_learn_s_also_of_certain_mistakes():
    table = predictions()
    certain = with_scores(table, np.where(np.arange(len(table)) % 3, table["score"], 1.0 - table["label"]))
    assert metrics(certain, 0.5)["log_loss"] == pytest.approx(
        oracle.log_loss(certain["label"], certain["score"]), rel=1e-9
    )
    assert log_losses(certain).max() == pytest.approx(-np.log(np.finfo(float).eps))
    assert log_losses(certain, clip=0.01).max() == pytest.approx(-np.log(0.01))


def test_each_probability_has_its_log_loss():
    table = predictions(reals=2, fakes=2)
    table = with_scores(table, np.array([0.1, 0.5, 0.5, 0.8]))
    np.testing.assert_allclose(log_losses(table), -np.log([0.9, 0.5, 0.5, 0.8]))
    with pytest.raises(CourseError, match="only rank"):
        log_losses(table.assign(score_kind="anomaly"))


def test_anomaly_scores_have_no_log_loss():
    table = predictions().assign(score_kind="anomaly")
    assert "log_loss" not in metrics(with_scores(table, 10 * table["score"]), 5)


def test_precision_of_a_class_that_was_never_called_is_unknown():
    found = metrics(predictions(), 2.0)
    assert np.isnan(found["precision_fake"])
    assert found["recall_real"] == 1


@pytest.mark.parametrize(("label", "words"), [(0, "of real pictures"), (1, "of fake pictures")])
def test_one_class_only_is_said(label, words):
    table = predictions()
    with pytest.raises(CourseError, match=words):
        metrics(table[table["label"] == label], 0.5)


def test_both_scores_hold_the_same_knowledge():
    table = predictions(separation=2)
    by_fake, by_real = metrics(table, 0.5)["auroc"], metrics(score_for_real(table), 0.5)["auroc"]
    assert by_fake > 0.9
    assert by_real == pytest.approx(1 - by_fake)


def test_accuracy_threshold_makes_the_fewest_errors():
    table = predictions(separation=1.2, split="val")
    chosen = metrics(table, choose_threshold(table))["accuracy"]
    assert chosen == max(metrics(table, t)["accuracy"] for t in [*table["score"], 2])


def test_eer_threshold_balances_the_errors():
    table = predictions(reals=500, fakes=100, separation=1.2, split="val")
    found = metrics(table, choose_threshold(table, "eer"))
    assert found["recall_real"] == pytest.approx(found["recall_fake"], abs=0.02)


def test_threshold_lies_between_scores():
    table = predictions(reals=2, fakes=2, split="val")
    assert choose_threshold(with_scores(table, [0.1, 0.2, 0.6, 0.9])) == pytest.approx(0.4)


def test_threshold_of_a_useless_ranking_calls_nothing_fake():
    table = with_scores(predictions(reals=3, fakes=1, split="val"), [0.2, 0.5, 0.9, 0.1])
    assert metrics(table, choose_threshold(table))["accuracy"] == 0.75


def test_threshold_is_never_chosen_on_test():
    with pytest.raises(CourseError, match="val"):
        choose_threshold(predictions(split="test"))


def test_unknown_threshold_rule_lists_the_rules():
    with pytest.raises(CourseError, match="accuracy, eer"):
        choose_threshold(predictions(split="val"), "best")


def test_video_score_is_the_mean_of_its_frames():
    table = predictions(reals=4, fakes=4)
    table["video"] = ["a", "a", "b", "b", "c", "c", "c", "d"]
    table["method"] = ["original"] * 4 + ["Deepfakes"] * 4
    videos = per_video(table)
    assert list(videos["video"]) == list("abcd")
    assert list(videos["label"]) == [0, 0, 1, 1]
    expected = [table["score"][table["video"] == name].mean() for name in "abcd"]
    assert videos["score"].to_numpy() == pytest.approx(expected)
    assert metrics(videos, 0.5)


def test_frames_of_two_methods_with_one_video_name_stay_apart():
    table = predictions(reals=2, fakes=2).assign(video="000", method=["original"] * 2 + ["FaceSwap"] * 2)
    assert len(per_video(table)) == 2


def test_detectors_that_scored_different_frames_are_compared_by_video():
    table = predictions(reals=16, fakes=16)
    table["video"] = [f"{number // 2:02}" for number in range(len(table))]
    table["path"] = [f"videos/{row.video}/{row.Index % 2:05}.png" for row in table.itertuples()]
    first, second = (per_video(table[table.index % 2 == number]) for number in (0, 1))
    assert list(first["path"]) == [f"videos/{number:02}" for number in range(16)]
    assert compare(first, second).difference.groups == 32 // 2


def test_pictures_have_no_videos():
    with pytest.raises(CourseError, match="belong to no video"):
        per_video(predictions())


def test_round_trip_keeps_everything(tmp_path):
    table = predictions()
    write_predictions(tmp_path / "deep" / "predictions.parquet", table)
    pd.testing.assert_frame_equal(read_predictions(tmp_path / "deep" / "predictions.parquet"), table)


def test_logits_are_not_taken_for_probabilities():
    with pytest.raises(CourseError, match="softmax"):
        predictions_table(predictions(), np.linspace(-3, 3, 100), model="m", run="r")


def test_two_columns_of_scores_are_refused():
    with pytest.raises(CourseError, match="second column"):
        predictions_table(predictions(), np.zeros((100, 2)), model="m", run="r")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda table: table.drop(columns="group"), "no column 'group'"),
        (lambda table: table.assign(label=2), "'label'"),
        (lambda table: table.assign(score=np.nan), "100 values"),
        (lambda table: table.assign(score_kind="logit"), "'score_kind'"),
        (lambda table: table.assign(group=""), "'group'"),
        (lambda table: table.iloc[:0], "no rows"),
    ],
)
def test_a_damaged_file_is_refused_by_column(tmp_path, change, words):
    path = tmp_path / "predictions.parquet"
    change(predictions()).to_parquet(path)
    with pytest.raises(CourseError, match=words) as error:
        read_predictions(path)
    assert str(path) in str(error.value)


def test_files_that_are_no_tables_are_named(tmp_path):
    with pytest.raises(CourseError, match="does not exist"):
        read_predictions(tmp_path / "none.parquet")
    (tmp_path / "text.parquet").write_text("not a table")
    with pytest.raises(CourseError, match=r"text\.parquet"):
        read_predictions(tmp_path / "text.parquet")
