import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd
import pytest
from drawn import draw_assignment, draw_face
from faults import save_bad, save_oddities

from course_utils import paths
from course_utils.data.manifest import load_manifest
from course_utils.data.own import prepare_folder
from course_utils.data.prepare import load_dataset, prepare
from course_utils.data.splits import leaks
from course_utils.errors import CourseError


@pytest.fixture
def own_data(course_environment, monkeypatch):
    """A data root with a `fakes_dataset` of this test's own, to damage."""
    root = course_environment / "data"
    monkeypatch.setenv("COURSE_DATA_ROOT", str(root))
    return draw_assignment(root / "fakes_dataset")


def prepare_fakes():
    return prepare(load_manifest("assignment_fakes"), progress=False)


def test_every_picture_is_in_the_table_once_with_its_label_split_and_size(course_environment):
    dataset = prepare_fakes()
    counts = dataset.samples.groupby(["split", "label"]).size().to_dict()
    assert counts == {
        ("train", 0): 10,
        ("train", 1): 10,
        ("val", 0): 4,
        ("val", 1): 4,
        ("test", 0): 6,
        ("test", 1): 6,
    }
    first = dataset.samples.iloc[0]
    assert (first.path, first.label, first.method, first.split) == ("test/fake/0.jpg", 1, "composite", "test")
    assert set(dataset.samples["width"]) == set(dataset.samples["height"]) == {96}
    assert all((dataset.root / path).is_file() for path in dataset.samples["path"])
    assert dataset.left_out == []


def test_identities_never_straddle_splits(course_environment):
    lfw = prepare(load_manifest("lfw"), progress=False)
    assert len(lfw.samples) == 36
    assert lfw.samples["group"].nunique() == 12
    assert leaks(lfw.samples).empty
    assert len(lfw.split("train")) > 0  # real pictures alone are all this data set promises


def test_an_unchanged_data_set_is_prepared_without_opening_a_picture(own_data):
    assert prepare_fakes().opened == 40
    before = paths.writable_cache().joinpath("assignment_fakes/samples.parquet").read_bytes()
    assert prepare_fakes().opened == 0
    assert paths.writable_cache().joinpath("assignment_fakes/samples.parquet").read_bytes() == before
    draw_face(77).save(own_data / "train" / "real" / "0.jpg", quality=50)
    (own_data / "train" / "real" / "1.jpg").unlink()
    changed = prepare_fakes()
    assert changed.opened == 1
    assert len(changed.samples) == 39


def test_bad_files_are_left_out_and_listed_with_the_reason(own_data):
    problems = save_bad(own_data / "train" / "real")
    odd = save_oddities(own_data / "val" / "real")
    (own_data / "train" / "real" / "notes.txt").write_text("not a picture's name: passed over")
    (own_data / "holdout" / "real").mkdir(parents=True)
    draw_face(5).save(own_data / "holdout" / "real" / "x.jpg")
    dataset = prepare_fakes()
    assert len(dataset.samples) == 40 + len(odd)
    left_out = {item.path: item.reason for item in dataset.left_out}
    assert left_out.keys() == {f"train/real/{name}" for name in problems} | {"holdout/real/x.jpg"}
    assert left_out["train/real/empty.jpg"] == "the file is empty (0 bytes)"
    assert "truncated" in left_out["train/real/half.jpg"]
    assert "1 x 1 pixels" in left_out["train/real/dot.jpg"]
    assert "not a picture" in left_out["train/real/text.jpg"]
    assert "leads nowhere" in left_out["train/real/link.jpg"]
    assert left_out["holdout/real/x.jpg"] == "no layout line describes it, or no split takes it"
    turned = dataset.samples.set_index("path").loc["val/real/turned.jpg"]
    assert (turned["width"], turned["height"]) == (96, 64)  # as it is seen, not as it is stored


def test_names_that_are_no_text_and_folders_linked_in_a_ring_do_no_harm(own_data):
    folder = os.fsencode(own_data / "train" / "real")
    try:
        shutil.copy(folder + b"/0.jpg", folder + b"/caf\xe9.jpg")
    except OSError:
        pytest.skip("this file system takes only names that are text")
    (own_data / "train" / "real" / "up").symlink_to(own_data)
    dataset = prepare_fakes()
    assert len(dataset.samples) == 40
    assert [item.path for item in dataset.left_out] == ["train/real/caf\\udce9.jpg"]


