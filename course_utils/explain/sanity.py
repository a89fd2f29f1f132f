"""Do maps depend on what the model learned? The model's weights are drawn anew, and its maps compared.

Source: Adebayo et al. 2018, "Sanity Checks for Saliency Maps", section 3. A map that stays the same when the
weights are random shows the picture (its edges, say), and not the model.
"""

import copy

import numpy as np
import torch
from scipy.stats import spearmanr
from torch import Tensor, nn

from course_utils.errors import CourseError


def randomised(model: nn.Module, seed: int = 0, layers: int | None = None) -> nn.Module:
    """Return a copy of `model` with weights drawn anew, from the output downwards (cascading).

    Args:
        model: stays as it is.
        seed: of the new weights.
        layers: how many layers with weights, counted from the output, are drawn anew; None is all of them.
            Batch normalisation is a layer: it goes back to the statistics it had before training.

    Raises:
        CourseError: the model has fewer layers.
    """
    copied = copy.deepcopy(model)
    learned = [module for module in copied.modules() if hasattr(module, "reset_parameters")]
    if layers is not None and not 1 <= layers <= len(learned):
        raise CourseError(
            f"layers={layers}: {type(model).__name__} has {len(learned)} layers with weights that can be"
            " drawn anew. Give a number from 1 to that, or None for all."
        )
    devices = {parameter.device for parameter in copied.parameters() if parameter.is_cuda}
    with torch.random.fork_rng(devices=list(devices)):
        torch.manual_seed(seed)
        for module in learned[::-1][:layers]:
            module.reset_parameters()
    return copied


def rank_correlation(maps: Tensor | np.ndarray, others: Tensor | np.ndarray) -> np.ndarray:
    """Return Spearman's rank correlation of two maps of each picture.

    Args:
        maps: B x H x W.
        others: B x H x W, of the same pictures.

    Returns:
        B numbers, -1 to 1; NaN where a map is the same everywhere, so that it ranks nothing.

    Raises:
        CourseError: the two have different shapes.
    """
    first, second = np.asarray(maps), np.asarray(others)
    if first.shape != second.shape:
        raise CourseError(
            f"Maps are compared of the same pictures at the same size; these are {first.shape} and"
            f" {second.shape}."
        )
    return np.array([_spearman(one.ravel(), other.ravel()) for one, other in zip(first, second, strict=True)])


def _spearman(one: np.ndarray, other: np.ndarray) -> float:
    if np.ptp(one) == 0 or np.ptp(other) == 0:
        return np.nan
    return float(spearmanr(one, other).statistic)
