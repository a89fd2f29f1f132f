"""What changing one thing does, over several seeds."""

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from course_utils.plots.style import CLASS_COLOURS, CURVE_STYLES, INK, QUIET, Caption, new_figure, show


def plot_seeds(
    measured: Mapping[str, Sequence[float]], *, title: str, quantity: str, chance: float, here: float
) -> Caption:
    """Draw each variant's values, one dot a seed, with this run's own as a star and a line at chance.

    Args:
        measured: the values by the variant's name, one a seed.
        title: what all have in common.
        quantity: what the values are, for the axis.
        chance: the value of a guesser.
        here: this run's own value.
    """
    names = list(measured)
    figure = new_figure(8.6, 1.6 + 0.42 * (len(names) + 1))
    axes = figure.subplots()
    for row, name in enumerate(names):
        axes.plot(measured[name], [row] * len(measured[name]), "o", color=CLASS_COLOURS[0], alpha=0.75)
        axes.plot(np.mean(measured[name]), row, "|", color=INK, markersize=16, markeredgecolor=INK)
    axes.plot([], [], "o", color=CLASS_COLOURS[0], alpha=0.75, label="one seed")
    axes.plot([], [], "|", color=INK, markersize=12, markeredgecolor=INK, linestyle="none", label="mean")
    axes.plot(here, len(names), "*", color=CLASS_COLOURS[1], markersize=14, label="this run")
    axes.axvline(chance, color=QUIET, linewidth=1.4, linestyle="--", label="guessing")
    axes.set(title=title, xlabel=quantity, yticks=range(len(names) + 1), yticklabels=[*names, "this run"])
    axes.set_ylim(len(names) + 0.6, -0.6)
    axes.grid(visible=False, axis="y")
    figure.legend(loc="outside lower center", ncols=4)
    means = "; ".join(
        f"{name} {np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})"
        for name, values in measured.items()
    )
    return show(figure, f"{title}, {quantity}, mean and range of the seeds: {means}. This run: {here:.3f}.")


def plot_training_sizes(trainings: pd.DataFrame, here: pd.DataFrame, *, title: str, quantity: str) -> Caption:
    """Draw what more training pictures buy each network: a line through the means of the seeds, a dot each.

    Args:
        trainings: a row a training, with columns ``network``, ``training_pictures`` and ``value``.
        here: this run's own, with the same columns, drawn as stars.
        title: what all have in common.
        quantity: what the values are, for the axis.
    """
    figure = new_figure(8, 4.4)
    axes = figure.subplots()
    told = []
    for (network, rows), style in zip(trainings.groupby("network", sort=False), CURVE_STYLES, strict=False):
        means = rows.groupby("training_pictures")["value"].mean()
        line = {key: style[key] for key in ("color", "linestyle", "marker")}
        axes.plot(means.index, means, label=network, **line)
        axes.plot(rows["training_pictures"], rows["value"], ".", color=style["color"], alpha=0.6)
        own = here[here["network"] == network]
        axes.plot(own["training_pictures"], own["value"], "*", color=style["color"], markersize=14)
        points = ", ".join(f"{value:.2f} with {count:,}" for count, value in means.items())
        told.append(f"{network} {points}; this run " + ", ".join(f"{v:.2f}" for v in own["value"]))
    axes.plot([], [], "*", color=INK, markersize=12, linestyle="none", label="this run")
    axes.axhline(0.5, color=QUIET, linewidth=1.4, linestyle="--", label="guessing")
    axes.set(title=title, xlabel="training pictures", ylabel=quantity, xscale="log")
    counts = sorted({*trainings["training_pictures"], *here["training_pictures"]})
    axes.set_xticks(counts, [f"{count:,}" for count in counts])
    axes.minorticks_off()
    figure.legend(loc="outside lower center", ncols=5)
    return show(figure, f"{title}, {quantity}: {'. '.join(told)}.")
