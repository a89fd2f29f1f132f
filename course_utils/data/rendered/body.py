"""What a face comes with: ears, teeth and tongue, glasses, neck, shoulders and clothes."""

import numpy as np

from course_utils.data.rendered.head import Skull, expression_fields
from course_utils.data.rendered.surface import Part, Surface, bump, linear, patch, smoothstep, wander

SLOPE = 0.8  # how far shoulders slope down, forwards and backwards
EDGE = -0.40  # the depth at which chest and back meet


def make_ears(skull: Skull, spacing: float) -> list[Surface]:
    """Return both ears: a dish with a raised rim, tilted outwards."""
    s, skin = skull.identity.shape, linear(skull.identity.skin)
    size = 0.27 + 0.012 * s["ears"] + 0.03 * skull.identity.aging
    n = int(1.1 * size / spacing * 2)
    across, up = np.meshgrid(np.linspace(-1, 1, int(0.75 * n)), np.linspace(1, -1, n))
    radius = np.hypot(across / (0.86 + 0.16 * up), up)
    rim = np.exp(-0.5 * ((radius - 0.86) / 0.09) ** 2) * smoothstep(-0.75, -0.35, up + 0.4 * across)
    fold = np.exp(-0.5 * ((np.hypot((across + 0.15) / 0.75, up - 0.05) - 0.5) / 0.10) ** 2) * smoothstep(
        -0.5, 0, up
    )
    bowl = bump(across, up, (-0.25, -0.15), (0.25, 0.28))
    out = 0.05 * rim + 0.03 * fold - 0.06 * bowl - 0.05 * smoothstep(0.85, 1.0, radius)
    tint = 1 - 0.55 * bowl - 0.22 * (1 - rim) * smoothstep(0.9, 0.6, radius)
    albedo = skin[:, None, None] * tint * np.float32((1.0, 0.90, 0.90))[:, None, None]
    wide = skull.place(np.float64(np.pi / 2 + 0.15), np.float64(np.pi / 2 + 0.14))[0] - 0.02
    ears = []
    for side in (-1, 1):
        # Seen from outside, the front of the right ear is on the left; the left ear is its mirror picture.
        back = across * (0.56 * size)
        tilt = 0.50 + 0.05 * s["ears"]
        depth = -0.16 - back * np.cos(tilt) - 0.10 * up * size * 0.5
        outwards = wide + (back + 0.56 * size) * np.sin(tilt) * 0.9 + out - 0.02 * (up < 0) * np.abs(up)
        height = -0.17 + up * size
        grid = np.stack([side * outwards, height + 0 * out, depth])
        ears.append(patch(grid[:, :, ::side], albedo[:, :, ::side], Part.EARS, gloss=0.25))
        ears[-1] = ears[-1].select(np.flatnonzero((radius < 1)[:, ::side].ravel()))
    return ears


def make_mouth(skull: Skull, spacing: float) -> list[Surface]:
    """Return what an open mouth shows: the dark, the upper teeth, the tongue and the lower teeth."""
    p = skull.plan
    width = p.mouth_width + 0.14  # wider than any smile
    x, y = np.meshgrid(
        np.arange(-width, width, spacing), np.arange(p.mouth_y + 0.18, p.mouth_y - 0.42, -spacing)
    )
    arch = skull.point(*skull.locate(x, p.mouth_y + 0 * x))[2] - 0.35 * x**2
    cavity = linear((70, 24, 24))[:, None, None] * (0.35 + 0 * x)
    gaps = 1 - 0.30 * np.exp(-0.5 * ((np.abs((x / 0.062 + 0.5) % 1 - 0.5)) / 0.06) ** 2)
    enamel = linear(np.array((232, 222, 204)) - 14 * skull.identity.aging)[:, None, None] * gaps
    enamel = enamel * (1 - 0.75 * smoothstep(0.08, 0.24, np.abs(x)))
    behind = 0.10 + 0.16 * np.clip(1 - (x / p.mouth_width) ** 2, 0, 1)  # it closes at the corners
    still = np.stack([x, y, np.minimum(arch, skull.point(*skull.locate(x, y))[2]) - behind])
    throat = (x / width) ** 2 + ((y - p.mouth_y + 0.06) / 0.24) ** 2 < 1
    surfaces = [_inside(skull, still, cavity, moves=0.35).select(np.flatnonzero(throat.ravel()))]

    edge = p.mouth_y - 0.058 + 0.010 * np.abs(np.sin(x / 0.062 * np.pi))
    upper = (y > edge) & (y < p.mouth_y + 0.06) & (np.abs(x) < 0.72 * p.mouth_width)
    surfaces.append(
        _inside(skull, np.stack([x, y, arch - 0.10 - 0.9 * x**2]), enamel, 0.0).select(
            np.flatnonzero(upper.ravel())
        )
    )

    tongue = (
        linear((172, 84, 82))[:, None, None] * (1 - 0.4 * np.exp(-0.5 * (x / 0.012) ** 2)) * (0.55 + 0 * y)
    )
    tip = (y < p.mouth_y - 0.02) & (np.abs(x) < 0.17) & (y > p.mouth_y - 0.3)
    round_tongue = arch - 0.17 - 0.5 * (y - p.mouth_y + 0.1) ** 2
    surfaces.append(
        _inside(skull, np.stack([x, y + 0.0, round_tongue]), tongue, 0.85).select(np.flatnonzero(tip.ravel()))
    )
    low = (
        (y < p.mouth_y - 0.045 - 0.006 * np.sin(x / 0.05 * np.pi) ** 2)
        & (y > p.mouth_y - 0.15)
        & (np.abs(x) < 0.16)
    )
    lower = _inside(skull, np.stack([x, y, arch - 0.13 - 0.9 * x**2]), 0.75 * enamel, 1.0)
    return [*surfaces, lower.select(np.flatnonzero(low.ravel()))]


