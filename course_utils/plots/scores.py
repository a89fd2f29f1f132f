"""What scores are worth: ROC and DET curves, histograms, and guessing for comparison."""

import itertools
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter
from scipy.special import ndtr, ndtri
from sklearn.metrics import det_curve, roc_curve

from course_utils.intervals import Interval, auroc_interval, random_classifier
from course_utils.plots.style import (
    CLASS_COLOURS,
    CLASS_HATCHES,
    CLASS_NAMES,
    CURVE_STYLES,
    INK,
    LINES,
    QUIET,
    Caption,
    new_figure,
    percent,
    show,
    values,
)
from course_utils.predictions import equal_error_rate, labels_and_scores, score_for_real

DET_TICKS = (0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99, 0.999)


# A spread of probabilities under which the histogram shows their range instead of 0 to 1.
NARROW = 0.2


def plot_roc(tables: Mapping[str, pd.DataFrame]) -> Caption:
    """Draw the ROC curve of each predictions table, named by its key, with AUROC and 95 % interval."""
    intervals = {name: auroc_interval(table) for name, table in tables.items()}
    figure = new_figure(5.6, 5.9)
    axes = figure.subplots()
    _draw_roc(axes, {f"{name}: AUROC {intervals[name]}": table for name, table in tables.items()})
    axes.set_title(f"ROC on {_test_set(*tables.values())}")
    scores = "; ".join(f"{name} has AUROC {interval}" for name, interval in intervals.items())
    return show(
        figure, f"ROC curves on {_test_set(*tables.values())}: {scores}. {_coverage(intervals.values())}"
    )


def plot_roc_both_directions(table: pd.DataFrame) -> Caption:
    """Draw the ROC curve of the score "fake" and of the score "real"; fake is the positive class in both.

    The second is the first turned about the centre of the square: AUROC and 1 - AUROC.
    """
    directions, test_set = {"score “fake”": table, "score “real”": score_for_real(table)}, _test_set(table)
    areas = {name: auroc_interval(scored).value for name, scored in directions.items()}
    figure = new_figure(5.6, 5.9)
    axes = figure.subplots()
    _draw_roc(axes, {f"{name}: AUROC {areas[name]:.3f}": scored for name, scored in directions.items()})
    axes.set_title(f"ROC by either score on {test_set}")
    fake, real = areas.values()
    return show(
        figure,
        f"ROC curves of the same predictions by either score, on {test_set}: AUROC {fake:.3f} by the"
        f" score “fake” and {real:.3f} by the score “real”, which sum to {fake + real:.3f}; each curve"
        " is the other turned by 180° about the centre.",
    )


def plot_random_classifier(table: pd.DataFrame) -> Caption:
    """Draw the ROC curve of `table` over the band in which 95 % of guessers fall on the same test set."""
    band, guessed = random_classifier(table)
    value = auroc_interval(table).value
    low, high = np.quantile(guessed, (0.025, 0.975))
    figure = new_figure(5.6, 5.9)
    axes = figure.subplots()
    axes.fill_between(
        band["false_positive_rate"],
        band["low"],
        band["high"],
        step="post",
        facecolor=LINES,
        edgecolor=QUIET,
        label=f"95 % of guessers: AUROC {low:.3f} to {high:.3f}",
    )
    _draw_roc(axes, {f"{table['model'].iloc[0]}: AUROC {value:.3f}": table})
    axes.set_title(f"Against guessing on {_test_set(table)}")
    above, where = np.mean(guessed >= value), "inside" if low <= value <= high else "outside"
    return show(
        figure,
        f"ROC curve of {table['model'].iloc[0]} on {_test_set(table)}, over the band of"
        f" {len(guessed):,} guessers on the same pictures: AUROC {value:.3f}, {where} the range {low:.3f} to"
        f" {high:.3f} of 95 % of them; {percent(above)} of guessers reach it.",
    )


