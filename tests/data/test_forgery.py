"""Forged faces: each method changes what it says, masks tell where, and odd input is met with a sentence."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from course_utils.data import forgery
from course_utils.data.forgery import Footage, template, warping
from course_utils.data.rendered.clip import render_clip
from course_utils.data.rendered.identity import draw_identity
from course_utils.data.rendered.motion import talking
from course_utils.errors import CourseError

SIZE = 128
MIDDLE = np.array([64.0, 52.0])  # between the eyes
EYES = 34.0  # pixels between them
TONES = {"A": (225, 180, 150), "B": (120, 85, 65)}
MOUTH_REGION = slice(76, 125)  # rows


def draw(person: str, opening: float, turn: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Return a face with `opening` of the mouth (of the eyes' distance) and its landmarks (68 x 2)."""
    seen = template.SOLID.copy()
    seen[[55, 56, 57, 58, 59, 65, 66, 67], 1] += opening
    seen[5:12, 1] += opening / 2
    if person == "B":
        seen[:, 0] *= 1.1
        seen[slice(17, 27), 1] -= 0.05
    points = MIDDLE + EYES * (seen[:, :2] + np.outer(seen[:, 2], [turn, 0]))
    noise = np.random.default_rng(ord(person)).normal(0, 6, (SIZE, SIZE, 1))
    columns = np.arange(SIZE)[None].repeat(SIZE, axis=0)
    picture = np.full((SIZE, SIZE, 3), (60, 90, 120), np.float32) + np.sin(columns / 9)[..., None] * 20
    head = warping.polygon(warping.towards(points[template.OUTLINE], points.mean(axis=0), 1.25), (SIZE, SIZE))
    skin = np.array(TONES[person]) * (1 - 0.003 * (columns - 64))[..., None]
    picture = np.where(head[..., None] > 0, skin, picture) + noise
    picture = np.clip(picture, 0, 255).astype(np.uint8)
    for part, colour in ((template.LIPS, (170, 60, 70)), (template.MOUTH_INSIDE, (60, 20, 25))):
        cv2.fillPoly(picture, [np.rint(points[part]).astype(int)], colour)
    for eye in (template.LEFT_EYE, template.RIGHT_EYE):
        cv2.fillPoly(picture, [np.rint(points[eye]).astype(int)], (245, 245, 245))
        cv2.circle(picture, np.rint(points[eye].mean(axis=0)).astype(int).tolist(), 2, (20, 20, 20), -1)
    cv2.polylines(picture, [np.rint(points[17:22]).astype(int)], False, (40, 25, 20), 2)
    cv2.polylines(picture, [np.rint(points[22:27]).astype(int)], False, (40, 25, 20), 2)
    return cv2.GaussianBlur(picture, (3, 3), 0), points.astype(np.float32)


def clip(person: str, frames: int = 12, phase: float = 0.0, largest: float = 0.3) -> Footage:
    """Return a face that opens and shuts its mouth and turns a little."""
    drawn = [
        draw(person, largest * (0.5 + 0.5 * np.sin(n + phase)), 0.1 * np.sin(n / 3 + phase))
        for n in range(frames)
    ]
    return Footage(np.stack([d[0] for d in drawn]), np.stack([d[1] for d in drawn]))


@pytest.fixture(scope="module")
def target() -> Footage:
    return clip("A")


@pytest.fixture(scope="module")
def source() -> Footage:
    return clip("B", phase=1.5)


@pytest.fixture(params=forgery.FORGERIES)
def method(request: pytest.FixtureRequest):
    return forgery.FORGERIES[request.param]