def _inside(skull: Skull, grid: np.ndarray, albedo: np.ndarray, moves: float) -> Surface:
    surface = patch(grid, albedo, Part.MOUTH, gloss=0.15)
    surface.normal[:] = np.float32((0, 0, 1))[:, None]  # never seen from behind, and lit evenly
    fields = expression_fields(skull.plan, 0 * grid[0], skull.plan.mouth_y - 0.01 + 0 * grid[1], grid[0] < 9)
    surface.motion = (fields * np.float32((moves, 0, 0, 0, 0)).reshape(5, 1, 1, 1)).reshape(5, 3, -1)
    surface.turning = np.zeros_like(surface.motion)
    return surface


def make_glasses(skull: Skull, spacing: float) -> list[Surface]:
    """Return the frame of a pair of glasses: two rims, a bridge and two temples, all of bent tube."""
    p, rng = skull.plan, np.random.default_rng([skull.identity.seed, 5])
    wide, high = 0.225 + 0.02 * rng.random(), 0.165 + 0.03 * rng.random()
    square, thick = rng.uniform(2.0, 4.0), rng.choice([0.014, 0.022])
    middle = p.eye_x + 0.015
    turn = np.linspace(0, 2 * np.pi, int(10 * wide / spacing) + 8)
    ring = (np.abs(np.cos(turn)) ** square + np.abs(np.sin(turn)) ** square) ** (-1 / square)
    curves = []
    end = skull.place(np.float64(np.pi / 2), np.float64(np.pi / 2))[0] + 0.02
    front = skull.point(np.float64(0.0), np.arccos(0.05 / 1.19))[2] + 0.03

    def wrap(x: np.ndarray) -> np.ndarray:
        return front - 0.22 * x**2

    for side in (-1, 1):
        x, y = side * middle + wide * ring * np.cos(turn), -0.025 + high * ring * np.sin(turn)
        curves.append(np.stack([x, y, wrap(x)]))
        along = np.linspace(0, 1, int(1.1 / spacing))
        x0 = middle + wide
        x = side * (x0 + (end - x0) * smoothstep(0, 0.35, along))
        curves.append(np.stack([x, 0.03 + 0 * along, wrap(x0) + (-0.15 - wrap(x0)) * along]))
    along = np.linspace(-1, 1, int(0.3 / spacing) + 6)
    x = along * (middle - wide)
    curves.append(np.stack([x, 0.02 + 0.02 * (1 - along**2), wrap(x) + 0.01]))
    return [_tube(curve, thick, linear(skull.identity.frame)) for curve in curves]


def _tube(curve: np.ndarray, radius: float, albedo: np.ndarray) -> Surface:
    ahead = np.gradient(curve, axis=1)
    ahead = ahead / np.linalg.norm(ahead, axis=0)
    side = np.cross(ahead.T, (0.01, 0.02, 1)).T
    side = side / np.linalg.norm(side, axis=0)
    third = np.cross(ahead.T, side.T).T
    turn = np.linspace(0, 2 * np.pi, 9)[:, None, None]
    grid = curve + radius * (np.cos(turn) * side + np.sin(turn) * third)
    return patch(np.moveaxis(grid, 0, 1), albedo, Part.GLASSES, gloss=0.8)


