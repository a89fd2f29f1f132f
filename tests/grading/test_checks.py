"""The checks of the code questions: right answers earn all, a mistake costs its criterion and no other."""

import json

import numpy as np
import pytest
from mutants import COPIES, MUTANTS, OTHER_STYLES
from stand_in import QUESTIONS, course_answer, run

from course_utils.grading.questions import Verdict


def verdicts(identity: str, answer: str, seeds: range, helpers: str = "") -> list[list[Verdict]]:
    """What the judge says of an answer, for the inputs of each seed."""
    notebook, question = QUESTIONS[identity]
    inputs = [question.draw(np.random.default_rng(seed)) for seed in seeds]
    inputs = json.loads(json.dumps(inputs, allow_nan=False))
    ran = run(question, notebook, answer, inputs, helpers)
    assert ran.error is None, ran.error
    assert len(json.dumps(ran.outputs[0])) < 1_000_000
    found = [question.judge(one, outputs) for one, outputs in zip(inputs, ran.outputs, strict=True)]
    assert all(len(one) == len(question.rubric) for one in found)
    return found


def lost(found: list[Verdict]) -> set[int]:
    return {place for place, verdict in enumerate(found) if verdict.earned < 1}


def reasons(found: list[Verdict]) -> str:
    return "\n".join(f"{place}: {one.earned} {one.reason} [{one.hidden}]" for place, one in enumerate(found))


def right(identity: str, answer: str, seeds: range) -> None:
    for seed, found in zip(seeds, verdicts(identity, answer, seeds), strict=True):
        assert not lost(found), f"seed {seed}\n{reasons(found)}"


@pytest.mark.parametrize("identity", QUESTIONS)
def test_the_course_s_answer_earns_all_points(identity):
    right(identity, course_answer(identity), range(3))


@pytest.mark.slow
@pytest.mark.parametrize("identity", QUESTIONS)
def test_the_course_s_answer_earns_all_points_under_a_hundred_seeds(identity):
    right(identity, course_answer(identity), range(100))


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.question}: {mutant.name}")
def test_a_mistake_costs_its_criterion_and_no_other(mutant):
    answer = mutant.of(course_answer(mutant.question))
    for found in verdicts(mutant.question, answer, range(2)):
        assert lost(found) == set(mutant.loses), reasons(found)


@pytest.mark.parametrize("identity", QUESTIONS)
def test_a_right_answer_in_another_style_earns_all_points(identity):
    assert identity in OTHER_STYLES, "write an answer in another style"
    right(identity, OTHER_STYLES[identity], range(2))


@pytest.mark.parametrize("identity", COPIES)
def test_what_calls_the_library_earns_nothing_and_is_told_so(identity):
    for found in verdicts(identity, COPIES[identity], range(1)):
        assert not any(verdict.earned for verdict in found), reasons(found)
        assert all("is not there when a question is graded" in verdict.reason for verdict in found)
