"""Rendered people: the same from the same seed, diverse, smooth in time, and what is told of them is true."""

import os
import subprocess
import sys
from dataclasses import fields

import cv2
import numpy as np
import pytest

from course_utils import paths
from course_utils.data.rendered.clip import Clip, render_clip
from course_utils.data.rendered.identity import draw_identity
from course_utils.data.rendered.motion import Motion, talking
from course_utils.data.rendered.scene import render_scene
from course_utils.data.rendered.surface import Part

SIZE = 128


def still(seed: int, frame: int = 0) -> Clip:
    """Return one frame of somebody talking."""
    motion = talking(seed, 12)
    return film(seed, Motion(**{f.name: getattr(motion, f.name)[frame : frame + 1] for f in fields(Motion)}))


def film(seed: int, motion: Motion) -> Clip:
    return render_clip(draw_identity(seed), motion, SIZE, seed)


def pose(yaw: float = 0.0, jaw: float = 0.0, lids: float = 1.0) -> Motion:
    expression = np.float32([[jaw, 0, 0, 0, 0]])
    nothing = np.zeros((1, 2), np.float32)
    return Motion(expression, np.float32([lids]), nothing, np.float32([[yaw, 0, 0]]), nothing)


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    wide, high = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    shared = max(wide, 0) * max(high, 0)
    return shared / (np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - shared)


@pytest.fixture(scope="module")
def clip() -> Clip:
    return film(3, talking(3, 24))


def test_a_clip_has_the_shapes_it_promises(clip):
    assert clip.frames.shape == (24, SIZE, SIZE, 3) and clip.frames.dtype == np.uint8
    assert clip.landmarks.shape == (24, 68, 2) and clip.landmarks.dtype == np.float32
    assert clip.boxes.shape == (24, 4) and clip.boxes.dtype == np.float32
    assert clip.parts.shape == (24, SIZE, SIZE) and clip.parts.dtype == np.uint8
    assert set(np.unique(clip.parts)) <= set(Part)


DIGEST = """
import hashlib
from course_utils.data.rendered.clip import render_clip
from course_utils.data.rendered.identity import draw_identity
from course_utils.data.rendered.motion import talking
from course_utils.data.rendered.scene import render_scene
clip = render_clip(draw_identity(5), talking(5, 3), 96, 5)
scene, _ = render_scene(5, (90, 160))
whole = b"".join(a.tobytes() for a in (clip.frames, clip.landmarks, clip.boxes, clip.parts, scene))
print(hashlib.sha256(whole).hexdigest())
"""


def test_the_same_seed_gives_the_same_bytes_in_another_process_with_other_threads():
    digests = set()
    for threads in ("1", "2"):
        environment = os.environ | {"OMP_NUM_THREADS": threads, "PYTHONPATH": str(paths.PACKAGE.parent)}
        command = [sys.executable, "-c", DIGEST]
        digests.add(subprocess.run(command, env=environment, check=True, capture_output=True).stdout)
    assert len(digests) == 1


def test_people_are_diverse():
    people = [draw_identity(seed) for seed in range(300)]
    assert {person.skin_tone for person in people} == set(range(1, 7))
    assert len({person.hair_style for person in people}) == 9
    assert len({person.beard for person in people}) == 5
    assert 0.1 < np.mean([person.glasses for person in people]) < 0.5
    ages = [person.age for person in people]
    assert min(ages) < 25 and max(ages) > 65


def test_skin_gets_darker_from_tone_to_tone():
    luminance = []
    for tone in range(1, 7):
        seeds = [seed for seed in range(60) if draw_identity(seed).skin_tone == tone][:3]
        clips = [still(seed) for seed in seeds]
        luminance.append(np.mean([c.frames[0].mean(axis=2)[c.parts[0] == Part.SKIN].mean() for c in clips]))
    assert np.all(np.diff(luminance) < 0) and luminance[0] - luminance[-1] > 70


def test_everything_moves_smoothly(clip):
    step = np.linalg.norm(np.diff(clip.landmarks, axis=0), axis=2)
    assert 0 < np.median(step) < 1.0 and step.max() < 0.06 * SIZE
    change = np.abs(np.diff(clip.frames.astype(int), axis=0)).mean()
    assert change < 8  # of 255; sensor noise and all


