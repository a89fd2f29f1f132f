import json
import math

import numpy as np
import pandas as pd
import pytest
from filmed import RedFinder
from PIL import Image
from published import (
    METHODS,
    PAIRS,
    write_catania,
    write_celeb_df,
    write_dfdc,
    write_faceforensics,
    write_hollywood_heads,
)

from course_utils.data import crops
from course_utils.data.check import check
from course_utils.data.manifest import load_manifest
from course_utils.data.prepare import load_dataset, prepare
from course_utils.data.splits import OrderSplit, RatioSplit, leaks, shared_people, tell_leak
from course_utils.errors import CourseError


@pytest.fixture
def root(course_environment, monkeypatch):
    """A data root of this test's own, whose red faces are found."""
    monkeypatch.setenv("COURSE_DATA_ROOT", str(course_environment / "data"))
    monkeypatch.setattr(crops, "find_detector", RedFinder)
    return course_environment / "data"


def videos_of(dataset) -> pd.DataFrame:
    keys = ["video", "method", "compression", "label", "split", "group", "target", "source"]
    return dataset.samples.groupby(keys, dropna=False).size().reset_index(name="frames")


def test_faceforensics_is_read_with_its_pairs_qualities_and_masks(root):
    write_faceforensics(root, qualities=("c23", "c40"))
    dataset = prepare(load_manifest("faceforensics"), progress=False)
    videos = videos_of(dataset)
    assert dataset.left_out == []
    assert set(videos["frames"]) == {12}  # of 32 asked for, all that there are
    counts = videos.groupby(["compression", "split", "label"]).size().to_dict()
    for quality in ("c23", "c40"):
        for split, pairs in PAIRS.items():
            assert counts[quality, split, 0] == 2 * len(pairs)
            assert counts[quality, split, 1] == 2 * len(pairs) * len(METHODS)
    fake = videos[(videos["video"] == "870_001") & (videos["method"] == "Face2Face")].iloc[0]
    assert (fake.target, fake.source, fake.group, fake.split) == ("870", "001", "001_870", "train")
    real = videos[videos["video"] == "020"].iloc[0]
    assert (real.target, real.source, real.group, real.split) == ("020", "020", "020_021", "test")
    masked = dataset.samples.dropna(subset="mask")
    assert set(masked["method"]) == set(METHODS) - {"FaceShifter"}
    first = masked.iloc[0]
    picture, mask = (Image.open(dataset.root / first[column]) for column in ("path", "mask"))
    assert picture.size == mask.size == (first.width, first.height)
    assert (picture.mode, mask.mode) == ("RGB", "L")


def test_faceforensics_keeps_people_together_but_for_the_thesis_which_says_how_it_leaks(root, capsys):
    write_faceforensics(root)
    official = load_dataset("faceforensics")
    assert shared_people(official.samples).empty
    assert leaks(official.samples).empty
    assert "leaks" not in capsys.readouterr().out
    thesis = load_dataset("faceforensics", splits="thesis")
    # In order: 000 001 003 010 011 020 | 021 | 870. The pairs 001, 870 and 020, 021 are torn.
    homes = thesis.samples[thesis.samples["label"] == 0].groupby("target")["split"].first()
    assert homes.to_dict() == {
        **dict.fromkeys(("000", "001", "003", "010", "011", "020"), "train"),
        **{"021": "val", "870": "test"},
    }
    told = capsys.readouterr().out
    assert "4 people are in more than one split" in told
    assert "20 of 40 fakes is in another split; of 5 test fakes, that of 5 is in train" in told
    assert official.root == thesis.root  # the same crops serve both
    assert load_dataset("faceforensics").samples["split"].equals(official.samples["split"])
    with pytest.raises(CourseError, match="no split named 'das'; it has official, thesis"):
        load_dataset("faceforensics", splits="das")