def make_neck(skull: Skull, spacing: float) -> Surface:
    """Return the neck; its upper end turns with the head."""
    identity, s = skull.identity, skull.identity.shape
    wide = 0.44 + 0.09 * identity.angularity + 0.015 * s["neck"] + 0.02 * s["fullness"]
    theta = np.linspace(-np.pi, np.pi, int(3.2 / spacing))[None]
    y = np.linspace(-0.55, -1.85, int(1.3 / spacing))[:, None]
    flare = 0.05 * smoothstep(-1.3, -1.6, y) + 0.04 * smoothstep(-0.9, -0.6, y)
    x = (wide + flare) * np.sin(theta)
    lean = 0.03 * smoothstep(-0.6, -1.8, y)
    z = -0.22 + lean + (wide * 0.95 + 0.3 * flare) * np.cos(theta)
    z = z - 0.22 * smoothstep(-1.40, -1.75, y)  # it goes down into the chest
    muscle = np.exp(-0.5 * ((np.abs(theta) - 0.75 + 0.42 * smoothstep(-0.8, -1.8, y)) / 0.10) ** 2)
    z = z + 0.035 * muscle * smoothstep(-0.8, -1.3, y)
    if identity.angularity > 0.5:
        z = z + 0.05 * bump(theta * 0.5, y, (0, -1.42), (0.06, 0.07))
    shade = 1 - 0.52 * smoothstep(-1.62, -1.12, y) * smoothstep(1.9, 0.4, np.abs(theta))
    rng = np.random.default_rng([identity.seed, 6])
    tone = 1 + 0.03 * wander(rng, shade.shape, (12, 12))
    albedo = linear(identity.skin)[:, None, None] * shade * tone * np.float32((1, 0.97, 0.96))[:, None, None]
    follow = smoothstep(-1.8, -0.8, y) + 0 * theta
    return patch(np.stack(np.broadcast_arrays(x, y, z)), albedo, Part.NECK, gloss=0.15, follow=follow)


def make_torso(skull: Skull, spacing: float) -> list[Surface]:
    """Return chest and back in their clothes; nothing of them follows the head."""
    identity = skull.identity
    rng = np.random.default_rng([identity.seed, 7])
    shoulder = 1.62 + 0.28 * identity.angularity + 0.05 * identity.shape["width"]
    angle = np.linspace(-np.pi / 2, np.pi / 2, int(7.5 / spacing))  # denser at the sides, where it is steep
    # From the upper edge a quarter of an ellipse forwards and down, then straight down.
    bow = np.linspace(0, np.pi / 2, int(1.6 / spacing))
    down = np.arange(SLOPE, 2.0, spacing)
    x, depth = np.meshgrid(2.2 * np.sin(angle), np.concatenate([SLOPE * (1 - np.cos(bow)), down]))
    forwards = np.concatenate([np.sin(bow), np.ones(len(down))])[:, None]
    side = np.abs(x)
    # The upper edge of the body, falling from the neck to the shoulders, then around them.
    edge = (
        -1.40
        - 0.36 * smoothstep(0.35, 1.2, side)
        - 0.10 * side
        - 1.4 * np.clip(side - shoulder + 0.25, 0, None) ** 1.7
    )
    y = edge - depth
    thick = forwards * (1 - (side / 2.2) ** 2)
    cloth = linear(identity.clothes)
    folds = 1 + 0.10 * wander(rng, x.shape, (4, 14)) + 0.02 * rng.standard_normal(x.shape)
    albedo = cloth[:, None, None] * folds
    part = np.full(x.shape, Part.CLOTHES, np.uint8)
    neckline = {"crew": -1.80, "turtleneck": -1.0, "collar": -2.0, "jacket": -2.25}[identity.garment]
    if identity.garment == "jacket":
        opening = 0.34 * (1 - np.clip((-1.5 - y) / 1.6, 0, 1))
        shirt = side < opening + 0.08
        albedo = np.where(shirt, linear((222, 222, 220))[:, None, None] * folds, albedo)
        lapel = np.exp(-0.5 * ((side - opening - 0.08) / 0.02) ** 2) + 0.6 * np.exp(
            -0.5 * ((side - opening - 0.42) / 0.015) ** 2
        ) * (y > -2.3)
        albedo = albedo * (1 - 0.55 * np.clip(lapel, 0, 1))
    reach = (
        0.50 * np.sqrt(np.clip(1 - ((y + 1.35) / (neckline + 1.35)) ** 2, 0, 1)) if neckline < -1.4 else 0 * y
    )
    if identity.garment in ("collar", "jacket"):
        reach = 0.42 * np.clip(1 - (-1.38 - y) / (-1.38 - neckline), 0, 1)
    band = np.exp(-0.5 * ((side - reach - 0.05) / 0.022) ** 2) * (y > neckline - 0.1)
    albedo = albedo * (1 - 0.35 * np.clip(band, 0, 1))
    bare = (side < reach) & (y > neckline)
    skin = linear(identity.skin)[:, None, None] * (0.9 - 0.25 * smoothstep(-1.9, -1.4, y))
    albedo = np.where(bare, skin, albedo)
    part[bare] = Part.NECK
    chest, back = np.stack([x, y, EDGE + 0.97 * thick]), np.stack([-x, y, EDGE - 0.84 * thick])
    front = patch(chest, np.clip(albedo, 0.003, 0.9), part, gloss=0.05, follow=0.0)
    plain = np.clip(cloth[:, None, None] * folds, 0.003, 0.9)
    return [front, patch(back, plain, Part.CLOTHES, follow=0.0)]
