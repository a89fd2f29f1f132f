import hashlib
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from filmed import draw_frames, film
from pydantic import ValidationError

from course_utils.data.pictures import BadFile
from course_utils.data.sampling import Sampling
from course_utils.data.video import describe_video, read_frames, write_video
from course_utils.errors import CourseError


@pytest.mark.parametrize(
    ("words", "length", "expected"),
    [
        ("first 3", 10, [0, 1, 2]),
        ("first 30", 3, [0, 1, 2]),
        ("evenly 3", 11, [0, 5, 10]),
        ("evenly 32", 4, [0, 1, 2, 3]),
        ("every 4", 10, [0, 4, 8]),
        ("every 4 up to 2", 10, [0, 4]),
    ],
)
def test_frames_are_chosen_as_the_words_say(words, length, expected):
    sampling = Sampling.model_validate(words)
    assert sampling.frames(length) == expected
    assert str(sampling) == words
    assert Sampling.model_validate(sampling.model_dump()) == sampling


@pytest.mark.parametrize("words", ["all", "first 0", "first", "every 10 up to", "evenly -3"])
def test_other_words_are_refused_with_examples(words):
    with pytest.raises(ValidationError, match="should be like 'first 100', 'evenly 32'"):
        Sampling.model_validate(words)


def test_the_chosen_frames_come_in_order_and_look_as_they_were_written(tmp_path):
    frames = draw_frames((4, 20), frames=20)
    write_video(tmp_path / "a.mp4", frames, crf=10)
    read = dict(read_frames(tmp_path / "a.mp4", [0, 7, 19]))
    assert list(read) == [0, 7, 19]
    for number, picture in read.items():
        assert (picture.dtype, picture.shape) == (np.uint8, (64, 96, 3))
        assert np.abs(picture.astype(int) - frames[number]).mean() < 4
    assert list(read_frames(tmp_path / "a.mp4", [])) == []


WRITE = """
import sys
import numpy as np
from pathlib import Path
from course_utils.data.video import write_video
noise = np.random.default_rng(0).integers(0, 60, (30, 96, 96, 3), np.uint8)
ramp = np.linspace(0, 190, 96, dtype=np.uint8)
frames = noise + np.stack([np.roll(ramp, 3 * n) for n in range(30)])[:, None, :, None]
for crf in (23, 40):
    write_video(Path(sys.argv[1]) / f"{crf}.mp4", frames, crf=crf)
"""


def test_the_same_frames_give_the_same_bytes_in_every_process(tmp_path):
    written = set()
    for run in range(4):
        folder = tmp_path / str(run)
        folder.mkdir()
        subprocess.run([sys.executable, "-c", WRITE, folder], check=True)
        sizes = [(folder / f"{crf}.mp4").stat().st_size for crf in (23, 40)]
        assert sizes[0] > 1.5 * sizes[1]
        bytes_of_both = b"".join((folder / f"{crf}.mp4").read_bytes() for crf in (23, 40))
        written.add(hashlib.sha256(bytes_of_both).hexdigest())
    assert len(written) == 1


def test_masks_come_back_as_they_were_written(tmp_path):
    masks = np.random.default_rng(0).choice(np.uint8([0, 255]), (5, 64, 96))
    write_video(tmp_path / "a.mp4", masks, crf=0)
    for number, picture in read_frames(tmp_path / "a.mp4", range(5)):
        assert np.array_equal(picture, np.repeat(masks[number, ..., None], 3, axis=2))


def test_a_note_stands_in_the_metadata(tmp_path):
    write_video(tmp_path / "a.mp4", draw_frames((4, 20)), note="Its faces are forged.")
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.metadata["comment"] == "Its faces are forged."


@pytest.mark.parametrize("shape", [(0, 64, 64, 3), (3, 63, 64, 3), (3, 64, 65, 3), (64, 64, 3)])
def test_frames_that_cannot_be_encoded_are_refused_with_their_shape(tmp_path, shape):
    with pytest.raises(CourseError, match=rf"a\.mp4: frames of shape \({shape[0]}, .*even H and W"):
        write_video(tmp_path / "a.mp4", np.zeros(shape, np.uint8))


@pytest.mark.parametrize("fps", [25, Fraction(30000, 1001), 14.985, 7, 120])
def test_odd_rates_change_nothing_in_what_is_read(tmp_path, fps):
    file = film(tmp_path / "a.mp4", (4, 20), fps=fps)
    assert describe_video(file).frames == 12
    assert [number for number, _ in read_frames(file, [0, 5, 11])] == [0, 5, 11]