def differences(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return np.abs(one.astype(int) - other).max(axis=-1)


def opening(points: np.ndarray) -> np.ndarray:
    return (points[..., 66, 1] - points[..., 62, 1]) / EYES


# What every method promises.


def test_names_are_those_of_faceforensics():
    assert set(forgery.FORGERIES) == {"Deepfakes", "Face2Face", "FaceSwap", "FaceShifter", "NeuralTextures"}


def test_outside_the_mask_every_pixel_is_the_targets(method, target, source):
    frames, masks = method(target, source)
    assert frames.shape == target.frames.shape and frames.dtype == np.uint8
    assert masks.shape == frames.shape[:3] and set(np.unique(masks)) == {0, 255}
    assert np.array_equal(frames[masks == 0], target.frames[masks == 0])


def test_inside_the_mask_pixels_changed_or_lie_next_to_changed_ones(method, target, source):
    frames, masks = method(target, source)
    changed = differences(frames, target.frames) >= warping.MATERIAL
    assert changed[masks > 0].mean() > 0.7
    for number in range(len(frames)):
        near = cv2.dilate(changed[number].astype(np.uint8), np.ones((7, 7), np.uint8))
        assert near[masks[number] > 0].all()


def test_each_frame_is_forged_and_the_picture_around_the_face_is_not(method, target, source):
    _, masks = method(target, source)
    share = (masks > 0).mean(axis=(1, 2))
    assert share.min() > 0.004 and share.max() < 0.5
    assert not masks[:, 0].any() and not masks[:, :, 0].any()


def test_the_same_input_gives_the_same_bytes_and_is_left_as_it_was(method, target, source):
    before = target.frames.copy(), source.landmarks.copy()
    first, second = method(target, source), method(target, source)
    assert all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))
    assert np.array_equal(before[0], target.frames) and np.array_equal(before[1], source.landmarks)


# What each one promises.


@pytest.mark.parametrize("name", ["FaceSwap", "Deepfakes", "FaceShifter"])
def test_a_swap_changes_the_whole_face_(name, target, source):
    frames, masks = forgery.FORGERIES[name](target, source)
    for number, points in enumerate(target.landmarks):
        face = warping.polygon(warping.outline(points, 0.7), (SIZE, SIZE)) > 0
        assert (masks[number][face] > 0).mean() > 0.85
    assert differences(frames, target.frames)[masks > 0].mean() > 8


def test_faceswap_shows_an_edge_that_faceshifter_does_not(target, source):
    """The step of tone across the outline of the face, at the cheeks, where the skin has none."""

    def step(frames: np.ndarray) -> float:
        tones = []
        for frame, points in zip(frames, target.landmarks, strict=True):
            change = frame.astype(float).mean(axis=2) - target.frames[0].mean()
            inner, outer = (warping.outline(points, scale) for scale in (0.85, 1.1))
            tones.append([_at(change, inner[3:14]), _at(change, outer[3:14])])
        return float(np.abs(np.diff(np.array(tones), axis=1)).mean())

    swapped = step(forgery.face_swap(target, source)[0])
    shifted = step(forgery.face_shifter(target, source)[0])
    assert swapped > 2 * shifted


def _at(values: np.ndarray, points: np.ndarray) -> np.ndarray:
    smooth = cv2.GaussianBlur(values, (5, 5), 0)
    x, y = np.clip(np.rint(points), 0, SIZE - 1).astype(int).T
    return smooth[y, x]


def test_a_deepfake_has_less_fine_detail_than_the_face_it_covers(target, source):
    frames, masks = forgery.deepfakes(target, source)

    def detail(pictures: np.ndarray) -> float:
        inside = [
            np.abs(cv2.Laplacian(p.astype(np.float32), cv2.CV_32F))[
                cv2.erode(m, np.ones((15, 15))) > 0
            ].mean()
            for p, m in zip(pictures, masks, strict=True)
        ]
        return float(np.mean(inside))

    assert detail(frames) < 0.6 * detail(target.frames)


def test_face2face_gives_the_sources_opening_of_the_mouth_and_keeps_eyes_and_identity():
    target, source = clip("A", largest=0.25), clip("B", 12, phase=2.0)
    frames, _ = forgery.face2face(target, source)
    dark = (frames[:, MOUTH_REGION].mean(axis=3) < 60).sum(axis=(1, 2))
    assert np.corrcoef(dark, opening(source.landmarks))[0, 1] > 0.8
    assert abs(np.corrcoef(dark, opening(target.landmarks))[0, 1]) < 0.6
    eyes = np.rint(target.landmarks[:, [36, 39, 42, 45]]).astype(int)
    for frame, original, corners in zip(frames, target.frames, eyes, strict=True):
        x0, y0, x1, y1 = (
            corners[:, 0].min(),
            corners[:, 1].min() - 2,
            corners[:, 0].max(),
            corners[:, 1].max() + 2,
        )
        assert differences(frame[y0:y1, x0:x1], original[y0:y1, x0:x1]).mean() < 3
    assert np.abs(frames.mean(axis=(1, 2)) - target.frames.mean(axis=(1, 2))).max() < 4


