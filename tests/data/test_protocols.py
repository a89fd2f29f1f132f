from itertools import product

import pandas as pd
import pytest

from course_utils.data.protocols import all_methods, few_frames, leave_one_out, part_of_training
from course_utils.data.samples import sample_table
from course_utils.errors import CourseError

METHODS = ("Deepfakes", "Face2Face", "FaceSwap", "NeuralTextures", "FaceShifter")
PAPERS = METHODS[:4]


@pytest.fixture(scope="module")
def samples():
    """Two originals a split and a fake of each by five methods, at two qualities, three frames of each."""
    rows = []
    people = {"train": "ab", "val": "cd", "test": "ef"}
    for split, quality, method, frame in product(people, ("c23", "c40"), ("original", *METHODS), range(3)):
        for person in people[split]:
            row = {"dataset": "d", "method": method, "compression": quality, "split": split, "frame": frame}
            row |= {"label": int(method != "original"), "video": person, "group": person}
            row |= {"path": f"{method}/{quality}/{person}/{frame}.jpg", "width": 9, "height": 9}
            rows.append(row)
    return sample_table(rows)


def methods_in(table):
    return set(table["method"]) - {"original"}


def test_all_methods_keeps_everything_in_its_split(samples):
    tables = all_methods(samples)
    assert {split: len(table) for split, table in tables.items()} == {"train": 72, "val": 72, "test": 72}
    assert all(set(table["split"]) == {split} for split, table in tables.items())
    assert all(methods_in(table) == set(METHODS) for table in tables.values())
    assert tables["test"].index.tolist() == list(range(72))


def test_the_papers_four_methods_at_one_quality(samples):
    for table in all_methods(samples, methods=PAPERS, compression="c40").values():
        assert methods_in(table) == set(PAPERS)
        assert set(table["compression"]) == {"c40"}
        assert table["label"].value_counts().to_dict() == {1: 24, 0: 6}  # four times as many fakes


def test_one_method_comes_with_the_originals_in_every_split(samples):
    for table in all_methods(samples, methods=["FaceSwap"], compression="c23").values():
        assert methods_in(table) == {"FaceSwap"}
        assert table["label"].value_counts().to_dict() == {0: 6, 1: 6}


@pytest.mark.parametrize("method", PAPERS)
def test_the_method_left_out_is_seen_in_test_alone(samples, method):
    tables = leave_one_out(samples, method, methods=PAPERS)
    assert methods_in(tables["train"]) == methods_in(tables["val"]) == set(PAPERS) - {method}
    assert methods_in(tables["test"]) == {method}
    assert all((table["label"] == 0).sum() == 12 for table in tables.values())
    assert methods_in(leave_one_out(samples, method)["train"]) == set(METHODS) - {method}


@pytest.mark.parametrize(
    ("protocol", "words"),
    [
        (
            lambda s: all_methods(s, methods=["Faceswap"]),
            "no method 'Faceswap'; it has Deepfakes, Face2Face, FaceShifter",
        ),
        (lambda s: all_methods(s, methods=["original"]), "no method 'original'; it has Deepfakes"),
        (lambda s: leave_one_out(s, "Celeb"), "no method 'Celeb'; it has Deepfakes"),
        (lambda s: all_methods(s, methods=["A", "FaceSwap", "B"]), "no method 'A', 'B'; it has"),
        (lambda s: all_methods(s, compression="raw"), "no compression 'raw'; it has c23, c40"),
        (lambda s: leave_one_out(s, "FaceSwap", methods=["FaceSwap"]), "leaves no fake in train"),
        (lambda s: all_methods(s[s["label"] == 1]), "leaves no original in train"),
        (lambda s: all_methods(s[s["label"] == 0]), "leaves no fake in train"),
        (lambda s: all_methods(s[s["split"] != "val"]), "leaves no original and no fake in val"),
        (lambda s: all_methods(s[s["label"] == 0], methods=["FaceSwap"]), "it has none at all"),
        (lambda s: all_methods(s.assign(video="")), "pictures that belong to no video"),
    ],
)
def test_what_is_not_there_is_named(samples, protocol, words):
    with pytest.raises(CourseError, match=words):
        protocol(samples)


def test_a_part_of_training_has_whole_groups_and_leaves_the_other_splits_alone(samples):
    many = pd.concat([samples.assign(group=samples["group"] + str(copy)) for copy in range(4)])
    tables = all_methods(many, compression="c40")
    quarter = part_of_training(tables, 0.25)
    kept = set(quarter["train"]["group"])
    assert len(kept) == 2
    expected = tables["train"][tables["train"]["group"].isin(kept)].reset_index(drop=True)
    pd.testing.assert_frame_equal(quarter["train"], expected)
    assert quarter["val"] is tables["val"] and quarter["test"] is tables["test"]
    assert kept == set(part_of_training(tables, 0.25)["train"]["group"])
    drawn = {frozenset(part_of_training(tables, 0.25, seed)["train"]["group"]) for seed in range(9)}
    assert len(drawn) > 1
    assert part_of_training(tables, 0.01)["train"]["group"].nunique() == 1
    with pytest.raises(CourseError, match=r"not 1\.5"):
        part_of_training(tables, 1.5)


def test_few_frames_are_as_many_of_each_video_evenly_far_apart():
    lengths = {"a": 9, "b": 2}
    table = pd.DataFrame(
        [
            {"method": "original", "compression": None, "video": video, "frame": frame}
            for video, length in lengths.items()
            for frame in range(length)
        ]
    )
    found = few_frames(table, 3)
    assert found.groupby("video")["frame"].apply(list).to_dict() == {"a": [0, 3, 6], "b": [0, 1]}
