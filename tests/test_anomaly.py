from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from predicted import predictions
from scipy.spatial.distance import cdist
from sklearn.covariance import LedoitWolf
from sklearn.metrics import roc_auc_score

from course_utils import anomaly
from course_utils.errors import CourseError
from course_utils.heatmaps import MapDataset
from course_utils.models.autoencoder import ConvolutionalAutoencoder, as_pictures
from course_utils.predictions import per_video

METHODS = ("Deepfakes", "Face2Face", "FaceShifter", "FaceSwap", "NeuralTextures")


def prepared(frames=2, compressions=("c23", "c40")):
    """A data set of 12 pairs in the form of FaceForensics++: original and five fakes of each."""
    rows = []
    for number in range(12):
        split = "train" if number < 2 else "val" if number < 4 else "test"
        for method in ("original", *METHODS):
            for compression in compressions:
                for frame in range(frames):
                    rows.append(
                        {
                            "path": f"{method}/{compression}/{number}/{frame}.jpg", "dataset": "made_up",
                            "label": int(method != "original"), "method": method, "compression": compression,
                            "video": f"{number}", "frame": frame, "target": "", "source": "",
                            "group": f"{number}", "split": split,
                        }
                    )  # fmt: skip
    return SimpleNamespace(name="made_up", samples=pd.DataFrame(rows))


def test_no_fake_is_seen_before_the_test():
    tables = anomaly.real_only(prepared(), "c23")
    assert {split: len(table) for split, table in tables.items()} == {"train": 4, "val": 4, "test": 8 * 6 * 2}
    assert not tables["train"]["label"].any()
    assert not tables["val"]["label"].any()
    assert set(tables["test"]["method"]) == {"original", *METHODS}
    assert {values for table in tables.values() for values in table["compression"]} == {"c23"}
    assert len(anomaly.real_only(prepared())["train"]) == 8


def test_a_split_without_reals_is_told():
    data = prepared()
    data.samples = data.samples[(data.samples["split"] != "val") | (data.samples["label"] == 1)]
    with pytest.raises(CourseError, match="val split of made_up has no real"):
        anomaly.real_only(data)
    with pytest.raises(CourseError, match=r"'raw'.*c23, c40"):
        anomaly.real_only(prepared(), "raw")


def vectors():
    random = np.random.default_rng(0)
    mixing = random.normal(size=(6, 6))
    return random.normal(size=(200, 6)) @ mixing, random.normal(size=(30, 6)) @ mixing + 1


def test_scores_are_what_their_definitions_say():
    reals, others = vectors()
    scale = (reals - reals.mean(0)) / reals.std(0), (others - reals.mean(0)) / reals.std(0)
    precision = np.linalg.inv(LedoitWolf().fit(scale[0]).covariance_)
    expected = cdist(scale[1], scale[0].mean(0)[None], "mahalanobis", VI=precision)[:, 0]
    np.testing.assert_allclose(anomaly.score_vectors("mahalanobis", reals, others), expected, rtol=1e-6)
    expected = np.sort(cdist(scale[1], scale[0]), axis=1)[:, 4]
    np.testing.assert_allclose(anomaly.score_vectors("knn", reals, others), expected, rtol=1e-6)
    _, values, axes = np.linalg.svd(scale[0] - scale[0].mean(0))
    kept = axes[: np.searchsorted(np.cumsum(values**2) / np.sum(values**2), 0.95) + 1]
    expected = np.square(scale[1] - scale[1] @ kept.T @ kept).mean(axis=1)
    np.testing.assert_allclose(anomaly.score_vectors("pca", reals, others), expected, rtol=1e-6)


@pytest.mark.parametrize("method", anomaly.METHODS)
def test_what_is_far_from_the_reals_scores_higher(method):
    random = np.random.default_rng(0)
    basis = random.normal(size=(3, 20))
    reals = random.normal(size=(300, 3)) @ basis + 0.1 * random.normal(size=(300, 20))
    near, far = reals[:50], reals[:50] + random.normal(size=(50, 20))
    scores = anomaly.score_vectors(method, reals[50:].astype(np.float16), np.concatenate([near, far]))
    assert roc_auc_score([0] * 50 + [1] * 50, scores) > 0.95


@pytest.mark.parametrize("method", anomaly.METHODS)
def test_a_constant_map_tells_nothing(method):
    scores = anomaly.score_vectors(method, np.full((20, 196), 1 / 196), np.full((8, 196), 1 / 196))
    assert np.ptp(scores) == 0