def test_neural_textures_changes_the_mouth_region_only(target, source):
    frames, masks = forgery.neural_textures(target, source)
    for mask, points in zip(masks, target.landmarks, strict=True):
        rows, columns = np.nonzero(mask)
        assert rows.min() > points[30, 1] and rows.max() < points[8, 1] + 4
        assert columns.min() > points[3, 0] and columns.max() < points[13, 0]
    dark = (frames[:, MOUTH_REGION].mean(axis=3) < 70).sum(axis=(1, 2))
    assert np.corrcoef(dark, opening(source.landmarks))[0, 1] > 0.7


@pytest.mark.parametrize("name", ["Face2Face", "NeuralTextures"])
def test_mouths_come_from_the_album_where_one_is_given(name, source):
    """A still with a shut mouth, and an album of the same person that shows it open."""
    still = Footage(*(array[None] for array in draw("A", 0.0)))
    album = clip("A")
    widest = -opening(source.landmarks).argmax()
    wide = Footage(np.roll(source.frames, widest, axis=0), np.roll(source.landmarks, widest, axis=0))
    frames, masks = forgery.FORGERIES[name](still, wide, album)
    assert masks.any()
    assert (frames[0, MOUTH_REGION].mean(axis=2) < 70).sum() > (
        still.frames[0, MOUTH_REGION].mean(axis=2) < 70
    ).sum() + 20


# Lengths, sizes, and faces that are not quite there.


@pytest.mark.parametrize("name", ["Face2Face", "NeuralTextures"])
def test_a_shorter_source_is_looped(name, target, source):
    still = Footage(target.frames[[0] * 12], target.landmarks[[0] * 12])
    frames, _ = forgery.FORGERIES[name](still, Footage(source.frames[:5], source.landmarks[:5]), target)
    assert np.array_equal(frames[:7], frames[5:]) and not np.array_equal(frames[0], frames[1])


def test_a_swap_takes_the_source_frame_most_like_the_target(target):
    order = np.random.default_rng(0).permutation(len(target.frames))
    shuffled = Footage(target.frames[order], target.landmarks[order])
    _, masks = forgery.face_swap(target, shuffled)
    assert not masks.any()  # its own frames were found again


def test_source_and_target_may_have_different_sizes(method, target, source):
    large = Footage(
        np.stack([cv2.resize(frame, (300, 350)) for frame in source.frames]),
        source.landmarks * np.float32([300, 350]) / SIZE,
    )
    frames, masks = method(target, large)
    same, _ = method(target, source)
    assert np.array_equal(frames[masks == 0], target.frames[masks == 0])
    assert differences(frames, same)[masks > 0].mean() < 12


def test_landmarks_partly_outside_the_picture_are_cut_at_its_border(method, target, source):
    cut = Footage(np.ascontiguousarray(target.frames[:, 40:, :70]), target.landmarks - np.float32([0, 40]))
    frames, masks = method(cut, source)
    assert frames.shape == cut.frames.shape and masks.any()
    assert np.array_equal(frames[masks == 0], cut.frames[masks == 0])


def test_a_face_wholly_outside_leaves_the_picture_as_it_is(method, target, source):
    away = Footage(target.frames, target.landmarks + 1000)
    frames, masks = method(away, source)
    assert np.array_equal(frames, target.frames) and not masks.any()


def test_landmarks_that_fall_on_one_point_or_line_do_no_harm(method, target, source):
    for squeeze in ([0, 0], [1, 0], [0, 1]):
        flat = Footage(target.frames, target.landmarks * np.float32(squeeze) + np.float32([40, 40]))
        frames, masks = method(flat, source)
        assert np.array_equal(frames[masks == 0], target.frames[masks == 0])
        method(target, Footage(source.frames, flat.landmarks))


@pytest.mark.parametrize("role", ["target", "source"])
def test_what_cannot_be_forged_with_is_refused_by_name(method, target, source, role):
    bad = target.landmarks.copy()
    bad[3, 10] = np.nan
    for footage, words in (
        (Footage(target.frames[:0], target.landmarks[:0]), "at least one"),
        (Footage(target.frames / 255, target.landmarks), "uint8"),
        (Footage(target.frames, target.landmarks[:5]), "12 x 68 x 2"),
        (Footage(target.frames, target.landmarks[:, :5]), "face_template"),
        (Footage(target.frames, bad), "frame 3"),
    ):
        pair = (footage, source) if role == "target" else (target, footage)
        with pytest.raises(CourseError, match=words) as error:
            method(*pair)
        assert role in str(error.value)


