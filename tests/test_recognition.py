import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.model_selection import GroupKFold

from course_utils.errors import CourseError
from course_utils.recognition import enrol, face_pictures, reference_recogniser, verification_pairs, verify


def photographs(people=24, each=4):
    names = np.repeat([f"person {number:02}" for number in range(people)], each)
    paths = [f"{name}/{number % each}.jpg" for number, name in enumerate(names)]
    return pd.DataFrame({"path": paths, "label": 0, "target": names})


def test_everybody_is_learnt_and_held_out_and_no_photograph_is_both():
    samples = pd.concat([photographs(3, 11), pd.DataFrame({"path": ["x"], "label": 0, "target": ["once"]})])
    learn, held_out = enrol(samples)
    assert set(learn["label"]) == set(held_out["label"]) == {0, 1, 2}
    assert not set(learn["path"]) & set(held_out["path"])
    assert len(learn) + len(held_out) == 33
    assert held_out.groupby("label").size().tolist() == [3, 3, 3]
    assert learn.groupby("target")["label"].nunique().max() == 1


def test_one_person_cannot_be_told_from_nobody():
    with pytest.raises(CourseError, match="1 people"):
        enrol(photographs(1))


def test_pairs_are_balanced_and_people_stay_in_one_fold():
    samples = photographs()
    pairs = verification_pairs(samples)
    assert sorted(pairs["fold"].unique()) == list(range(10))
    assert pairs.groupby("fold")["same"].mean().eq(0.5).all()
    assert not pairs.duplicated(["first", "second"]).any()
    who = samples["target"].to_numpy()
    assert ((who[pairs["first"]] == who[pairs["second"]]) == (pairs["same"] == 1)).all()
    people = pd.concat(
        [pairs[["fold", side]].set_axis(["fold", "row"], axis=1) for side in ("first", "second")]
    )
    assert people.groupby(who[people["row"]])["fold"].nunique().max() == 1
    pd.testing.assert_frame_equal(pairs, verification_pairs(samples))
    assert verification_pairs(photographs(9))["fold"].nunique() == 4


def test_too_few_people_or_photographs_are_told():
    with pytest.raises(CourseError, match="3 people are too few"):
        verification_pairs(photographs(3))
    with pytest.raises(CourseError, match="no pair of one person"):
        verification_pairs(photographs(20, each=1))


def test_perfect_features_verify_perfectly_and_random_ones_by_chance():
    samples = photographs(40)
    pairs = verification_pairs(samples)
    random = np.random.default_rng(0)
    person = pd.factorize(samples["target"])[0]
    directions = random.normal(size=(40, 16))
    assert verify(3 * directions[person], pairs).accuracy == 1
    chance = verify(random.normal(size=(160, 16)), pairs)
    assert abs(chance.accuracy - 0.5) < 4 * chance.error
    assert (chance.folds, chance.pairs) == (10, len(pairs))
    assert "± " in str(chance)


def test_accuracy_is_that_of_a_threshold_from_the_other_folds():
    samples = photographs(20, 4)
    pairs = verification_pairs(samples)
    random = np.random.default_rng(1)
    features = random.normal(size=(20, 8))[pd.factorize(samples["target"])[0]] + random.normal(size=(80, 8))
    unit = features / np.linalg.norm(features, axis=1, keepdims=True)
    cosines = (unit[pairs["first"]] * unit[pairs["second"]]).sum(axis=1)
    accuracies = []
    for train, test in GroupKFold(10).split(cosines, groups=pairs["fold"]):
        candidates = np.unique(cosines[train])
        right = [np.mean((cosines[train] >= c) == pairs["same"].iloc[train]) for c in candidates]
        best = candidates[len(right) - 1 - np.argmax(right[::-1])]
        accuracies.append(np.mean((cosines[test] >= best) == pairs["same"].iloc[test]))
    # Of equally good thresholds either may be taken.
    assert verify(features, pairs).accuracy == pytest.approx(np.mean(accuracies), abs=0.02)


def test_the_middle_of_a_photograph_is_used(drawn_data):
    samples = pd.DataFrame({"path": ["lfw/Person_A/Person_A_0001.jpg"], "label": [0]})
    whole, _ = face_pictures(samples, drawn_data)[0]
    middle, _ = face_pictures(samples, drawn_data, zoom=1.5)[0]
    assert whole.shape == middle.shape == (3, 112, 112)
    assert not (whole == middle).all()
    assert face_pictures(samples, drawn_data, augmented=True)[0][0].shape == (3, 112, 112)


def test_the_reference_recogniser_is_the_same_each_time_and_says_where_it_is_from():
    network, record = reference_recogniser()
    assert sum(parameter.numel() for parameter in network.parameters()) > 1_000_000
    assert f"{record['training_people']:,} drawn people" in str(network.origin)
    again, _ = reference_recogniser()
    pictures = torch.rand(2, 3, 112, 112, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        torch.testing.assert_close(network.eval()(pictures), again.eval()(pictures))
