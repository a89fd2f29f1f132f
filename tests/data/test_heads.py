"""One crop a head; what has none is counted; killed at any moment, cutting goes on and ends with the same."""

import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pandas as pd
import pytest
from command_line import course
from filmed import FACE, RedFinder, draw_frames
from PIL import Image

from course_utils import paths
from course_utils.data.check import check
from course_utils.data.derive import crop
from course_utils.data.heads import cut_heads
from course_utils.data.manifest import load_manifest
from course_utils.data.own import prepare_folder
from course_utils.data.pack import pack, unpack
from course_utils.data.pictures import open_rgb
from course_utils.data.prepare import load_dataset, prepare
from course_utils.errors import CourseError

ALIKE = {
    f"duplicate{where}" for where in ("", " across splits", " across labels", " across splits and labels")
}
PEOPLE = {"nobody": [], "one": [(20, 20)], "two": [(8, 22), (55, 30)]}


@pytest.fixture
def people(course_environment, monkeypatch):
    """A data set of 20 real and 20 fake pictures of one, 1 of two people and 1 of nobody a class."""
    monkeypatch.setattr("course_utils.data.prepare.find_detector", RedFinder)
    for number, label in enumerate(("real", "fake")):
        (course_environment / "people" / label).mkdir(parents=True)
        for name, starts in PEOPLE.items():
            for frame, picture in enumerate(draw_frames(*starts, frames=20 if name == "one" else 1)):
                picture[0, 0] = (frame, number, 7)  # no two alike
                Image.fromarray(picture).save(course_environment / "people" / label / f"{name}{frame}.png")
    return prepare_folder(course_environment / "people", progress=False)


def cut():
    return crop("heads", "people", progress=False)


def test_a_head_is_a_row_that_says_where_it_was_cut_and_whose_it_is(people):
    heads = cut()
    assert len(heads.samples) == 2 * (20 + 2)
    pictures = people.samples.set_index("path")
    for row in heads.samples.itertuples():
        picture = pictures.loc[row.path.rpartition("/")[0]]
        for column in ("label", "split", "group", "method", "dataset"):
            assert getattr(row, column) == picture[column]
        x0, y0, x1, y1 = (int(side) for side in (row.x0, row.y0, row.x1, row.y1))
        original = np.asarray(open_rgb(people.root / picture.name))[y0:y1, x0:x1]
        crop = np.asarray(open_rgb(heads.root / row.path))
        assert crop.shape == original.shape == (row.height, row.width, 3)
        assert np.abs(crop.astype(int) - original).mean() < 3  # JPEG
    assert set(heads.samples["width"]) == {round(1.3 * FACE), round(1.3 * (FACE - 4))}


def test_pictures_without_a_head_are_left_out_and_named(people):
    left_out = {item.path: item.reason for item in cut().left_out}
    told = "red finder found no head"
    assert left_out == {"fake/nobody0.png": told, "real/nobody0.png": told}


def test_a_damaged_picture_is_left_out_with_its_reason_and_cut_when_it_is_whole_again(people):
    picture = people.root / "real" / "one3.png"
    whole = picture.read_bytes()
    picture.write_bytes(whole[:60])
    assert "truncated" in {item.path: item.reason for item in cut().left_out}["real/one3.png"]
    picture.write_bytes(whole)
    assert len(prepare(load_manifest("heads"), progress=False).samples) == 44


def test_masks_are_cut_where_their_pictures_are(people):
    picture = people.root / "fake" / "one5.png"
    mask = (np.asarray(open_rgb(picture))[..., 0] > 120).astype(np.uint8) * 255
    Image.fromarray(mask).save(people.root / "mask.png")
    samples = people.samples.copy()
    samples.loc[samples["path"] == "fake/one5.png", "mask"] = "mask.png"
    folder = paths.writable_cache() / "masked"
    table, headless, opened = cut_heads(samples, people.root, folder, RedFinder, progress=False)
    (row,) = table.dropna(subset="mask").itertuples()
    red = np.asarray(open_rgb(folder / row.path))[..., 0] > 120
    assert ((np.asarray(Image.open(folder / row.mask)) > 0) == red).mean() > 0.98
    assert (len(headless), opened) == (2, 44)


def test_what_is_cut_is_not_cut_again_unless_it_is_gone_or_changed(people):
    first = cut()
    assert first.opened == 44
    assert cut().opened == 0
    (first.root / "real/one3.png/0.jpg").unlink()
    draw = Image.open(people.root / "real/one4.png").transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    draw.save(people.root / "real/one4.png")
    again = cut()
    assert again.opened == 2
    assert (again.root / "real/one3.png/0.jpg").is_file()
    assert not again.samples.equals(first.samples)


