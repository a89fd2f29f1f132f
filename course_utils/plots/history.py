"""Curves by epoch."""

import itertools
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from course_utils.history import SPLITS, Run, best_epoch
from course_utils.plots.style import CURVE_STYLES, QUIET, SPLIT_STYLES, Caption, new_figure, show


def plot_history(runs: Sequence[Run], titles: Sequence[str] | None = None) -> Caption:
    """Draw loss and accuracy by epoch, a row of two panels a run; a line marks the best epoch by val.

    A run that classified nothing, an autoencoder's, has its loss (a mean squared error) alone.

    Args:
        runs: training runs, as `history.read_history` gives them.
        titles: one a run; "MODEL on DATASET" where not given.
    """
    titles = titles or [f"{run.model} on {run.dataset}" for run in runs]
    figure = new_figure(9.6, 3.5 * len(runs) + 0.4)
    rows = figure.subplots(len(runs), 2, squeeze=False)
    for run, title, (loss, accuracy) in zip(runs, titles, rows, strict=True):
        _draw_epochs(loss, run, "loss")
        loss.set(title=f"{title}: loss")
        if run.classifies:
            _draw_epochs(accuracy, run, "acc")
            loss.set(ylabel="average loss (nats)")
            accuracy.set(title="accuracy", ylabel="accuracy (%)")
            _mark_constant_answer(loss)
        else:
            loss.set(ylabel="mean squared error")
            accuracy.remove()
            loss.set_subplotspec(loss.get_gridspec()[loss.get_subplotspec().rowspan.start, :])
    figure.legend(
        *rows[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=4, borderaxespad=0.1
    )
    return show(figure, " ".join(map(_history_sentence, runs, titles)))


def plot_spread(variants: Mapping[str, Sequence[Run]], title: str) -> Caption:
    """Draw training and validation loss by epoch of several variants, each trained several times.

    A line is the mean over a variant's runs, and the band around it goes from the lowest to the highest.

    Args:
        variants: runs by the variant's name, of one length each: as a rule the same settings and other seeds.
        title: what is compared.
    """
    figure = new_figure(9.6, 4.4)
    panels = figure.subplots(1, 2, sharex=True)
    told = []
    for (name, runs), style in zip(variants.items(), itertools.cycle(CURVE_STYLES)):
        for panel, split in zip(panels, ("train", "val"), strict=True):
            curves = np.array([run.curve(split, "loss") for run in runs])  # runs x epochs
            epochs = np.arange(1, curves.shape[1] + 1)
            every = max(1, len(epochs) // 8)
            panel.fill_between(epochs, curves.min(0), curves.max(0), color=style["color"], alpha=0.14, lw=0)
            panel.plot(epochs, curves.mean(0), label=name, markevery=every, **style)
        last = curves[:, -1]
        told.append(f"{name} {last.mean():.3f} ({last.min():.3f} to {last.max():.3f})")
    for panel, split in zip(panels, ("training", "validation"), strict=True):
        _mark_constant_answer(panel)
        panel.set(title=f"{split} loss", xlabel="epoch", ylabel="average loss (nats)")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    figure.suptitle(title, x=0.01, ha="left")
    columns = min(3, len(variants))
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=columns)
    counts = sorted({len(runs) for runs in variants.values()})
    return show(
        figure,
        f"{title}: validation loss after the last epoch, mean and range of {' or '.join(map(str, counts))}"
        f" seeds: {'; '.join(told)}.",
    )


def _draw_epochs(axes: Axes, run: Run, quantity: str) -> None:
    epochs = np.arange(1, run.epochs + 1)
    for split in SPLITS:
        if curve := run.curve(split, quantity):
            every = max(1, run.epochs // 12)
            axes.plot(epochs, curve, label=split, markevery=every, **SPLIT_STYLES[split])
    axes.axvline(
        best_epoch(run), color=QUIET, linewidth=1, linestyle=":", label="best epoch by val", zorder=1
    )
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlabel("epoch")
    axes.margins(x=0.06, y=0.12)


def _mark_constant_answer(axes: Axes) -> None:
    """Mark ln 2, the loss of always answering one half, where the curves pass near it."""
    low, high = axes.get_ylim()
    if low <= np.log(2) <= high:
        axes.axhline(np.log(2), color=QUIET, linewidth=1, zorder=1)
        near_top = np.log(2) > 0.8 * high + 0.2 * low
        place = {"va": "top", "xytext": (4, -4)} if near_top else {"va": "bottom", "xytext": (4, 3)}
        where = {"xycoords": ("axes fraction", "data"), "textcoords": "offset points"}
        text = "ln 2: always answering ½"
        axes.annotate(text, (0.5, np.log(2)), fontsize=9, color=QUIET, **place, **where)


def _history_sentence(run: Run, title: str) -> str:
    best = best_epoch(run)
    if not run.classifies:
        return (
            f"{title}, {run.epochs} epoch{'s' * (run.epochs > 1)}: the training error goes from"
            f" {run.train_loss[0]:.3g} to {run.train_loss[-1]:.3g}; the validation error is lowest,"
            f" {run.val_loss[best - 1]:.3g}, at epoch {best}."
        )
    best_value = f"validation accuracy is highest, {run.val_acc[best - 1]:.1f} %"
    if run.chosen_by == "val_loss":
        best_value = f"validation loss is lowest, {run.val_loss[best - 1]:.3f}"
    test = f", where test accuracy is {run.test_acc[best - 1]:.1f} %" if run.test_acc else ""
    return (
        f"{title}, {run.epochs} epoch{'s' * (run.epochs > 1)}: training loss goes from"
        f" {run.train_loss[0]:.3f} to {run.train_loss[-1]:.3f}; {best_value}, at epoch {best}{test}."
    )
