"""A filmed person: frames with the landmarks, boxes and parts that real footage lacks."""

from dataclasses import dataclass

import cv2
import numpy as np

from course_utils.data.rendered.camera import DISTANCE, Canvas, Light, draw_light, shade
from course_utils.data.rendered.identity import Identity
from course_utils.data.rendered.landmarks import Landmarks, choose_outline, face_box
from course_utils.data.rendered.motion import Motion
from course_utils.data.rendered.person import Person, build
from course_utils.data.rendered.surface import Part, Surface, join, linear

__all__ = ["Clip", "Part", "render_clip"]

PIVOT = np.float32((0, -0.75, -0.2))[:, None]  # the head turns about the top of the neck
SPACING = 0.8  # pixels between points


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


@dataclass(frozen=True)
class View:
    """Where a head is in a picture: pixels a head unit, and the pixel of the point between the eyes."""

    scale: float
    x: float
    y: float

    def project(self, points: np.ndarray) -> np.ndarray:
        """Return pixels and nearness in pixels (3 x ...) of points in head units (3 x ...)."""
        zoom = self.scale * DISTANCE / (DISTANCE - points[2])
        return np.stack([self.x + zoom * points[0], self.y - zoom * points[1], self.scale * points[2]])


def rotation(pose: np.ndarray) -> np.ndarray:
    """Return the matrix (3 x 3 float32) of yaw, pitch and roll in degrees."""
    yaw, pitch, roll = np.radians(pose)
    (a, b), (c, d), (e, f) = ((np.cos(t), np.sin(t)) for t in (yaw, pitch, roll))
    turn = np.array([[a, 0, b], [0, 1, 0], [-b, 0, a]])
    nod = np.array([[1, 0, 0], [0, c, d], [0, -d, c]])
    tilt = np.array([[e, f, 0], [-f, e, 0], [0, 0, 1]])
    return (tilt @ nod @ turn).astype(np.float32)


def render_clip(identity: Identity, motion: Motion, size: int, seed: int) -> Clip:
    """Film `identity` doing `motion`.

    Args:
        identity: who.
        motion: what is done, one entry a frame.
        size: height and width of the frames in pixels.
        seed: of the light, the background, the framing and the sensor's noise.
    """
    rng = np.random.default_rng([seed, 21])
    light = draw_light(rng)
    scale = size * rng.uniform(0.275, 0.315)
    view = View(scale, size * (0.5 + rng.uniform(-0.03, 0.03)), size * rng.uniform(0.44, 0.47))
    plate = background(rng, size)
    person = build(identity, SPACING / scale, reach=np.pi / 2 + 0.7)
    stage = Stage(person, light, motion, view, size)
    noise = sensor_noise(rng, size)
    frames = np.empty((len(motion), size, size, 3), np.uint8)
    parts = np.empty((len(motion), size, size), np.uint8)
    landmarks = np.empty((len(motion), 68, 2), np.float32)
    for n in range(len(motion)):
        picture, cover, parts[n] = stage.draw(n)
        picture += plate * (1 - cover)[..., None]
        dy, dx = rng.integers(0, noise.shape[0] - size, 2)
        frames[n] = develop(picture, noise[dy : dy + size, dx : dx + size])
        landmarks[n] = stage.landmarks(n)
    return Clip(frames, landmarks, face_box(landmarks), parts)


def develop(picture: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return linear light (H x W x 3 float32) as an sRGB picture (uint8) with the sensor's noise in it."""
    tone = picture / (1 + 0.12 * picture)  # highlights roll off
    encoded = cv2.sqrt(np.maximum(tone, 0)) * 255 + noise
    return cv2.convertScaleAbs(np.maximum(encoded, 0))


def sensor_noise(rng: np.random.Generator, size: int) -> np.ndarray:
    """Return noise (float32, in levels of 255) larger than a frame; each frame gets another piece of it."""
    side = size + 64
    strength = rng.uniform(0.8, 2.0)
    grain = rng.standard_normal((side, side, 3), np.float32)
    return strength * (0.8 * grain + 0.7 * grain.mean(axis=2, keepdims=True))


def background(rng: np.random.Generator, size: int) -> np.ndarray:
    """Return a blurred room (size x size x 3 float32, linear): a wall, and large soft shapes of two colours."""
    base = rng.uniform(50, 190) * np.clip(rng.normal(1, 0.07, 3), 0.8, 1.25)
    picture = np.empty((64, 64, 3), np.float32)
    rows, columns = np.mgrid[:64, :64].astype(np.float32) / 63
    falloff = 1 + rng.uniform(-0.35, 0.35) * (columns - 0.5) + rng.uniform(-0.3, 0.1) * (rows - 0.5)
    picture[:] = linear(np.clip(base, 20, 235)) * falloff[..., None]
    for _ in range(rng.integers(0, 7)):
        colour = linear(np.clip(base * rng.uniform(0.45, 1.5) * rng.normal(1, 0.08, 3), 12, 245))
        x, y = rng.integers(-12, 64, 2)
        wide, high = rng.integers(6, 34, 2)
        cv2.rectangle(picture, (int(x), int(y)), (int(x + wide), int(y + high)), colour.tolist(), -1)
    picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(1.2, 4))
    return cv2.resize(picture, (size, size), interpolation=cv2.INTER_CUBIC).clip(0.002, 1)