def _encode(path: Path, codec: str, pix_fmt: str, size: tuple[int, int], turn: int = 0) -> Path:
    height, width = size
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width, stream.height, stream.pix_fmt = width, height, pix_fmt
        if turn:
            stream.set_display_rotation(turn)
        picture = np.full((height, width, 3), 40, np.uint8)
        picture[:10] = 240  # a bright upper edge
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize(("name", "codec"), [("a.avi", "ffv1"), ("a.mkv", "ffv1")])
def test_odd_sizes_and_other_codecs_are_read(tmp_path, name, codec):
    file = _encode(tmp_path / name, codec, "yuv444p", (65, 97))
    facts = describe_video(file)
    assert (facts.width, facts.height, facts.frames, facts.problem) == (97, 65, 5, "")
    ((_, picture),) = read_frames(file, [4])
    assert picture.shape == (65, 97, 3)


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_video_filmed_on_its_side_is_read_upright(tmp_path, turn):
    """The display matrix turns the picture counterclockwise by `turn` degrees when it is shown."""
    file = _encode(tmp_path / "a.mp4", "libx264", "yuv420p", (64, 96), turn)
    facts = describe_video(file)
    ((_, picture),) = read_frames(file, [0])
    assert picture.shape[:2] == (facts.height, facts.width) == ((64, 96) if turn == 180 else (96, 64))
    assert facts.orientation == turn
    edges = {0: picture[:5], 90: picture[:, :5], 180: picture[-5:], 270: picture[:, -5:]}
    assert edges[turn].mean() > 200
    assert np.mean([edge.mean() for edge in edges.values()]) < 150


def test_a_video_says_its_size_length_and_codec(tmp_path):
    facts = describe_video(film(tmp_path / "a.mp4", (4, 20)))
    assert (facts.width, facts.height, facts.frames, facts.format) == (96, 64, 12, "h264")
    assert (facts.problem, facts.orientation) == ("", 1)


def save_bad_videos(folder: Path) -> dict[str, str]:
    """Save files that are no usable videos; return the problem of each by name."""
    whole = film(folder / "whole.mp4", (4, 20), frames=60).read_bytes()
    (folder / "half.mp4").write_bytes(whole[: len(whole) // 2])
    index_first = {"movflags": "+faststart"}
    with (
        av.open(str(folder / "whole.mp4")) as source,
        av.open(str(folder / "fast.mp4"), "w", options=index_first) as target,
    ):
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(source.streams.video[0]):
            if packet.dts is not None:
                packet.stream = stream
                target.mux(packet)
    fast = (folder / "fast.mp4").read_bytes()
    (folder / "fast.mp4").write_bytes(fast[: len(fast) * 3 // 4])
    (folder / "empty.mp4").write_bytes(b"")
    (folder / "page.mp4").write_text("<html>404 Not Found</html>")
    with av.open(str(folder / "silent.mp4"), "w") as container:
        sound = container.add_stream("aac", rate=8000, layout="mono")
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.rate = 8000
        container.mux(sound.encode(frame))
        container.mux(sound.encode())
    with av.open(str(folder / "none.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        container.start_encoding()  # and no frame follows
    (folder / "link.mp4").symlink_to(folder / "nowhere.mp4")
    (folder / "codec.mp4").write_bytes(whole.replace(b"avc1", b"zzzz"))
    begin, end = whole.index(b"mdat") + 4, whole.index(b"moov") - 4
    (folder / "zeros.mp4").write_bytes(whole[:begin] + bytes(end - begin) + whole[end:])
    (folder / "whole.mp4").unlink()
    return {
        "half.mp4": "damaged",
        "fast.mp4": "truncated",
        "empty.mp4": "empty",
        "page.mp4": "damaged",
        "silent.mp4": "empty",
        "none.mp4": "empty",
        "link.mp4": "missing",
        "codec.mp4": "unreadable",
        "zeros.mp4": "damaged",
    }


def test_what_is_no_usable_video_is_described_and_never_read_in_part(tmp_path):
    for name, problem in save_bad_videos(tmp_path).items():
        facts = describe_video(tmp_path / name)
        assert (name, facts.problem) == (name, problem)
        assert facts.error
        with pytest.raises(BadFile):
            list(read_frames(tmp_path / name, [0, 59]))


def test_a_frame_beyond_the_end_is_said(tmp_path):
    with pytest.raises(BadFile, match="frame 12 is asked for and 11 is its last"):
        list(read_frames(film(tmp_path / "a.mp4", (4, 20)), [0, 12]))


def test_real_recordings_are_read(photographs):
    for file in sorted((photographs / "videos").glob("*.mp4")):
        facts = describe_video(file)
        assert (facts.problem, facts.width) in (("", 480), ("", 512))
        numbers = Sampling.model_validate("evenly 4").frames(facts.frames)
        pictures = [picture for _, picture in read_frames(file, numbers)]
        assert len(pictures) == 4
        assert all(picture.std() > 10 for picture in pictures)
