import warnings

import cv2
import numpy as np
import pooch
import pytest
from filmed import RedFinder, draw_frames
from PIL import Image

from course_utils.data.faces import Face, Haar, find_detector, follow, square_crop
from course_utils.data.pictures import open_rgb
from course_utils.data.sampling import Sampling
from course_utils.data.video import describe_video, read_frames
from course_utils.errors import CourseError


def at(x: float, y: float = 50, side: float = 20) -> Face:
    return Face(np.float32([x, y, x + side, y + side]), 1.0)


@pytest.mark.parametrize(
    ("box", "size", "expected"),
    [
        ((40, 40, 60, 60), (100, 100), (37, 37, 26)),
        ((40, 30, 60, 70), (200, 200), (24, 24, 52)),  # the longer side counts
        ((0, 0, 20, 20), (100, 100), (0, 0, 26)),  # moved back from the upper left
        ((80, 80, 100, 100), (100, 100), (74, 74, 26)),  # and from the lower right
        ((5, 5, 95, 95), (100, 80), (10, 0, 80)),  # no larger than the picture
        ((-10, -10, 10, 10), (100, 100), (0, 0, 26)),  # detectors reach over borders
    ],
)
def test_the_crop_is_a_square_of_1_3_times_the_longer_side_inside_the_picture(box, size, expected):
    x, y, side = square_crop(box, *size)
    assert (x, y, side) == expected
    assert 0 <= x <= size[0] - side
    assert 0 <= y <= size[1] - side


def test_a_video_without_a_face_has_nobody_to_follow():
    assert follow([[], [], []]) == [None, None, None]
    assert follow([]) == []


def test_the_larger_of_two_people_is_followed_even_where_the_other_is_found_first():
    near, far = [at(10 + n, side=30) for n in range(6)], [at(80 - n, side=22) for n in range(6)]
    faces = [[near[n], far[n]] if n % 2 else [far[n], near[n]] for n in range(6)]
    assert [list(box) for box in follow(faces)] == [list(face.box) for face in near]


def test_when_the_followed_person_is_missed_nobody_else_takes_the_place():
    faces = [[at(10), at(100, side=14)], [at(100, side=14)], [at(14), at(100, side=14)]]
    assert [list(box) for box in follow(faces)] == [list(at(x).box) for x in (10, 12, 14)]


def test_a_short_gap_is_interpolated_a_long_one_and_the_ends_are_not():
    faces = [[], [at(10)], [], [], [], [at(18)], [], [], [], [], [at(20)], []]
    found = follow(faces)
    assert [None if box is None else float(box[0]) for box in found] == [
        *(None, 10, 12, 14, 16, 18),
        *(None, None, None, None, 20, None),
    ]


def test_people_who_cross_keep_apart_by_size_and_place():
    left = [at(10 + 8 * n, y=20, side=40) for n in range(8)]
    right = [at(70 - 8 * n, y=90, side=16) for n in range(8)]
    found = follow([[a, b] for a, b in zip(right, left, strict=True)])
    assert [float(box[0]) for box in found] == [float(face.box[0]) for face in left]


def test_films_of_one_and_two_are_followed_from_end_to_end():
    finder = RedFinder()
    found = follow([finder.detect(picture) for picture in draw_frames((4, 20), (60, 4), frames=10)])
    assert [tuple(box) for box in found] == [(4 + n, 20, 28 + n, 44) for n in range(10)]


def test_without_weights_haar_takes_over_with_a_warning(course_environment, monkeypatch):
    def offline(*_: object, **__: object) -> None:
        raise OSError("Name or service not known")

    monkeypatch.setattr(pooch, "retrieve", offline)
    with pytest.warns(UserWarning, match=r"Haar.*miss.*Name or service not known.*weights/"):
        detector = find_detector()
    assert detector.name == "Haar"
    assert detector.detect(np.full((80, 80, 3), 90, np.uint8)) == []


def test_a_download_that_is_not_what_it_should_be_is_not_used(course_environment, monkeypatch, tmp_path):
    (tmp_path / "wrong.onnx").write_bytes(b"not the network")
    monkeypatch.setattr("course_utils.data.faces.YUNET_URL", (tmp_path / "wrong.onnx").as_uri())
    with pytest.warns(UserWarning, match="weights cannot be had"):
        assert find_detector().name == "Haar"


def test_yunet_is_found_by_name_in_the_data_root(photographs):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert find_detector().name == "YuNet"


@pytest.mark.parametrize(("kind", "least"), [("YuNet", 0.99), ("Haar", 0.9)])
def test_faces_of_photographs_are_found(photographs, kind, least):
    detector = find_detector() if kind == "YuNet" else Haar()
    files = sorted((photographs / "lfw").glob("*/*_0001.jpg"))[::2]
    middle = 0
    for file in files:
        found = detector.detect(np.asarray(open_rgb(file)))
        # LFW is aligned: its person's face covers the middle of the 250 x 250 pixels.
        middle += any((face.box[:2] < 115).all() and (face.box[2:] > 135).all() for face in found)
        for face in found if kind == "YuNet" else ():
            eyes, mouth = face.points[:2], face.points[3:]
            assert eyes[0, 0] < eyes[1, 0]
            assert eyes[:, 1].mean() < mouth[:, 1].mean()
    assert middle / len(files) >= least


def test_a_large_picture_gives_the_same_box_in_its_own_pixels(photographs):
    picture = np.asarray(open_rgb(sorted((photographs / "lfw").glob("*/*_0001.jpg"))[0]))
    detector = find_detector()
    small = detector.detect(picture)[0].box
    large = detector.detect(cv2.resize(picture, (1000, 1000), interpolation=cv2.INTER_CUBIC))[0].box
    assert large / 4 == pytest.approx(small, abs=6)


def test_small_faces_in_large_pictures_are_found(photographs):
    face = Image.open(sorted((photographs / "lfw").glob("*/*_0001.jpg"))[0]).resize((70, 70))
    scene = Image.new("RGB", (1600, 900), (90, 110, 100))
    scene.paste(face, (1200, 400))
    found = find_detector().detect(np.asarray(scene))
    assert 1200 < found[0].box[0] < found[0].box[2] < 1270


def test_the_talking_heads_of_recordings_are_followed_in_every_frame(photographs):
    detector = find_detector()
    for file in sorted((photographs / "videos").glob("*.mp4")):
        numbers = Sampling.model_validate("evenly 6").frames(describe_video(file).frames)
        found = follow([detector.detect(picture) for _, picture in read_frames(file, numbers)])
        assert all(box is not None for box in found)


def test_a_detector_is_found_by_its_name():
    assert isinstance(find_detector("Haar"), Haar)
    with pytest.raises(CourseError, match="no face detector 'MTCNN'"):
        find_detector("MTCNN")
