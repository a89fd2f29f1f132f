"""Hair: a second surface over the skull, thick where hair grows, and a curtain for hair that hangs."""

from dataclasses import replace

import cv2
import numpy as np

from course_utils.data.rendered.head import Skull
from course_utils.data.rendered.identity import Identity
from course_utils.data.rendered.surface import Part, Surface, linear, patch, skin_of, smoothstep, wander

# Thickness over the crown and at the sides, and how wavy the strands are, by style.
VOLUME = {
    "bald": (0, 0, 0),
    "cropped": (0.05, 0.03, 0.1),
    "short": (0.14, 0.06, 0.2),
    "parted": (0.13, 0.055, 0.15),
    "curly": (0.24, 0.20, 1.0),
    "bob": (0.13, 0.10, 0.12),
    "long": (0.10, 0.07, 0.1),
    "wavy": (0.14, 0.11, 0.45),
    "bun": (0.07, 0.035, 0.1),
}
HANGING = {"bob": -1.02, "long": -1.75, "wavy": -1.70}  # the height at which the hair ends
FRINGED = ("short", "bob", "long", "wavy")  # what may cover the forehead
LOWEST = 2.15  # the angle down to which hair grows


def hairline(identity: Identity, theta: np.ndarray) -> np.ndarray:
    """Return the height at which hair begins, by the angle around the head: forehead, temples, nape."""
    around = np.abs(theta)
    recession = identity.recession * (0.13 + 0.20 * np.exp(-0.5 * ((around - 0.62) / 0.22) ** 2))
    fringe = 0.36 * identity.fringe * smoothstep(0.95, 0.6, around) if identity.hair_style in FRINGED else 0
    front = 0.735 + 0.02 * identity.shape["forehead"] + recession - fringe
    temple = np.interp(around, (0, 0.55, 0.85, 1.02, 1.15, 1.3, 1.42, 1.6, 1.8, 2.2, 3.2),
                       (0, -0.03, -0.14, -0.32, -0.55, -0.80, -0.86, -0.62, -0.80, -1.25, -1.32))  # fmt: skip
    return front + temple - recession * smoothstep(0.8, 1.1, around)


def make_hair(skull: Skull, spacing: float, reach: float) -> list[Surface]:
    """Return the hair of the identity of `skull`: no surface, or some, whose points are `spacing` apart.

    `reach` is the angle around the head, from the front, up to which it will be seen.
    """
    identity = skull.identity
    if identity.hair_style == "bald":
        return []
    rng = np.random.default_rng([identity.seed, 4])
    finer = spacing / (1.4 if VOLUME[identity.hair_style][2] > 0.4 else 1.0)  # curls are steep
    around = np.linspace(-reach, reach, int(1.9 * reach / finer))
    down = np.linspace(0.02, LOWEST, int(1.2 * LOWEST / finer))
    surfaces = _cap(skull, *np.meshgrid(around, down, sparse=True), rng)
    if identity.hair_style in HANGING:
        surfaces += _curtain(skull, spacing, rng)
    if identity.hair_style == "bun":
        surfaces.append(_bun(skull, spacing, rng))
    return surfaces


def head_outline(skull: Skull) -> np.ndarray:
    """Return points (3 x n) all around a head with its hair, but for what hangs below."""
    angles = np.linspace(-np.pi, np.pi, 49), np.linspace(0.05, np.pi - 0.05, 33)
    around, down = np.meshgrid(*angles, sparse=True)
    skin = skull.point(around, down)
    top, sides, _ = VOLUME[skull.identity.hair_style]
    thick = np.where(
        skin[1] > hairline(skull.identity, around), sides + (top - sides) * smoothstep(0.35, 0.95, skin[1]), 0
    )
    return (skin + skin_of(skin)[0] * thick).reshape(3, -1)


def _strands(
    identity: Identity, rng: np.random.Generator, across: np.ndarray, along: np.ndarray
) -> np.ndarray:
    """Return how light strands are (about -1 to 1): streaks that run where `across` is constant."""
    curl = VOLUME[identity.hair_style][2]
    sway = wander(rng, (96, 96), (12, 12))
    wide = _noise(sway, along * 1.3, across * 0.5)
    across = across + curl * 0.10 * np.sin(9 * along + 5 * wide) + 0.05 * wide
    fine, coarse = (
        rng.uniform(-1, 1, (64, 512)).astype(np.float32),
        rng.uniform(-1, 1, (24, 64)).astype(np.float32),
    )
    streaks = 0.55 * _noise(fine, along * 0.06, across * 0.16) + 0.45 * _noise(
        coarse, along * 0.1, across * 0.28
    )
    if identity.hair_style == "curly":
        lumps = rng.uniform(-1, 1, (128, 128)).astype(np.float32)
        streaks = 0.3 * streaks + 0.9 * _noise(lumps, along * 0.16, across * 0.16)
    return streaks


