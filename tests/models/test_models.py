import pytest
import torch
from torch import nn

from course_utils.errors import CourseError
from course_utils.models import MODELS, describe
from course_utils.models.simplenet import SimpleNet


def test_simplenet_has_the_assignments_parameters():
    with torch.device("meta"):
        model = SimpleNet()
    assert sum(parameter.numel() for parameter in model.parameters()) == 16_901_762


@pytest.mark.parametrize("size", [50, 64, 97])
def test_simplenet_takes_any_size_that_leaves_a_pixel(size):
    assert SimpleNet(size, classes=3)(torch.zeros(2, 3, size, size)).shape == (2, 3)


def test_simplenet_says_which_size_is_too_small():
    with pytest.raises(CourseError, match=r"49 x 49.*50"):
        SimpleNet(49)


def test_describe_counts_as_by_hand():
    line = next(line for line in describe() if line["name"] == "simplenet")
    convolutions = 6 * 250**2 * 3 * 49 + 16 * 119**2 * 6 * 49 + 24 * 53**2 * 16 * 49
    linear = 16224 * 1024 + 1024 * 256 + 256 * 2
    assert line["macs"] == convolutions + linear
    assert line["parameters"] == 16_901_762
    assert line["input"] == [3, 256, 256]
    assert line["paper"]


def test_describe_lists_every_model_and_leaves_nothing_behind():
    assert [line["name"] for line in describe()] == list(MODELS)
    assert nn.Linear(1, 1).weight.device.type == "cpu"
