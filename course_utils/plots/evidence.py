"""What scores are worth as evidence: ratios by class, who is accused, and the score of a clip over time."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from course_utils.plots.style import (
    CLASS_COLOURS,
    CLASS_NAMES,
    CURVE_STYLES,
    INK,
    QUIET,
    Caption,
    new_figure,
    percent,
    show,
)


def plot_tippett(ratios: np.ndarray, labels: np.ndarray, limits: tuple[float, float], title: str) -> Caption:
    """Draw, for each class, the share of pictures whose likelihood ratio is at least so large.

    Such a figure is called a Tippett plot (Evett & Buckleton 1996, "Statistical analysis of STR data").

    Args:
        ratios: n decimal logarithms of the likelihood ratio of fake against real.
        labels: n, 0 for real and 1 for fake, some of each.
        limits: the lowest and the highest ratio that the calibration carries.
        title: of the figure.
    """
    figure = new_figure(8, 4.2)
    axes = figure.subplots()
    for label, (name, colour, line) in enumerate(zip(CLASS_NAMES, CLASS_COLOURS, ("-", "--"), strict=True)):
        of_class = np.sort(ratios[labels == label])
        places = np.concatenate([[limits[0] - 0.1], of_class, [limits[1] + 0.1]])
        shares = np.concatenate([[1], np.arange(len(of_class), 0, -1) / len(of_class), [0]])
        axes.step(places, 100 * shares, line, color=colour, label=f"{name} ({len(of_class):,})")
    axes.axvline(0, color=INK, linewidth=1.2, linestyle=":", label="says nothing")
    for limit in limits:
        axes.axvline(limit, color=QUIET, linewidth=1, linestyle="-.")
    axes.plot([], [], color=QUIET, linewidth=1, linestyle="-.", label="limits")
    axes.set(
        title=title,
        xlabel="at least so large a log10 likelihood ratio of fake against real",
        ylabel="share of the class (%)",
        ylim=(0, 103),
    )
    figure.legend(loc="outside lower center", ncols=4)
    misled = np.mean(ratios[labels == 0] > 0), np.mean(ratios[labels == 1] < 0)
    return show(
        figure,
        f"{title}: the ratio speaks for a fake (over 0) of {percent(misled[0])} of the real pictures, and"
        f" against it (under 0) of {percent(misled[1])} of the fakes; limits {limits[0]:+.2f} and"
        f" {limits[1]:+.2f}.",
    )


def plot_innocents(shares: Mapping[str, Sequence[float]], fakes: Sequence[float], title: str) -> Caption:
    """Draw which share of those who are accused did nothing, by how many fakes there are among all.

    Args:
        shares: by the rule by which somebody is accused, n shares from 0 to 1; NaN where nobody is.
        fakes: n numbers of fakes in a thousand, over 0.
        title: of the figure.
    """
    figure = new_figure(8, 4.2)
    axes = figure.subplots()
    for (name, share), style in zip(shares.items(), itertools.cycle(CURVE_STYLES)):
        axes.plot(fakes, 100 * np.asarray(share), label=name, clip_on=False, **style)
    axes.set(
        title=title,
        xlabel="fakes in a thousand uploads",
        ylabel="innocent, of those accused (%)",
        xscale="log",
        ylim=(0, 100),
    )
    axes.xaxis.set_major_formatter("{x:g}")
    figure.legend(loc="outside lower center", ncols=2)
    told = "; ".join(f"{name} {_share(share[0])} to {_share(share[-1])}" for name, share in shares.items())
    return show(
        figure,
        f"{title}. Innocent among those accused, from {fakes[0]:g} to {fakes[-1]:g} fakes in a thousand:"
        f" {told}.",
    )


def plot_time_line(
    seconds: np.ndarray, values: np.ndarray, spans: Sequence[tuple[float, float]], title: str, quantity: str
) -> Caption:
    """Draw a value of each frame of a clip over time, with those spans shaded that were forged.

    Args:
        seconds: n, rising, at least one inside the spans and one outside.
        values: n.
        spans: from which second to which.
        title: of the figure.
        quantity: what the values are, with their unit.
    """
    figure = new_figure(8, 3.6)
    axes = figure.subplots()
    inside = np.zeros(len(seconds), dtype=bool)
    for number, (start, end) in enumerate(spans):
        area = {"facecolor": (CLASS_COLOURS[1], 0.15), "edgecolor": CLASS_COLOURS[1], "hatch": "//"}
        axes.axvspan(start, end, linewidth=0, label=None if number else "forged", **area)
        inside |= (seconds >= start) & (seconds <= end)
    axes.plot(seconds, values, "o-", color=INK, markersize=5, label="of a frame")
    axes.axhline(
        values.mean(), color=CURVE_STYLES[2]["color"], linewidth=1.4, linestyle="-.", label="mean of all"
    )
    axes.set(title=title, xlabel="time (s)", ylabel=quantity)
    figure.legend(loc="outside lower center", ncols=3)
    return show(
        figure,
        f"{title}, {len(seconds)} frames, {quantity}: mean {values.mean():.2f}; {values[inside].mean():.2f}"
        f" where it was forged, and {values[~inside].mean():.2f} elsewhere.",
    )


def _share(value: float) -> str:
    return "(nobody is accused)" if np.isnan(value) else percent(value)
