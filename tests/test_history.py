import json
import warnings

import pytest

from course_utils.errors import CourseError
from course_utils.history import Run, best_epoch, read_history

# As a student's solution of the assignment writes it, with a key of its own.
THEIRS = {
    "model": "SimpleNet",
    "dataset": "fakes_dataset",
    "optimizer": {"name": "Adam", "params": {"lr": 0.001}},
    "train_loss": [0.66, 0.41, 0.21],
    "train_acc": [60.1, 82.0, 92.5],
    "val_loss": [0.60, 0.36, 0.39],
    "val_acc": [67.0, 86.0, 86.0],
    "test_loss": [0.61, 0.35, 0.38],
    "test_acc": [66.0, 85.0, 88.0],
    "minutes": 12,
}


def written(tmp_path, content):
    path = tmp_path / "history.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize("content", [THEIRS, [THEIRS], [THEIRS, THEIRS]])
def test_other_peoples_files_load(tmp_path, content):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        runs = read_history(written(tmp_path, content))
    assert len(runs) == (len(content) if isinstance(content, list) else 1)
    assert runs[0].val_acc == THEIRS["val_acc"]
    assert runs[0].optimizer.params == {"lr": 0.001}
    assert runs[0].minutes == 12
    assert runs[0].epochs == 3


def test_curves_of_the_test_split_may_be_missing(tmp_path):
    content = {key: value for key, value in THEIRS.items() if not key.startswith("test")}
    assert read_history(written(tmp_path, content))[0].curve("test", "acc") == []


def test_the_best_epoch_counts_from_one_and_is_the_earliest_of_equals():
    run = Run(**THEIRS)
    assert best_epoch(run) == 2
    nothing_classified = {curve: [] for curve in THEIRS if curve.endswith("_acc")}
    assert best_epoch(Run(**THEIRS | nothing_classified)) == 2
    by_loss = {"monitor": "val_loss", "val_loss": [0.5, float("nan"), 0.4]}
    assert best_epoch(Run(**THEIRS | by_loss)) == 3
    assert best_epoch(Run(**THEIRS | by_loss | {"monitor": "val_acc"})) == 2


def test_fractions_are_reported_and_not_changed(tmp_path):
    fractions = {key: [value / 100 for value in THEIRS[key]] for key in ("train_acc", "val_acc", "test_acc")}
    with pytest.warns(UserWarning, match="percent"):
        runs = read_history(written(tmp_path, [THEIRS | fractions]))
    assert runs[0].val_acc == fractions["val_acc"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"val_acc": [67.0]}, "'val_acc': 1"),
        ({"val_acc": [67.0, 86.0, 860.0]}, r"val_acc\.2.*percent"),
        ({"train_loss": []}, "train_loss"),
        ({"train_loss": ["high", 0.4, 0.2]}, r"train_loss\.0"),
        ({"optimizer": "Adam"}, "optimizer"),
    ],
)
def test_what_is_wrong_is_named_with_its_run(tmp_path, change, words):
    path = written(tmp_path, [THEIRS, THEIRS | change])
    with pytest.raises(CourseError, match=words) as error:
        read_history(path)
    assert f"{path}, run 2" in str(error.value)


def test_a_missing_key_is_named(tmp_path):
    content = {key: value for key, value in THEIRS.items() if key != "dataset"}
    with pytest.raises(CourseError, match="run 1: dataset"):
        read_history(written(tmp_path, content))


@pytest.mark.parametrize(
    ("content", "words"), [("[{", "no JSON"), ("[]", "holds no run"), ("[3]", "run 1: the run")]
)
def test_files_that_are_no_history_are_refused(tmp_path, content, words):
    with pytest.raises(CourseError, match=words):
        read_history(written(tmp_path, content))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CourseError, match="does not exist"):
        read_history(tmp_path / "history.json")
