import pytest
import torch

from course_utils.errors import CourseError
from course_utils.models.mesonet import Meso4


def test_meso4_has_the_papers_parameters():
    assert sum(parameter.numel() for parameter in Meso4().parameters()) == 27_977


@pytest.mark.parametrize("size", [32, 100, 128, 256])
def test_meso4_takes_any_size_that_leaves_a_pixel(size):
    assert Meso4(size)(torch.zeros(2, 3, size, size)).shape == (2, 2)


def test_meso4_says_which_size_is_too_small():
    with pytest.raises(CourseError, match=r"31 x 31.*32"):
        Meso4(31)


def test_two_logits_say_what_the_papers_single_output_says():
    torch.manual_seed(0)
    model = Meso4(64).eval()
    pictures = torch.randn(4, 3, 64, 64)
    published = model.classifier(model.features(pictures))[:, 0]
    torch.testing.assert_close(model(pictures).softmax(1)[:, 1], published.sigmoid())
    torch.testing.assert_close(model(pictures).diff(dim=1)[:, 0], published)