def test_the_targets_glasses_stay_and_the_sources_are_taken_off(target, source):
    """Glasses are a bright green bar across the eyes, which nothing else is."""

    def wearing(footage: Footage) -> Footage:
        frames, glasses = footage.frames.copy(), np.zeros(footage.frames.shape[:3], bool)
        for frame, there, points in zip(frames, glasses, footage.landmarks, strict=True):
            y = round(float(points[36:48, 1].mean()))
            there[y - 1 : y + 2, 30:98] = True
            frame[there] = 0, 255, 0
        return Footage(frames, footage.landmarks, glasses)

    def green(frames: np.ndarray) -> np.ndarray:
        return frames[..., 1].astype(int) - frames[..., [0, 2]].max(axis=-1) > 60

    for name in ("FaceSwap", "Deepfakes", "FaceShifter"):
        forge = forgery.FORGERIES[name]
        assert not green(forge(target, wearing(source))[0]).any()
        kept, mask = forge(wearing(target), source)
        assert green(kept)[wearing(target).glasses].all() and (mask > 0).any()


def test_a_mask_has_no_specks():
    picture = np.full((SIZE, SIZE, 3), 100, np.uint8)
    painted = picture.copy()
    painted[40:70, 40:70] += 50
    painted[100:104, 100:104] += 50
    mask = warping.changed(picture, painted, width=60)
    assert mask[40:70, 40:70].all() and (mask > 0).sum() == 900
    painted[40:70, 40:70] = 100
    assert (warping.changed(picture, painted, width=60) > 0).sum() == 16  # the largest there is


# Warping.


def test_a_warp_puts_landmarks_where_they_are_wanted(target):
    points = target.landmarks[0].astype(float)
    onto = target.landmarks[5].astype(float) + 3
    marked = np.zeros((SIZE, SIZE), np.uint8)
    cv2.circle(marked, np.rint(points[30]).astype(int).tolist(), 2, 255, -1)
    y, x = np.nonzero(warping.warp(marked, points, onto, template.MESH, (SIZE, SIZE)) > 60)
    assert np.hypot(x.mean() - onto[30, 0], y.mean() - onto[30, 1]) < 1.5


def test_a_warp_onto_itself_changes_nothing_within_the_face(target):
    points = target.landmarks[0].astype(float)
    same = warping.warp(target.frames[0], points, points, template.MESH, (SIZE, SIZE))
    face = warping.polygon(warping.outline(points, 0.9), (SIZE, SIZE)) > 0
    assert differences(same, target.frames[0])[face].max() <= 1


# Five points.


def test_the_template_is_a_symmetric_face_and_its_five_points_return_it():
    mirrored = template.TEMPLATE[template.MIRRORED] * [-1, 1]
    assert np.allclose(mirrored, template.TEMPLATE)
    five = template.five_points(template.TEMPLATE)
    assert np.allclose(five[1] - five[0], [1, 0])
    assert np.allclose(forgery.face_template(five), template.TEMPLATE, atol=1e-5)


def test_a_template_meets_its_five_points_and_moves_with_them():
    points = np.array([[80, 90], [140, 96], [112, 125], [88, 152], [134, 157]])
    placed = forgery.face_template(points)
    assert np.allclose(template.five_points(placed), points, atol=1e-3)
    assert np.allclose(forgery.face_template(2 * points + 7), 2 * placed + 7, atol=1e-3)


@pytest.mark.parametrize("turn", [-0.4, 0, 0.4])
def test_a_template_follows_a_turned_head(turn):
    """0.4 is the sine of 24 degrees; without depth the jaw would be off by as much of the eyes' distance."""
    points = draw("A", 0.0, turn)[1]
    error = np.linalg.norm(forgery.face_template(template.five_points(points)) - points, axis=1)
    assert error.max() < 0.05 * EYES


