"""Heat maps: beside their pictures, over them, on average, and how right they are."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from course_utils.plots.style import CLASS_NAMES, CURVE_STYLES, INK, QUIET, Caption, new_figure, show

HEAT = "inferno"  # from black to yellow: its lightness alone tells more from less
SIGNED = "PuOr_r"  # violet below zero, orange above, white at zero
TOP = 99.5  # percentile of a map's values that is drawn in the lightest colour: single pixels would darken it
OPACITY = 0.75  # of the colours laid over a picture, where the map is highest


def overlay(picture: np.ndarray, heat: np.ndarray) -> np.ndarray:
    """Lay a map over a picture, the more opaque the higher it is.

    Args:
        picture: H x W x 3 floats from 0 to 1.
        heat: H x W floats from 0 to 1.

    Returns:
        H x W x 3 floats from 0 to 1.
    """
    heat = np.clip(np.asarray(heat, dtype=np.float64), 0, 1)
    colours = mpl.colormaps[HEAT](heat)[..., :3]
    opacity = OPACITY * heat[..., None]
    return np.clip((1 - opacity) * np.asarray(picture) + opacity * colours, 0, 1)


def plot_maps(pictures: object, maps: object, titles: Sequence[str], title: str) -> Caption:
    """Draw pictures over their maps, each map from zero to its own brightest (99.5th percentile).

    A map with negative values is drawn in two colours about white, which is zero.

    Args:
        pictures: B x 3 x H x W floats from 0 to 1.
        maps: B x H x W, at any resolution.
        titles: one a picture.
        title: of the figure.
    """
    pictures, maps = (np.asarray(array, dtype=np.float64) for array in (pictures, maps))
    figure = new_figure(1.75 * len(maps), 4.2)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11.5, fontweight="bold")
    rows = figure.subplots(2, len(maps), squeeze=False)
    for (above, below), picture, heat, name in zip(rows.T, pictures, maps, titles, strict=True):
        above.imshow(np.clip(picture.transpose(1, 2, 0), 0, 1))
        above.set_title(name, fontsize=9.5, loc="center", pad=4)
        _draw_map(below, heat)
    for axes in rows.ravel():
        axes.set_axis_off()
    told = "; ".join(f"{name} {_middle(heat):.0%}" for name, heat in zip(titles, maps, strict=True))
    signed = ", some with negative values (violet)" if maps.min() < 0 else ""
    return show(
        figure,
        f"{title}, {len(maps)} pictures over their maps{signed}. Share of each map in the middle ninth of the"
        f" picture: {told}.",
    )


def plot_mean_maps(means: Sequence[object], title: str) -> Caption:
    """Draw the mean map of reals, that of fakes, and their difference.

    Args:
        means: two maps H x W, of reals and of fakes.
        title: what they are of.
    """
    real, fake = (np.asarray(mean, dtype=np.float64) for mean in means)
    figure = new_figure(7.6, 3.3)
    panels = figure.subplots(1, 3)
    highest = max(np.percentile(real, TOP), np.percentile(fake, TOP))
    for axes, mean, name in zip(panels, (real, fake), CLASS_NAMES, strict=False):
        axes.imshow(mean, cmap=HEAT, vmin=0, vmax=highest)
        axes.set_title(f"mean of {name}s", fontsize=10, loc="center")
    difference = fake - real
    limit = np.percentile(np.abs(difference), TOP)
    panels[2].imshow(difference, cmap=SIGNED, vmin=-limit, vmax=limit)
    panels[2].set_title("fakes − reals", fontsize=10, loc="center")
    for axes in panels:
        axes.set_axis_off()
    figure.suptitle(f"Mean maps: {title}", x=0.01, ha="left", fontsize=11.5, fontweight="bold")
    places = f"of reals {_place(real)} and of fakes {_place(fake)}"
    alike = np.corrcoef(real.ravel(), fake.ravel())[0, 1]
    ratio = np.abs(difference).sum() / (real.sum() + fake.sum()) * 2
    return show(
        figure,
        f"Mean maps, {title}: brightest {places}; the two correlate by {alike:.2f}, and differ by {ratio:.0%}"
        " of their mean. Orange: fakes more, violet: reals more.",
    )


def plot_reconstructions(
    pictures: object, reconstructions: object, titles: Sequence[str], title: str
) -> Caption:
    """Draw pictures, or maps, over what an autoencoder made of them, and over the squared error by place.

    Args:
        pictures: B x C x H x W floats from 0 to 1, of one channel or three.
        reconstructions: likewise; what lies outside 0 to 1 is drawn as the nearest of the two.
        titles: one a picture.
        title: of the figure.
    """
    pictures, made = (np.asarray(array, dtype=np.float64) for array in (pictures, reconstructions))
    errors = np.square(made - pictures).mean(axis=1)  # B x H x W
    figure = new_figure(1.1 + 1.6 * len(pictures), 5.6)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11.5, fontweight="bold")
    rows = figure.subplots(3, len(pictures), squeeze=False)
    highest = max(np.percentile(errors, TOP), 1e-12)  # one scale for all: which errors are large is the point
    for axes, given, returned, error, name in zip(rows.T, pictures, made, errors, titles, strict=True):
        for cell, shown in zip(axes, (given, returned), strict=False):
            grey = {"cmap": HEAT, "vmin": 0, "vmax": 1} if len(shown) == 1 else {}
            cell.imshow(np.clip(shown.transpose(1, 2, 0), 0, 1), **grey)
        axes[2].imshow(error, cmap=HEAT, vmin=0, vmax=highest)
        axes[0].set_title(name, fontsize=9.5, loc="center", pad=4)
    for axes in rows.ravel():
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    for axes, name in zip(rows[:, 0], ("given", "returned", "squared error"), strict=True):
        axes.set_ylabel(name)
    told = "; ".join(f"{name} {error.mean():.3g}" for name, error in zip(titles, errors, strict=True))
    return show(
        figure,
        f"{title}: what was given, what the autoencoder returned, and the squared error by place, on one"
        f" scale up to {highest:.3g}. Mean squared error: {told}.",
    )


def plot_explanation_scores(scores: pd.DataFrame, title: str) -> Caption:
    """Draw how right explanations are: a panel a measure, a row an explanation, with its interval.

    Args:
        scores: columns ``explanation``, ``measure``, ``value``, ``low``, ``high``, and ``baseline`` (bool: a
            map that looks at no network).
        title: of the figure.
    """
    measures, names = list(dict.fromkeys(scores["measure"])), list(dict.fromkeys(scores["explanation"]))
    figure = new_figure(9.6, 1.7 + 0.36 * len(names))
    panels = figure.subplots(1, len(measures), sharey=True, squeeze=False)[0]
    kinds = {False: CURVE_STYLES[0], True: CURVE_STYLES[1]}
    for axes, measure in zip(panels, measures, strict=True):
        rows = scores[scores["measure"] == measure].set_index("explanation").loc[names]
        for place, row in enumerate(rows.itertuples()):
            style = kinds[bool(row.baseline)]
            axes.plot([row.low, row.high], [place, place], color=style["color"], linewidth=2.5)
            axes.plot(row.value, place, style["marker"], color=style["color"])
        best = rows.loc[rows["baseline"].astype(bool), "value"].max()
        axes.axvline(best, color=INK, linewidth=1.2, linestyle="--")
        axes.set(title=measure, xlabel="0 wrong, 1 right", xlim=(-0.02, 1.02), yticks=range(len(names)))
        axes.set_yticklabels(names)
        axes.grid(visible=False, axis="y")
    panels[0].set_ylim(len(names) - 0.5, -0.5)
    for baseline, label in ((False, "explains a network"), (True, "looks at no network")):
        style = kinds[baseline]
        panels[0].plot([], [], color=style["color"], marker=style["marker"], linewidth=2.5, label=label)
    panels[0].plot(
        [], [], color=INK, linestyle="--", linewidth=1.2, label="best map that looks at no network"
    )
    figure.legend(loc="outside lower center", ncols=3)
    figure.suptitle(title, x=0.01, ha="left")
    parts = [
        f"{measure}: " + ", ".join(f"{r.explanation} {r.value:.2f}" for r in part.itertuples())
        for measure, part in scores.groupby("measure", sort=False)
    ]
    return show(figure, f"{title}. {'; '.join(parts)}. Lines: 95 % intervals over groups.")


def _draw_map(axes: Axes, heat: np.ndarray) -> None:
    limit = max(np.percentile(np.abs(heat), TOP), 1e-12)
    if heat.min() < 0:
        axes.imshow(heat, cmap=SIGNED, vmin=-limit, vmax=limit)
        axes.text(0.98, 0.02, "±", transform=axes.transAxes, ha="right", va="bottom", color=QUIET)
    else:
        axes.imshow(heat, cmap=HEAT, vmin=0, vmax=limit)


def _middle(heat: np.ndarray) -> float:
    """Return the share of a map's (absolute) sum that lies in the middle third of height and width."""
    height, width = heat.shape
    total = np.abs(heat).sum()
    inside = np.abs(heat[height // 3 : height - height // 3, width // 3 : width - width // 3]).sum()
    return float(inside / total) if total else 0.0


def _place(heat: np.ndarray) -> str:
    row, column = np.unravel_index(np.argmax(heat), heat.shape)
    down, across = row / (heat.shape[0] - 1), column / (heat.shape[1] - 1)
    return f"{down:.0%} down and {across:.0%} across"
