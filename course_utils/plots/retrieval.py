"""What a search finds: the pictures in their order, and who is found by everybody."""

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.stats import spearmanr

from course_utils.plots.style import CLASS_COLOURS, CURVE_STYLES, INK, Caption, new_figure, show


def plot_rankings(
    query: object, rankings: Mapping[str, Sequence[tuple[object, bool]]], title: str, relevant: str
) -> Caption:
    """Draw a query and what searches found for it, a row a search, the most alike first.

    Args:
        query: a PIL picture.
        rankings: by the search's name, the pictures in their order, and whether each is relevant: as many in
            each row.
        title: of the figure.
        relevant: what makes a picture relevant, e.g. "same person".
    """
    count = max(map(len, rankings.values()))
    figure = new_figure(0.6 + 0.92 * (count + 1), 0.7 + 1.05 * len(rankings))
    rows = figure.subplots(len(rankings), count + 1, squeeze=False)
    for cells, (name, found) in zip(rows, rankings.items(), strict=True):
        for place, (axes, (picture, hit)) in enumerate(zip(cells, [(query, False), *found], strict=True)):
            axes.imshow(np.asarray(picture))
            axes.set(xticks=[], yticks=[])
            axes.grid(visible=False)
            axes.spines[:].set(color=CLASS_COLOURS[0], linewidth=4 if hit else 0)
            told = f"{place} ✓" if hit else f"{place}"
            weight = "bold" if hit else "normal"
            axes.set_title(told if place else "query", fontsize=9, loc="center", pad=5, fontweight=weight)
        cells[0].set_ylabel(name.replace(", ", "\n"), fontsize=9, color=INK)
    figure.suptitle(title, x=0.01, ha="left", fontsize=11.5)
    places = {
        name: [str(place) for place, (_, hit) in enumerate(found, start=1) if hit]
        for name, found in rankings.items()
    }
    told = "; ".join(
        f"{name} {len(at)} (place {', '.join(at)})" if at else f"{name} none" for name, at in places.items()
    )
    return show(
        figure,
        f"{title}. Framed and ticked is what is relevant ({relevant}). Among the first {count}: {told}.",
    )


def plot_hubs(lengths: np.ndarray, times: Mapping[str, np.ndarray], title: str) -> Caption:
    """Draw how often each picture of a pool is among the first that are found, by the length of its vector.

    Args:
        lengths: n, of the pictures' feature vectors.
        times: n by the measure's name: for how many queries each is found.
        title: of the figure.
    """
    figure = new_figure(9.6, 3.9)
    panels = figure.subplots(1, len(times), sharey=True, squeeze=False)[0]
    relative, told = lengths / lengths.mean(), []
    for axes, (name, found), style in zip(panels, times.items(), CURVE_STYLES, strict=False):
        axes.plot(relative, found, style["marker"], color=style["color"], markersize=6, alpha=0.7)
        axes.set(title=name, xlabel="length of the vector (1: the mean length)")
        ranks = spearmanr(relative, found).statistic
        told.append(
            f"by {name} the picture that is found most often is found {found.max():.0f} times,"
            f" {np.mean(found == 0):.0%} of the pictures never, and the rank correlation with the length is"
            f" {ranks:.2f}"
        )
    panels[0].set(ylabel="found for so many queries")
    figure.suptitle(title, x=0.01, ha="left")
    return show(figure, f"{title}, {len(lengths)} pictures: {'; '.join(told)}.")
