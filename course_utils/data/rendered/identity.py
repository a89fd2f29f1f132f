"""Who is drawn: everything about a head that does not change while it talks, drawn from one seed."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

HairStyle = Literal["bald", "cropped", "short", "parted", "curly", "bob", "long", "wavy", "bun"]
Beard = Literal["none", "stubble", "moustache", "goatee", "full"]
Garment = Literal["crew", "collar", "jacket", "turtleneck"]
Colour = tuple[float, float, float]

# Skin in white light by Fitzpatrick's six types, and the hair and eyes that go with them: sRGB, 0 to 255.
SKIN = np.array(
    [(242, 205, 183), (232, 188, 157), (213, 164, 126), (180, 127, 90), (136, 90, 62), (107, 71, 53)]
)
HAIR = np.array(
    [(26, 21, 19), (44, 31, 24), (74, 49, 33), (112, 76, 47), (168, 126, 78), (206, 168, 112), (143, 70, 38)]
)
# The share of each hair colour (black to blond, then red) among people of each skin type.
HAIR_SHARE = np.array(
    [
        [0.02, 0.10, 0.20, 0.20, 0.22, 0.16, 0.10],
        [0.06, 0.20, 0.28, 0.22, 0.14, 0.05, 0.05],
        [0.20, 0.38, 0.28, 0.10, 0.03, 0.01, 0.00],
        [0.45, 0.40, 0.13, 0.02, 0.00, 0.00, 0.00],
        [0.65, 0.32, 0.03, 0.00, 0.00, 0.00, 0.00],
        [0.78, 0.22, 0.00, 0.00, 0.00, 0.00, 0.00],
    ]
)
IRIS = np.array([(58, 36, 22), (88, 56, 30), (112, 92, 52), (92, 112, 92), (96, 128, 156), (120, 138, 150)])
CLOTHES = np.array(
    [
        (38, 44, 58), (96, 30, 36), (52, 78, 64), (150, 150, 148), (60, 84, 128), (30, 30, 32),
        (176, 150, 116), (196, 112, 84), (214, 210, 200), (104, 72, 112), (72, 110, 130), (186, 164, 84),
    ]
)  # fmt: skip
GREY = np.array((196, 192, 188))


@dataclass(frozen=True)
class Identity:
    """A person. Colours are sRGB, 0 to 255; shapes are in units of which a head is about 2.3 high.

    Attributes:
        seed: what it was drawn from; the finest details (freckles, strands) are drawn from it again.
        skin_tone: 1 (very light) to 6 (very dark), like Fitzpatrick's types.
        age: years, 18 to 78: how the face is shaped and wrinkled, and how grey the hair is.
        angularity: 0 (soft, round) to 1 (square jaw, heavy brows).
        glasses: whether glasses are worn.
        beard: how the beard is cut.
        hair_style: how the hair is cut.
        shape: named deviations from the mean face, standard normal, see `head.py` for what each does.
    """

    seed: int
    skin_tone: int
    age: float
    angularity: float
    glasses: bool
    beard: Beard
    hair_style: HairStyle
    garment: Garment
    parting: float
    fringe: float
    recession: float
    freckles: float
    skin: Colour
    hair: Colour
    brow: Colour
    iris: Colour
    lips: Colour
    frame: Colour
    clothes: Colour
    shape: dict[str, float]

    @property
    def aging(self) -> float:
        """How far the face has aged: 0 at 20 years, 1 at 75."""
        return float(np.clip((self.age - 20) / 55, 0, 1))


SHAPE = (
    "width", "jaw", "chin_width", "chin_length", "forehead", "cheekbones", "fullness", "brow_ridge",
    "brow_height", "brow_thickness", "brow_arch", "brow_slant", "eye_size", "eye_distance", "eye_tilt",
    "eye_opening", "nose_width", "nose_length", "nose_bridge", "nose_tip", "mouth_width", "mouth_height",
    "upper_lip", "lower_lip", "ears", "neck",
)  # fmt: skip


def draw_identity(seed: int) -> Identity:
    """Return the person that belongs to `seed`; the same seed gives the same person everywhere."""
    rng = np.random.default_rng([seed, 1])
    tone = int(rng.integers(1, 7))
    age = float(18 + 60 * rng.beta(1.2, 1.7))
    angularity = float(rng.beta(0.7, 0.7))
    shape = dict(zip(SHAPE, np.clip(rng.normal(0, 1, len(SHAPE)), -2, 2).tolist(), strict=True))
    aging = np.clip((age - 20) / 55, 0, 1)

    skin = np.clip(SKIN[tone - 1] * rng.normal(1, 0.03) * rng.normal(1, (0.008, 0.015, 0.03)), 30, 250)
    greying = np.clip((age - 45) / 28 + rng.normal(0, 0.25), 0, 0.92) * (0.5 + 0.5 * angularity)
    hair = HAIR[rng.choice(len(HAIR), p=HAIR_SHARE[tone - 1])] * rng.normal(1, 0.08)
    brow = 0.8 * hair + 0.2 * skin * 0.5
    hair, brow = hair + greying * (GREY - hair), brow + 0.6 * greying * (GREY - brow)
    irises = (
        np.array([0.15, 0.18, 0.15, 0.12, 0.25, 0.15]) if tone <= 2 else np.array([5, 4, 1, 0.2, 0, 0]) / 10.2
    )
    redness = rng.uniform(0.1, 1) if angularity < 0.4 else rng.uniform(0, 0.2)
    lips = skin * (0.92 - 0.08 * redness, 0.68 - 0.20 * redness, 0.68 - 0.14 * redness)

    beards: list[Beard] = ["none", "stubble", "moustache", "goatee", "full"]
    beard = str(rng.choice(beards, p=[0.42, 0.22, 0.08, 0.12, 0.16])) if angularity > 0.55 else "none"
    curliness = 0.12 + 0.11 * max(0, tone - 3)
    if angularity > 0.5:
        styles = {
            "bald": 0.05 + 0.25 * aging,
            "cropped": 0.3,
            "short": 0.25,
            "parted": 0.25,
            "curly": curliness,
        }
    else:
        styles = {"bob": 0.22, "long": 0.25, "wavy": 0.25, "bun": 0.16, "short": 0.06, "curly": curliness}
    weights = np.array(list(styles.values()))
    return Identity(
        seed=seed,
        skin_tone=tone,
        age=age,
        angularity=angularity,
        glasses=bool(rng.random() < 0.12 + 0.25 * aging),
        beard=beard,
        hair_style=str(rng.choice(list(styles), p=weights / weights.sum())),
        garment=str(rng.choice(["crew", "collar", "jacket", "turtleneck"], p=[0.38, 0.24, 0.24, 0.14])),
        parting=float(rng.choice([-1, 1]) * rng.uniform(0.15, 0.4)),
        fringe=float(rng.uniform(0.4, 1) if rng.random() < 0.35 else 0),
        recession=float(np.clip(rng.normal(0.1 + 0.5 * aging, 0.2), 0, 1) * (angularity > 0.5)),
        freckles=float(rng.uniform(0.3, 1) if tone <= 2 and rng.random() < 0.35 else rng.uniform(0, 0.12)),
        skin=tuple(skin),
        hair=tuple(np.clip(hair, 12, 235)),
        brow=tuple(np.clip(np.minimum(brow, 0.6 * skin), 10, 200)),
        iris=tuple(IRIS[rng.choice(len(IRIS), p=irises / irises.sum())] * rng.normal(1, 0.08)),
        lips=tuple(np.clip(lips, 20, 240)),
        frame=tuple(np.array([(24, 22, 22), (70, 44, 28), (130, 128, 126), (60, 24, 30)])[rng.integers(4)]),
        clothes=tuple(np.clip(CLOTHES[rng.integers(len(CLOTHES))] * rng.normal(1, 0.08), 12, 235)),
        shape=shape,
    )
