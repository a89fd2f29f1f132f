"""How far scores can be trusted: probabilities that hold or not, degraded pictures, and unequal errors."""

import itertools
from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from course_utils.calibration import calibrated_errors, expected_calibration_error, reliability
from course_utils.plots.style import (
    CLASS_COLOURS,
    CURVE_STYLES,
    INK,
    QUIET,
    Caption,
    new_figure,
    percent,
    show,
    values,
)
from course_utils.robustness import CLEAN


def plot_reliability(tables: Mapping[str, pd.DataFrame], bins: int = 10) -> Caption:
    """Draw the share of fakes by predicted P(fake) for each predictions table, named by its key.

    Probabilities that hold are on the diagonal. Bars are 95 % intervals over groups; below, how the scores
    are spread. `bins` is that of `calibration.reliability`.
    """
    figure = new_figure(6, 7.2)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    upper.plot([0, 1], [0, 1], color=QUIET, linewidth=1, linestyle=":", zorder=1, label="holds")
    told = []
    for (name, table), style in zip(tables.items(), itertools.cycle(CURVE_STYLES)):
        rows = reliability(table, bins)
        error = expected_calibration_error(table, bins)
        low, high = np.quantile(calibrated_errors(table, bins), (0.025, 0.975))
        told.append(f"{name} {error:.3f} (chance alone would give {low:.3f} to {high:.3f})")
        x, y, few = rows["predicted"], rows["observed"], rows["observed_low"].isna()
        upper.plot(x, y, label=f"{name}: error {error:.3f}", zorder=3, **style)
        hollow = {"facecolor": "white", "edgecolor": style["color"], "marker": style["marker"]}
        upper.scatter(x[few], y[few], s=40, zorder=4, **hollow)
        upper.vlines(x, rows["observed_low"], rows["observed_high"], style["color"], linewidth=3, alpha=0.35)
        counts, edges = np.histogram(table["score"], 20, (0, 1))
        line = {"color": style["color"], "linestyle": style["linestyle"], "linewidth": 1.6}
        lower.stairs(100 * counts / len(table), edges, **line)
    hollow = {"markerfacecolor": "white", "markeredgecolor": INK, "linestyle": "none"}
    upper.plot([], [], "o", label="too few groups for an interval", **hollow)
    of = ", ".join(dict.fromkeys(f"{values(t['dataset'])} {values(t['split'])}" for t in tables.values()))
    upper.set(title=f"Reliability on {of}", ylabel="share of fakes in the bin", xlim=(-0.02, 1.02))
    upper.set(ylim=(-0.03, 1.03))
    lower.set_ylim(bottom=0)
    upper.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    lower.set(xlabel="predicted P(fake); above, its mean in the bin", ylabel="pictures (%)")
    figure.legend(loc="outside lower center", ncols=1)
    return show(
        figure,
        f"Reliability diagram on {of}, {bins} bins of equal width, with 95 % intervals over groups."
        f" Expected calibration error: {'; '.join(told)}.",
    )


def plot_robustness(curves: pd.DataFrame) -> Caption:
    """Draw the AUROC that `robustness.robustness` returns: a panel a corruption, a line a model."""
    corruptions = [name for name in curves["corruption"].unique() if name != CLEAN.name]
    models = curves["model"].unique()
    columns = min(2, len(corruptions))
    rows = -(-len(corruptions) // columns)
    figure = new_figure(4.6 * columns + 0.4, 3 * rows + 0.6)
    panels = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for panel, corruption in zip(panels.flat, corruptions, strict=False):
        _draw_severities(panel, curves, corruption)
    for panel in panels.flat[len(corruptions) :]:
        panel.set_visible(False)
    for row in panels:
        row[0].set_ylabel("AUROC")
    handles, labels = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=3)
    told = "; ".join(_lowest(curves[curves["model"] == model], model) for model in models)
    return show(
        figure,
        f"AUROC on degraded pictures: {told}. 95 % intervals over {values(curves['groups'])}"
        " groups cover the choice of groups, not of training runs.",
    )