def test_another_detector_cuts_all_anew(people, monkeypatch):
    cut()
    monkeypatch.setattr("course_utils.data.prepare.find_detector", Renamed)
    assert prepare(load_manifest("heads"), progress=False).opened == 44


class Renamed(RedFinder):
    name = "another"


def test_a_cropped_set_has_a_name_passes_the_check_and_can_be_handed_out(
    people, course_environment, monkeypatch
):
    heads = cut()
    pd.testing.assert_frame_equal(load_dataset("heads").samples, heads.samples)
    report = check(load_manifest("heads"), progress=False)
    assert report.counts.to_numpy().sum() == 44
    assert {finding.kind for finding in report.findings} <= ALIKE
    own = paths.manifests()[0] / "heads.yaml"
    own.write_text(own.read_text().replace("may_show: unknown", "may_show: yes"))
    pack(load_dataset("heads"), course_environment / "heads.zip", progress=False)
    monkeypatch.setenv("COURSE_CACHE", str(course_environment / "other"))
    unpack(course_environment / "heads.zip", progress=False)
    shutil.rmtree(people.root)
    student = prepare(load_manifest("heads"), progress=False)
    pd.testing.assert_frame_equal(student.samples, heads.samples)


SLOW_CUTTING = """
import time
from filmed import RedFinder
from course_utils.data import prepare
from course_utils.data.derive import crop
class Slow(RedFinder):
    def detect(self, picture):
        time.sleep(0.05)
        return super().detect(picture)
prepare.find_detector = Slow
crop("heads", "people", jobs=1, progress=False)
"""


def test_killed_in_the_middle_it_goes_on_and_ends_with_the_same_table(people, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", ":".join(sys.path))
    record = paths.writable_cache() / "heads" / "heads.jsonl"
    process = subprocess.Popen([sys.executable, "-c", SLOW_CUTTING])
    while not record.is_file() or record.read_bytes().count(b"\n") < 10:
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not record.with_name("samples.parquet").exists()
    record.write_bytes(record.read_bytes()[:-25])  # the kill came in the middle of a line
    resumed = cut()
    assert 0 < resumed.opened < 40
    table = (resumed.root / "samples.parquet").read_bytes()
    shutil.rmtree(resumed.root)
    assert cut().opened == 44
    assert (resumed.root / "samples.parquet").read_bytes() == table


def test_the_course_s_own_detector_cuts_where_it_is_asked_for(people, monkeypatch):
    monkeypatch.setattr(
        "course_utils.data.prepare.find_detector", lambda: pytest.fail("faces were looked for")
    )
    monkeypatch.setattr("course_utils.models.head_detector.find_head_detector", Renamed)
    heads = crop("heads", "people", "heads", progress=False)
    assert len(heads.samples) == 44
    assert load_manifest("heads").detector == "heads"
    assert load_dataset("heads").samples.equals(heads.samples)
    for shipped in ("cvcs_cropped_dfd", "rendered_cropped"):
        assert load_manifest(shipped).detector == "heads"


def test_no_head_anywhere_or_a_taken_name_is_told(people, monkeypatch):
    with pytest.raises(CourseError, match="a data set lfw already"):
        crop("lfw", "people", progress=False)
    with pytest.raises(CourseError, match="people cannot be made of itself"):
        crop("people", "people", progress=False)
    monkeypatch.setattr(RedFinder, "detect", lambda self, picture, frame=0: [])
    with pytest.raises(CourseError, match="red finder found no head in any of the 44 pictures"):
        cut()
    assert not (paths.manifests()[0] / "heads.yaml").exists()


def test_the_command_crops_and_says_what_was_left_out(people):
    program = (
        "import sys; sys.argv[1:] = ['data', 'crop', 'people', '--to', 'heads'];"
        "from filmed import RedFinder; from course_utils.data import prepare;"
        "prepare.find_detector = RedFinder; from course_utils.cli import main; main()"
    )
    environment = {"PYTHONPATH": ":".join(sys.path), "COLUMNS": "200"}
    out = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        check=True,
    ).stdout
    assert "left out: real/nobody0.png: red finder found no head" in out
    assert "44 samples, 2 files left out; 44 files opened." in out
    code, _, err = course("data", "crop", "peopel", "--to", "heads2")
    assert code == 2
    assert "no data set 'peopel'" in err
