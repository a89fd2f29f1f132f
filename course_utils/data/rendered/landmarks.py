"""The 68 landmarks of iBUG on a rendered face, and the box around it."""

import numpy as np

from course_utils.data.rendered.eyes import eye_place, lids
from course_utils.data.rendered.head import Skull, expression_fields
from course_utils.data.rendered.paint import brow_path, brow_thickness, lip_edges, mouth_line
from course_utils.data.rendered.surface import apply

# On the jaw, from the left ear to the chin: heights as shares of the way from the eyes to the chin.
JAW = np.array([-0.02, 0.14, 0.30, 0.46, 0.62, 0.76, 0.885, 0.97, 1.0])
CONTOUR = np.linspace(0.9, 1.42, 14)  # angles around the head at which the outline of the face is looked for
EYE_U = np.array([1, 0.38, -0.38, -1, -0.38, 0.38])  # outer corner, over the upper lid, back under the lower


class Landmarks:
    """Where the landmarks of one head are; the eyes' (36 to 47) depend on the lids."""

    def __init__(self, skull: Skull) -> None:
        self.skull = skull
        x, y, below = self._on_the_face()
        theta, phi = skull.locate(x, y)
        self.position = skull.point(theta, phi)
        self.motion = expression_fields(skull.plan, x, y, below)
        chin = np.arccos(-0.995)
        level = np.interp(JAW, (0, 1), (0, -0.985))
        phi = np.minimum(np.arccos(level), chin)
        phi = np.concatenate([phi, phi[-2::-1]])[:, None]
        sign = np.concatenate([-np.ones(8), [0], np.ones(8)])[:, None]
        self.outline = skull.point(sign * CONTOUR, phi)  # 3 x 17 x 14
        self.outline_motion = expression_fields(
            skull.plan, *self.outline[:2], self.outline[1] < skull.plan.mouth_y
        )

    def _on_the_face(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return x and y of the landmarks from the front (0 for jaw and eyes), and which the jaw moves."""
        plan, identity = self.skull.plan, self.skull.identity
        x, y, below = np.zeros(68), np.zeros(68), np.zeros(68, bool)
        along = np.array([1.0, 0.76, 0.5, 0.25, 0.02])
        brow_x, brow_y = brow_path(identity, plan, along)
        brow_y = brow_y + 0.8 * brow_thickness(identity, along)
        x[17:22], y[17:22] = -brow_x, brow_y
        x[22:27], y[22:27] = brow_x[::-1], brow_y[::-1]
        tip = plan.nose_y + 0.095 + 0.015 * identity.shape["nose_tip"]
        y[27:31] = np.linspace(0.01, tip, 4)
        wing = plan.nose_width - 0.015
        x[31:36] = np.array([-1, -0.5, 0, 0.5, 1]) * wing
        y[31:36] = plan.nose_y + np.array([0.03, 0.008, -0.004, 0.008, 0.03])
        outer = np.array([-1, -0.62, -0.2, 0, 0.2, 0.62, 1]) * plan.mouth_width
        x[48:55], y[48:55] = outer, lip_edges(plan, outer)[0]
        x[55:60], y[55:60] = outer[5:0:-1], lip_edges(plan, outer[5:0:-1])[1]
        inner = np.array([-0.86, -0.4, 0, 0.4, 0.86]) * plan.mouth_width
        x[60:65], y[60:65] = inner, mouth_line(plan, inner)
        x[65:68], y[65:68] = inner[3:0:-1], mouth_line(plan, inner[3:0:-1])
        below[55:60] = below[65:68] = True
        return x, y, below

    def points(self, expression: np.ndarray, openness: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the landmarks of N frames, and the outlines from which the jaw's are chosen.

        Args:
            expression: N x 5, the strengths of the expressions.
            openness: N, of the lids.

        Returns:
            N x 3 x 68 points, the jaw's of which (the first 17) mean nothing, and N x 3 x 17 x 14 points.
        """
        places = self.position + apply(expression, self.motion)
        for side, marks in ((-1, slice(36, 42)), (1, slice(42, 48))):
            u = np.tile(EYE_U if side < 0 else EYE_U[[3, 2, 1, 0, 5, 4]], (len(openness), 1))
            upper, lower = lids(self.skull.identity, self.skull.plan.eye_opening, u, openness[:, None])
            v = np.where(np.abs(u) == 1, 0, np.where(np.arange(6) < 3, np.maximum(upper, lower), lower))
            places[..., marks] = np.moveaxis(eye_place(self.skull, side, u, v), 0, 1)
        return places, self.outline + apply(expression, self.outline_motion)


def choose_outline(outline: np.ndarray) -> np.ndarray:
    """Return where the jaw is seen (2 x 17): of each row of `outline` (2 x 17 x 14) the outermost point."""
    outwards = np.concatenate([-np.ones(8), [0], np.ones(8)])[:, None] * outline[0]
    best = outwards.argmax(axis=1)
    return outline[:, np.arange(17), best]


def face_box(landmarks: np.ndarray) -> np.ndarray:
    """Return the boxes (N x 4 float32: x0 y0 x1 y1) of faces with these landmarks (N x 68 x 2).

    From the middle of the forehead to the chin, as detectors trained on photographs of people draw it.
    """
    low, high = landmarks.min(axis=1), landmarks.max(axis=1)
    brow = landmarks[:, 17:27, 1].mean(axis=1)
    chin = high[:, 1]
    tall = chin - brow
    wide = high[:, 0] - low[:, 0]
    return np.stack(
        [low[:, 0] - 0.02 * wide, brow - 0.36 * tall, high[:, 0] + 0.02 * wide, chin], axis=1
    ).astype(np.float32)
