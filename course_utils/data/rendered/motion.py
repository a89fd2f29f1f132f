"""How a head moves while it talks: expressions, pose, blinks and gaze, smooth in time."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d


@dataclass(frozen=True)
class Motion:
    """What a head does in each of N frames.

    Attributes:
        expression: N x 5 float32, how strong each expression of `Surface.motion` is, 0 to about 1.
        lids: N float32, 0 shut to 1 open.
        gaze: N x 2 float32, where the eyes look, right and up, in half-widths of the eye.
        pose: N x 3 float32, degrees: yaw (to the right of the picture), pitch (up), roll (clockwise).
        shift: N x 2 float32, how far the head has moved, right and up, in head units.
    """

    expression: np.ndarray
    lids: np.ndarray
    gaze: np.ndarray
    pose: np.ndarray
    shift: np.ndarray

    def __len__(self) -> int:
        return len(self.lids)


def talking(seed: int, frames: int, fps: float = 25.0) -> Motion:
    """Return somebody talking for `frames` frames of 1 / `fps` seconds, drawn from `seed`."""
    rng = np.random.default_rng([seed, 11])

    def drift(seconds: float, columns: int = 1) -> np.ndarray:
        """Return smooth noise of deviation 1 that changes within so many seconds, frames x columns."""
        width = seconds * fps
        margin = int(4 * width) + 1
        noise = gaussian_filter1d(rng.standard_normal((frames + 2 * margin, columns)), width, axis=0)
        return noise[margin : margin + frames] * np.sqrt(2 * np.sqrt(np.pi) * width)

    time = np.arange(frames) / fps
    # Syllables come at four to six a second and in phrases, with pauses in between.
    rate = rng.uniform(3.6, 5.2)
    phase = 2 * np.pi * (rate * time + rng.random()) + 0.9 * drift(0.25)[:, 0]
    phrase = 1 / (1 + np.exp(-4 * (drift(0.35)[:, 0] + 0.9)))
    jaw = phrase * (0.5 - 0.5 * np.cos(phase)) * np.clip(0.42 + 0.14 * drift(0.12)[:, 0], 0.05, 0.85)
    vowel = drift(0.13)[:, 0]
    mood = rng.uniform(-0.1, 0.6)
    smile = np.clip(mood + 0.2 * drift(0.8)[:, 0] + 0.18 * phrase * np.clip(vowel, 0, 2), -0.25, 0.95)
    pucker = phrase * np.clip(-vowel * 0.45, 0, 0.9)
    brows = drift(0.3, 2) * 0.28 + rng.uniform(-0.1, 0.1)
    expression = np.stack(
        [jaw, smile, pucker, np.clip(brows[:, 0], -0.2, 1), np.clip(brows[:, 1], 0, 0.8)], axis=1
    )

    lids = np.ones(frames)
    blink = rng.uniform(0, 2.5)
    while blink < frames / fps:
        lids = np.minimum(lids, 1 - np.exp(-0.5 * ((time - blink) / 0.055) ** 4) * 1.0)
        blink += rng.uniform(1.4, 4.5)
    lids = lids * (
        1 + 0.10 * expression[:, 3] - 0.16 * np.clip(expression[:, 1], 0, 1) - 0.08 * expression[:, 4]
    )

    pose = np.array([rng.uniform(-18, 18), rng.uniform(-5, 6), rng.normal(0, 2.5)]) + drift(0.55, 3) * (
        5.5,
        2.6,
        2.0,
    )
    pose[:, 1] += 1.2 * np.sin(phase / 2) * phrase
    limits = np.array([30, 14, 12])
    pose = limits * np.tanh(pose / limits)
    gaze = np.stack([-pose[:, 0] * 0.006, -pose[:, 1] * 0.004], axis=1) + 0.05 * drift(0.4, 2)
    return Motion(
        expression.astype(np.float32),
        lids.astype(np.float32),
        np.clip(gaze, -0.28, 0.28).astype(np.float32),
        pose.astype(np.float32),
        (0.035 * drift(0.7, 2)).astype(np.float32),
    )
