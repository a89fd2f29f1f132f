"""From points to pixels: light, perspective, what hides what, and soft edges."""

import cv2
import numpy as np

from course_utils.data.rendered.surface import linear

MATCAP = 96  # pixels a side of the picture of a lit ball
DISTANCE = 9.0  # of the camera, in head units


def draw_light(rng: np.random.Generator, skin: np.ndarray) -> np.ndarray:
    """Return how a ball looks in a soft key light from one side, a fill and light from all around.

    `skin` is the linear colour of the face, to which the camera sets its exposure, in part.

    Returns:
        MATCAP x MATCAP x 4 float32, by the normal's x (columns) and y (rows, downwards): the light that a
        white surface scatters (linear RGB), and the strength of the highlight.
    """
    rows, columns = np.mgrid[:MATCAP, :MATCAP].astype(np.float32)
    x, y = columns / (MATCAP - 1) * 2.2 - 1.1, 1.1 - rows / (MATCAP - 1) * 2.2
    z = np.sqrt(np.clip(1 - x**2 - y**2, 0.0, 1))
    side = rng.choice([-1, 1])
    key = _direction(side * rng.uniform(0.25, 0.95), rng.uniform(0.25, 0.75))
    fill = _direction(-side * rng.uniform(0.6, 1.2), rng.uniform(-0.1, 0.3))
    warm = rng.normal(0, 0.05)
    key_colour = np.float32((1 + warm, 1, 1 - warm)) * rng.uniform(0.85, 1.05)
    fill_colour = np.float32((1 - warm, 1, 1 + warm)) * rng.uniform(0.12, 0.30)
    sky, ground = rng.uniform(0.14, 0.22), rng.uniform(0.05, 0.10)
    wrap = np.float32((0.42, 0.30, 0.24))  # light that has wandered through skin comes out redder
    facing = x * key[0] + y * key[1] + z * key[2]
    ball = np.zeros((MATCAP, MATCAP, 4), np.float32)
    ball[..., :3] = np.clip((facing[..., None] + wrap) / (1 + wrap), 0, 1) ** 1.25 * key_colour
    ball[..., :3] += (
        np.clip((x * fill[0] + y * fill[1] + z * fill[2])[..., None] * 0.7 + 0.3, 0, 1) * fill_colour
    )
    ball[..., :3] += (ground + (sky - ground) * (0.5 + 0.5 * y))[..., None]
    ball[..., :3] *= (0.55 + 0.45 * z**0.6)[..., None]  # less light reaches what faces away
    ball[..., :3] *= max((0.30 / skin.mean()) ** 0.27, 0.95)
    half = key + np.float32((0, 0, 1))
    half /= np.linalg.norm(half)
    mirror = np.clip(x * half[0] + y * half[1] + z * half[2], 0, 1)
    ball[..., 3] = 0.30 * mirror**22 + 0.07 * mirror**5 + 0.03 * (1 - z) ** 3
    return ball


def _direction(azimuth: float, elevation: float) -> np.ndarray:
    return np.float32(
        (np.sin(azimuth) * np.cos(elevation), np.sin(elevation), np.cos(azimuth) * np.cos(elevation))
    )


