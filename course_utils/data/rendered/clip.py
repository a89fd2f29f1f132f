"""A filmed person: frames with the landmarks, boxes and parts that real footage lacks."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from course_utils.data.rendered.camera import background, develop, draw_light, sensor_noise
from course_utils.data.rendered.identity import Identity
from course_utils.data.rendered.landmarks import face_box
from course_utils.data.rendered.motion import Motion
from course_utils.data.rendered.person import Person, build
from course_utils.data.rendered.stage import SPACING, Stage, View
from course_utils.data.rendered.surface import Part, linear


@dataclass(frozen=True)
class Clip:
    """N frames of one person.

    Attributes:
        frames: N x H x W x 3 uint8, RGB.
        landmarks: N x 68 x 2 float32, x and y in pixels in the order of iBUG-68; 0 is the middle of a pixel.
        boxes: N x 4 float32, x0 y0 x1 y1 of the face in pixels, from the middle of the forehead to the chin.
        parts: N x H x W uint8, what each pixel shows, see `Part`.
    """

    frames: np.ndarray
    landmarks: np.ndarray
    boxes: np.ndarray
    parts: np.ndarray

    @cached_property
    def glasses(self) -> np.ndarray:
        """Where glasses are in front of the face: N x H x W bool."""
        return self.parts == Part.GLASSES


def render_clip(identity: Identity, motion: Motion, size: int, seed: int) -> Clip:
    """Film `identity` doing `motion`.

    Args:
        identity: who.
        motion: what is done, one entry a frame.
        size: height and width of the frames in pixels.
        seed: of the light, the background, the framing and the sensor's noise.
    """
    return next(render_clips(identity, {seed: motion}, size))


def render_clips(identity: Identity, motions: dict[int, Motion], size: int) -> Iterator[Clip]:
    """Film `identity` in several places, one a seed, doing what `motions` has for it (see `render_clip`).

    Building a person takes longer than drawing a frame: here it is done once.
    """
    views = {seed: _view(seed, size) for seed in motions}
    person = build(identity, SPACING / max(view.scale for view in views.values()), reach=np.pi / 2 + 0.7)
    for seed, motion in motions.items():
        yield _film(person, motion, views[seed], size, seed)


def _view(seed: int, size: int) -> View:
    rng = np.random.default_rng([seed, 22])
    x, y = 0.5 + rng.uniform(-0.03, 0.03), rng.uniform(0.44, 0.47)
    return View(size * rng.uniform(0.275, 0.315), size * x, size * y)


def _film(person: Person, motion: Motion, view: View, size: int, seed: int) -> Clip:
    rng = np.random.default_rng([seed, 21])
    light = draw_light(rng, linear(person.identity.skin))
    plate = background(rng, (size, size))
    stage = Stage(person, light, motion, view, (size, size))
    noise = sensor_noise(rng, (size, size))
    frames = np.empty((len(motion), size, size, 3), np.uint8)
    parts = np.empty((len(motion), size, size), np.uint8)
    landmarks = stage.landmarks()
    for n in range(len(motion)):
        picture, cover, parts[n] = stage.draw(n)
        picture += plate * (1 - cover)[..., None]
        dy, dx = rng.integers(0, noise.shape[0] - size, 2)
        frames[n] = develop(picture, noise[dy : dy + size, dx : dx + size])
    return Clip(frames, landmarks, face_box(landmarks), parts)