def test_splitting_faceforensics_by_target_leaks_as_much_as_is_known():
    """Pairs of 1000 videos, dealt out 720 : 140 : 140 by target id: 44 % of fakes are across splits."""
    order = np.random.default_rng(0).permutation(1000)
    pairs = order.reshape(500, 2)
    rule = RatioSplit(kind="ratios", train=0.72, val=0.14, test=0.14)
    rows = [{"target": f"{n:03}", "source": f"{n:03}", "label": 0, "method": "original"} for n in order]
    rows += [
        {"target": f"{a:03}", "source": f"{b:03}", "label": 1, "method": "Deepfakes"}
        for pair in pairs
        for a, b in (pair, pair[::-1])
    ]
    samples = pd.DataFrame([{**row, "split": rule.split_of({"group": row["target"]})} for row in rows])
    numbers = [int(word) for word in tell_leak(samples).replace(",", "").split() if word.isdigit()]
    _, across, fakes, tested, learnt = numbers
    assert fakes == 1000
    assert across / fakes == pytest.approx(0.44, abs=0.05)
    assert learnt / tested == pytest.approx(0.72, abs=0.08)


def test_faceforensics_without_its_lists_or_with_wrong_ones_is_refused(root):
    folder = write_faceforensics(root)
    manifest = load_manifest("faceforensics")
    (folder / "splits" / "val.json").unlink()
    with pytest.raises(CourseError, match=r"splits/val\.json.*ondyari/FaceForensics, dataset/splits"):
        prepare(manifest, progress=False)
    (folder / "splits" / "val.json").write_text('{"010": "011"}')
    with pytest.raises(CourseError, match="official list of pairs"):
        prepare(manifest, progress=False)
    (folder / "splits" / "val.json").write_text(json.dumps([["010", "003"]]))
    with pytest.raises(CourseError, match="003 is in two pairs, 000_003"):
        prepare(manifest, progress=False)


def test_a_fake_of_people_who_are_no_pair_is_left_out(root):
    folder = write_faceforensics(root)
    place = folder / "manipulated_sequences/Deepfakes/c23/videos"
    (place / "000_003.mp4").rename(place / "000_020.mp4")
    dataset = prepare(load_manifest("faceforensics"), progress=False)
    assert [item.path for item in dataset.left_out] == [
        "manipulated_sequences/Deepfakes/c23/videos/000_020.mp4",
        "manipulated_sequences/Deepfakes/masks/videos/000_003.mp4",  # nothing's mask now
    ]


def test_faceforensics_is_checked_video_by_video(root):
    folder = write_faceforensics(root)
    prepare(load_manifest("faceforensics"), progress=False)
    (folder / "original_sequences/youtube/c23/videos/000.mp4").write_bytes(b"")
    (folder / "original_sequences/youtube/c23/videos/003.mp4").unlink()
    report = check(load_manifest("faceforensics"), progress=False)
    found = {(finding.kind, finding.path.rpartition("/")[2]) for finding in report.findings}
    assert {("empty", "000.mp4"), ("missing", "003.mp4")} <= found
    assert {kind for kind, _ in found} == {
        "empty",
        "missing",
        "count",
        "duplicate",
        "duplicate across splits",
    }
    assert report.counts.loc["train"].to_dict() == {"real": 2, "fake": 20}


def test_dfdc_takes_labels_and_originals_from_its_metadata(root):
    write_dfdc(root)
    dataset = prepare(load_manifest("dfdc"), progress=False)
    videos = videos_of(dataset)
    assert videos.groupby("label").size().to_dict() == {0: 6, 1: 12}
    assert set(videos["frames"]) == {2}  # every tenth of 12
    fakes = videos[videos["label"] == 1]
    assert set(fakes["group"]) == set(videos.loc[videos["label"] == 0, "group"])
    assert videos.set_index("video").loc["fakea01", "group"] == "reala0.mp4"
    assert leaks(dataset.samples).empty
    assert shared_people(dataset.samples).empty


def test_dfdc_leaves_out_what_its_metadata_does_not_know(root):
    folder = write_dfdc(root)
    metadata = folder / "dfdc_train_part_0" / "metadata.json"
    entries = json.loads(metadata.read_text())
    del entries["reala0.mp4"]
    metadata.write_text(json.dumps(entries))
    dataset = prepare(load_manifest("dfdc"), progress=False)
    assert [item.path for item in dataset.left_out] == ["dfdc_train_part_0/reala0.mp4"]
    assert len(videos_of(dataset)) == 17  # its fakes are cut by faces of their own
    metadata.unlink()
    with pytest.raises(CourseError, match=r"metadata\.json should tell real from fake"):
        prepare(load_manifest("dfdc"), progress=False)


