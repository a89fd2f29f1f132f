import os
import shutil

import pytest
from drawn import draw_assignment, draw_face
from faults import save_bad, save_oddities

from course_utils.data.check import check
from course_utils.data.manifest import Edition, load_manifest
from course_utils.data.prepare import prepare

DRAWN = Edition(
    edition="drawn",
    counts={"train": {"real": 10, "fake": 10}, "val": {"all": 8}, "all": {"real": 20, "fake": 20}},
)


@pytest.fixture
def own_data(course_environment, monkeypatch):
    root = course_environment / "data"
    monkeypatch.setenv("COURSE_DATA_ROOT", str(root))
    return draw_assignment(root / "fakes_dataset")


@pytest.fixture
def manifest(course_environment):
    return load_manifest("assignment_fakes").model_copy(update={"expects": (DRAWN,)})


def kinds(report, severity):
    return {(f.kind, f.path) for f in report.findings if f.severity == severity}


def test_a_faultless_data_set_passes_and_names_its_edition(own_data, manifest):
    report = check(manifest, progress=False)
    assert report.ok
    assert report.findings == []
    assert report.edition == "drawn"
    assert report.counts.loc["train"].to_dict() == {"real": 10, "fake": 10}
    assert report.table().empty


def test_bad_files_are_errors_and_oddities_notes(own_data, manifest):
    problems = save_bad(own_data / "train" / "real")
    save_oddities(own_data / "train" / "fake")
    draw_face(5).save(own_data / "stray.jpg")
    report = check(manifest.model_copy(update={"expects": ()}), progress=False)
    assert not report.ok
    assert kinds(report, "error") == {(kind, f"train/real/{name}") for name, kind in problems.items()}
    assert kinds(report, "note") == {
        ("grey", "train/fake/grey.jpg"),
        ("alpha", "train/fake/alpha.png"),
        ("CMYK", "train/fake/cmyk.jpg"),
        ("palette", "train/fake/palette.png"),
        ("16-bit", "train/fake/deep.png"),
        ("EXIF-rotated", "train/fake/turned.jpg"),
        ("wrong extension", "train/fake/really_a.jpg"),
        ("not used", "stray.jpg"),
    }
    table = report.table().set_index("kind")
    assert table.loc["truncated", "files"] == 2
    assert table["severity"].tolist() == sorted(table["severity"])  # errors first


def test_the_same_bytes_across_splits_or_labels_are_an_error_within_a_note(own_data, manifest):
    real = own_data / "train" / "real"
    shutil.copy(real / "0.jpg", own_data / "test" / "real" / "again.jpg")
    shutil.copy(real / "1.jpg", own_data / "train" / "fake" / "again.jpg")
    shutil.copy(real / "2.jpg", own_data / "val" / "fake" / "again.jpg")
    shutil.copy(real / "3.jpg", real / "again.jpg")
    report = check(manifest.model_copy(update={"expects": ()}), progress=False)
    assert {kind for kind, _ in kinds(report, "error")} == {
        "duplicate across splits",
        "duplicate across labels",
        "duplicate across splits and labels",
    }
    note = next(finding for finding in report.findings if finding.severity == "note")
    assert note.kind == "duplicate"
    assert {note.path, note.message.removeprefix("same bytes as ")} == {
        "train/real/3.jpg",
        "train/real/again.jpg",
    }


def test_counts_that_fit_no_edition_are_told_against_the_closest(own_data, manifest):
    (own_data / "train" / "fake" / "3.jpg").unlink()
    far = Edition(edition="far", counts={"train": {"real": 5000, "fake": 5000}})
    report = check(manifest.model_copy(update={"expects": (far, DRAWN)}), progress=False)
    assert report.edition is None
    assert {finding.path: finding.message for finding in report.findings} == {
        "train/fake": "9 usable pictures; the closest edition, drawn, has 10",
        "all/fake": "19 usable pictures; the closest edition, drawn, has 20",
    }


def test_a_file_that_vanished_since_it_was_prepared_is_missing(own_data, manifest):
    prepare(manifest, progress=False)
    (own_data / "val" / "real" / "2.jpg").unlink()
    assert ("missing", "val/real/2.jpg") in kinds(check(manifest, progress=False), "error")


def test_a_group_across_splits_is_an_error(own_data, manifest):
    by_name = manifest.layout[0].model_copy(update={"group": "{name}"})
    report = check(manifest.model_copy(update={"layout": (by_name,)}), progress=False)
    straddling = [finding for finding in report.findings if finding.kind == "group across splits"]
    assert {finding.path for finding in straddling} == {"0", "1", "2", "3", "4", "5"}
    assert straddling[0].message == "in train, val, test"


@pytest.mark.parametrize("name", ["assignment_fakes", "assignment_synthetic", "lfw"])
def test_the_real_photographs_pass(photographs, name):
    report = check(load_manifest(name), progress=False)
    assert report.ok
    assert report.edition == "public reduction"


def test_damage_that_leaves_size_and_time_alone_is_found(own_data, manifest):
    prepare(manifest, progress=False)
    victim = own_data / "train/real" / sorted(path.name for path in (own_data / "train/real").iterdir())[0]
    status = victim.stat()
    victim.write_bytes(bytes(status.st_size))
    os.utime(victim, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (f"train/real/{victim.name}") in {
        path for _, path in kinds(check(manifest, progress=False), "error")
    }
