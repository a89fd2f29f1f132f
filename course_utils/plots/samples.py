"""What a data set looks like, before any training."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import norm

from course_utils.audit import WARN_ABOVE
from course_utils.data.samples import class_balance
from course_utils.errors import CourseError
from course_utils.plots.style import (
    CLASS_COLOURS,
    CLASS_HATCHES,
    CLASS_NAMES,
    INK,
    LINES,
    QUIET,
    Caption,
    new_figure,
    percent,
    show,
    values,
)

# Up to so many different titles, the sentence under a grid counts them instead of repeating each.
FEW_TITLES = 4


def plot_class_balance(samples: pd.DataFrame) -> Caption:
    """Draw how many real and fake samples each split of a sample table holds."""
    counts = class_balance(samples)
    counts = counts[counts["real"] + counts["fake"] > 0]
    shares = {"real": 100 - counts["fake_percent"], "fake": counts["fake_percent"]}
    figure = new_figure(8, 1.2 + 0.75 * len(counts))
    axes = figure.subplots()
    rows = np.arange(len(counts))
    for name, colour, hatch, side in zip(
        CLASS_NAMES, CLASS_COLOURS, CLASS_HATCHES, (-0.19, 0.19), strict=True
    ):
        area = {"facecolor": (colour, 0.6), "edgecolor": colour, "hatch": hatch}
        bars = axes.barh(rows + side, counts[name], height=0.36, label=name, **area)
        texts = [
            f"{count:,} ({share:.0f} %)" for count, share in zip(counts[name], shares[name], strict=True)
        ]
        axes.bar_label(bars, texts, padding=5, fontsize=9.5)
    axes.set(title=f"Class balance of {values(samples['dataset'])}", xlabel="samples", yticks=rows)
    axes.set_yticklabels(counts.index)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.margins(x=0.2)
    axes.xaxis.set_major_formatter("{x:,.0f}")
    figure.legend(loc="outside lower center", ncols=2)
    parts = [f"{row.Index} {row.real:,} real and {row.fake:,} fake" for row in counts.itertuples()]
    return show(figure, f"Class balance of {values(samples['dataset'])}: {'; '.join(parts)}.")


def plot_accuracies(accuracies: Mapping[str, float], title: str, chance: float) -> Caption:
    """Draw accuracies (0 to 1) as bars, named by their keys, with a dashed line at `chance`."""
    figure = new_figure(7, 1.3 + 0.55 * len(accuracies))
    axes = figure.subplots()
    bars = axes.barh(
        list(accuracies), [100 * value for value in accuracies.values()], height=0.6, color="#B9C4CF"
    )
    axes.bar_label(bars, map(percent, accuracies.values()), padding=5, fontsize=9.5)
    axes.axvline(100 * chance, color=INK, linewidth=1.4, linestyle="--", label=f"chance, {percent(chance)}")
    axes.set(title=title, xlabel="accuracy (%)", xlim=(0, 112), xticks=range(0, 101, 20))
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside lower center")
    parts = ", ".join(f"{name} {percent(value)}" for name, value in accuracies.items())
    return show(figure, f"{title}: {parts}; chance gives {percent(chance)}.")


def plot_shortcuts(found: pd.DataFrame, title: str) -> Caption:
    """Draw how far each cheap cue tells fakes from reals: AUROC with its 95 % interval, and the bar at 0.55.

    Args:
        found: a row a cue, as `audit.AuditReport.table` gives it.
        title: of the figure.
    """
    if found.empty:
        raise CourseError("There is no cue to draw: the audit had too few groups (its `note` says so).")
    figure = new_figure(8, 1.5 + 0.42 * len(found))
    axes = figure.subplots()
    for row, cue in enumerate(found.itertuples()):
        colour = CLASS_COLOURS[1] if cue.found else INK
        axes.plot([cue.low, cue.high], [row, row], "-", color=colour, linewidth=2.5)
        axes.plot(cue.auroc, row, "D" if cue.found else "o", color=colour)
        text = f"{cue.auroc:.3f} [{cue.low:.3f}, {cue.high:.3f}]"
        axes.annotate(text, (1.03, row), xycoords=("axes fraction", "data"), va="center", fontsize=9.5)
    axes.axvline(0.5, color=QUIET, linewidth=1, linestyle=":", label="guessing, 0.5")
    axes.axvline(WARN_ABOVE, color=INK, linewidth=1.2, linestyle="--", label=f"warning from {WARN_ABOVE} on")
    axes.plot([], [], "D-", color=CLASS_COLOURS[1], label="a shortcut: the whole interval lies above")
    axes.set(
        title=title,
        xlabel="AUROC of the cue alone, 95 % interval over groups",
        yticks=range(len(found)),
        yticklabels=found["shortcut"],
        xlim=(min(0.4, found["low"].min() - 0.02), 1.01),
    )
    axes.set_ylim(len(found) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside lower center", ncols=3)
    cues = "; ".join(f"{cue.shortcut} {cue.auroc:.3f}" for cue in found.itertuples())
    shortcuts = " and ".join(found.loc[found["found"], "shortcut"]) or "none"
    return show(figure, f"{title}, AUROC of each cue alone: {cues}. Above the bar: {shortcuts}.")


def plot_by_class(
    features: np.ndarray, labels: np.ndarray, places: np.ndarray, *, title: str, along: str, quantity: str
) -> Caption:
    """Draw the means of features for each class, and below it by how much they differ.

    The difference is in standard deviations within a class. In half of all data sets without any difference,
    of as many pictures and features that do not depend on one another, all features stay in the grey band.

    Args:
        features: n x d numbers.
        labels: n, 0 for real and 1 for fake, at least two of each.
        places: d numbers, where on the horizontal axis each feature stands.
        title: of the figure.
        along: what the horizontal axis is, with its unit.
        quantity: what the features are, with their unit.
    """
    parts = [features[labels == label] for label in (0, 1)]
    means = [part.mean(axis=0) for part in parts]
    spread = np.sqrt(np.mean([part.var(axis=0, ddof=1) for part in parts], axis=0))
    apart = (means[1] - means[0]) / np.where(spread > 0, spread, np.inf)
    widest = int(np.abs(apart).argmax())
    by_chance = norm.isf(np.log(2) / (2 * len(places))) * np.sqrt(sum(1 / len(part) for part in parts))
    figure = new_figure(8, 5.4)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[3, 2])
    for part, mean, name, colour, line in zip(
        parts, means, CLASS_NAMES, CLASS_COLOURS, ("-", "--"), strict=True
    ):
        upper.plot(places, mean, line, color=colour, label=f"{name} ({len(part):,}), mean")
    lower.axhspan(-by_chance, by_chance, color=LINES, zorder=0, label="by chance")
    lower.plot(places, apart, color=INK, linewidth=1.2, label="fake minus real")
    upper.set(title=title, ylabel=quantity, xlim=(places[0], places[-1]))
    lower.set(xlabel=along, ylabel="difference\n(standard deviations)")
    figure.align_ylabels()
    figure.legend(loc="outside lower center", ncols=4)
    return show(
        figure,
        f"{title}, means of {len(parts[0]):,} real and {len(parts[1]):,} fake pictures. They are farthest"
        f" apart at {places[widest]:.3g} ({along}): that of fakes is {abs(apart[widest]):.2f} standard"
        f" deviations {'higher' if apart[widest] > 0 else 'lower'}. The largest of {len(places)} differences"
        f" is about {by_chance:.2f} by chance alone.",
    )


def sample_grid(pictures: Sequence[object], titles: Sequence[str], columns: int = 6) -> Caption:
    """Draw pictures in a grid.

    Args:
        pictures: each a PIL picture, or an array or tensor, 3 x H x W or H x W x 3, of uint8 or of floats
            from 0 to 1.
        titles: one a picture; one that begins with "real" or "fake" takes that class's colour.
        columns: pictures in a row.

    Raises:
        CourseError: a picture's floats lie outside 0 to 1.
    """
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    figure = new_figure(1.62 * columns, 1.86 * rows)
    cells = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in cells:
        axes.set_axis_off()
    for axes, picture, title in zip(cells[: len(pictures)], pictures, titles, strict=True):
        axes.imshow(_height_width_colour(picture))
        colours = [
            colour for name, colour in zip(CLASS_NAMES, CLASS_COLOURS, strict=True) if title.startswith(name)
        ]
        axes.set_title(title, fontsize=9.5, color=[*colours, INK][0], pad=4, loc="center")
    told = [" ".join(title.split()) for title in titles]
    counts = Counter(told)
    counted = [f"{count} × {title}" for title, count in counts.items()]
    contents = "; ".join(counted if len(counts) <= FEW_TITLES else told)
    return show(figure, f"{len(pictures)} pictures in a grid of {rows} x {columns}: {contents}.")


def _height_width_colour(picture: object) -> np.ndarray:
    array = np.asarray(picture)
    if array.ndim == 3 and array.shape[0] == 3 and array.shape[2] != 3:
        array = array.transpose(1, 2, 0)
    if array.dtype.kind == "f" and (array.min() < 0 or array.max() > 1):
        raise CourseError(
            f"This picture's values run from {array.min():.2f} to {array.max():.2f}; floats from 0 to 1 can"
            " be shown. Undo the normalisation first: picture * std + mean."
        )
    return array