def test_celeb_df_uses_the_published_test_videos_and_nobody_else(root, capsys):
    write_celeb_df(root)
    videos = videos_of(load_dataset("celeb_df"))
    assert set(videos["video"]) == {"youtube 00170", "id0_0001", "id0_id1_0001"}
    assert set(videos["split"]) == {"test"}
    assert "leaks" not in capsys.readouterr().out
    everything = load_dataset("celeb_df", splits="published")
    assert len(videos_of(everything)) == 8
    assert "people are in more than one split" in capsys.readouterr().out
    fake = videos_of(everything).set_index("video").loc["id1_id0_0000"]
    assert (fake.target, fake.source, fake.label, fake.split) == ("id1", "id0", 1, "train")


def test_catania_has_its_networks_as_methods(root):
    write_catania(root)
    dataset = prepare(load_manifest("catania"), progress=False)
    counts = dataset.samples.groupby(["label", "method"]).size().to_dict()
    assert counts == {
        (0, "original"): 12,
        **{(1, name): 6 for name in ("ATTGAN", "GDWCT", "STYLEGAN", "STYLEGAN2", "StarGAN")},
    }
    assert set(dataset.samples.loc[dataset.samples["path"].str.startswith("0-CelebA"), "width"]) == {89}


def test_hollywood_heads_has_a_row_a_head_and_one_for_an_empty_frame(root):
    folder = write_hollywood_heads(root)
    dataset = prepare(load_manifest("hollywood_heads"), progress=False)
    assert len(dataset.samples) == 3 * (2 + 1 + 1)
    assert dataset.samples.groupby("split")["group"].unique().map(list).to_dict() == {
        "train": ["film 001"],
        "val": ["film 002"],
        "test": ["film 003"],
    }
    heads = dataset.samples[dataset.samples["path"] == "JPEGImages/mov_001_149390.jpeg"]
    boxes = heads[["x0", "y0", "x1", "y1"]].to_numpy().tolist()
    assert sorted(boxes) == [[3, 4, 24, 28], [20, 1, 48, 26]]
    empty = dataset.samples[dataset.samples["path"] == "JPEGImages/mov_003_149392.jpeg"]
    assert len(empty) == 1
    assert math.isnan(empty["x0"].iloc[0])
    (folder / "Annotations" / "mov_001_149390.xml").write_text("<annotation>")
    with pytest.raises(CourseError, match=r"mov_001_149390\.xml should tell where the faces are"):
        prepare(load_manifest("hollywood_heads"), progress=False)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("faceforensics", write_faceforensics),
        ("dfdc", write_dfdc),
        ("celeb_df", write_celeb_df),
        ("catania", write_catania),
        ("hollywood_heads", write_hollywood_heads),
    ],
)
def test_nobody_is_in_two_splits(root, name, write):
    write(root)
    samples = load_dataset(name).samples
    assert shared_people(samples).empty
    assert leaks(samples).empty


def test_a_list_that_is_no_text_or_names_what_another_names_is_refused(root):
    write_hollywood_heads(root)
    lists = root / "HollywoodHeads" / "Splits"
    train, test = lists / "train.txt", lists / "test.txt"
    whole = test.read_bytes()
    test.write_bytes(whole + b"\n" + train.read_bytes().splitlines()[0])
    with pytest.raises(CourseError, match=r"test\.txt: \S+ is in train\.txt too"):
        prepare(load_manifest("hollywood_heads"), progress=False)
    test.write_bytes(whole + b"\ncaf\xe9")
    with pytest.raises(CourseError, match=r"test\.txt is not UTF-8"):
        prepare(load_manifest("hollywood_heads"), progress=False)


def test_shares_that_do_not_sum_to_one_are_refused():
    with pytest.raises(ValueError, match=r"must be 1, not 1\.2"):
        OrderSplit(kind="order", train=0.8, val=0.1, test=0.3)
