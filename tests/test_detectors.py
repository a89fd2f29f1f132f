"""A detector is trained once, and found again by whoever needs it."""

import numpy as np
import pytest

from course_utils.data.prepare import load_dataset
from course_utils.detectors import earlier_detector, few_training_pictures, train_detector
from course_utils.models.pretrained import Origin
from course_utils.models.simplenet import SimpleNet

SETTINGS = {"batch_size": 8, "optimizer": {"name": "Adam", "params": {"lr": 1e-3}}, "precision": "float32"}


@pytest.fixture
def prepared(course_environment):
    return load_dataset("assignment_fakes")


def train(prepared, folder, epochs=1, size=64, **more):
    build = lambda: SimpleNet(size)  # noqa: E731
    return train_detector(
        "simplenet", build, prepared, size, folder=folder, epochs=epochs, seed=0, **SETTINGS, **more
    )


def test_scores_of_a_split_stand_beside_its_samples_and_are_not_augmented(prepared, tmp_path):
    detector = train(prepared, tmp_path / "run")
    table = detector.predictions(prepared, "train")
    assert table["path"].tolist() == prepared.split("train")["path"].tolist()
    assert set(table["model"]) == {"simplenet"}
    assert np.array_equal(table["score"], detector.predictions(prepared, "train")["score"])


def test_what_an_earlier_notebook_trained_is_taken_however_long_it_trained(prepared, tmp_path):
    first = train(prepared, tmp_path / "03", epochs=2)
    again = train(prepared, tmp_path / "05", epochs=1, earlier=[tmp_path / "none", tmp_path / "03"])
    assert again.run.epochs == 2
    assert not (tmp_path / "05").exists()
    assert np.array_equal(first.predictions(prepared)["score"], again.predictions(prepared)["score"])


def test_what_earlier_notebooks_trained_is_found_and_nothing_else_is_trained(prepared, tmp_path):
    first = train(prepared, tmp_path / "03")
    places = [tmp_path / "none", tmp_path / "03"]
    found = earlier_detector("simplenet", lambda: SimpleNet(64), prepared, 64, places)
    # In batches of another size sums are rounded in another order.
    assert np.allclose(first.predictions(prepared)["score"], found.predictions(prepared)["score"], atol=1e-6)
    assert earlier_detector("simplenet", lambda: SimpleNet(72), prepared, 72, places) is None


def test_an_earlier_training_counts_with_whatever_weights_it_began(prepared, tmp_path):
    def build(weights):
        model = SimpleNet(64)
        model.origin = Origin(weights)
        return model

    common = {"prepared": prepared, "image_size": 64, "epochs": 1, "seed": 0, **SETTINGS}
    for weights in ("ImageNet", "none"):
        taken = {"earlier": [tmp_path / "ImageNet"]} if weights == "none" else {}
        train_detector(
            "simplenet", lambda weights=weights: build(weights), folder=tmp_path / weights, **common, **taken
        )
    assert (tmp_path / "none" / "history.json").is_file()  # another start is another experiment
    found = earlier_detector("simplenet", lambda: build("none"), prepared, 64, [tmp_path / "ImageNet"])
    assert found.run.configuration["weights"] == "ImageNet"


def test_what_was_trained_on_other_pictures_is_not_taken(prepared, tmp_path):
    train(prepared, tmp_path / "03", size=64)
    assert train(prepared, tmp_path / "size", size=72, earlier=[tmp_path / "03"]).run.epochs == 1
    assert (tmp_path / "size" / "history.json").is_file()
    other = load_dataset("assignment_synthetic")
    train(other, tmp_path / "data", earlier=[tmp_path / "03"])
    assert (tmp_path / "data" / "history.json").is_file()


def test_fewer_training_pictures_are_of_both_classes_and_leave_the_test_whole(prepared):
    few = few_training_pictures(prepared, 6)
    assert few.split("train")["label"].value_counts().to_dict() == {0: 3, 1: 3}
    assert set(few.split("train")["path"]) < set(prepared.split("train")["path"])
    assert few.split("test").equals(prepared.split("test"))
    assert few.samples.equals(few_training_pictures(prepared, 6).samples)
    assert few_training_pictures(prepared, None) is prepared
