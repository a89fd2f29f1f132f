import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import yaml
from filmed import RedFinder, draw_frames, film
from PIL import Image
from test_video import save_bad_videos

from course_utils import paths
from course_utils.data import crops
from course_utils.data.manifest import load_manifest
from course_utils.data.prepare import load_dataset, prepare
from course_utils.data.video import write_video
from course_utils.errors import CourseError

MANIFEST = {
    "name": "clips",
    "title": "Clips",
    "description": "Tiny films.",
    "access": "The test draws them.",
    "terms": "None.",
    "may_show": "yes",
    "citation": "",
    "frames": "every 4",
    "layout": [
        {"path": "real/{target}.{extension}", "label": "real", "source": "{target}", "scene": "{target}"},
        {
            "path": "{method:A|B|C|D|E}/{target}.mp4",
            "label": "fake",
            "scene": "{target}",
            "mask": "masks/{method}/{target}.mp4",
        },
    ],
    "labels": {"real": 0, "fake": 1},
    "splits": {"ratios": {"kind": "ratios"}},
    "default_split": "ratios",
}


def define(root: Path, **changes: object) -> None:
    """Write the manifest of the films in `root` among the user's own."""
    file = paths.manifests()[0] / "clips.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(yaml.safe_dump({**MANIFEST, "root": str(root), **changes}))


@pytest.fixture
def clips(course_environment, monkeypatch):
    """A folder for films that the manifest `clips` describes."""
    monkeypatch.setattr(crops, "find_detector", RedFinder)
    define(course_environment / "clips")
    return course_environment / "clips"


def prepare_clips(jobs: int | None = None):
    return prepare(load_manifest("clips"), jobs, progress=False)