def _draw_roc(axes: Axes, tables: Mapping[str, pd.DataFrame]) -> None:
    axes.plot([0, 1], [0, 1], color=QUIET, linewidth=1, linestyle=":", zorder=1, label="guessing, on average")
    for (name, table), style in zip(tables.items(), itertools.cycle(CURVE_STYLES)):
        false_alarms, hits, _ = roc_curve(*labels_and_scores(table), drop_intermediate=False)
        axes.plot(false_alarms, hits, label=name, markevery=0.12, clip_on=False, zorder=3, **style)
    axes.set(
        xlabel="false positive rate: share of reals called fake",
        ylabel="true positive rate: share of fakes called fake",
        xlim=(0, 1),
        ylim=(0, 1),
        aspect="equal",
    )
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    axes.figure.legend(loc="outside lower center", ncols=1)


def plot_det(tables: Mapping[str, pd.DataFrame]) -> Caption:
    """Draw the detection error trade-off: both kinds of error, on normal-deviate axes.

    The nearer to the lower left corner, the better. Normally distributed scores of equal spread would give a
    straight line (Martin et al. 1997).
    """
    figure = new_figure(5.6, 5.9)
    axes = figure.subplots()
    errors = {}
    for (name, table), style in zip(tables.items(), itertools.cycle(CURVE_STYLES)):
        labels, scores = labels_and_scores(table)
        false_alarms, misses, _ = det_curve(labels, scores)
        errors[name] = error = equal_error_rate(table)
        label = f"{name}: equal error rate ★ {percent(error)}"
        axes.plot(false_alarms, misses, label=label, markevery=0.12, **style)
        axes.plot(error, error, color=style["color"], marker="*", markersize=14, zorder=5)
    axes.plot([1e-4, 1 - 1e-4], [1e-4, 1 - 1e-4], color=QUIET, linewidth=1, linestyle=":", zorder=1)
    lowest = max(0.5 / max(len(table) for table in tables.values()), 1e-4)
    ticks = [tick for tick in DET_TICKS if lowest <= tick <= 1 - lowest]
    scale = {"functions": (lambda rate: ndtri(np.clip(rate, 1e-5, 1 - 1e-5)), ndtr)}
    axes.set_xscale("function", **scale)
    axes.set_yscale("function", **scale)
    axes.set(
        title=f"DET on {_test_set(*tables.values())}",
        xlabel="false positive rate: share of reals called fake",
        ylabel="false negative rate: share of fakes missed",
        xlim=(lowest, 1 - lowest),
        ylim=(lowest, 1 - lowest),
        aspect="equal",
    )
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_ticks(ticks, [f"{100 * tick:g} %" for tick in ticks])
    figure.legend(loc="outside lower center", ncols=1)
    rates = "; ".join(f"{name} {percent(error)}" for name, error in errors.items())
    return show(
        figure,
        f"Detection error trade-off on {_test_set(*tables.values())}. Equal error rate (star, where the curve"
        f" meets the diagonal): {rates}.",
    )