def _draw_severities(axes: Axes, curves: pd.DataFrame, corruption: str) -> None:
    for (model, of_model), style in zip(curves.groupby("model", sort=False), itertools.cycle(CURVE_STYLES)):
        part = of_model[of_model["corruption"].isin([CLEAN.name, corruption])]
        places = np.arange(len(part))
        axes.fill_between(
            places, part["auroc_low"], part["auroc_high"], color=style["color"], alpha=0.14, lw=0
        )
        axes.plot(places, part["auroc"], label=model, **style)
    axes.axhline(0.5, color=QUIET, linewidth=1, linestyle=":", label="guessing", zorder=1)
    severities = ["none", *(f"{severity:g}" for severity in part["severity"][1:])]
    axes.set_xticks(places, severities)
    axes.set(title=corruption, xlabel=part["unit"].iloc[-1])


def _lowest(curves: pd.DataFrame, model: str) -> str:
    degraded = curves["corruption"] != CLEAN.name
    lowest = curves.loc[curves.loc[degraded, "auroc"].idxmin()]
    return (
        f"{model} has {curves.loc[~degraded, 'auroc'].item():.3f} undegraded, and {lowest['auroc']:.3f}"
        f" where it is lowest ({lowest['corruption']}, {lowest['severity']:g})"
    )


def plot_subgroups(errors: pd.DataFrame, column: str) -> Caption:
    """Draw what `subgroups.errors_by` returns: a panel a kind of error, a dot and an interval a subgroup.

    A hollow dot has too few groups for an interval; the line is the rate of all.

    Args:
        errors: that table.
        column: what the subgroups are by, for the title.
    """
    kinds, names = errors["error"].unique(), errors["subgroup"].unique()
    figure = new_figure(10.5, 1.9 + 0.38 * len(names))
    panels = figure.subplots(1, len(kinds), sharey=True)
    for panel, kind in zip(panels, kinds, strict=True):
        _draw_rates(panel, errors[errors["error"] == kind].set_index("subgroup"), list(names))
        panel.set_title(kind)
    panels[0].set_yticks(range(len(names)), names)
    panels[0].set_ylabel(column)
    _explain_dots(figure, panels[0])
    told = "; ".join(_range_of_rates(errors[errors["error"] == kind], kind) for kind in kinds)
    return show(
        figure,
        f"Errors by {column}, with 95 % intervals over groups, which cover the choice of people, not of"
        f" training runs: {told}.",
    )


def _draw_rates(axes: Axes, rates: pd.DataFrame, names: list[str]) -> None:
    axes.axvline(rates["rate"]["all"], color=QUIET, linewidth=1.2, linestyle="--", zorder=1)
    for place, name in enumerate(names):
        row = rates.loc[name]
        few = np.isnan(row["low"])
        colour = INK if name == "all" else CLASS_COLOURS[0]
        axes.hlines(place, row["low"], row["high"], colour, linewidth=1.8)
        face = "white" if few else colour
        dot = {"color": face, "markeredgecolor": colour, "markeredgewidth": 1.4}
        axes.plot(row["rate"], place, "o", zorder=3, **dot)
        counted, beside = f"{row['pictures']} ({row['groups']})", {"xycoords": ("axes fraction", "data")}
        axes.annotate(counted, (1.02, place), va="center", fontsize=8.5, color=QUIET, **beside)
    axes.set(xlabel="share of the pictures", xlim=(-0.04, 1.04), ylim=(len(names) - 0.5, -0.5))
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
    axes.xaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
    axes.grid(visible=False, axis="y")


def _explain_dots(figure: Figure, axes: Axes) -> None:
    colour = CLASS_COLOURS[0]
    axes.plot([], [], "o-", color=colour, label="rate and 95 % interval")
    hollow = {"color": "white", "markeredgecolor": colour, "markeredgewidth": 1.4, "linestyle": "none"}
    axes.plot([], [], "o", label="too few groups for an interval", **hollow)
    axes.plot([], [], "--", color=QUIET, linewidth=1.2, label="rate of all")
    figure.legend(
        loc="outside lower center", ncols=3, title="right of each panel: pictures (groups)", title_fontsize=9
    )


def _range_of_rates(rates: pd.DataFrame, kind: str) -> str:
    whole, parts = rates[rates["subgroup"] == "all"]["rate"].item(), rates[rates["subgroup"] != "all"]
    parts = parts.dropna(subset="rate")
    if parts.empty:
        return f"{kind}: no pictures"
    low, high = parts.loc[parts["rate"].idxmin()], parts.loc[parts["rate"].idxmax()]
    return (
        f"{kind} {percent(whole)} of all, from {percent(low['rate'])} ({low['subgroup']}) to"
        f" {percent(high['rate'])} ({high['subgroup']})"
    )
