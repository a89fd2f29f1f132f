"""The course's figures, in one style.

Each function shows a figure, prints one computed sentence under it, and returns that sentence, which is also
the figure's alternative text. What a colour says, a line style, a marker or a hatch says as well.
"""

from course_utils.plots.history import plot_history
from course_utils.plots.samples import plot_accuracies, plot_class_balance, plot_shortcuts, sample_grid
from course_utils.plots.scores import (
    plot_det,
    plot_random_classifier,
    plot_roc,
    plot_roc_both_directions,
    plot_score_histogram,
)
from course_utils.plots.seeds import plot_seeds
from course_utils.plots.style import use_style

__all__ = [
    "plot_accuracies",
    "plot_class_balance",
    "plot_det",
    "plot_history",
    "plot_random_classifier",
    "plot_roc",
    "plot_roc_both_directions",
    "plot_score_histogram",
    "plot_seeds",
    "plot_shortcuts",
    "sample_grid",
    "use_style",
]