def test_a_template_is_as_coarse_as_it_says_on_rendered_faces():
    errors = []
    for seed in range(6):
        landmarks = render_clip(draw_identity(seed), talking(seed, 2), 96, seed).landmarks.astype(float)
        for points in landmarks:
            error = np.linalg.norm(forgery.face_template(template.five_points(points)) - points, axis=1)
            errors.append(error.mean() / np.linalg.norm(points[45] - points[36]))
    assert 0.02 < np.mean(errors) < 0.1


@pytest.mark.parametrize(
    ("points", "words"),
    [
        (np.zeros((5, 2)), "line"),
        (np.c_[np.arange(5), np.arange(5)], "line"),
        (np.full((5, 2), np.nan), "finite"),
        (np.ones((4, 2)), r"\(5, 2\)"),
        ([[10, 20], [30, 20], [60, 30], [20, 40], [30, 40]], "side"),
    ],
)
def test_points_that_place_no_face_are_refused(points, words):
    with pytest.raises(CourseError, match=words):
        forgery.face_template(np.array(points))


# Self-blended images.


def test_self_blended_changes_the_face_only_and_follows_its_seed():
    picture, points = draw("A", 0.1)
    results = [forgery.self_blended(picture, points, np.random.default_rng(seed)) for seed in range(20)]
    for blended, mask in results:
        assert np.array_equal(blended[mask == 0], picture[mask == 0])
        assert not mask[:8].any() and not mask[:, :3].any()
    assert np.mean([mask.any() for _, mask in results]) > 0.9
    again = forgery.self_blended(picture, points, np.random.default_rng(7))
    assert np.array_equal(again[0], results[7][0]) and np.array_equal(again[1], results[7][1])
    assert len({blended.tobytes() for blended, _ in results}) > 15


def test_self_blended_leaves_a_picture_alone_whose_face_is_outside_and_refuses_no_face():
    picture, points = draw("A", 0.1)
    blended, mask = forgery.self_blended(picture, points + 999, np.random.default_rng(0))
    assert np.array_equal(blended, picture) and not mask.any()
    with pytest.raises(CourseError, match="finite"):
        forgery.self_blended(picture, points * np.nan, np.random.default_rng(0))


def test_a_forged_file_says_what_it_is():
    note = forgery.metadata_note("FaceSwap", "003", "017")
    assert "FORGED" in note and "FaceSwap" in note and "003" in note and "017" in note and note.isascii()


# Real photographs, where there are any.


@pytest.fixture
def people(photographs: Path) -> list[Footage]:
    """Three photographs of each of four people, with the landmarks that YuNet's five points place."""
    weights = photographs / "weights" / "yunet_n_640_640.onnx"
    if not weights.is_file() or not (photographs / "lfw").is_dir():
        pytest.skip("no YuNet weights or no lfw in the data root")
    people = []
    for folder in sorted((photographs / "lfw").iterdir())[:12]:
        pictures = [cv2.imread(path)[..., ::-1] for path in sorted(folder.glob("*.jpg"))[:3]]
        found = [five for picture in pictures if (five := _five_points(weights, picture)) is not None]
        if len(found) == 3 and len(people) < 4:
            people.append(Footage(np.stack(pictures), np.stack([forgery.face_template(f) for f in found])))
    return people


def _five_points(weights: Path, picture: np.ndarray) -> np.ndarray | None:
    """Return YuNet's five points of the face nearest to the middle, None where it finds none."""
    height, width = picture.shape[:2]
    detector = cv2.FaceDetectorYN.create(str(weights), "", (width, height), 0.8)
    faces = detector.detect(np.ascontiguousarray(picture[..., ::-1]))[1]
    if faces is None:
        return None
    points = faces[:, 4:14].reshape(-1, 5, 2)
    return points[np.linalg.norm(points.mean(axis=1) - [width / 2, height / 2], axis=1).argmin()]


def test_forged_photographs_still_show_a_face_in_the_same_place(method, people, photographs):
    weights = photographs / "weights" / "yunet_n_640_640.onnx"
    for target, source in zip(people, people[1:] + people[:1], strict=True):
        frames, masks = method(target, source)
        assert np.array_equal(frames[masks == 0], target.frames[masks == 0])
        for frame, points in zip(frames, target.landmarks, strict=True):
            five = template.five_points(points)
            found = _five_points(weights, frame)
            assert found is not None
            assert np.linalg.norm(found - five, axis=1).mean() < 0.25 * np.linalg.norm(five[1] - five[0])
