"""A whole person as clouds of points: what expressions move, and what they do not."""

from dataclasses import dataclass, replace

import cv2
import numpy as np

from course_utils.data.rendered import body, hair
from course_utils.data.rendered.eyes import REACH, Eyes
from course_utils.data.rendered.head import Skull, expression_fields
from course_utils.data.rendered.identity import Identity
from course_utils.data.rendered.paint import Paint, mouth_line
from course_utils.data.rendered.surface import Part, Surface, join, linear, patch, skin_of, smoothstep

FACE_AROUND, FACE_DOWN = 1.3, 0.72  # angles: what expressions move lies in front of one and below the other


@dataclass
class Person:
    """A person made of points: the `face` and the `eyes` move with expressions, the `rest` with the head."""

    identity: Identity
    skull: Skull
    face: Surface
    eyes: Eyes
    rest: Surface

    def turned(self, turn: np.ndarray, pivot: np.ndarray) -> "Person":
        """Return the person, body and all, turned by a matrix (3 x 3) about a point (3 x 1).

        The `skull`, from which landmarks are taken, is not turned.
        """
        eyes = replace(self.eyes, surface=self.eyes.surface.turned(turn, pivot))
        return replace(
            self, face=self.face.turned(turn, pivot), eyes=eyes, rest=self.rest.turned(turn, pivot)
        )


def build(identity: Identity, spacing: float, reach: float = np.pi) -> Person:
    """Return `identity` as points that are about `spacing` head units apart.

    `reach` is the angle around the head, from the front, up to which it will be seen; beyond it is left out.
    """
    skull = Skull(identity)
    paint = Paint(identity, skull.plan, 1.5 / spacing)
    theta = _spread((-reach, reach), 0.0, 0.42, 0.6, 0.75 / spacing)
    phi = _spread((0.02, np.pi - 0.02), 1.85, 0.45, 0.35, 1.15 / spacing)
    front, low = np.abs(theta) < FACE_AROUND, phi > FACE_DOWN
    face = _face(skull, paint, *np.meshgrid(theta[front], phi[low], sparse=True))
    rest = [
        _cranium(skull, *np.meshgrid(theta[front], phi[~low], sparse=True)),
        *(
            _cranium(skull, *np.meshgrid(side, phi, sparse=True))
            for side in (theta[theta < -FACE_AROUND], theta[theta > FACE_AROUND])
        ),
        *hair.make_hair(skull, spacing, reach),
        *([] if identity.hair_style in hair.HANGING else body.make_ears(skull, spacing)),
        *(body.make_glasses(skull, spacing) if identity.glasses else []),
        body.make_neck(skull, spacing),
        *body.make_torso(skull, spacing),
    ]
    eyes = Eyes.of(skull, paint, 0.7 * spacing)
    return Person(identity, skull, join([face, *body.make_mouth(skull, spacing)]), eyes, join(rest))


def _spread(
    ends: tuple[float, float], centre: float, width: float, denser: float, density: float
) -> np.ndarray:
    """Return values between `ends`, `density` a unit, and more by the factor 1 + `denser` about `centre`."""
    fine = np.linspace(*ends, 2000)
    there = density * (1 + denser * np.exp(-0.5 * ((fine - centre) / width) ** 2))
    count = np.cumsum(there) * (fine[1] - fine[0])
    return np.interp(np.arange(count[0], count[-1]), count, fine)


def _scalp(identity: Identity, around: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return how much of the skin (r x c) is between strands (0 to 1), and in the shadow of hair (0 to 1)."""
    if identity.hair_style == "bald":
        return 0 * y, 0 * y
    above = y - hair.hairline(identity, around)
    return smoothstep(0.0, 0.12, above), np.exp(np.clip(above, -9, 0) / 0.07)


def _cranium(skull: Skull, around: np.ndarray, down: np.ndarray) -> Surface:
    """Return the skin behind and above the face."""
    identity = skull.identity
    grid = skull.point(around, down)
    scalp, shadow = _scalp(identity, around, grid[1])
    shadow = (1 - 0.35 * shadow) * (1 - 0.4 * np.clip((np.abs(around) - 1.1) / 0.4, 0, 1))
    albedo = linear(identity.skin)[:, None, None] * shadow
    albedo += scalp * (0.5 * linear(identity.hair)[:, None, None] - albedo)
    return patch(grid, albedo, np.where(scalp > 0.5, Part.HAIR, Part.SKIN), 0.25 * (1 - scalp))


def _face(skull: Skull, paint: Paint, around: np.ndarray, down: np.ndarray) -> Surface:
    identity, plan = skull.identity, skull.plan
    plain = skull.place(around, down)
    grid = skull.point(around, down)
    x, y, _ = grid
    beard = paint.look_up(paint.beard, x, y)
    if identity.beard == "full":
        strands = (
            np.random.default_rng([identity.seed, 8]).uniform(0.75, 1.25, beard.shape).astype(np.float32)
        )
        grid = grid + skin_of(plain)[0] * (0.05 * beard * strands)
    # Valleys are darker and hills lighter, as they are where light comes from everywhere.
    relief = grid[2] - plain[2]
    size = 0.07 / float(np.median(np.diff(down[:, 0])))
    height = relief - cv2.GaussianBlur(relief, (0, 0), size)
    hidden = 1 + np.where(height < 0, 0.5 * np.tanh(9 * height), 0.12 * np.tanh(38 * height))
    scalp, shadow = _scalp(identity, around, y)
    hidden = hidden * (1 - 0.35 * shadow) * (1 - 0.4 * np.clip((np.abs(around) - 1.1) / 0.4, 0, 1))
    albedo = paint.colour(x, y) * hidden
    albedo += scalp * (0.5 * linear(identity.hair)[:, None, None] - albedo)
    gloss = (0.30 + 0.12 * np.exp(-0.5 * (x / 0.1) ** 2) - 0.25 * beard) * (1 - scalp)
    surface = patch(grid, albedo, np.where(scalp > 0.5, Part.HAIR, paint.parts(x, y)), gloss)
    fields = expression_fields(plan, x, y, y < mouth_line(plan, x))
    surface.motion = fields.reshape(5, 3, -1)
    turned = [skin_of(grid + field)[0].reshape(3, -1) - surface.normal for field in fields]
    surface.turning = np.stack(turned)
    u, v = (np.abs(x) - plan.eye_x) / plan.eye_width, y / plan.eye_width
    in_eye = (np.abs(u) < REACH[0] - 0.12) & (np.abs(v - plan.eye_tilt * u) < REACH[1] - 0.10)
    return surface.select(np.flatnonzero(~in_eye.ravel()))
