"""What a classifier looks at, and how far a map that says so can be believed.

`maps` makes them, `scores` holds them against what was really manipulated, `sanity` asks whether they depend
on what the model learned.
"""

from course_utils.explain.maps import grad_cam, gradient_saliency, last_convolution, smooth_grad
from course_utils.explain.sanity import randomised, rank_correlation
from course_utils.explain.scores import (
    attribution_by_part,
    centre_maps,
    difference,
    random_maps,
    score_maps,
    summarise,
)

__all__ = [
    "attribution_by_part",
    "centre_maps",
    "difference",
    "grad_cam",
    "gradient_saliency",
    "last_convolution",
    "random_maps",
    "randomised",
    "rank_correlation",
    "score_maps",
    "smooth_grad",
    "summarise",
]
