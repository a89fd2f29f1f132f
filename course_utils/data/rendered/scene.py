"""Pictures of several people, some half hidden, in profile or from behind, with the boxes of their heads."""

from typing import NamedTuple

import numpy as np

from course_utils.data.rendered.camera import background, develop, draw_light, sensor_noise
from course_utils.data.rendered.hair import head_outline
from course_utils.data.rendered.identity import draw_identity
from course_utils.data.rendered.motion import talking
from course_utils.data.rendered.person import build
from course_utils.data.rendered.stage import PIVOT, SPACING, Stage, View, rotation
from course_utils.data.rendered.surface import Part, apply, linear

Box = tuple[float, float, float, float]

NOT_HEAD = (Part.BACKGROUND, Part.NECK, Part.CLOTHES)
LEAST_SEEN = 0.35  # of a head, and of its box, for the box to be given


class Head(NamedTuple):
    """A head in a scene: its box (x0, y0, x1, y1 in pixels) and how it is turned, in Pascal VOC's words.

    "Frontal" looks at the camera, at most 25 degrees past it; "Left" and "Right" are profiles, 35 to 100
    degrees to that side of the picture; "Rear" is seen from behind.
    """

    box: Box
    pose: str


def render_scene(seed: int, size: tuple[int, int]) -> tuple[np.ndarray, list[Head]]:
    """Film one to five people together.

    Args:
        seed: of everything.
        size: height and width of the picture in pixels.

    Returns:
        The picture (H x W x 3 uint8, RGB), and each head of which at least a third is seen. Its box is all
        around it, hair included, but for hair that hangs below the chin.
    """
    rng = np.random.default_rng([seed, 31])
    picture = background(rng, size)
    heads: list[tuple[Head, np.ndarray, int]] = []  # pixels that are seen, pixels that there are
    for scale in np.sort(size[0] * rng.uniform(0.07, 0.26, rng.integers(1, 6))):  # the farthest first
        highest = max(size[0] - 3.0 * scale, 1.1 * scale)  # or the body would end in the air
        view = View(
            scale, size[1] * rng.uniform(0.06, 0.94), rng.uniform(highest, max(highest, size[0] - scale))
        )
        colour, cover, parts, found = _one(seed, rng, view, size)
        picture = picture * (1 - cover)[..., None] + colour
        head = ~np.isin(parts, NOT_HEAD)
        heads = [(h, seen & (parts == Part.BACKGROUND), whole) for h, seen, whole in heads]
        heads.append((found, head, int(head.sum())))
    noise = sensor_noise(rng, size)[: size[0], : size[1]]
    seen_well = [head for head, seen, whole in heads if seen.sum() > LEAST_SEEN * max(whole, 1)]
    framed = [(Head(_within(box, size), pose), box) for box, pose in seen_well]
    kept = [head for head, box in framed if _area(head.box) > LEAST_SEEN * _area(box)]
    return develop(picture, noise), kept


def _one(
    seed: int, rng: np.random.Generator, view: View, size: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, Head]:
    """Draw one person in the light of the scene: colour times coverage, coverage, parts, the head."""
    identity = draw_identity(int(rng.integers(2**31)))
    # Two in five look at the camera, two in five past it, one in five is seen from behind.
    side, kind = rng.choice([-1, 1]), rng.random()
    heading = side * (
        rng.uniform(0, 25) if kind < 0.4 else rng.uniform(35, 100) if kind < 0.8 else rng.uniform(130, 180)
    )
    turn = rotation(np.array([heading, 0, 0]))
    light = draw_light(np.random.default_rng([seed, 32]), linear(identity.skin))
    person = build(identity, SPACING / view.scale).turned(turn, PIVOT)
    stage = Stage(person, light, talking(int(rng.integers(2**31)), 1), view, size)
    x, y = stage.seen(0, apply(turn, head_outline(person.skull) - PIVOT) + PIVOT)
    box = float(x.min()), float(y.min()), float(x.max()), float(y.max())
    return *stage.draw(0), Head(box, _pose(heading))


def _pose(heading: float) -> str:
    """Return Pascal VOC's word for a head turned so many degrees to the right of the picture."""
    if abs(heading) <= 25:
        return "Frontal"
    return "Rear" if abs(heading) >= 130 else "Right" if heading > 0 else "Left"


def _within(box: Box, size: tuple[int, int]) -> Box:
    """Return the part of a box that is in the picture."""
    x0, y0, x1, y1 = box
    return max(x0, 0.0), max(y0, 0.0), min(x1, size[1] - 1.0), min(y1, size[0] - 1.0)


def _area(box: Box) -> float:
    return max(box[2] - box[0], 0) * max(box[3] - box[1], 0)