class Stage:
    """One person in one light, doing one motion, framed by one view: ready to be drawn frame after frame.

    Columns of `face` and `rest` are points; the rows are position 3, normal 3, albedo 3, gloss, area, follow.
    """

    def __init__(self, person: Person, light: Light, motion: Motion, view: View, size: int) -> None:
        self.light, self.motion, self.view, self.size = light, motion, view, size
        self.eyes, self.marks = person.eyes, Landmarks(person.skull)
        moved = join([person.face, person.eyes.surface])
        self.face, self.face_part = _table(moved), moved.part
        self.fields = np.concatenate([moved.motion, moved.turning], axis=1).reshape(5, -1)
        self.rest, self.rest_part = _table(person.rest), person.rest.part
        self._leave_out_what_is_never_seen()

    def _leave_out_what_is_never_seen(self) -> None:
        """Keep the points of `rest` that are in front, or nearly so, in some of a few frames."""
        seen = np.zeros(self.rest.shape[1], bool)
        for n in np.unique(np.linspace(0, len(self.motion) - 1, 5).astype(int)):
            canvas = Canvas((self.size, self.size))
            turn, shift = self._pose(n)
            canvas.cover(*self.view.project(turn @ self.face[:3] + shift), self.face_part)
            towards, place, _ = self._turned_rest(turn, shift, -0.1)
            x, y, depth = self.view.project(place)
            near = canvas.cover(x, y, depth, self.rest_part[towards]) < 0.12 * self.view.scale
            near &= (np.minimum(x, y) > -8) & (np.maximum(x, y) < self.size + 8)
            seen[towards[near]] = True
        self.rest, self.rest_part = self.rest[:, seen], self.rest_part[seen]

    def _pose(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the matrix by which the head turns, and the shift (3 x 1) after it."""
        turn = rotation(self.motion.pose[n])
        return turn, PIVOT - turn @ PIVOT + np.float32((*self.motion.shift[n], 0))[:, None]

    def _turned_rest(self, turn: np.ndarray, shift: np.ndarray, least: float) -> tuple[np.ndarray, ...]:
        """Return which points of `rest` face the camera by more than `least`, their places and normals (3 x n)."""
        more = turn - np.eye(3, dtype=np.float32)  # what a point that follows half-way does half of
        follow = self.rest[11]
        facing = self.rest[5] + follow * (more[2] @ self.rest[3:6])
        towards = np.flatnonzero(facing > least)
        points = self.rest[:6].take(towards, axis=1)
        follow = follow[towards]
        place = points[:3] + follow * (more @ points[:3] + shift)
        return towards, place, points[3:] + follow * (more @ points[3:])

    def draw(self, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return colour times coverage (H x W x 3, linear), coverage (H x W) and parts of frame `n`."""
        turn, shift = self._pose(n)
        eye_albedo, eye_part = self.eyes.painted(float(self.motion.lids[n]), tuple(self.motion.gaze[n]))
        self.face[6:9, -len(eye_part) :] = eye_albedo
        self.face_part[-len(eye_part) :] = eye_part

        moved = self.face[:6] + (self.motion.expression[n] @ self.fields).reshape(6, -1)
        here = np.flatnonzero(turn[2] @ moved[3:] > 0)
        moved = moved.take(here, axis=1)
        there, rest_place, rest_normal = self._turned_rest(turn, shift, 0.0)
        place = np.concatenate([turn @ moved[:3] + shift, rest_place], axis=1)
        normal = np.concatenate([turn @ moved[3:], rest_normal], axis=1)
        looks = np.concatenate([self.face[6:11].take(here, axis=1), self.rest[6:11].take(there, axis=1)], axis=1)

        canvas = Canvas((self.size, self.size))
        x, y, depth = self.view.project(place)
        behind = canvas.cover(x, y, depth, np.concatenate([self.face_part[here], self.rest_part[there]]))
        front = np.flatnonzero(behind < 2.5)
        normal, looks = normal.take(front, axis=1), looks.take(front, axis=1)
        colour = shade(self.light, normal, looks[:3], looks[3])
        area = looks[4] * np.maximum(normal[2], 0.05) * self.view.scale**2
        return *canvas.blend(x[front], y[front], colour, area), canvas.parts()

    def landmarks(self, n: int) -> np.ndarray:
        """Return the 68 landmarks (68 x 2 float32) of frame `n` in pixels."""
        turn, shift = self._pose(n)
        points, outline = self.marks.points(self.motion.expression[n], float(self.motion.lids[n]))

        def seen(points: np.ndarray) -> np.ndarray:
            flat = points.reshape(3, -1).astype(np.float32)
            return self.view.project(turn @ flat + shift)[:2].reshape(2, *points.shape[1:])

        marks = seen(points)
        marks[:, :17] = choose_outline(seen(outline))
        return marks.T


def _table(surface: Surface) -> np.ndarray:
    s = surface
    return np.concatenate([s.position, s.normal, s.albedo, s.gloss[None], s.area[None], s.follow[None]])
