"""The colours of a face, painted as seen from the front: skin, lips, brows, nostrils, wrinkles, beard."""

import cv2
import numpy as np

from course_utils.data.rendered.head import Proportions
from course_utils.data.rendered.identity import Identity
from course_utils.data.rendered.surface import Part, bump, linear, smoothstep, wander

LEFT, TOP, WIDE, HIGH = -1.0, 1.3, 2.0, 2.7  # what the canvas covers, in head units
HAIRS, FRECKLES = 140, 260  # in a brow, on a face
_BITS = 4  # after the point, of the coordinates in which strokes are drawn


def brow_path(identity: Identity, plan: Proportions, along: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return x and y of the middle of the right brow at `along`, 0 at the nose, 1 at the temple."""
    s = identity.shape
    x = 0.105 + 0.375 * along + 0.4 * (plan.eye_x - 0.325)
    arch = 0.030 + 0.008 * s["brow_arch"] - 0.012 * identity.angularity
    y = plan.brow_y - 0.012 + arch * 4 * along * (1 - along) * (0.55 + 0.6 * along)
    return x, y + (0.040 + 0.012 * s["brow_slant"]) * along - 0.042 * along**3


def brow_thickness(identity: Identity, along: np.ndarray) -> np.ndarray:
    """Return half the height of the brow at `along`."""
    full = 0.021 + 0.014 * identity.angularity + 0.0035 * identity.shape["brow_thickness"]
    return full * (0.75 + 0.25 * smoothstep(0, 0.25, along)) * (1 - 0.75 * smoothstep(0.35, 1.0, along))


def mouth_line(plan: Proportions, x: np.ndarray) -> np.ndarray:
    """Return the height at which the closed lips meet."""
    return plan.mouth_y - 0.012 * np.exp(-0.5 * (x / 0.055) ** 2) + 0.006 * (x / plan.mouth_width) ** 2


def lip_edges(plan: Proportions, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the heights of the upper edge of the upper lip and of the lower edge of the lower lip."""
    share = np.clip(np.abs(x) / plan.mouth_width, 0, 1)
    bow = np.clip(1 - share, 0, 1) ** 0.75 * (1 + 0.30 * np.exp(-0.5 * ((share - 0.2) / 0.16) ** 2))
    upper = mouth_line(plan, x) + plan.upper_lip * (bow - 0.12 * np.exp(-0.5 * (share / 0.09) ** 2))
    return upper, mouth_line(plan, x) - plan.lower_lip * np.clip(1 - share**2.2, 0, 1) ** 0.8


class Paint:
    """The painted layers of one face: `scale` is their resolution in pixels for each head unit."""

    def __init__(self, identity: Identity, plan: Proportions, scale: float) -> None:
        self.identity, self.plan, self.scale = identity, plan, scale
        rng = np.random.default_rng([identity.seed, 2])
        self.shape = (int(HIGH * scale), int(WIDE * scale))
        rows, columns = np.mgrid[: self.shape[0], : self.shape[1]].astype(np.float32)
        self._x, self._y = LEFT + columns / scale, TOP - rows / scale
        self.brows = self._brows(rng)
        self.lips = self._lips()
        self.beard = self._beard(rng)
        self._colour = self._skin(rng)

    def look_up(self, layer: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return a layer's values (float32, with its channels last) at points of a grid (r x c)."""
        columns, rows = (x - LEFT) * self.scale, (TOP - y) * self.scale
        return cv2.remap(
            layer,
            columns.astype(np.float32),
            rows.astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        )

    def colour(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the albedo (3 x r x c) at points of a grid (r x c)."""
        return np.moveaxis(self.look_up(self._colour, x, y), -1, 0)

    def parts(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the parts (r x c uint8) at points of a grid on the face."""
        p, side = self.plan, np.abs(x)
        wing = p.nose_width * np.clip((0.16 - y) / (0.16 - p.nose_y - 0.06), 0.35, 1)
        found = np.full(x.shape, Part.SKIN, np.uint8)
        found[(y < 0.06) & (y > p.nose_y - 0.01) & (side < wing)] = Part.NOSE
        found[self.look_up(self.beard, x, y) > 0.5] = Part.BEARD
        found[self.look_up(self.lips, x, y) > 0.5] = Part.MOUTH
        found[self.look_up(self.brows, x, y) > 0.35] = Part.BROWS
        return found

    def _strokes(
        self, layer: np.ndarray, starts: np.ndarray, ends: np.ndarray, values: np.ndarray, width: float
    ) -> None:
        """Draw lines from `starts` to `ends` (n x 2), with n `values`, into a layer of uint8."""
        lines = np.stack([starts, ends], axis=1)  # n x 2 x 2
        pixels = (lines - (LEFT, TOP)) * (self.scale, -self.scale)
        thick = max(1, round(width * self.scale))
        fixed = np.rint(pixels * 2**_BITS).astype(int).tolist()
        for (start, end), value in zip(fixed, values.tolist(), strict=True):
            cv2.line(layer, start, end, value, thick, cv2.LINE_AA, _BITS)

    def _brows(self, rng: np.random.Generator) -> np.ndarray:
        """Draw single hairs: upright near the nose, lying outwards towards the temple."""
        layer = np.zeros(self.shape, np.uint8)
        for side in (-1, 1):
            along = np.sort(rng.uniform(0, 1, HAIRS) ** 0.9)
            x, y = brow_path(self.identity, self.plan, along)
            half = brow_thickness(self.identity, along)
            lies = np.radians(58 - 46 * smoothstep(0, 0.4, along) - 32 * along + rng.normal(0, 9, HAIRS))
            roots = np.stack([x - 0.012, y + half * rng.uniform(-1, 0.7, HAIRS)], axis=1)
            long = 0.024 + 0.03 * smoothstep(0, 0.3, along)
            tips = roots + long[:, None] * np.stack([np.cos(lies), np.sin(lies)], axis=1)
            self._strokes(layer, roots * (side, 1), tips * (side, 1), rng.uniform(140, 255, HAIRS), 0.008)
        hairs = layer.astype(np.float32) / 255
        return np.clip(0.6 * hairs + 0.75 * cv2.GaussianBlur(hairs, (0, 0), 0.012 * self.scale), 0, 0.95)

    def _lips(self) -> np.ndarray:
        upper, lower = lip_edges(self.plan, self._x)
        soft = 0.014
        inside = np.clip((upper - self._y) / soft + 0.5, 0, 1) * np.clip((self._y - lower) / soft + 0.5, 0, 1)
        return (inside * (np.abs(self._x) < self.plan.mouth_width)).astype(np.float32)

    def _beard(self, rng: np.random.Generator) -> np.ndarray:
        """Return where the beard grows (0 to 1)."""
        p, side, y = self.plan, np.abs(self._x), self._y
        kind = self.identity.beard
        edge = 0.03 * wander(rng, self.shape, (60, 45))
        mouth_top, _ = lip_edges(p, self._x)
        lip = smoothstep(p.nose_y + 0.005, p.nose_y - 0.05, y + edge) * smoothstep(0.33, 0.26, side + edge)
        lip = lip * smoothstep(mouth_top - 0.01, mouth_top + 0.015, y)
        around = smoothstep(0.36, 0.29, side + edge) * smoothstep(
            p.mouth_y + 0.02, p.mouth_y - 0.05, y + edge
        )
        chin = around * smoothstep(0.02, 0.05, (p.mouth_y - y) + 0.1 * side - 0.6 * p.lower_lip)
        ring = chin * (1 - bump(side, y, (0, p.mouth_y - 0.12), (0.13, 0.025)) * 0.6)
        cheek_line = -0.30 - 0.42 * smoothstep(0.80, 0.30, side)
        cheeks = smoothstep(cheek_line + 0.03, cheek_line - 0.06, y + edge) * smoothstep(0.22, 0.30, side)
        grown = {
            "none": 0 * lip,
            "moustache": lip,
            "goatee": np.maximum(lip, ring),
            "full": np.maximum.reduce([lip, ring, cheeks]),
            "stubble": np.maximum.reduce([lip, ring, cheeks]),
        }[kind]
        return (grown * (1 - self.lips)).astype(np.float32)

    def _skin(self, rng: np.random.Generator) -> np.ndarray:
        p, who, x, y = self.plan, self.identity, self._x, self._y
        side, light = np.abs(x), 1 - 0.12 * (who.skin_tone - 1)
        albedo = np.empty((*self.shape, 3), np.float32)
        albedo[:] = linear(who.skin)

        flush = 0.8 * bump(side, y, (0.44, -0.33), (0.16, 0.14)) + 0.5 * bump(
            side, y, (0, p.nose_y + 0.09), (0.1, 0.08)
        )
        flush += 0.3 * bump(side, y, (0, -1.03), (0.15, 0.1)) + 0.25 * wander(rng, self.shape, (9, 7))
        shade = (0.45 + 0.12 * max(0, who.skin_tone - 3)) * bump(
            side, y, (p.eye_x, 0.01), (0.20, 0.10)
        ) + 0.3 * bump(side, y, (0.14, -0.04), (0.05, 0.08))
        shade += (0.25 + 0.5 * who.aging) * bump(side, y, (p.eye_x - 0.04, -0.11), (0.12, 0.03))
        shade += 0.25 * self._shaven(side, y)
        mottle = 0.035 * wander(rng, self.shape, (26, 20)) + 0.02 * wander(rng, self.shape, (90, 70))
        mottle += 0.018 * rng.standard_normal(self.shape).astype(np.float32)
        tint = (mottle - 0.22 * shade)[..., None] + flush[..., None] * light * np.float32(
            (0.05, -0.16, -0.12)
        )
        albedo *= 1 + tint + shade[..., None] * light * np.float32((0.03, -0.02, 0.02))
        albedo *= 1 - (0.30 * who.freckles * self._freckles(rng) + self._wrinkles())[..., None] * np.float32(
            (0.7, 1, 1.1)
        )

        line = np.exp(-0.5 * ((y - mouth_line(p, x)) / 0.011) ** 2) * smoothstep(
            1.1, 0.9, side / p.mouth_width
        )
        grain = (
            1
            + 0.06 * wander(rng, self.shape, (6, 150))
            + 0.12 * bump(side, y, (0, p.mouth_y - 0.5 * p.lower_lip), (0.1, 0.02))
        )
        albedo += self.lips[..., None] * (linear(who.lips) * grain[..., None] - albedo)
        albedo *= 1 - 0.62 * line[..., None]
        nostril = bump(side, y, (0.066, p.nose_y + 0.012), (0.030, 0.013))
        under = bump(side, y, (0, p.nose_y + 0.004), (0.12, 0.016))
        albedo *= 1 - np.clip(0.92 * np.minimum(1, 1.4 * nostril) + 0.22 * under, 0, 0.93)[..., None]

        if who.beard == "stubble":
            speckle = np.clip(0.55 + 0.45 * rng.standard_normal(self.shape).astype(np.float32), 0, 1)
            cover = 0.55 * cv2.GaussianBlur(self.beard, (0, 0), 0.05 * self.scale) * speckle
        else:
            strands = np.clip(0.96 + 0.1 * wander(rng, self.shape, (70, 130)), 0, 1)
            cover = self.beard * strands
        beard = linear(who.hair) * (0.8 + 0.2 * wander(rng, self.shape, (80, 200)))[..., None]
        albedo += cover[..., None] * (beard - albedo)
        albedo += self.brows[..., None] * (linear(who.brow) - albedo)
        return np.clip(albedo, 0.004, 0.95).astype(np.float32)

    def _shaven(self, side: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the shadow of a shaven beard."""
        jaw = smoothstep(-0.45, -0.75, y) * smoothstep(0.1, 0.3, side) + bump(
            side, y, (0, self.plan.nose_y - 0.07), (0.2, 0.05)
        )
        return jaw * smoothstep(0.5, 0.8, self.identity.angularity)

    def _freckles(self, rng: np.random.Generator) -> np.ndarray:
        layer = np.zeros(self.shape, np.uint8)
        places = rng.normal((0, -0.22), (0.32, 0.16), (FRECKLES, 2))
        self._strokes(layer, places, places + np.array((0.004, 0)), rng.uniform(80, 255, FRECKLES), 0.012)
        return layer.astype(np.float32) / 255

    def _wrinkles(self) -> np.ndarray:
        """Return how much darker wrinkles are: on the forehead, beside the eyes, beside the mouth."""
        p, old, layer = self.plan, self.identity.aging, np.zeros(self.shape, np.uint8)
        rng = np.random.default_rng([self.identity.seed, 3])
        lines = []
        for height in (0.40, 0.49, 0.58):
            x = np.linspace(-0.42, 0.42, 12)
            lines.append((x, height + 0.02 * np.cos(x * 6) + rng.normal(0, 0.006, 12), 130))
        for sign in (-1, 1):
            for slope in (0.35, 0.05, -0.25):
                x = np.linspace(p.eye_x + 1.25 * p.eye_width, p.eye_x + 1.85 * p.eye_width, 4)
                lines.append((sign * x, slope * (x - x[0]) * 1.3 + 0.02 * slope, 150))
            x = p.mouth_width + np.array([0.045, 0.06, 0.06])
            lines.append((sign * x, p.mouth_y + np.array([-0.02, -0.08, -0.15]), 110))
            lines.append((sign * np.array([0.05, 0.055]), np.array([0.13, 0.24]), 120))
        for x, y, strength in lines:
            line = np.stack([x, y], axis=1)
            self._strokes(layer, line[:-1], line[1:], np.full(len(line) - 1, strength), 0.008)
        return 0.9 * old**1.3 * cv2.GaussianBlur(layer, (0, 0), 0.011 * self.scale).astype(np.float32) / 255