def plot_score_histogram(table: pd.DataFrame, threshold: float) -> Caption:
    """Draw how the scores of reals and of fakes are spread, and the threshold between the two calls."""
    labels, scores = labels_and_scores(table)
    probability = table["score_kind"].iloc[0] == "probability"
    # Anomaly scores have any unit: a mean squared error may be 0.0003.
    called_from = f"{threshold:.2f}" if probability else f"{threshold:.3g}"
    lowest, highest = (f"{s:.3f}" if probability else f"{s:.3g}" for s in (scores.min(), scores.max()))
    # Scores that hardly differ would all stand in one bar of the whole range.
    whole_range = probability and np.ptp(scores) >= NARROW
    low, high = min(scores.min(), threshold), max(scores.max(), threshold)
    margin = 0.05 * (high - low) or 0.5
    enlarged = (low - margin, high + margin)
    bins = np.histogram_bin_edges(scores, 25, range=(0, 1) if whole_range else enlarged)
    rightwards = threshold <= (bins[0] + bins[-1]) / 2
    figure = new_figure(8, 4)
    axes = figure.subplots()
    called_fake = []
    for label, (name, colour, hatch) in enumerate(
        zip(CLASS_NAMES, CLASS_COLOURS, CLASS_HATCHES, strict=True)
    ):
        of_class = scores[labels == label]
        shares = 100 * np.histogram(of_class, bins)[0] / len(of_class)
        area = {"facecolor": (colour, 0.25), "edgecolor": colour, "hatch": hatch, "linewidth": 1}
        axes.stairs(shares, bins, fill=True, label=f"{name} ({len(of_class):,})", **area)
        axes.stairs(shares, bins, color=colour, linewidth=1.8, linestyle=("-", "--")[label])
        called_fake.append(f"{percent(np.mean(of_class >= threshold))} of {len(of_class):,} {name} pictures")
    axes.axvline(threshold, color=INK, linewidth=1.2, linestyle=":")
    axes.annotate(
        f"called fake from {called_from}",
        (threshold, 1),
        (4 if rightwards else -4, -3),
        xycoords=("data", "axes fraction"),
        textcoords="offset points",
        ha="left" if rightwards else "right",
        va="top",
        fontsize=9,
    )
    axes.set(
        title=f"Scores on {_test_set(table)}",
        xlabel=("P(fake)" if whole_range else "P(fake), enlarged") if probability else "anomaly score",
        ylabel="share of the class (%)",
        xlim=(bins[0], bins[-1]),
    )
    axes.set_ylim(top=1.15 * axes.get_ylim()[1])
    figure.legend(loc="outside lower center", ncols=2)
    return show(
        figure,
        f"Histogram of scores on {_test_set(table)}, from {lowest} to {highest}: at the"
        f" threshold {called_from}, {' and '.join(called_fake)} are called fake.",
    )


def plot_detectors(
    scores: pd.Series,
    kinds: Mapping[str, str],
    title: str,
    *,
    measure: str = "AUROC",
    guessing: float = 0.5,
) -> Caption:
    """Draw how good many detectors are, a row each with its 95 % interval, and a line at guessing.

    Args:
        scores: `intervals.Interval` by the detector's name, in the order of the rows.
        kinds: what kind of detector each is, which decides marker and colour.
        title: of the figure.
        measure: what the scores are.
        guessing: the score of who guesses.
    """
    figure = new_figure(8.6, 1.6 + 0.34 * len(scores))
    axes = figure.subplots()
    styles = dict(zip(dict.fromkeys(kinds[name] for name in scores.index), CURVE_STYLES, strict=False))
    for row, (name, interval) in enumerate(scores.items()):
        look = {key: styles[kinds[name]][key] for key in ("color", "marker")}
        axes.plot([interval.low, interval.high], [row, row], color=look["color"], linewidth=2.5)
        axes.plot(interval.value, row, linestyle="none", **look)
        axes.annotate(str(interval), (1.02, row), xycoords=("axes fraction", "data"), va="center", fontsize=9)
    for kind, style in styles.items():
        axes.plot([], [], color=style["color"], marker=style["marker"], linewidth=2.5, label=kind)
    axes.axvline(guessing, color=INK, linewidth=1.2, linestyle="--", label="guessing")
    axes.set(title=title, xlabel=measure, yticks=range(len(scores)), yticklabels=scores.index)
    axes.set_ylim(len(scores) - 0.5, -0.5)
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside lower center", ncols=min(3, len(styles) + 1))
    values = ", ".join(f"{name} {interval.value:.2f}" for name, interval in scores.items())
    return show(figure, f"{title}, {measure}: {values}. {_coverage(scores)}")


def _test_set(*tables: pd.DataFrame) -> str:
    """Describe what the tables are of, e.g. "assignment_fakes test"."""
    sets = (f"{values(table['dataset'])} {values(table['split'])}" for table in tables)
    return ", ".join(dict.fromkeys(sets))


def _coverage(intervals: Iterable[Interval]) -> str:
    groups = ", ".join(dict.fromkeys(f"{interval.groups:,}" for interval in intervals))
    return f"95 % intervals over {groups} groups cover the choice of groups, not of training runs."