def test_a_blink_passes_and_talking_opens_the_mouth():
    motion = talking(8, 200)
    assert motion.lids.min() < 0.2 and np.median(motion.lids) > 0.7
    assert motion.expression[:, 0].max() > 0.25 and np.abs(motion.pose[:, 0]).max() <= 30


@pytest.mark.parametrize("seed", range(4))
def test_landmarks_lie_on_what_they_name(seed):
    """In the parts mask, which is drawn from the same points as the picture."""
    clip = film(seed, pose(yaw=12 - 6 * seed, jaw=0.4))
    marks, parts = clip.landmarks[0], clip.parts[0]

    def near(number: int, part: Part, reach: int = 2) -> bool:
        x, y = np.rint(marks[number]).astype(int)
        return (parts[y - reach : y + reach + 1, x - reach : x + reach + 1] == part).any()

    assert all(near(number, Part.EYES) or near(number, Part.GLASSES) for number in range(36, 48))
    assert all(near(number, Part.MOUTH) for number in range(48, 68))
    assert all(near(number, Part.NOSE) for number in range(28, 36))
    brows = [near(n, Part.BROWS) or near(n, Part.HAIR) or near(n, Part.GLASSES) for n in range(17, 27)]
    assert np.mean(brows) > 0.7
    middle = marks[36:48].mean(axis=0)
    outside = middle + 1.12 * (marks[[4, 12]] - middle)
    assert all(parts[int(y), int(x)] != Part.SKIN for x, y in outside)


def test_landmarks_follow_the_mouth_and_the_lids():
    shut, open_ = film(2, pose()).landmarks[0], film(2, pose(jaw=0.8)).landmarks[0]
    assert open_[66, 1] - open_[62, 1] > shut[66, 1] - shut[62, 1] + 0.03 * SIZE
    assert np.allclose(shut[27:31], open_[27:31], atol=0.3) and open_[8, 1] > shut[8, 1] + 3
    closed = film(2, pose(lids=0.0)).landmarks[0]
    assert closed[41, 1] - closed[37, 1] < 0.4 * (shut[41, 1] - shut[37, 1])


def test_the_mouth_shows_its_inside_only_when_it_is_open():
    def darkest(jaw: float) -> float:
        clip = film(6, pose(jaw=jaw))
        inner = np.zeros((SIZE, SIZE), np.uint8)
        cv2.fillPoly(inner, [np.rint(clip.landmarks[0, 60:68]).astype(int)], 1)
        return float((clip.frames[0].max(axis=2)[inner > 0] < 70).sum())

    assert darkest(0.9) > darkest(0.0) + 20


def test_nothing_shines_through_a_face(clip):
    """The background is one colour in the parts mask; inside the outline of the face there is none of it."""
    for marks, parts in zip(clip.landmarks, clip.parts, strict=True):
        face = np.zeros((SIZE, SIZE), np.uint8)
        cv2.fillPoly(face, [np.rint(marks[np.r_[0:17, 26:16:-1]]).astype(int)], 1)
        assert not (parts[cv2.erode(face, np.ones((5, 5))) > 0] == Part.BACKGROUND).any()


def test_haar_finds_frontal_faces_where_their_boxes_are():
    haar = cv2.CascadeClassifier(cv2.data.haarcascades + "haarcascade_frontalface_default.xml")
    found = []
    for seed in range(24):
        clip = render_clip(draw_identity(seed), pose(yaw=seed % 3 * 7 - 7), 192, seed)
        boxes = haar.detectMultiScale(cv2.cvtColor(clip.frames[0], cv2.COLOR_RGB2GRAY), 1.1, 4)
        boxes = [np.array([x, y, x + w, y + h], float) for x, y, w, h in boxes]
        found.append(max((overlap(box, clip.boxes[0]) for box in boxes), default=0))
    assert np.mean(np.array(found) >= 0.5) >= 0.9


def test_a_scene_has_boxes_around_heads():
    counts = []
    for seed in range(8):
        picture, heads = render_scene(seed, (180, 320))
        assert picture.shape == (180, 320, 3) and picture.dtype == np.uint8
        for (x0, y0, x1, y1), pose in heads:
            assert pose in ("Frontal", "Left", "Right", "Rear")
            assert 0 <= x0 < x1 < 320 and 0 <= y0 < y1 < 180
            assert 0.3 < (x1 - x0) / (y1 - y0) < 2
        counts.append(len(heads))
    assert max(counts) > 1 and sum(counts) >= 8
