"""Eyes: a patch of skin over each eyeball; lids, iris and highlights are painted on it for each frame."""

from dataclasses import dataclass

import numpy as np

from course_utils.data.rendered.head import Skull, expression_fields
from course_utils.data.rendered.identity import Identity
from course_utils.data.rendered.paint import Paint
from course_utils.data.rendered.surface import Part, Surface, join, linear, patch, smoothstep

REACH = (1.45, 0.95)  # of a patch to the sides and up or down, in half-widths of the eye
IRIS, PUPIL = 0.43, 0.17  # radii, in half-widths of the eye


def lids(
    identity: Identity, opening: float, u: np.ndarray, openness: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the heights of the edges of the upper and the lower lid, in half-widths of the eye.

    Args:
        identity: whose eyes.
        opening: of the wide-open eye, as a share of the usual.
        u: where, -1 at the inner corner to 1 at the outer.
        openness: 0 shut, 1 as usual, 1.2 surprised; broadcast with u.
    """
    across = np.clip(1 - u**2, 0, 1)
    upper = 0.50 * opening * across**0.72 * (1 - 0.14 * u)
    lower = -0.27 * across**0.85 * (1 + 0.16 * u)
    shut = 0.8 * lower
    return shut + (upper - shut) * openness, lower + 0.03 * (1 - openness) * across


def eye_place(skull: Skull, side: int, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return the points (3 x ...) (u, v) half-widths from the middle of the eye on `side` (-1 or 1)."""
    plan = skull.plan
    x = side * (plan.eye_x + plan.eye_width * u)
    y = plan.eye_width * (v + plan.eye_tilt * u)
    point = skull.point(*skull.locate(x, y))
    ball = 0.055 * np.exp(-0.5 * ((u / 0.72) ** 2 + (v / 0.52) ** 2) ** 1.3)
    point[2] += ball
    return point


@dataclass
class Eyes:
    """Both eyes' surface, and what is needed to paint it: `u` and `v` of its n points, the colour of lids."""

    identity: Identity
    surface: Surface
    opening: float
    u: np.ndarray
    v: np.ndarray
    side: np.ndarray
    soft: float

    @classmethod
    def of(cls, skull: Skull, paint: Paint, spacing: float) -> "Eyes":
        """Return the eyes in the sockets of `skull`, with points `spacing` apart."""
        step = spacing / skull.plan.eye_width
        u, v = np.meshgrid(np.arange(-REACH[0], REACH[0], step), np.arange(REACH[1], -REACH[1], -step))
        surfaces, us, vs, sides = [], [], [], []
        for side in (-1, 1):
            across = u * side  # columns must run to the right
            grid = eye_place(skull, side, across, v)
            one = patch(grid, paint.colour(grid[0], grid[1]), paint.parts(grid[0], grid[1]), gloss=0.15)
            one.motion = expression_fields(skull.plan, grid[0], grid[1], grid[1] < -9).reshape(5, 3, -1)
            one.turning = np.zeros_like(one.motion)
            surfaces.append(one)
            us.append(across.ravel())
            vs.append(v.ravel())
            sides.append(np.full(u.size, side))
        return cls(
            skull.identity,
            join(surfaces),
            skull.plan.eye_opening,
            *(np.concatenate(a).astype(np.float32) for a in (us, vs, sides)),
            soft=float(step),
        )

    def painted(self, openness: float, gaze: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
        """Return albedo (3 x n) and parts (n uint8) for one frame.

        `openness` is that of `lids`; `gaze` is where the pupils look, in half-widths to the right and up.
        """
        u, v, soft = self.u, self.v, max(self.soft, 0.06)
        upper, lower = lids(self.identity, self.opening, u, openness)
        inside = np.clip((upper - v) / soft + 0.5, 0, 1) * np.clip((v - lower) / soft + 0.5, 0, 1)
        inside *= np.abs(u) < 1

        away = np.hypot(u - gaze[0] * self.side, v - gaze[1] - 0.08)
        white = 1 - 0.10 * (self.identity.skin_tone - 1)  # eyes look as bright as their surroundings let them
        ball = white * linear((228, 221, 216))[:, None] * (1 - 0.35 * smoothstep(0.45, 1.0, np.abs(u)))
        corner = smoothstep(-0.80, -0.97, u)
        ball += 0.6 * corner * (linear((196, 120, 112))[:, None] - ball)
        radius = away / IRIS
        colour = linear(self.identity.iris)[:, None] * (
            0.8 + 0.9 * smoothstep(0.95, 0.35, radius) * (radius > 0.3)
        )
        colour = colour * (1 - 0.65 * smoothstep(0.72, 1.0, radius))
        ball += np.clip((IRIS - away) / soft + 0.5, 0, 1) * (colour - ball)
        ball *= 1 - 0.97 * np.clip((PUPIL - away) / soft + 0.5, 0, 1)
        ball *= 1 - 0.55 * np.exp(-np.clip(upper - v, 0, 9) / 0.11)  # the shadow of the upper lid
        shine_x = u * self.side - gaze[0]
        shine = np.exp(-0.5 * (((shine_x + 0.15) / 0.07) ** 2 + ((v - gaze[1] - 0.24) / 0.07) ** 2))
        shine += 0.25 * np.exp(-0.5 * (((shine_x - 0.16) / 0.06) ** 2 + ((v - gaze[1] + 0.07) / 0.06) ** 2))

        within = smoothstep(1.12, 0.9, np.abs(u))
        lash = (
            (0.75 + 0.25 * smoothstep(-0.6, 0.8, u))
            * within
            * np.exp(-0.5 * ((v - upper - 0.03) / 0.055) ** 2)
        )
        lash += 0.35 * within * smoothstep(-1, 0.5, u) * np.exp(-0.5 * ((v - lower + 0.02) / 0.04) ** 2)
        open_lid, _ = lids(self.identity, self.opening, u, np.float32(1))
        crease = (
            0.40
            * min(1, 0.3 + openness)
            * smoothstep(1.35, 0.85, np.abs(u))
            * np.exp(-0.5 * ((v - 1.08 * open_lid - 0.17) / 0.05) ** 2)
        )
        lid = self.surface.albedo * (1 - np.clip(crease, 0, 0.6))
        albedo = lid + inside * (ball - lid)
        albedo = albedo * (1 - np.clip(lash * (1.0 - 0.4 * self.identity.angularity), 0, 0.92))
        albedo += inside * 0.9 * np.clip(shine, 0, 1)
        return albedo, np.where(inside > 0.5, np.uint8(Part.EYES), self.surface.part)
