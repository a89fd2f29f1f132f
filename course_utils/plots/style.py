"""The one look of every figure, and how a figure is shown with its sentence."""

import io

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from IPython.display import Image, display
from matplotlib.artist import Artist
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure

INK, QUIET, LINES = "#22272E", "#5F6B76", "#E6E9ED"
# Blue and vermilion (Okabe & Ito 2008) stay apart in every common colour blindness, and in grey.
CLASS_COLOURS = ("#0072B2", "#D55E00")
CLASS_NAMES = ("real", "fake")
CLASS_HATCHES = ("", "////")
SPLIT_STYLES = {
    "train": {"color": "#4D5966", "linestyle": "-", "marker": "o"},
    "val": {"color": "#AA4499", "linestyle": "--", "marker": "s"},
    "test": {"color": "#117733", "linestyle": "-.", "marker": "^"},
}
CURVE_STYLES = [
    {"color": "#0072B2", "linestyle": "-", "marker": "o"},
    {"color": "#D55E00", "linestyle": "--", "marker": "s"},
    {"color": "#117733", "linestyle": "-.", "marker": "^"},
    {"color": "#AA4499", "linestyle": (0, (1, 1)), "marker": "D"},
    {"color": "#7A5C00", "linestyle": (0, (5, 1, 1, 1, 1, 1)), "marker": "v"},
]
NUMBERS_ALONE = {"shows": "numbers"}
"""The metadata of a figure that holds no picture, so that it may be shown whatever data set it is about."""
PIXELS_PER_INCH = 80  # as shown; drawn twice as fine for sharp screens


class Caption(str):
    """A sentence that stands under its figure already: as the last line of a cell it is not shown again."""

    def _ipython_display_(self) -> None:
        pass


def use_style() -> None:
    """Set the course's look for every figure drawn from here on, the student's own too."""
    look = {
        "axes.axisbelow": True,
        "axes.edgecolor": "#B4BCC4",
        "axes.labelcolor": INK,
        "axes.labelsize": 10.5,
        "axes.linewidth": 0.8,
        "axes.titlecolor": INK,
        "axes.titlelocation": "left",
        "axes.titlepad": 9,
        "axes.titlesize": 11.5,
        "axes.titleweight": "bold",
        "axes.prop_cycle": mpl.cycler(color=[style["color"] for style in CURVE_STYLES]),
        "figure.constrained_layout.use": True,
        "figure.constrained_layout.h_pad": 0.08,
        "figure.constrained_layout.w_pad": 0.08,
        "figure.constrained_layout.wspace": 0.06,
        "figure.dpi": PIXELS_PER_INCH,
        "figure.titlesize": 12.5,
        "figure.titleweight": "bold",
        "grid.color": LINES,
        "hatch.linewidth": 0.7,
        "legend.fontsize": 10,
        "legend.frameon": False,
        "legend.handlelength": 3.2,
        "lines.linewidth": 1.8,
        "lines.markeredgecolor": "white",
        "lines.markeredgewidth": 0.8,
        "lines.markersize": 7,
        "text.color": INK,
        "xtick.color": QUIET,
        "xtick.labelcolor": INK,
        "xtick.labelsize": 9.5,
        "ytick.color": QUIET,
        "ytick.labelcolor": INK,
        "ytick.labelsize": 9.5,
    }
    sns.set_theme(style="whitegrid", font="DejaVu Sans", rc=look)


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure, width x height in inches, that no later cell can draw into by accident."""
    use_style()
    return Figure(figsize=(width, height), layout="constrained")


def show(figure: Figure, sentence: str) -> Caption:
    """Show `figure` with `sentence` as its alternative text and printed under it; return the sentence."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=2 * PIXELS_PER_INCH)
    width = round(figure.get_figwidth() * PIXELS_PER_INCH)
    metadata = {} if figure.findobj(_is_coloured_by_values) else NUMBERS_ALONE
    display(Image(buffer.getvalue(), width=width, alt=sentence, metadata=metadata))
    print(sentence)
    return Caption(sentence)


def _is_coloured_by_values(artist: Artist) -> bool:
    """Whether an artist could be a picture: its colours come from an array."""
    return isinstance(artist, ScalarMappable) and artist.get_array() is not None


def percent(share: float) -> str:
    """Write a share from 0 to 1 in percent."""
    return f"{100 * share:.1f} %"


def values(column: pd.Series) -> str:
    """Write the different values of a column, in order of appearance."""
    return ", ".join(map(str, pd.unique(column)))