def test_an_empty_split_and_a_split_of_one_class_say_what_was_found_and_what_to_do(own_data):
    shutil.rmtree(own_data / "val")
    shutil.rmtree(own_data / "test" / "fake")
    dataset = prepare_fakes()
    assert len(dataset.split("train")) == 20
    with pytest.raises(CourseError, match=r"val split of assignment_fakes is empty.*val: 0 real, 0 fake"):
        dataset.split("val")
    with pytest.raises(CourseError, match=r"only one class: none is fake.*test: 6 real, 0 fake.*course data"):
        dataset.split("test")
    with pytest.raises(CourseError, match=r"no split 'training'; expected one of train, val, test"):
        dataset.split("training")


def test_files_in_another_layout_are_named_beside_the_one_expected(own_data):
    for split in ("train", "val", "test"):
        (own_data / split).rename(own_data / f"my_{split}")
    with pytest.raises(CourseError, match=r"\{split\}/\{label\}/.*e\.g\. my_test/fake/0\.jpg"):
        prepare_fakes()


def test_an_unreadable_folder_is_listed_and_the_rest_prepared(monkeypatch):
    folder = Path(tempfile.mkdtemp())  # not tmp_path: another user must get there
    draw_assignment(folder / "data" / "fakes_dataset")
    closed = folder / "data" / "fakes_dataset" / "train" / "real"
    monkeypatch.setenv("COURSE_DATA_ROOT", str(folder / "data"))
    monkeypatch.setenv("COURSE_CACHE", str(folder / "cache"))
    folder.chmod(0o777)
    closed.chmod(0)
    is_root = os.geteuid() == 0
    try:
        if is_root:
            os.seteuid(65534)  # nobody: permissions do not hold root back
        dataset = prepare_fakes()
        assert len(dataset.samples) == 30
        assert [item.path for item in dataset.left_out] == ["train/real"]
        assert "Permission denied" in dataset.left_out[0].reason
    finally:
        if is_root:
            os.seteuid(0)
        closed.chmod(0o755)
        shutil.rmtree(folder)


SLOW_PREPARATION = """
import time
from course_utils.data import inventory
from course_utils.data.manifest import load_manifest
from course_utils.data.prepare import prepare
describe = inventory.describe
inventory.describe = lambda path: (time.sleep(0.05), describe(path))[1]
prepare(load_manifest("assignment_fakes"), jobs=1, progress=False)
"""


def test_killed_in_the_middle_it_goes_on_and_ends_with_the_same_table(own_data):
    inventory = paths.writable_cache() / "assignment_fakes" / "inventory.jsonl"
    process = subprocess.Popen([sys.executable, "-c", SLOW_PREPARATION])
    while not inventory.is_file() or inventory.read_bytes().count(b"\n") < 10:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not inventory.with_name("samples.parquet").exists()
    inventory.write_bytes(inventory.read_bytes()[:-25])  # the kill came in the middle of a line
    resumed = prepare_fakes()
    assert 0 < resumed.opened < 35
    pd.testing.assert_frame_equal(resumed.samples, prepare_fakes().samples)
    inventory.unlink()
    pd.testing.assert_frame_equal(resumed.samples, prepare_fakes().samples)


LIMITED_PREPARATION = """
import resource
from course_utils.data.manifest import load_manifest
from course_utils.data.prepare import prepare
resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
prepare(load_manifest("assignment_fakes"), progress=False)
"""


def test_no_room_for_a_file_is_said_and_the_next_call_goes_on(own_data):
    result = subprocess.run(
        [sys.executable, "-c", LIMITED_PREPARATION], capture_output=True, text=True, check=False
    )
    assert "CourseError" in result.stderr.splitlines()[-1]
    assert "Make room on the disk" in result.stderr
    assert 0 < prepare_fakes().opened < 40