def test_vectors_that_cannot_be_scored_are_told():
    reals, others = vectors()
    with pytest.raises(CourseError, match=r"'energy'.*mahalanobis, knn, pca"):
        anomaly.score_vectors("energy", reals, others)
    with pytest.raises(CourseError, match="5 reals are too few"):
        anomaly.score_vectors("knn", reals[:5], others)
    with pytest.raises(CourseError, match="6 numbers each and the others 3"):
        anomaly.score_vectors("knn", reals, others[:, :3])


def test_latents_are_the_encoders():
    torch.manual_seed(0)
    model = ConvolutionalAutoencoder()
    maps = np.random.default_rng(0).random((3, 196)).astype(np.float16)
    with torch.no_grad():
        expected = model.encode(as_pictures(torch.from_numpy(maps)))
    np.testing.assert_allclose(anomaly.latents(model, MapDataset(maps, [0] * 3)), expected, atol=1e-6)


def reals_of_val(scores):
    table = predictions(len(scores), 0, split="val")
    return table.assign(score=np.asarray(scores, float), score_kind="anomaly")


def test_the_threshold_spares_all_but_the_allowed_share_of_reals():
    scores = np.random.default_rng(0).permutation(100)
    for allowed in (0, 0.05, 0.5):
        threshold = anomaly.threshold_on_reals(reals_of_val(scores), allowed)
        assert np.mean(scores >= threshold) == allowed
    tied = anomaly.threshold_on_reals(reals_of_val([1.0] * 60 + [2.0] * 40), 0.05)
    assert np.mean(np.array([1.0] * 60 + [2.0] * 40) >= tied) == 0


def test_a_threshold_on_the_test_or_on_fakes_is_refused():
    with pytest.raises(CourseError, match="test split"):
        anomaly.threshold_on_reals(predictions(split="test"))
    with pytest.raises(CourseError, match="40 of these predictions are of fakes"):
        anomaly.threshold_on_reals(predictions(split="val"))


def scored(random, strength):
    tables = anomaly.real_only(prepared(), "c23")
    scores = {split: random.normal(size=len(tables[split])) for split in ("val", "test")}
    scores["test"] += strength * tables["test"]["label"].to_numpy()
    return anomaly.anomaly_tables(tables, scores, model="made up", run="quick")


def test_an_ensemble_weighs_its_members_alike_whatever_their_units():
    random = np.random.default_rng(0)
    first, second = scored(random, 1.5), scored(random, 1.5)
    loud = {split: table.assign(score=1000 * table["score"] + 7) for split, table in second.items()}
    plain = anomaly.ensemble([first, second], run="quick")["test"]
    pd.testing.assert_frame_equal(plain, anomaly.ensemble([first, loud], run="quick")["test"])
    assert set(plain["model"]) == {"ensemble"}
    areas = [
        roc_auc_score(table["label"], table["score"]) for table in (plain, first["test"], second["test"])
    ]
    assert areas[0] > max(areas[1:])
    with pytest.raises(CourseError, match="same samples"):
        shorter = {"val": second["val"], "test": second["test"][:-1]}
        anomaly.ensemble([first, shorter], run="quick")
    with pytest.raises(CourseError, match="and no fake"):
        anomaly.ensemble([{"val": table, "test": table} for table in (plain, plain)], run="quick")
    one = {split: table.head(1) for split, table in first.items()}
    with pytest.raises(CourseError, match="these are 1, 0 of them fake"):
        anomaly.ensemble([one, one], run="quick")


def test_every_forgery_is_set_against_the_same_reals():
    table = scored(np.random.default_rng(0), 1.0)["test"]
    found = anomaly.by_forgery({"one": table, "two": table.assign(score=-table["score"])})
    assert list(found.columns) == [*METHODS, "all"]
    part = table[table["method"].isin(["original", "FaceSwap"])]
    assert found.loc["one", "FaceSwap"].value == pytest.approx(roc_auc_score(part["label"], part["score"]))
    assert found.loc["one", "all"].value + found.loc["two", "all"].value == pytest.approx(1)
    assert found.loc["one", "all"].groups == 8


@pytest.mark.parametrize("frames", [1, 3])
def test_a_video_is_the_mean_of_its_frames_one_or_many(frames):
    tables = anomaly.real_only(prepared(frames), "c23")
    scores = np.arange(len(tables["test"]), dtype=float)
    table = anomaly.anomaly_tables(tables, {"test": scores}, model="m", run="r")["test"]
    videos = per_video(table)
    assert len(videos) == 8 * 6
    assert videos["score"].iloc[0] == scores[:frames].mean()
