"""How well each setting did on validation, and which was chosen."""

import itertools
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from matplotlib.ticker import PercentFormatter

from course_utils.intervals import Interval
from course_utils.plots.style import CURVE_STYLES, INK, LINES, QUIET, Caption, new_figure, percent, show


class Choice(NamedTuple):
    """The settings of a detector that were tried, and the one that was chosen.

    Attributes:
        accuracies: a column a line of the figure, a row a value on its horizontal axis, which the index's
            name says; accuracies on validation, 0 to 1.
        line: the column of the chosen setting.
        value: its row.
        accuracy: that of the chosen setting, with its interval.
    """

    accuracies: pd.DataFrame
    line: str
    value: float
    accuracy: Interval


def plot_choices(choices: Mapping[str, Choice], constant: float) -> Caption:
    """Draw the accuracy on validation of every setting, a panel a detector, with a star at the chosen one.

    The band is the 95 % interval of the chosen one: a setting inside it is not shown to be worse.

    Args:
        choices: by the detector's name.
        constant: the accuracy on validation of always giving the same answer, 0 to 1.
    """
    figure = new_figure(4.5 * len(choices) + 0.4, 4.6)
    panels = figure.subplots(1, len(choices), squeeze=False, sharey=True)[0]
    told = []
    for (name, choice), axes in zip(choices.items(), panels, strict=True):
        accuracies, chosen = choice.accuracies, choice.accuracy
        if not np.isnan(chosen.low):
            axes.axhspan(chosen.low, chosen.high, color=LINES, zorder=0)
        for (line, column), style in zip(accuracies.items(), itertools.cycle(CURVE_STYLES)):
            axes.plot(accuracies.index, column, label=line, **style)
        star = {"color": INK, "marker": "*", "markersize": 16, "linestyle": "none", "zorder": 5}
        axes.plot(choice.value, accuracies.loc[choice.value, choice.line], **star)
        axes.axhline(constant, color=QUIET, linewidth=1.4, linestyle=":", zorder=1)
        axes.set(title=name, xlabel=accuracies.index.name, xscale="log")
        axes.set_xticks(accuracies.index, [f"{value:g}" for value in accuracies.index], fontsize=8.5)
        axes.minorticks_off()
        axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=3)
        axes.yaxis.set_major_formatter(PercentFormatter(1, symbol=" %"))
        told.append(
            f"{name}: {choice.line}, {accuracies.index.name} {choice.value:g}, with {chosen}; all"
            f" {accuracies.size} settings from {percent(accuracies.min().min())} to"
            f" {percent(accuracies.max().max())}"
        )
    panels[0].set_ylabel("accuracy on validation")
    return show(
        figure,
        f"Accuracy on validation by setting, a star and a band at the chosen one. {'. '.join(told)}. Dotted:"
        f" the constant answer, {percent(constant)}.",
    )
