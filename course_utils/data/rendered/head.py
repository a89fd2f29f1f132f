"""The shape of a head: cross-sections stacked from crown to chin, with the hills and valleys of a face.

Units: the eyes are at y = 0, 0.66 apart; the crown is near y = 1.2, the chin near -1.2, an ear near x = 0.8.
"""

from dataclasses import dataclass

import numpy as np
from scipy.interpolate import PchipInterpolator

from course_utils.data.rendered.identity import Identity
from course_utils.data.rendered.surface import bump, smoothstep

# Cross-sections by the height of the point on a unit sphere (1 crown, -1 chin): the half-width as a share of
# the sphere's, how far the widest place lies in front of the ears, and the depth before and behind it. Drawn
# by hand after frontal and profile views of heads.
LEVELS = [-1.0, -0.94, -0.86, -0.74, -0.62, -0.43, -0.22, 0.0, 0.17, 0.35, 0.55, 0.8, 1.0]
WIDTH = [0.80, 0.74, 0.725, 0.725, 0.735, 0.765, 0.79, 0.805, 0.83, 0.87, 0.91, 0.95, 0.96]
MIDDLE = [0.52, 0.49, 0.43, 0.33, 0.22, 0.06, -0.04, -0.08, -0.10, -0.10, -0.10, -0.10, -0.10]
FRONT = [0.84, 0.86, 0.80, 0.76, 0.79, 0.87, 0.91, 0.945, 1.0, 1.04, 1.08, 1.12, 1.12]
BACK = [0.25, 0.24, 0.26, 0.34, 0.50, 0.82, 0.88, 0.92, 0.94, 0.97, 0.99, 0.98, 0.97]
SQUARENESS = 2.3  # of the superellipse across the face; 2 is an ellipse


@dataclass(frozen=True)
class Proportions:
    """Where the features of a face are, in head units; made from an identity by `proportions`."""

    eye_x: float
    eye_width: float  # half of it, corner to corner
    eye_opening: float  # of the lids, as a share of the usual
    eye_tilt: float
    brow_y: float
    nose_y: float  # where the nose meets the upper lip
    nose_width: float  # half of it
    mouth_y: float
    mouth_width: float  # half of it
    upper_lip: float
    lower_lip: float
    chin: float  # factor of all heights below the eyes


def proportions(identity: Identity) -> Proportions:
    """Return where the features of `identity` are."""
    s, strong, old = identity.shape, identity.angularity, identity.aging
    broad = 0.012 * max(0, identity.skin_tone - 4)  # noses and lips tend to be broader with darker skin
    nose_y = -0.485 - 0.018 * s["nose_length"] - 0.015 * old
    fuller = 1.12 - 0.3 * old - 0.32 * strong + 7 * broad
    return Proportions(
        eye_x=0.325 + 0.010 * s["eye_distance"],
        eye_width=0.180 + 0.007 * s["eye_size"] - 0.014 * strong,
        eye_opening=1.0 + 0.09 * s["eye_opening"] - 0.15 * old - 0.08 * strong,
        eye_tilt=0.07 + 0.05 * s["eye_tilt"] - 0.05 * old,
        brow_y=0.215 + 0.016 * s["brow_height"] - 0.05 * strong - 0.01 * old,
        nose_y=nose_y,
        nose_width=0.164 + 0.012 * s["nose_width"] + 0.022 * strong + broad,
        mouth_y=nose_y - 0.215 - 0.012 * s["mouth_height"] - 0.01 * old,
        mouth_width=0.285 + 0.016 * s["mouth_width"] + 0.01 * strong,
        upper_lip=(0.070 + 0.009 * s["upper_lip"]) * fuller,
        lower_lip=(0.094 + 0.010 * s["lower_lip"]) * fuller,
        chin=1.0 + 0.02 * s["chin_length"] + 0.02 * strong,
    )


