import math

import pytest

from course_utils.grading.questions import tried
from course_utils.grading.verdicts import Stopped, close, part


def test_a_number_that_is_not_finite_is_told_in_words():
    outputs = {"mean": tried(lambda: [1.0, math.nan])}
    with pytest.raises(Stopped, match="a number that is not finite"):
        part(outputs, "mean")


def test_nothing_is_close_to_an_infinite_expectation():
    assert close([1.0, 2.0], [1.0, 2.0])
    assert not close([1.0, 2.0], [1.0, math.inf])