def _noise(table: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Look smooth noise up in a table that repeats; 1 is the table's whole height or width."""
    rows, columns = (
        np.asarray(a * n % n, np.float32) for a, n in zip((rows, columns), table.shape, strict=True)
    )
    return cv2.remap(table, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)


def _colour(identity: Identity, streaks: np.ndarray, shade: np.ndarray) -> np.ndarray:
    tint = np.clip(1 + 0.42 * streaks, 0.35, 1.8) * shade
    lighter = 1 + 0.10 * np.clip(streaks, 0, 1)[None] * np.float32((1, 0.5, 0))[:, None, None]
    return np.clip(linear(identity.hair)[:, None, None] * tint * lighter, 0.002, 0.9)


def _cap(skull: Skull, around: np.ndarray, down: np.ndarray, rng: np.random.Generator) -> list[Surface]:
    identity = skull.identity
    top, sides, curl = VOLUME[identity.hair_style]
    skin = skull.place(around, down)
    normal, _ = skin_of(skin)
    x, y, _ = skin
    if identity.hair_style in ("short", "parted"):  # combed sideways from the parting
        comb = identity.parting if identity.hair_style == "parted" else 0.9 * np.sign(identity.parting)
        over = smoothstep(0.25, 0.75, y)
        across = around * (1 - over) + over * (0.9 * skin[2] + 0.25 * y)
        along = down * (1 - over) + over * np.abs(x - comb)
    else:
        across, along = around * np.sin(np.clip(down, 0.5, 2.6)), down + 0 * around
    streaks = _strands(identity, rng, across, along)
    ragged = 0.035 * streaks + 0.02 * wander(rng, x.shape, (3, 60))
    inside = y - hairline(identity, around) + ragged
    thick = sides + (top - sides) * smoothstep(0.35, 0.95, y)
    grown = smoothstep(-0.01, 0.16 if identity.fringe < 0.1 else 0.06, inside)
    lumps = cv2.GaussianBlur(streaks, (0, 0), 2.0)
    thick = thick * (0.15 + 0.85 * grown) * (1 + (0.12 + 0.22 * curl) * lumps)
    if identity.hair_style == "parted":
        away = x - identity.parting
        groove = (
            np.exp(-0.5 * (away / 0.028) ** 2) * smoothstep(0.45, 0.75, y) * smoothstep(-0.4, 0.1, skin[2])
        )
        sweep = smoothstep(0, -0.35 * np.sign(identity.parting), away)
        thick = thick * (1 - 0.75 * groove) + 0.05 * sweep * smoothstep(0.5, 0.9, y) * grown
        streaks = streaks - 1.2 * groove
    grid = skin + normal * thick
    shade = 0.62 + 0.38 * smoothstep(0.0, 0.22, inside) * smoothstep(-0.6, 0.7, y)
    chosen = np.flatnonzero((inside > 0).ravel())
    gloss = 0.25 + 0.3 * np.clip(streaks, 0, 1)
    outside = patch(grid, _colour(identity, streaks, shade), Part.HAIR, gloss).select(chosen)
    under = patch(
        skin + normal * (0.75 * thick), _colour(identity, streaks, 0.35 + 0 * shade), Part.HAIR
    ).select(chosen)
    return [outside, under, _lining(under)] if curl > 0.4 else [outside, _lining(outside)]


def _lining(surface: Surface) -> Surface:
    """Return the inner side of hair, seen under its edges: the same points, darker, facing inwards."""
    return replace(surface, normal=-surface.normal, albedo=0.4 * surface.albedo, gloss=0 * surface.gloss)


def _curtain(skull: Skull, spacing: float, rng: np.random.Generator) -> list[Surface]:
    """Return hair that hangs behind the face from temple to temple."""
    identity = skull.identity
    end, (_, sides, curl) = HANGING[identity.hair_style], VOLUME[identity.hair_style]
    share = np.linspace(-1, 1, int(5.8 / spacing))[None]
    rows = int(1.2 * (0.72 - end) / spacing)
    y = np.linspace(0.72, end, rows)[:, None]
    fall = smoothstep(0.1, end, y)
    start = 1.20 + 0.1 * rng.random() - 0.22 * fall * (identity.hair_style != "bob")
    around = np.pi + share * (np.pi - start)
    phi = np.arccos(np.clip(np.maximum(y, -0.12) / 1.19, -1, 1))
    body = skull.place(around, phi)
    streaks = _strands(identity, rng, around * 0.9, -y + 0 * around)
    edge = (1 - np.abs(share)) * (np.pi - start)
    rolled = smoothstep(0, 0.3, edge)
    wave = curl * 0.09 * np.sin(5.5 * y + 3 * wander(rng, streaks.shape, (3, 6)))
    flare = -0.05 if identity.hair_style == "bob" else 0.10
    out = (
        sides
        + 0.05
        + 0.06 * np.sin(np.pi * fall)
        + flare * fall
        + wave
        + 0.025 * cv2.GaussianBlur(streaks, (0, 0), 2)
    )
    factor = 1 + out * (0.45 + 0.55 * rolled) / np.hypot(body[0], body[2])
    ends = end + 0.12 + 0.03 * wander(rng, streaks.shape, (2, 16)) + 0.05 * streaks
    grid = np.stack([body[0] * factor, y + 0 * around, (body[2] + 0.1) * factor - 0.1])
    shade = 0.5 + 0.5 * smoothstep(0, 0.3, edge) * (0.7 + 0.3 * smoothstep(end - 0.2, 0.4, y))
    follow = smoothstep(-1.9, -0.5, y) + 0 * around
    chosen = np.flatnonzero((y > ends).ravel())
    gloss = 0.2 + 0.3 * np.clip(streaks, 0, 1)
    outside = patch(grid, _colour(identity, streaks, shade), Part.HAIR, gloss, follow).select(chosen)
    return [outside, _lining(outside)]


def _bun(skull: Skull, spacing: float, rng: np.random.Generator) -> Surface:
    n = int(1.6 / spacing)
    theta, phi = np.meshgrid(np.linspace(-np.pi, np.pi, 2 * n), np.linspace(0.05, np.pi - 0.05, n))
    streaks = _strands(skull.identity, rng, phi, theta * 0.5)
    r = 0.30 * (1 + 0.05 * streaks)
    grid = np.stack(
        [
            r * np.sin(phi) * np.sin(theta),
            1.12 + r * 0.85 * np.cos(phi),
            -0.55 + r * np.sin(phi) * np.cos(theta),
        ]
    )
    return patch(grid, _colour(skull.identity, streaks, 0.8 + 0 * phi), Part.HAIR, gloss=0.3)