def test_a_full_disk_is_said_and_the_next_call_goes_on(own_data, tmp_path, monkeypatch):
    small = tmp_path / "small"
    small.mkdir()

    def mount(*options: str) -> bool:
        return subprocess.run(["mount", *options, small], capture_output=True, check=False).returncode == 0

    if shutil.which("mount") is None or not mount("-t", "tmpfs", "-o", "size=8k", "tmpfs"):
        pytest.skip("mounting a small disk needs rights that this user has not")
    try:
        monkeypatch.setenv("COURSE_CACHE", str(small / "cache"))
        with pytest.raises(CourseError, match=r"No space left.*Make room"):
            prepare_fakes()
        assert mount("-o", "remount,size=16k")
        with pytest.raises(CourseError, match="The disk is full"):  # the inventory fits now, the table not
            prepare_fakes()
        assert mount("-o", "remount,size=1m")
        assert prepare_fakes().opened == 0
    finally:
        subprocess.run(["umount", small], check=True)


def test_a_shared_cache_is_used_and_never_written(course_environment, monkeypatch):
    prepare_fakes()
    shared = paths.writable_cache()
    before = {file: file.stat().st_mtime_ns for file in shared.rglob("*")}
    own = course_environment / "own"
    monkeypatch.setenv("COURSE_CACHE", os.pathsep.join([str(shared), str(own)]))
    load_dataset("assignment_fakes")
    assert not own.exists()
    load_dataset("assignment_synthetic")
    assert (own / "assignment_synthetic" / "samples.parquet").is_file()
    assert prepare_fakes().opened == 0  # the shared inventory is known, the table is the user's own
    assert {file: file.stat().st_mtime_ns for file in shared.rglob("*")} == before


def test_what_was_prepared_from_another_folder_or_manifest_does_not_count(own_data, monkeypatch, drawn_data):
    (own_data / "train" / "real" / "0.jpg").unlink()
    assert len(load_dataset("assignment_fakes").samples) == 39
    monkeypatch.setenv("COURSE_DATA_ROOT", str(drawn_data))
    dataset = load_dataset("assignment_fakes")
    assert len(dataset.samples) == 40
    assert dataset.root == drawn_data / "fakes_dataset"
    table = paths.writable_cache() / "assignment_fakes" / "samples.parquet"
    written = table.stat().st_mtime_ns
    load_dataset("assignment_fakes")
    assert table.stat().st_mtime_ns == written
    changed = load_manifest("assignment_fakes").model_copy(update={"labels": {"real": 1, "fake": 0}})
    monkeypatch.setattr("course_utils.data.prepare.load_manifest", lambda name: changed)
    assert load_dataset("assignment_fakes").samples["method"].iloc[0] == "composite"
    assert load_dataset("assignment_fakes").samples["label"].iloc[0] == 0


def test_anybodys_real_and_fake_folders_become_a_data_set_with_a_name(course_environment, tmp_path):
    for number in range(60):
        for label in ("real", "fake"):
            (tmp_path / "My Faces" / label).mkdir(parents=True, exist_ok=True)
            draw_face(number).save(tmp_path / "My Faces" / label / f"{number}.png")
    dataset = prepare_folder(tmp_path / "My Faces", progress=False)
    assert dataset.name == "my_faces"
    assert {len(dataset.split(name)) > 0 for name in ("train", "val", "test")} == {True}
    splits_of_a_name = dataset.samples.groupby("group")["split"].nunique()
    assert len(splits_of_a_name) == 60  # a real and a fake of the same name belong together
    assert set(splits_of_a_name) == {1}
    pd.testing.assert_frame_equal(load_dataset("my_faces").samples, dataset.samples)
    assert prepare_folder(tmp_path / "My Faces", progress=False).opened == 0


def test_a_folder_that_has_splits_keeps_them(course_environment, drawn_data):
    dataset = prepare_folder(drawn_data / "fakes_dataset", name="copy", progress=False)
    assert (len(dataset.split("train")), len(dataset.split("test"))) == (20, 12)


def test_a_folder_of_another_form_a_taken_or_an_impossible_name_are_refused(course_environment, drawn_data):
    with pytest.raises(CourseError, match="has not the expected form: real/ and fake/"):
        prepare_folder(drawn_data / "lfw", name="people")
    with pytest.raises(CourseError, match="a data set lfw already"):
        prepare_folder(drawn_data / "fakes_dataset", name="lfw")
    with pytest.raises(CourseError, match="no name for a data set"):
        prepare_folder(drawn_data / "fakes_dataset", name="../lfw")


def test_the_real_photographs_are_all_there(photographs):
    for name, count in {"assignment_fakes": 1361, "assignment_synthetic": 800, "lfw": 1323}.items():
        dataset = load_dataset(name)
        assert (len(dataset.samples), dataset.left_out) == (count, [])