def contents(folder: Path) -> dict[str, str]:
    """Return what lies in `folder` by path: every file's digest."""
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    return {str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


def test_a_video_becomes_square_crops_that_follow_the_face(clips):
    film(clips / "real" / "anna.mp4", (10, 20))
    dataset = prepare_clips()
    assert dataset.samples["path"].tolist() == [f"real/anna.mp4/{n:05}.jpg" for n in (0, 4, 8)]
    for row in dataset.samples.itertuples():
        picture = np.asarray(Image.open(dataset.root / row.path)).astype(int)
        assert picture.shape == (31, 31, 3)  # 1.3 x 24
        assert (row.width, row.height) == (31, 31)
        assert (row.x0, row.y0, row.x1, row.y1) == pytest.approx(
            (10 + row.frame, 20, 34 + row.frame, 44), abs=1
        )
        assert picture[15, 15, 0] > 150  # the face
        assert picture[[0, 0, -1, -1], [0, -1, 0, -1], 0].max() < 90  # what is around it
    assert dataset.left_out == []


def test_the_originals_boxes_serve_its_fakes_and_masks(clips):
    film(clips / "real" / "anna.mp4", (10, 20))
    blank = np.full((12, 64, 96, 3), 20, np.uint8)
    for method in "AB":
        (clips / method).mkdir()
        write_video(clips / method / "anna.mp4", blank)  # no face could be found here
    (clips / "masks" / "A").mkdir(parents=True)
    write_video(clips / "masks" / "A" / "anna.mp4", blank + 200)
    samples = prepare_clips().samples
    boxes = samples.groupby("method")[["x0", "y0", "x1", "y1"]].agg(list)
    assert boxes.loc["A"].equals(boxes.loc["original"])
    assert samples["mask"].dropna().tolist() == [f"A/anna.mp4/{n:05}_mask.png" for n in (0, 4, 8)]
    mask = np.asarray(Image.open(prepare_clips().root / "A/anna.mp4/00004_mask.png"))
    assert mask.shape == (31, 31)
    assert mask.min() > 200
    (clips / "masks" / "B").mkdir()  # published apart, and got later
    write_video(clips / "masks" / "B" / "anna.mp4", blank + 200)
    assert prepare_clips().samples.groupby("method")["mask"].count().to_dict() == {
        "A": 3,
        "B": 3,
        "original": 0,
    }


def test_six_classes_cost_the_detection_of_one(clips, monkeypatch):
    finder = RedFinder()
    monkeypatch.setattr(crops, "find_detector", lambda: finder)
    for name in ("anna", "ben"):
        film(clips / "real" / f"{name}.mp4", (10, 20))
    prepare_clips()
    one_class = finder.asked
    assert one_class == 6
    finder.asked = 0
    shutil.rmtree(paths.writable_cache() / "clips")
    for method in "ABCDE":
        for name in ("anna", "ben"):
            film(clips / method / f"{name}.mp4", (10, 21))
    assert len(prepare_clips().samples) == 36
    assert finder.asked == one_class


def test_a_fake_of_another_size_is_looked_at_itself(clips):
    film(clips / "real" / "anna.mp4", (10, 20))
    (clips / "A").mkdir()
    write_video(clips / "A" / "anna.mp4", draw_frames((40, 60), size=(120, 160)))
    fake = prepare_clips().samples.query("label == 1").iloc[0]
    assert (fake.x0, fake.y0) == pytest.approx((40, 60), abs=1)


def test_a_shorter_fake_has_the_frames_that_it_has(clips):
    film(clips / "real" / "anna.mp4", (10, 20), frames=12)
    film(clips / "A" / "anna.mp4", (10, 20), frames=6)
    frames = prepare_clips().samples.groupby("method")["frame"].agg(list).to_dict()
    assert frames == {"original": [0, 4, 8], "A": [0, 4]}


def test_of_two_people_the_larger_is_followed(clips):
    film(clips / "real" / "two.mp4", (60, 4), (5, 30))
    assert prepare_clips().samples["x0"].tolist() == pytest.approx([60, 64, 68], abs=1)


def test_what_cannot_be_used_is_left_out_with_the_reason(clips):
    film(clips / "real" / "anna.mp4", (10, 20))
    (clips / "real").mkdir(exist_ok=True)
    problems = save_bad_videos(clips / "real")
    write_video(clips / "real" / "nobody.mp4", np.full((12, 64, 96, 3), 20, np.uint8))
    film(clips / "A" / "nobody.mp4", (10, 20))
    leaves = draw_frames((10, 20), frames=24)
    leaves[10:] = 20
    write_video(clips / "real" / "leaves.mp4", leaves)
    dataset = prepare_clips()
    assert set(dataset.samples["path"].str.split("/").str[1]) == {"anna.mp4", "leaves.mp4"}
    reasons = {item.path: item.reason for item in dataset.left_out}
    assert reasons.keys() == {f"real/{name}" for name in problems} | {
        "real/nobody.mp4",
        "A/nobody.mp4",
        "real/leaves.mp4",
    }
    assert "truncated" in reasons["real/fast.mp4"]
    assert reasons["real/nobody.mp4"] == "no face was found in 3 frames by red finder"
    assert reasons["A/nobody.mp4"] == reasons["real/nobody.mp4"]
    assert reasons["real/leaves.mp4"] == "no face in 3 of 6 frames; the others are used"


def test_damage_inside_a_video_leaves_no_half_of_it(clips):
    film(clips / "real" / "anna.mp4", (10, 20))
    noise = np.random.default_rng(0).integers(0, 255, (30, 64, 96, 3), np.uint8)
    write_video(clips / "real" / "ben.mp4", noise)
    data = bytearray((clips / "real" / "ben.mp4").read_bytes())
    data[2000:2400] = bytes(400)  # in the first frame
    (clips / "real" / "ben.mp4").write_bytes(data)
    dataset = prepare_clips()
    assert set(dataset.samples["path"].str.split("/").str[1]) == {"anna.mp4"}
    assert [item.path for item in dataset.left_out] == ["real/ben.mp4"]
    assert "damaged" in dataset.left_out[0].reason
    assert not list((dataset.root / "real" / "ben.mp4").glob("*.jpg"))


def test_only_videos_that_are_new_or_changed_are_cut_and_fakes_with_their_original(clips, monkeypatch):
    for name in ("anna", "ben"):
        film(clips / "real" / f"{name}.mp4", (10, 20))
        film(clips / "A" / f"{name}.mp4", (10, 20))
    before = prepare_clips()
    times = {file: file.stat().st_mtime_ns for file in before.root.rglob("*.jpg")}
    monkeypatch.setattr(crops, "find_detector", lambda: pytest.fail("nothing has to be looked for"))
    pd.testing.assert_frame_equal(prepare_clips().samples, before.samples)
    assert {file: file.stat().st_mtime_ns for file in before.root.rglob("*.jpg")} == times
    monkeypatch.setattr(crops, "find_detector", RedFinder)
    film(clips / "real" / "ben.mp4", (30, 8))
    after = prepare_clips()
    assert after.opened == 1
    boxes = after.samples.set_index("path")
    assert boxes.loc["A/ben.mp4/00000.jpg", "x0"] == pytest.approx(30, abs=1)
    kept = [file for file in times if "anna" in str(file)]
    assert {file.stat().st_mtime_ns for file in kept} == {times[file] for file in kept}
    assert set(contents(after.root)) == set(contents(before.root))  # nothing old or unfinished stays


def test_a_damaged_record_is_made_again(clips):
    film(clips / "real" / "anna.mp4", (10, 20))
    dataset = prepare_clips()
    whole = contents(dataset.root)
    record = dataset.root / "real" / "anna.mp4" / crops.RECORD
    record.write_text(record.read_text()[:50])
    (record.parent / "00004.jpg").unlink()
    prepare_clips()
    assert contents(dataset.root) == whole


def test_other_frames_have_crops_of_their_own(clips):
    film(clips / "real" / "anna.mp4", (10, 20))
    film(clips / "A" / "anna.mp4", (10, 20))
    usual = load_dataset("clips")
    other = load_dataset("clips", frames="first 2")
    assert sorted(set(other.samples["frame"])) == [0, 1]
    assert sorted(set(load_dataset("clips").samples["frame"])) == [0, 4, 8]
    assert usual.root != other.root
    with pytest.raises(CourseError, match="'all' should be like 'first 100'"):
        load_dataset("clips", frames="all")
    with pytest.raises(CourseError, match="holds pictures, no videos"):
        load_dataset("lfw", frames="first 2")


def test_known_boxes_are_used_as_they_are(clips, monkeypatch):
    monkeypatch.setattr(crops, "find_detector", lambda: pytest.fail("boxes are known"))
    layout = [{**line, "boxes": "boxes/{target}.json"} for line in MANIFEST["layout"]]
    define(clips, layout=layout)
    film(clips / "real" / "anna.mp4", (10, 20))
    boxes = [[2, 3, 22, 33]] * 5 + [None] * 3 + [[4, 3, 24, 33]] * 4
    (clips / "boxes").mkdir()
    (clips / "boxes" / "anna.json").write_text(json.dumps(boxes))
    assert prepare_clips().samples["x0"].tolist() == [2, 2, 4]
    far = [[2, 3, 22, 33]] * 3 + [None] * 3 + [[60, 3, 80, 33]] * 6  # further than a detector's face may jump
    (clips / "boxes" / "anna.json").write_text(json.dumps(far))
    dataset = prepare_clips()
    assert dict(zip(dataset.samples["frame"], dataset.samples["x0"], strict=True)) == {0: 2, 8: 60}
    assert dataset.left_out[0].reason == "no face in 1 of 3 frames; the others are used"
    (clips / "boxes" / "anna.json").write_text(json.dumps([[5, 3, 25, 33]] * 12))
    assert prepare_clips().samples["x0"].tolist() == [5, 5, 5]  # made from other boxes: made again
    (clips / "boxes" / "anna.json").write_text("[[1, 2]]")
    with pytest.raises(CourseError, match=r"anna\.json should tell where the faces are"):
        prepare_clips()
    (clips / "boxes" / "anna.json").unlink()
    with pytest.raises(CourseError, match=r"anna\.json should tell where the faces are"):
        prepare_clips()


PREPARATION = """
import sys, time
sys.path.insert(0, {tests!r})
from filmed import RedFinder
from course_utils.data import crops
from course_utils.data.manifest import load_manifest
from course_utils.data.prepare import prepare
crops.find_detector = RedFinder
encode = crops.encode
crops.encode = lambda *told: (time.sleep({pause}), encode(*told))[1]
print("ready", flush=True)
prepare(load_manifest("clips"), jobs=2, progress=False)
"""


def start_preparation(pause: float) -> subprocess.Popen:
    code = PREPARATION.format(tests=str(Path(__file__).parents[1]), pause=pause)
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.fixture
def dozen(clips):
    for name in ("anna", "ben", "cem", "dua"):
        for folder in ("real", "A", "B"):
            film(clips / folder / f"{name}.mp4", (10, 20))
    return clips


def test_killed_at_any_moment_it_goes_on_and_ends_with_the_same_files(dozen, monkeypatch):
    cache = paths.writable_cache()
    whole = prepare_clips()
    expected, expected_table = contents(whole.root), whole.samples
    shutil.rmtree(cache / "clips")
    for moment in np.linspace(0.02, 1.1, 9):
        process = start_preparation(pause=0.03)
        time.sleep(moment)
        process.send_signal(signal.SIGKILL)
        process.wait()
        named = [f.parent for f in cache.glob("clips/crops/*/*/*/crops.json") if ".unfinished" not in str(f)]
        for folder in named:  # what has its name is whole
            inside = {f"{folder.relative_to(whole.root)}/{name}" for name in contents(folder)}
            assert inside == {
                path for path in expected if Path(path).parent == folder.relative_to(whole.root)
            }
    # A kill in the middle of a scene's file leaves this; few kills come at that moment.
    (next(whole.root.glob("**/.scenes")) / ".0.json.abc.part").write_text("half")
    monkeypatch.setattr(crops, "ABANDONED", 0)
    resumed = prepare_clips()
    assert contents(resumed.root) == expected
    pd.testing.assert_frame_equal(resumed.samples, expected_table)


def test_two_at_once_end_with_the_same_files(dozen):
    whole = prepare_clips()
    expected = contents(whole.root)
    shutil.rmtree(paths.writable_cache() / "clips")
    processes = [start_preparation(pause=0.01) for _ in range(2)]
    assert [process.wait() for process in processes] == [0, 0]
    assert contents(whole.root) == expected
    pd.testing.assert_frame_equal(load_dataset("clips").samples, whole.samples)


def test_a_full_disk_is_said_and_the_next_call_goes_on(dozen, monkeypatch):
    encoded = []

    def encode(*told: object) -> bytes:
        if len(encoded) > 8:
            raise OSError(28, "No space left on device")
        encoded.append(whole_encode(*told))
        return encoded[-1]

    whole_encode = crops.encode
    monkeypatch.setattr(crops, "encode", encode)
    with pytest.raises(CourseError, match="The disk is full"):
        prepare_clips(jobs=1)
    monkeypatch.setattr(crops, "encode", whole_encode)
    assert len(prepare_clips().samples) == 36


def test_a_read_only_data_root_is_only_read(monkeypatch):
    folder = Path(tempfile.mkdtemp())  # not tmp_path: another user must get there
    folder.chmod(0o777)
    monkeypatch.setattr(crops, "find_detector", RedFinder)
    monkeypatch.setenv("COURSE_CACHE", str(folder / "cache"))
    film(folder / "clips" / "real" / "anna.mp4", (10, 20))
    is_root = os.geteuid() == 0
    for place in (folder / "clips", folder / "clips" / "real"):
        place.chmod(0o555)
    try:
        if is_root:
            os.seteuid(65534)  # nobody: permissions do not hold root back
        define(folder / "clips")
        assert len(prepare_clips().samples) == 3
    finally:
        if is_root:
            os.seteuid(0)
        (folder / "clips" / "real").chmod(0o755)
        (folder / "clips").chmod(0o755)
        shutil.rmtree(folder)


def test_crops_in_a_shared_cache_are_used_where_they_are(dozen, monkeypatch, tmp_path):
    prepare_clips()
    shared = paths.writable_cache()
    before = contents(shared)
    monkeypatch.setenv("COURSE_CACHE", os.pathsep.join([str(shared), str(tmp_path / "own")]))
    define(dozen)
    dataset = load_dataset("clips")
    assert dataset.root.is_relative_to(shared)
    assert all((dataset.root / path).is_file() for path in dataset.samples["path"])
    assert contents(shared) == before


def test_recordings_become_crops_of_their_faces(photographs):
    define(photographs, layout=[{"path": "videos/{target}.mp4", "label": "real"}], frames="evenly 4")
    dataset = prepare_clips()
    assert dataset.left_out == []
    assert len(dataset.samples) == 16
    for row in dataset.samples.itertuples():
        with Image.open(dataset.root / row.path) as picture:
            assert picture.size == (row.width, row.height)
            assert min(picture.size) > 150


def test_the_command_takes_other_frames(clips):
    film(clips / "real" / "anna.mp4", (10, 20))
    (clips / "boxes").mkdir()
    (clips / "boxes" / "anna.json").write_text(json.dumps([[2, 3, 22, 33]] * 12))
    define(clips, layout=[{**line, "boxes": "boxes/{target}.json"} for line in MANIFEST["layout"]])
    course = [sys.executable, "-c", "from course_utils.cli import main; main()", "data", "prepare", "clips"]
    told = subprocess.run([*course, "--frames", "first 5"], capture_output=True, text=True, check=True)
    assert "5 samples, 0 files left out" in told.stdout
    told = subprocess.run([*course, "--splits", "x"], capture_output=True, text=True, check=False)
    assert told.returncode == 2
    assert "no split named 'x'" in told.stderr
