"""A person on a stage: turned, lit, framed and drawn, frame after frame."""

from dataclasses import dataclass

import numpy as np

from course_utils.data.rendered.camera import DISTANCE, Canvas, shade
from course_utils.data.rendered.landmarks import Landmarks, choose_outline
from course_utils.data.rendered.motion import Motion
from course_utils.data.rendered.person import Person
from course_utils.data.rendered.surface import Surface, apply, join

PIVOT = np.float32((0, -0.75, -0.2))[:, None]  # the head turns about the top of the neck
SPACING = 0.95  # pixels between points


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


class Stage:
    """One person in one light, doing one motion, framed by one view: ready to be drawn frame after frame.

    Columns of `face` and `rest` are points; the rows are position 3, normal 3, albedo 3, gloss, area, follow.
    """

    def __init__(
        self, person: Person, light: np.ndarray, motion: Motion, view: View, size: tuple[int, int]
    ) -> None:
        self.light, self.motion, self.view, self.size = light, motion, view, size
        self.eyes, self.skull = person.eyes, person.skull
        moved = join([person.face, person.eyes.surface])
        self.face, self.face_part = _table(moved), moved.part
        self.fields = np.concatenate([moved.motion, moved.turning], axis=1)
        self.rest, self.rest_part = _table(person.rest), person.rest.part
        if len(motion) > 1:
            self._leave_out_what_is_never_seen()

    def _leave_out_what_is_never_seen(self) -> None:
        """Keep the points of `rest` that are in front, or nearly so, in some of a few frames."""
        seen = np.zeros(self.rest.shape[1], bool)
        for n in np.unique(np.linspace(0, len(self.motion) - 1, 5).astype(int)):
            canvas = Canvas(self.size)
            turn, shift = self._pose(n)
            canvas.cover(*self.view.project(apply(turn, self.face[:3]) + shift), self.face_part)
            towards, place, _ = self._turned_rest(turn, shift, -0.1)
            x, y, depth = self.view.project(place)
            near = canvas.cover(x, y, depth, self.rest_part[towards]) < 0.12 * self.view.scale
            near &= (x > -8) & (y > -8) & (x < self.size[1] + 8) & (y < self.size[0] + 8)
            seen[towards[near]] = True
        self.rest, self.rest_part = self.rest[:, seen], self.rest_part[seen]

    def _pose(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Return the matrix by which the head turns, and the shift (3 x 1) after it."""
        turn = rotation(self.motion.pose[n])
        return turn, PIVOT - apply(turn, PIVOT) + np.float32((*self.motion.shift[n], 0))[:, None]

    def _turned_rest(self, turn: np.ndarray, shift: np.ndarray, least: float) -> tuple[np.ndarray, ...]:
        """Return which points of `rest` face the camera by more than `least`, their places and normals."""
        more = turn - np.eye(3, dtype=np.float32)  # what a point that follows half-way does half of
        follow = self.rest[11]
        facing = self.rest[5] + follow * (apply(more[2], self.rest[3:6]))
        towards = np.flatnonzero(facing > least)
        points = self.rest[:6].take(towards, axis=1)
        follow = follow[towards]
        place = points[:3] + follow * (apply(more, points[:3]) + shift)
        return towards, place, points[3:] + follow * (apply(more, points[3:]))

    def draw(self, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return colour times coverage (H x W x 3, linear), coverage (H x W) and parts of frame `n`."""
        turn, shift = self._pose(n)
        eye_albedo, eye_part = self.eyes.painted(float(self.motion.lids[n]), tuple(self.motion.gaze[n]))
        self.face[6:9, -len(eye_part) :] = eye_albedo
        self.face_part[-len(eye_part) :] = eye_part

        moved = self.face[:6] + apply(self.motion.expression[n], self.fields)
        here = np.flatnonzero(apply(turn[2], moved[3:]) > 0)
        moved = moved.take(here, axis=1)
        there, rest_place, rest_normal = self._turned_rest(turn, shift, 0.0)
        place = np.concatenate([apply(turn, moved[:3]) + shift, rest_place], axis=1)
        normal = np.concatenate([apply(turn, moved[3:]), rest_normal], axis=1)
        looks = np.concatenate(
            [self.face[6:11].take(here, axis=1), self.rest[6:11].take(there, axis=1)], axis=1
        )

        canvas = Canvas(self.size)
        x, y, depth = self.view.project(place)
        behind = canvas.cover(x, y, depth, np.concatenate([self.face_part[here], self.rest_part[there]]))
        front = np.flatnonzero(behind < 2.5)
        normal, looks = normal.take(front, axis=1), looks.take(front, axis=1)
        colour = shade(self.light, normal, looks[:3], looks[3])
        area = looks[4] * np.maximum(normal[2], 0.05) * self.view.scale**2
        return *canvas.blend(x[front], y[front], colour, area), canvas.parts

    def seen(self, n: int, points: np.ndarray) -> np.ndarray:
        """Return the pixels (2 x ...) in which points of the head (3 x ...) are seen in frame `n`."""
        turn, shift = self._pose(n)
        flat = points.reshape(3, -1).astype(np.float32)
        return self.view.project(apply(turn, flat) + shift)[:2].reshape(2, *points.shape[1:])

    def landmarks(self) -> np.ndarray:
        """Return the 68 landmarks of each frame (N x 68 x 2 float32) in pixels."""
        points, outlines = Landmarks(self.skull).points(self.motion.expression, self.motion.lids)
        marks = np.stack([self.seen(n, points[n]) for n in range(len(points))])
        for n, outline in enumerate(outlines):
            marks[n, :, :17] = choose_outline(self.seen(n, outline))
        return marks.transpose(0, 2, 1)


def _table(surface: Surface) -> np.ndarray:
    s = surface
    return np.concatenate([s.position, s.normal, s.albedo, s.gloss[None], s.area[None], s.follow[None]])
