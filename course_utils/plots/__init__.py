"""The course's figures, in one style.

Each function shows a figure, prints one computed sentence under it, and returns that sentence, which is also
the figure's alternative text. What a colour says, a line style, a marker or a hatch says as well.
"""

from course_utils.plots.boxes import plot_boxes, plot_precision_recall, plot_recalls
from course_utils.plots.choices import plot_choices
from course_utils.plots.evidence import plot_innocents, plot_time_line, plot_tippett
from course_utils.plots.history import plot_history, plot_spread
from course_utils.plots.maps import (
    overlay,
    plot_explanation_scores,
    plot_maps,
    plot_mean_maps,
    plot_reconstructions,
)
from course_utils.plots.retrieval import plot_hubs, plot_rankings
from course_utils.plots.samples import (
    plot_accuracies,
    plot_by_class,
    plot_class_balance,
    plot_shortcuts,
    sample_grid,
)
from course_utils.plots.scores import (
    plot_det,
    plot_detectors,
    plot_random_classifier,
    plot_roc,
    plot_roc_both_directions,
    plot_score_histogram,
)
from course_utils.plots.seeds import plot_seeds, plot_training_sizes
from course_utils.plots.style import use_style
from course_utils.plots.trust import plot_reliability, plot_robustness, plot_subgroups

__all__ = [
    "overlay",
    "plot_accuracies",
    "plot_boxes",
    "plot_by_class",
    "plot_choices",
    "plot_class_balance",
    "plot_det",
    "plot_detectors",
    "plot_explanation_scores",
    "plot_history",
    "plot_hubs",
    "plot_innocents",
    "plot_maps",
    "plot_mean_maps",
    "plot_precision_recall",
    "plot_random_classifier",
    "plot_rankings",
    "plot_recalls",
    "plot_reconstructions",
    "plot_reliability",
    "plot_robustness",
    "plot_roc",
    "plot_roc_both_directions",
    "plot_score_histogram",
    "plot_seeds",
    "plot_shortcuts",
    "plot_spread",
    "plot_subgroups",
    "plot_time_line",
    "plot_tippett",
    "plot_training_sizes",
    "sample_grid",
    "use_style",
]
