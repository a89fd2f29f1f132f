"""Draw the figure of the README, ``instructor/readme.jpg``: one frame, five forgeries, and what each changed.

Run as ``python instructor/readme_figure.py``, some seconds.
"""

import numpy as np
from matplotlib.colors import to_rgb

from course_utils import paths
from course_utils.data.forgery import FORGERIES, metadata_note
from course_utils.data.rendered.clip import Clip, render_clip
from course_utils.data.rendered.identity import draw_identity
from course_utils.data.rendered.motion import talking
from course_utils.plots.style import CLASS_COLOURS, new_figure

PEOPLE = 16, 27  # whose face is forged, and whose face or expression is taken
FRAMES, SIDE = 24, 400
SHOWN = 12


def main() -> None:
    """Draw both people talking, forge, and write the picture."""
    target, source = (_filmed(person) for person in PEOPLE)
    titles = ["original", "the other person", *FORGERIES]
    frames = [target.frames[SHOWN], source.frames[SHOWN]]
    changed = []
    for forge in FORGERIES.values():
        forged, masks = forge(target, source)
        frames.append(forged[SHOWN])
        changed.append(_tinted(forged[SHOWN], masks[SHOWN]))
    figure = new_figure(14, 4.3)
    panels = figure.subplots(2, len(titles))
    for panel, picture, title in zip(panels[0], frames, titles, strict=True):
        panel.imshow(picture)
        panel.set_title(title, loc="center")
    for panel, picture in zip(panels[1, 2:], changed, strict=True):
        panel.imshow(picture)
    for panel in panels.flat:
        panel.set_axis_off()
    panels[1, 0].text(0, 0.5, "what was changed", transform=panels[1, 0].transAxes, fontsize=11.5)
    note = metadata_note(", ".join(FORGERIES), "one drawn person", "another drawn person")
    file = paths.instructor() / "readme.jpg"
    figure.savefig(file, dpi=110, pil_kwargs={"quality": 85, "comment": note.encode()})


def _filmed(person: int) -> Clip:
    return render_clip(draw_identity(person), talking(person, FRAMES, 25), SIDE, person)


def _tinted(picture: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Return the picture (H x W x 3 uint8) in grey, with what `mask` (H x W, 0 or 255) shows in orange."""
    grey = picture.mean(axis=2, keepdims=True).repeat(3, axis=2)
    orange = 255 * np.array(to_rgb(CLASS_COLOURS[1]))
    share = 0.6 * mask[..., None] / 255
    return ((1 - share) * grey + share * orange).astype(np.uint8)


if __name__ == "__main__":
    main()
