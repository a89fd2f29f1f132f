import numpy as np
import pytest
from drawn import draw_face
from filmed import film
from PIL import Image

from course_utils.data.pictures import BadFile, digest
from course_utils.errors import CourseError
from course_utils.predict.inputs import find_files, look_into


@pytest.mark.parametrize("words", ["https://example.org/a.jpg", "file:///etc/passwd", "S3://bucket/a.png"])
def test_an_address_is_refused_with_what_to_do(words):
    with pytest.raises(CourseError, match="Save it"):
        find_files([words])


def test_a_folder_gives_all_that_may_be_looked_at(tmp_path):
    for name in ("b.JPG", "sub/ä ö.png", "notes.txt", "c.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    found = find_files([str(tmp_path), str(tmp_path / "b.JPG"), str(tmp_path / "notes.txt")])
    assert [file.name for file in found] == ["b.JPG", "c.mp4", "ä ö.png", "notes.txt"]
    with pytest.raises(CourseError, match="no file"):
        find_files([str(tmp_path / "gone.jpg")])
    (tmp_path / "empty").mkdir()
    with pytest.raises(CourseError, match="no picture and no video"):
        find_files([str(tmp_path / "empty")])


def test_a_picture_is_one_frame(tmp_path):
    draw_face(1).save(tmp_path / "a.jpg")
    source = look_into(tmp_path / "a.jpg")
    assert (source.kind, source.width, source.height, source.frames) == ("picture", 96, 96, 1)
    assert source.sha256 == digest(tmp_path / "a.jpg")
    ((number, seconds, picture),) = source.look([0])
    assert (number, seconds, picture.shape) == (0, 0.0, (96, 96, 3))


def test_a_moving_picture_is_looked_at_in_time(tmp_path):
    frames = [Image.new("RGB", (40, 30), (20 * number, 0, 0)) for number in range(10)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=200)
    source = look_into(tmp_path / "a.gif")
    assert (source.kind, source.frames, source.rate) == ("moving picture", 10, 5.0)
    seen = list(source.look([0, 3, 6, 9]))
    assert [number for number, _, _ in seen] == [0, 3, 6, 9]
    assert [seconds for _, seconds, _ in seen] == pytest.approx([0, 0.6, 1.2, 1.8])
    assert [picture[0, 0, 0] for _, _, picture in seen] == pytest.approx([0, 60, 120, 180], abs=12)


def test_a_moving_picture_that_ends_early_is_said_to_be_damaged(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (6, 60, 80, 3), dtype=np.uint8)
    frames = [Image.fromarray(frame) for frame in noise]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=200)
    whole = (tmp_path / "a.gif").read_bytes()
    (tmp_path / "a.gif").write_bytes(whole[:-2000])
    with pytest.raises(BadFile, match="damaged"):
        list(look_into(tmp_path / "a.gif").look(range(6)))


def test_a_clip_is_a_clip_whatever_its_name(tmp_path):
    film(tmp_path / "a.mp4", (8, 20), frames=12, fps=10)
    (tmp_path / "b.jpg").write_bytes((tmp_path / "a.mp4").read_bytes())
    for name in ("a.mp4", "b.jpg"):
        source = look_into(tmp_path / name)
        assert (source.kind, source.frames, source.rate) == ("clip", 12, 10)
        assert (source.width, source.height) == (96, 64)
        assert [number for number, _, _ in source.look([0, 6, 11])] == [0, 6, 11]


@pytest.mark.parametrize(
    ("content", "told"),
    [(b"", "empty"), (b"<html>", "not a picture"), (b"\xff\xd8\xff\xe0 no", "damaged|not")],
)
def test_what_is_no_picture_says_so(tmp_path, content, told):
    (tmp_path / "a.jpg").write_bytes(content)
    with pytest.raises(BadFile, match=told):
        look_into(tmp_path / "a.jpg")


def test_a_clip_cut_off_in_the_middle_says_so(tmp_path):
    whole = film(tmp_path / "a.mp4", (8, 20), frames=50).read_bytes()
    (tmp_path / "b.mp4").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(BadFile):
        list(look_into(tmp_path / "b.mp4").look(range(50)))


def test_of_frames_only_those_are_held_that_are_looked_at(tmp_path):
    film(tmp_path / "a.mp4", (0, 0), frames=30)
    looking = look_into(tmp_path / "a.mp4").look(range(30))
    assert isinstance(next(looking)[2], np.ndarray)  # lazily, one by one
