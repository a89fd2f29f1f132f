"""Boxes on pictures, and how well detectors find what is there."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from matplotlib.ticker import PercentFormatter

from course_utils.detections import average_precision, precision_recall
from course_utils.intervals import Interval
from course_utils.plots.style import CURVE_STYLES, INK, Caption, new_figure, percent, show

DASHES = ("-", "--", ":", "-.")
OUTLINES = ("#FFFFFF", *(style["color"] for style in CURVE_STYLES))


def plot_boxes(
    pictures: Sequence[np.ndarray],
    boxes: Sequence[Mapping[str, np.ndarray]],
    titles: Sequence[str],
    title: str,
    columns: int = 3,
) -> Caption:
    """Draw pictures with boxes of several kinds on them, each kind in a colour and line style of its own.

    Args:
        pictures: each H x W x 3 uint8.
        boxes: of each picture, by the kind's name: n x 4, x0 y0 x1 y1 in pixels. All pictures have the same
            kinds in the same order.
        titles: one a picture.
        title: of the figure.
        columns: pictures in a row.
    """
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    ratio = max(picture.shape[0] / picture.shape[1] for picture in pictures)
    width = 10.4 / columns
    figure = new_figure(10.4, rows * (width * ratio + 0.35) + 0.9)
    cells = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in cells:
        axes.set_axis_off()
    for axes, picture, kinds, name in zip(cells[: len(pictures)], pictures, boxes, titles, strict=True):
        axes.imshow(picture)
        axes.set_title(name, fontsize=9.5, loc="center", fontweight="normal")
        for kind, outline, dash in zip(kinds, OUTLINES, itertools.cycle(DASHES)):
            _outline(axes, kinds[kind], outline, dash)
    kinds = list(boxes[0])
    lines = [
        Rectangle((0, 0), 1, 1, facecolor="#4D5966", edgecolor=outline, linestyle=dash, linewidth=2)
        for _, outline, dash in zip(kinds, OUTLINES, itertools.cycle(DASHES))
    ]
    figure.legend(lines, kinds, loc="outside lower center", ncols=len(kinds))
    figure.suptitle(title, x=0.01, ha="left", color=INK)
    counts = {kind: sum(len(one[kind]) for one in boxes) for kind in kinds}
    told = ", ".join(f"{count} {kind}" for kind, count in counts.items())
    return show(figure, f"{title}: {len(pictures)} pictures with boxes of {told}.")


def plot_precision_recall(tables: Mapping[str, pd.DataFrame], title: str) -> Caption:
    """Draw the precision–recall curve of each table of `detections.match`, named by its key."""
    figure = new_figure(6.2, 5.6)
    axes = figure.subplots()
    averages = {name: average_precision(table) for name, table in tables.items()}
    for (name, table), style in zip(tables.items(), itertools.cycle(CURVE_STYLES)):
        curve = precision_recall(table)
        axes.plot(
            curve["recall"],
            curve["precision"],
            label=f"{name}: AP {averages[name]}",
            markevery=0.15,
            clip_on=False,
            **style,
        )
    axes.set(
        title=title,
        xlabel="recall: share of the heads that are found",
        ylabel="precision: share of what is found that is a head",
        xlim=(0, 1),
        ylim=(0, 1),
    )
    _in_percent(axes)
    figure.legend(loc="outside lower center")
    told = "; ".join(f"{name} {average}" for name, average in averages.items())
    return show(
        figure,
        f"{title}, average precision with 95 % intervals, which cover the choice of groups, not of training"
        f" runs: {told}.",
    )


def plot_recalls(recalls: Mapping[str, Mapping[str, Interval]], title: str) -> Caption:
    """Draw the recall of several detectors on several kinds of head, with 95 % intervals.

    Args:
        recalls: by detector, then by kind; all detectors have the same kinds.
        title: of the figure.
    """
    kinds = list(next(iter(recalls.values())))
    figure = new_figure(9, 1.7 + 0.75 * len(kinds))
    axes = figure.subplots()
    sides = np.linspace(-0.25, 0.25, len(recalls)) if len(recalls) > 1 else [0]
    for (name, of_kind), side, style in zip(recalls.items(), sides, itertools.cycle(CURVE_STYLES)):
        for place, kind in enumerate(kinds):
            low, high = of_kind[kind].low, of_kind[kind].high
            axes.hlines(place + side, low, high, style["color"], linestyle=style["linestyle"], linewidth=1.8)
        values = [of_kind[kind].value for kind in kinds]
        line = {**style, "linestyle": "none"}
        axes.plot(values, np.arange(len(kinds)) + side, label=name, zorder=3, **line)
    axes.set(
        title=title,
        xlabel="recall: share of the heads that are found, 95 % interval over groups",
        xlim=(-0.03, 1.03),
        yticks=range(len(kinds)),
        yticklabels=kinds,
    )
    axes.set_ylim(len(kinds) - 0.5, -0.5)
    axes.xaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside lower center", ncols=len(recalls))
    told = "; ".join(
        f"{name} {', '.join(f'{percent(of_kind[kind].value)} of {kind}' for kind in kinds)}"
        for name, of_kind in recalls.items()
    )
    return show(figure, f"{title}: {told}.")


def _outline(axes: Axes, boxes: np.ndarray, colour: str, dash: str) -> None:
    for x0, y0, x1, y1 in np.reshape(boxes, (-1, 4)):
        # A dark line below, so that none disappears on a bright picture.
        place = {"xy": (x0, y0), "width": x1 - x0, "height": y1 - y0, "fill": False}
        axes.add_patch(Rectangle(**place, edgecolor="black", linewidth=3, alpha=0.35))
        axes.add_patch(Rectangle(**place, edgecolor=colour, linestyle=dash, linewidth=1.8))


def _in_percent(axes: Axes) -> None:
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1, symbol=" %"))
