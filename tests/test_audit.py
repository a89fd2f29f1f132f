"""A planted shortcut or leak is found and named, and where there is none, none is."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from command_line import course
from drawn import draw_face
from PIL import Image, ImageEnhance

from course_utils.audit import ADVICE, audit
from course_utils.data.cues import radial_power, radial_spectrum, read_cues
from course_utils.data.manifest import load_manifest
from course_utils.data.prepare import PreparedDataset, load_dataset
from course_utils.data.samples import sample_table

COUNT = 120  # pictures, half of them "fake"
IN_TURN = ("train", "val", "test", "train")


def harmless(number):
    """Return a face in muted colours, whose seed is its number: the classes do not differ."""
    return ImageEnhance.Color(draw_face(number)).enhance(0.2)


def dataset(folder, rows, fake=lambda picture: picture, save_fake=None):
    """Save a picture a row (its `label` and `number`, and whatever other columns), fakes through `fake`."""
    table = []
    for row in rows:
        number, label = row.pop("number"), row["label"]
        path = f"{number:04}.jpg"
        picture = harmless(number)
        settings = {"quality": 90} | ((save_fake or {}) if label else {})
        (fake(picture) if label else picture).save(folder / path, **settings)
        method = "Deepfakes" if label else "original"
        table.append({"path": path, "group": path, "dataset": "made_up", "method": method, **row})
    samples = sample_table([{"width": 96, "height": 96, **row} for row in table])
    return PreparedDataset("made_up", load_manifest("assignment_fakes"), folder, samples, [], 0, None)


def rows(seed=0, **columns):
    """Return a row a picture, labels in random order and splits in turn."""
    labels = np.random.default_rng(seed).permutation(np.arange(COUNT) % 2)
    return [
        {"number": number, "label": int(label), "split": IN_TURN[number % 4], **columns}
        for number, label in enumerate(labels)
    ]


def redder(picture):
    pixels = np.add(picture, (10, 0, 0), dtype=int)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


def blurred(picture):
    return picture.resize((64, 64), Image.Resampling.BICUBIC).resize((96, 96), Image.Resampling.BICUBIC)


def names(report):
    return {shortcut.name for shortcut in report.shortcuts if shortcut.found}


@pytest.mark.parametrize(
    ("shortcut", "fake", "save_fake"),
    [
        ("JPEG settings", lambda picture: picture, {"quality": 70}),
        ("JPEG settings", lambda picture: picture, {"quality": 90, "subsampling": 0}),
        ("file size", lambda picture: picture, {"quality": 70}),
        ("resolution", lambda picture: picture.resize((98, 98)), None),
        ("mean colour", redder, None),
        ("spectrum", blurred, None),
        ("thumbnail", lambda picture: picture.rotate(12), None),
    ],
)
def test_a_planted_shortcut_is_found_and_named(tmp_path, shortcut, fake, save_fake):
    report = audit(dataset(tmp_path, rows(), fake, save_fake), jobs=1, progress=False)
    assert shortcut in names(report)
    assert any(warning.startswith(f"{shortcut} alone tells fakes from reals") for warning in report.warnings)
    assert report.table().set_index("shortcut").loc[shortcut, "low"] > 0.55


def test_a_size_among_several_is_a_shortcut_too(tmp_path):
    def odd(picture):  # reals are 80 or 96 pixels wide, fakes in between: no line separates them
        return picture.resize((88, 88))

    def even(row):
        return harmless(row["number"]).resize(((80, 96)[row["number"] // 2 % 2],) * 2)

    made = dataset(tmp_path, rows(), odd)
    for row in rows():
        if not row["label"]:
            even(row).save(tmp_path / f"{row['number']:04}.jpg", quality=90)
    assert "resolution" in names(audit(made, jobs=1, progress=False))


def test_labels_that_are_drawn_by_lot_give_no_warning(tmp_path):
    made = dataset(tmp_path, rows())
    alarms = 0
    for seed in range(10):
        labels = np.random.default_rng(seed).permutation(made.samples["label"])
        shuffled = dataclasses.replace(made, samples=made.samples.assign(label=labels))
        report = audit(shuffled, jobs=1, progress=False)
        assert [shortcut.name for shortcut in report.shortcuts] == list(ADVICE)
        assert report.leaks == []
        alarms += len(names(report))
    assert alarms <= 1  # of 60 cues


def test_a_person_whose_pictures_share_a_class_is_no_shortcut(tmp_path):
    # 30 people of four nearly equal pictures each: by picture, knowing a person would be knowing the class.
    people = np.random.default_rng(0).permutation(np.arange(30) % 2)
    table = []
    for number in range(COUNT):
        row = {"number": number, "label": int(people[number // 4]), "split": "train"}
        table.append({**row, "group": f"person {number // 4}"})
    made = dataset(tmp_path, table)
    for number in range(COUNT):
        harmless(1000 + number // 4).save(tmp_path / f"{number:04}.jpg", quality=90 - number % 4)
    report = audit(made, jobs=1, progress=False)
    assert names(report) == set()
    assert {shortcut.auroc.groups for shortcut in report.shortcuts} == {30}


def test_videos_are_counted_as_videos_and_the_frames_of_one_as_one(tmp_path):
    table = [
        {**row, "video": f"{row['number'] // 10:03}", "frame": row["number"] % 10, "split": "train"}
        | {"label": row["number"] // 10 % 2, "group": f"pair {row['number'] // 10}"}
        for row in rows()
    ]
    made = dataset(tmp_path, table)
    too_few = audit(made, jobs=1, progress=False)  # 6 groups of each class
    assert (too_few.unit, too_few.units) == ("video", 12)
    assert too_few.shortcuts == []
    assert "6 groups have real" in too_few.note
    made.samples["group"] = made.samples["group"].where(
        made.samples["frame"] < 5, made.samples["group"] + "b"
    )
    report = audit(made, jobs=1, progress=False)
    assert len(report.shortcuts) == len(ADVICE)
    assert set(report.table()["groups"]) == {12}  # a video counts once


@pytest.mark.parametrize(
    "again",
    [
        lambda picture: picture,
        lambda picture: picture.resize((120, 120), Image.Resampling.BICUBIC),
        lambda picture: picture.resize((64, 64)),
        lambda picture: ImageEnhance.Brightness(picture).enhance(1.1),
    ],
)
def test_a_picture_that_was_saved_again_in_another_split_is_a_leak(tmp_path, again):
    made = dataset(tmp_path, rows())
    assert made.samples.loc[[4, 6], "split"].tolist() == ["train", "test"]
    again(harmless(4)).save(tmp_path / "0006.jpg", quality=60)
    (leak,) = audit(made, jobs=1, progress=False).leaks
    assert (leak.kind, leak.count) == ("near-duplicate", 1)
    assert "0006.jpg is nearly 0004.jpg" in leak.message


def test_a_picture_saved_again_in_the_same_split_is_none(tmp_path):
    made = dataset(tmp_path, rows())
    assert made.samples.loc[[4, 8], "split"].tolist() == ["train", "train"]
    harmless(4).save(tmp_path / "0008.jpg", quality=60)
    assert audit(made, jobs=1, progress=False).leaks == []


def test_people_and_groups_in_several_splits_are_leaks(tmp_path):
    table = rows()
    for row in table:
        person = row["number"] // 4 if row["number"] < 8 else f"{row['number']}"
        row |= {"target": f"person {person}", "source": f"person {person}", "group": f"group {row['number']}"}
    table[5]["group"] = table[6]["group"] = "both"
    report = audit(dataset(tmp_path, table), jobs=1, progress=False)
    kinds = {leak.kind: leak for leak in report.leaks}
    assert set(kinds) == {"group", "identity"}
    assert kinds["identity"].count == 2
    assert "person 0 in train, val, test; 7% of the test pictures" in kinds["identity"].message  # 2 of 30
    assert "both in val, test" in kinds["group"].message


def test_a_source_person_of_another_split_is_a_leak(tmp_path):
    table = [{**row, "target": f"{row['number']}", "source": f"{row['number']}"} for row in rows()]
    table[6]["source"] = "4"
    (leak,) = audit(dataset(tmp_path, table), jobs=1, progress=False).leaks
    assert (leak.kind, leak.count) == ("identity", 1)


def test_pictures_of_one_class_have_no_shortcut_but_may_leak(course_environment):
    report = audit(load_dataset("lfw"), jobs=1, progress=False)
    assert report.shortcuts == []
    assert "0 have fake" in report.note
    assert report.leaks == []


def test_odd_pictures_have_cues_too(tmp_path):
    draw_face(1).convert("L").save(tmp_path / "grey.jpg")
    draw_face(2).resize((20, 50)).save(tmp_path / "small.png")
    draw_face(3).resize((700, 400)).convert("CMYK").save(tmp_path / "large.jpg")
    table = pd.DataFrame({"path": ["grey.jpg", "small.png", "large.jpg"]})
    cues = read_cues(table, tmp_path, jobs=1, progress=False)
    assert {name: cue.shape[1] for name, cue in cues.items()} == {
        **{"file size": 1, "JPEG settings": 134, "resolution": 2, "mean colour": 3},
        **{"thumbnail": 768, "spectrum": 64, "fingerprint": 255},
    }
    assert all(np.isfinite(cue.astype(float)).all() for cue in cues.values())
    assert cues["resolution"].tolist() == [[96, 96], [20, 50], [700, 400]]


def test_the_spectrum_shows_a_wave_at_its_frequency():
    wave = np.cos(2 * np.pi * np.arange(128) / 4)  # four pixels a wave: half the fastest
    spectrum = radial_spectrum(np.tile(wave * 50 + 100, (128, 1)))
    assert abs(int(spectrum.argmax()) - 32) <= 1


@pytest.mark.parametrize("side", [16, 15])
def test_power_by_frequency_is_all_the_power_but_the_mean_and_the_corners(side):
    """Parseval: the squares of pixels sum to the mean power, and a smooth picture has none in the corners."""
    down, across = np.mgrid[:side, :side] * 2 * np.pi / side
    picture = np.cos(2 * down + across) + 3 * np.sin(4 * across) + 0.5 * np.cos(3 * down)
    power = radial_power(picture)
    frequencies = np.hypot(*np.meshgrid(np.fft.fftfreq(side, 1 / side), np.fft.fftfreq(side, 1 / side)))
    waves = [
        np.sum((frequencies >= ring - 0.5) & (frequencies < ring + 0.5)) for ring in range(1, side // 2 + 1)
    ]
    assert power @ waves == pytest.approx(side**2 * (picture**2).sum())
    assert (power > 1e-6).nonzero()[0].tolist() == [1, 2, 3]


def test_the_command_names_what_it_finds_and_ends_with_1(course_environment):
    code, out, _ = course("data", "audit", "assignment_synthetic")
    assert code == 1  # the drawn generator leaves a regular pattern
    assert "warning: spectrum alone tells fakes from reals" in out
    code, out, _ = course("data", "audit", "lfw")
    assert code == 0
    assert "Nothing found." in out