def shade(light: np.ndarray, normal: np.ndarray, albedo: np.ndarray, gloss: np.ndarray) -> np.ndarray:
    """Return the light (3 x n) that n points send to the camera; normals and albedo are 3 x n, gloss is n.

    `light` is what `draw_light` returns.
    """
    count = normal.shape[1]
    where = np.zeros(
        (2, -(-count // 256) * 256), np.float32
    )  # remap takes no picture that is higher than 32767
    np.multiply(
        normal[:2], np.float32((MATCAP - 1) / 2.2) * np.float32((1, -1))[:, None], out=where[:, :count]
    )
    where += np.float32((MATCAP - 1) / 2)
    columns, rows = where.reshape(2, -1, 256)
    lit = cv2.remap(light, columns, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    *white, shine = cv2.split(lit)
    shine = shine.ravel()[:count] * gloss
    return np.stack([w.ravel()[:count] * a + shine for w, a in zip(white, albedo, strict=True)])


class Canvas:
    """A picture of `size` (height, width) on which points are drawn, nearer ones over farther ones."""

    def __init__(self, size: tuple[int, int]) -> None:
        self.high, self.wide = size[0] + 2, size[1] + 2  # a pixel around it catches what lies outside
        self.parts = np.zeros(size, np.uint8)  # what is nearest in each pixel, see `Part`
        self._nearest = np.zeros(self.high * self.wide, np.int32)

    def cover(self, x: np.ndarray, y: np.ndarray, depth: np.ndarray, part: np.ndarray) -> np.ndarray:
        """Note which points are nearest; return how many pixels each is behind the nearest of its pixel.

        Args:
            x, y: n float32, pixels; 0 is the middle of the first pixel.
            depth: n float32, pixels, larger is nearer.
            part: n uint8.
        """
        pixel = self._pixel(x, y)
        # The depth in eighths of a pixel and, below it, the part, in one number of 24 bits.
        np.maximum.at(self._nearest, pixel, ((depth * 8 + 32768).astype(np.int32) << 8) + part)
        front = self._nearest.reshape(self.high, self.wide).astype(np.float32)
        # What shows through a gap of a pixel between points is not in front.
        front = np.maximum(front, cv2.medianBlur(front, 3)).astype(np.int32)
        self.parts = (front & 0xFF).astype(np.uint8)[1:-1, 1:-1]
        return (front >> 8).astype(np.float32).ravel()[pixel] / 8 - 4096 - depth

    def blend(
        self, x: np.ndarray, y: np.ndarray, colour: np.ndarray, area: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Spread points over the four pixels around each.

        `colour` is 3 x n, linear; `area` is n, in pixels. Returns colour times coverage (H x W x 3 float32)
        and coverage (H x W float32, 0 to 1).
        """
        x, y = np.clip(x + 1, 0, self.wide - 1.01), np.clip(y + 1, 0, self.high - 1.01)
        left, top = x.astype(np.int32), y.astype(np.int32)
        x -= left
        y -= top
        corner = top.astype(np.intp) * self.wide + left
        pixels = np.concatenate([corner, corner + 1, corner + self.wide, corner + self.wide + 1])
        lower = area * y
        upper = area - lower
        weights = np.stack([upper - upper * x, upper * x, lower - lower * x, lower * x])
        length = (self.high + 1) * self.wide + 1
        total = np.bincount(pixels, weights.ravel(), length)
        layers = [np.bincount(pixels, (weights * one).ravel(), length) for one in colour]
        total, *layers = (self._inner(layer) for layer in (total, *layers))
        # Soft edges only against the background: elsewhere something is behind the edge, and it was left out.
        square = np.ones((3, 3), np.uint8)
        drawn = cv2.morphologyEx((self.parts > 0).astype(np.uint8), cv2.MORPH_CLOSE, square)
        inside = cv2.erode(drawn, square)
        cover = np.where((inside > 0) & (total > 0.002), np.float32(1), np.minimum(1.15 * total, 1))
        return cv2.merge(layers) * (cover / np.maximum(total, 1e-6))[..., None], cover

    def _pixel(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        column = np.clip(x + 1.5, 0, self.wide - 1).astype(np.intp)
        return np.clip(y + 1.5, 0, self.high - 1).astype(np.intp) * self.wide + column

    def _inner(self, layer: np.ndarray) -> np.ndarray:
        """Return H x W of a layer, with a trace of the neighbours, which is all there is in a gap."""
        layer = layer[: self.high * self.wide].reshape(self.high, self.wide).astype(np.float32)
        return (layer + 0.02 * cv2.blur(layer, (3, 3)))[1:-1, 1:-1]


def develop(picture: np.ndarray, noise: np.ndarray) -> np.ndarray:
    """Return linear light (H x W x 3 float32) as an sRGB picture (uint8) with the sensor's noise in it."""
    tone = picture / (1 + 0.12 * picture)  # highlights roll off
    encoded = cv2.sqrt(np.maximum(tone, 0)) * 255 + noise
    return cv2.convertScaleAbs(np.maximum(encoded, 0))


def sensor_noise(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Return noise (float32, in levels of 255) larger than a frame; each frame gets another piece of it."""
    shape = (size[0] + 64, size[1] + 64, 3)
    strength = rng.uniform(0.8, 2.0)
    grain = rng.standard_normal(shape, np.float32)
    return strength * (0.8 * grain + 0.7 * grain.mean(axis=2, keepdims=True))


def background(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """Return a blurred room (H x W x 3 float32, linear): a wall, and large soft shapes of two colours."""
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
    return cv2.resize(picture, size[::-1], interpolation=cv2.INTER_CUBIC).clip(0.002, 1)
