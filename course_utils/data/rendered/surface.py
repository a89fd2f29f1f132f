"""Surfaces made of points: what every part of a rendered person is, and how a grid of points becomes one."""

from dataclasses import dataclass, fields, replace
from enum import IntEnum

import cv2
import numpy as np


class Part(IntEnum):
    """What a pixel shows."""

    BACKGROUND = 0
    SKIN = 1
    BROWS = 2
    EYES = 3
    NOSE = 4
    MOUTH = 5
    HAIR = 6
    GLASSES = 7
    BEARD = 8
    NECK = 9
    CLOTHES = 10
    EARS = 11


@dataclass
class Surface:
    """n points, so close together that they cover what they are part of.

    Attributes:
        position: 3 x n float32, x right, y up, z towards the camera; the eyes are at y = 0.
        normal: 3 x n float32, of length 1.
        albedo: 3 x n float32, linear RGB, 0 to 1.
        gloss: n float32, strength of the highlight.
        area: n float32, of the surface that a point stands for.
        part: n uint8, see `Part`.
        follow: n float32, 1 where it turns with the head, 0 where it rests on the shoulders.
        motion: 5 x 3 x n float32, displacement when the jaw falls, lips smile or pucker, and brows rise or
            frown, each at full strength; None: none.
        turning: 5 x 3 x n float32, the change of the normals by it.
    """

    position: np.ndarray
    normal: np.ndarray
    albedo: np.ndarray
    gloss: np.ndarray
    area: np.ndarray
    part: np.ndarray
    follow: np.ndarray
    motion: np.ndarray | None = None
    turning: np.ndarray | None = None

    def select(self, chosen: np.ndarray) -> "Surface":
        """Return the points that the mask or the indices `chosen` name."""
        taken = {f.name: getattr(self, f.name) for f in fields(self)}
        return Surface(**{k: None if v is None else v[..., chosen] for k, v in taken.items()})

    def turned(self, turn: np.ndarray, pivot: np.ndarray) -> "Surface":
        """Return the surface turned by a matrix (3 x 3) about a point (3 x 1)."""
        return replace(
            self,
            position=apply(turn, self.position - pivot) + pivot,
            normal=apply(turn, self.normal),
            motion=self.motion
            if self.motion is None
            else np.stack([apply(turn, one) for one in self.motion]),
            turning=self.turning
            if self.turning is None
            else np.stack([apply(turn, one) for one in self.turning]),
        )


def join(surfaces: list[Surface]) -> Surface:
    """Return all points of several surfaces that all move with expressions, or all do not."""
    columns = {}
    for field in fields(Surface):
        values = [getattr(surface, field.name) for surface in surfaces]
        columns[field.name] = None if values[0] is None else np.concatenate(values, axis=-1)
    return Surface(**columns)


def skin_of(grid: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the unit normals (3 x r x c) and the areas (r x c) of a grid of points (3 x r x c).

    Rows run down and columns to the right, seen from outside.
    """
    along, down = _difference(grid, 2), _difference(grid, 1)
    normal = np.stack(
        [
            down[1] * along[2] - down[2] * along[1],
            down[2] * along[0] - down[0] * along[2],
            down[0] * along[1] - down[1] * along[0],
        ]
    )
    area = np.sqrt((normal**2).sum(axis=0)) + 1e-9
    return normal / area, area


def patch(
    grid: np.ndarray,
    albedo: np.ndarray | tuple[float, float, float],
    part: Part | np.ndarray,
    gloss: float | np.ndarray = 0.0,
    follow: float | np.ndarray = 1.0,
) -> Surface:
    """Return a grid of points (3 x r x c) as a surface; what else is given is one value, or r x c of them."""
    normal, area = skin_of(grid)
    shape = area.shape
    colours = np.broadcast_to(
        np.asarray(albedo, np.float32).reshape(3, *np.shape(albedo)[1:] or (1, 1)), (3, *shape)
    )
    return Surface(
        position=grid.reshape(3, -1).astype(np.float32),
        normal=normal.reshape(3, -1).astype(np.float32),
        albedo=colours.reshape(3, -1).astype(np.float32),
        gloss=np.broadcast_to(np.float32(gloss), shape).ravel(),
        area=area.ravel().astype(np.float32),
        part=np.broadcast_to(np.uint8(part), shape).ravel(),
        follow=np.broadcast_to(np.float32(follow), shape).ravel(),
    )


def apply(matrix: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return ``matrix @ values``, summed over the first axis of `values`, whatever comes after it.

    Not by BLAS, whose threads would make the sums depend on the machine and slow down runs side by side.
    """
    return np.einsum("...i,in->...n", matrix, values.reshape(len(values), -1)).reshape(
        *matrix.shape[:-1], *values.shape[1:]
    )


def linear(colour: tuple[float, float, float] | np.ndarray) -> np.ndarray:
    """Return an sRGB colour (0 to 255) as light (0 to 1), with a gamma of 2, which is quick to undo."""
    return (np.asarray(colour, np.float32) / 255) ** 2


def smoothstep(start: float, end: float, value: np.ndarray) -> np.ndarray:
    """Return 0 before `start`, 1 after `end` (which may be the smaller), and a smooth rise between."""
    t = np.clip((value - start) / (end - start), 0, 1)
    return t * t * (3 - 2 * t)


def bump(
    x: np.ndarray, y: np.ndarray, centre: tuple[float, float], spread: tuple[float, float]
) -> np.ndarray:
    """Return a Gaussian hill of height 1."""
    return np.exp(-0.5 * (((x - centre[0]) / spread[0]) ** 2 + ((y - centre[1]) / spread[1]) ** 2))


def wander(rng: np.random.Generator, shape: tuple[int, int], cells: tuple[int, int]) -> np.ndarray:
    """Return smooth noise (rows x columns float32, about -1 to 1) with so many hills along each axis."""
    coarse = rng.uniform(-1, 1, (max(cells[0], 2), max(cells[1], 2))).astype(np.float32)
    return cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)


def _difference(grid: np.ndarray, axis: int) -> np.ndarray:
    """Return central differences along an axis, as `np.gradient` does, three times as fast."""
    moved = np.moveaxis(grid, axis, 0)
    result = np.empty(moved.shape, np.float32)
    np.subtract(moved[2:], moved[:-2], out=result[1:-1], casting="same_kind")
    result[1:-1] *= 0.5
    result[0], result[-1] = moved[1] - moved[0], moved[-1] - moved[-2]
    return np.moveaxis(result, 0, axis)