class Skull:
    """The surface of a head without hair: a point for each angle around (theta) and down (phi)."""

    def __init__(self, identity: Identity) -> None:
        self.identity = identity
        self.plan = proportions(identity)
        s, strong = identity.shape, identity.angularity
        levels = np.array(LEVELS)
        width = np.array(WIDTH) * (0.93 + 0.025 * s["width"])
        width += (0.075 * (strong - 0.5) + 0.018 * s["jaw"]) * bump(levels, 0, (-0.66, 0), (0.2, 1))
        width += (0.03 * s["chin_width"] + 0.20 * (strong - 0.5)) * bump(levels, 0, (-1.0, 0), (0.13, 1))
        width += 0.014 * s["forehead"] * bump(levels, 0, (0.5, 0), (0.25, 1))
        width += (0.012 * s["cheekbones"] + 0.01 * s["fullness"]) * bump(levels, 0, (-0.25, 0), (0.2, 1))
        width += 0.02 * s["fullness"] * bump(levels, 0, (-0.6, 0), (0.2, 1))
        self._curves = [PchipInterpolator(levels, values) for values in (width, MIDDLE, FRONT, BACK)]

    def place(self, theta: np.ndarray, phi: np.ndarray) -> np.ndarray:
        """Return the points (3 x ... float32) of the bare skull, without the features of the face.

        Args:
            theta: angle around the vertical axis, 0 in front, positive to the right of the picture.
            phi: angle down, 0 at the crown, pi at the chin; broadcast with theta.
        """
        level, round_ = np.cos(phi), np.sin(phi)
        width, middle, front, back = (curve(level) for curve in self._curves)
        sine, cosine = np.sin(theta), np.cos(theta)
        power = np.where(cosine > 0, SQUARENESS, 2.0)
        radius = (np.abs(sine) ** power + np.abs(cosine) ** power) ** (-1 / power)
        y = np.where(level > 0, 1.19, 1.2 * self.plan.chin) * level
        x = width * round_ * sine * radius
        z = middle + round_ * np.where(cosine > 0, front, back) * cosine * radius
        return np.stack(np.broadcast_arrays(x, y + 0 * theta, z)).astype(np.float32)

    def relief(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return how far the face stands out towards the camera at (x, y), seen from the front."""
        p, s = self.plan, self.identity.shape
        strong, old = self.identity.angularity, self.identity.aging
        side = np.hypot(x, 0.04) - 0.02  # smooth in the middle, where an absolute value has a crease
        chin_y = -1.06 * p.chin
        height = -0.115 * bump(side, y, (p.eye_x - 0.01, -0.01), (0.17, 0.115))  # sockets
        height -= 0.02 * bump(side, y, (0.15, 0.02), (0.06, 0.09))  # beside the bridge
        height += (0.025 + 0.025 * strong + 0.008 * s["brow_ridge"]) * bump(
            side, y, (0.28, 0.17), (0.24, 0.07)
        )
        height += 0.02 * bump(side, y, (0, 0.5), (0.4, 0.25))  # forehead
        height -= 0.03 * bump(side, y, (0.68, 0.2), (0.12, 0.2))  # temples
        height += (0.055 + 0.012 * s["cheekbones"]) * bump(side, y, (0.47, -0.27), (0.2, 0.15))
        hollow = 0.02 + 0.025 * strong + 0.02 * old - 0.02 * s["fullness"]
        height -= hollow * bump(side, y, (0.52, -0.62), (0.16, 0.2))
        height += 0.055 * bump(side, y, (0, p.mouth_y), (0.3, 0.2))  # the teeth behind the lips
        height -= (0.012 + 0.03 * old) * self._fold(side, y)
        height -= 0.012 * old * bump(side, y, (p.eye_x - 0.03, -0.17), (0.13, 0.03))  # under the eyes
        height += 0.012 * old * bump(side, y, (p.eye_x - 0.03, -0.12), (0.11, 0.03))
        height += (0.06 + 0.03 * strong) * bump(side, y, (0, chin_y), (0.16 + 0.05 * strong, 0.10))
        height -= 0.05 * bump(side, y, (0, p.mouth_y - 0.185), (0.2, 0.05))
        height += 0.03 * old * bump(side, y, (0.42, chin_y + 0.1), (0.1, 0.14))  # jowls
        return height + self._nose(x, side, y) + self._lips(side, y)

    def _fold(self, side: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Return the fold from the wing of the nose to the corner of the mouth (1 in its depth)."""
        p = self.plan
        top, bottom = p.nose_y + 0.07, p.mouth_y - 0.06
        along = np.clip((y - top) / (bottom - top), 0, 1)
        line = p.nose_width + 0.03 + (p.mouth_width + 0.06 - p.nose_width - 0.03) * along**0.8
        ends = smoothstep(top + 0.06, top - 0.02, y) * smoothstep(bottom - 0.08, bottom + 0.04, y)
        return np.exp(-0.5 * ((side - line) / 0.035) ** 2) * ends

    def _nose(self, x: np.ndarray, side: np.ndarray, y: np.ndarray) -> np.ndarray:
        p, s, strong = self.plan, self.identity.shape, self.identity.angularity
        tip_y = p.nose_y + 0.10 + 0.015 * s["nose_tip"]
        base = p.nose_y - 0.01 + 2.6 * side**2  # the wings end higher than the middle
        down = np.clip((0.14 - y) / (0.14 - tip_y), 0, 1.6)  # 0 between the brows, 1 at the tip
        bridge = 0.035 + 0.012 * s["nose_bridge"] + 0.012 * strong
        ridge = bridge + (0.20 - bridge) * np.clip(down, 0, 1) ** 1.3
        ridge = ridge * smoothstep(-0.1, 0.3, down) * smoothstep(base - 0.05, base + 0.10, y)
        broad = 0.072 + 0.03 * np.clip(down, 0, 1.1) ** 2 * p.nose_width / 0.165
        nose = ridge * np.exp(-0.5 * (x / broad) ** 2)
        size = 1 + 0.08 * s["nose_tip"]
        nose += 0.045 * size * bump(x, y, (0, tip_y), (0.07 * size, 0.06))
        wing = p.nose_width - 0.045
        nose += 0.075 * bump(side, y, (wing, p.nose_y + 0.07), (0.040, 0.040))
        nose -= 0.035 * bump(side, y, (wing + 0.065, p.nose_y + 0.07), (0.028, 0.06))  # behind the wing
        return nose - 0.035 * bump(side, y, (0.062, p.nose_y + 0.014), (0.034, 0.018))  # nostrils

    def _lips(self, side: np.ndarray, y: np.ndarray) -> np.ndarray:
        p = self.plan
        across = np.clip(1 - (side / (1.08 * p.mouth_width)) ** 2, 0, 1)
        upper, lower = p.upper_lip, p.lower_lip
        above, below = p.mouth_y + 0.5 * upper, p.mouth_y - 0.55 * lower
        lips = 0.55 * upper * across * np.exp(-0.5 * ((y - above) / (0.5 * upper)) ** 2)
        lips += 0.62 * lower * across**1.3 * np.exp(-0.5 * ((y - below) / (0.5 * lower)) ** 2)
        lips -= 0.03 * across**0.5 * np.exp(-0.5 * ((y - p.mouth_y) / 0.018) ** 2)
        lips -= 0.03 * bump(side, y, (p.mouth_width + 0.02, p.mouth_y - 0.005), (0.03, 0.03))  # corners
        gutter = smoothstep(p.mouth_y + upper, p.mouth_y + upper + 0.04, y) * smoothstep(
            p.nose_y, p.nose_y - 0.04, y
        )
        return lips - 0.018 * gutter * np.exp(-0.5 * (side / 0.028) ** 2)

    def locate(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return theta and phi of the points on the front of the head that are seen at (x, y)."""
        level = np.clip(np.where(y > 0, y / 1.19, y / (1.2 * self.plan.chin)), -0.999, 0.999)
        phi = np.arccos(level)
        across = np.clip(x / (self._curves[0](level) * np.sin(phi)), -0.999, 0.999)
        return np.arctan2(across, (1 - np.abs(across) ** SQUARENESS) ** (1 / SQUARENESS)), phi

    def point(self, theta: np.ndarray, phi: np.ndarray) -> np.ndarray:
        """Return the points (3 x ... float32) of the skin: `place` and, in front, `relief`."""
        grid = self.place(theta, phi)
        facing = smoothstep(0.0, 0.35, np.cos(theta)) * smoothstep(-0.03, -0.25, -np.sin(phi))
        grid[2] += facing * self.relief(grid[0], grid[1])
        return grid


def expression_fields(plan: Proportions, x: np.ndarray, y: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Return the displacement (5 x 3 x ... float32) of the skin at (x, y) by each expression in full.

    `below` is True for what belongs to the lower lip or lies under it: the mouth parts between the two.
    """
    p, side, sign = plan, np.abs(x), np.tanh(x / 0.1)
    fields = np.zeros((5, 3, *x.shape), np.float32)
    jaw, smile, pucker, lift, frown = fields

    # The jaw turns about its joints under the ears. The lips part in the middle and hold at the corners.
    follows = smoothstep(-0.38, -1.05 * p.chin, y) * smoothstep(0.86, 0.66, side)
    parted = np.clip(1 - (side / p.mouth_width) ** 2, 0, 1) ** 0.6
    upper = follows * (1 - parted * np.exp(-0.5 * ((y - p.mouth_y) / 0.22) ** 2))
    lower = follows + (1 - follows) * parted * np.exp(-0.5 * ((y - p.mouth_y) / 0.3) ** 2)
    drop = np.where(below, lower, upper)
    jaw[0] = -0.05 * x * drop
    jaw[1] = -0.30 * drop
    jaw[2] = -0.07 * drop

    corner = bump(side, y, (p.mouth_width + 0.01, p.mouth_y), (0.13, 0.11))
    cheek = bump(side, y, (0.43, -0.38), (0.17, 0.15))
    middle = bump(side, y, (0, p.mouth_y), (0.2, 0.1))
    smile[0] = sign * (0.085 * corner + 0.012 * cheek)
    smile[1] = 0.075 * corner + 0.035 * cheek - 0.012 * middle
    smile[2] = -0.05 * corner + 0.045 * cheek - 0.01 * middle

    round_mouth = bump(side, y, (0, p.mouth_y), (0.26, 0.15))
    pucker[0] = -0.36 * x * round_mouth
    pucker[2] = 0.07 * bump(side, y, (0, p.mouth_y), (0.16, 0.1)) - 0.03 * corner

    lift[1] = 0.085 * bump(side, y, (0.33, p.brow_y + 0.04), (0.26, 0.13))
    frown[0] = -sign * 0.04 * bump(side, y, (0.14, p.brow_y), (0.10, 0.10))
    frown[1] = -0.06 * bump(side, y, (0.15, p.brow_y + 0.02), (0.16, 0.11))
    frown[2] = 0.02 * bump(side, y, (0.1, p.brow_y), (0.06, 0.08))
    return fields
