"""The checks of the code questions: right answers earn all, a mistake costs its criterion and no other."""

import contextlib
import json
from functools import cache

import numpy as np
import pytest
from mutants import COPIES, MUTANTS, OTHER_STYLES
from stand_in import QUESTIONS, course_answer, run

from course_utils.grading.questions import Verdict

Verdicts = list[list[Verdict]]
"""What a judge says of an answer: of each criterion, for the inputs of each seed."""


def judged(identity: str, answers: dict[str, str], seeds: int) -> dict[str, Verdicts]:
    """What the judge says of each of several answers to a question."""
    notebook, question = QUESTIONS[identity]
    inputs = [question.draw(np.random.default_rng(seed)) for seed in range(seeds)]
    inputs = json.loads(json.dumps(inputs, allow_nan=False))
    found = {}
    for name, ran in zip(answers, run(question, notebook, list(answers.values()), inputs), strict=True):
        assert ran.error is None, f"{name}: {ran.error}"
        assert len(json.dumps(ran.outputs[0])) < 1_000_000
        found[name] = [question.judge(one, outputs) for one, outputs in zip(inputs, ran.outputs, strict=True)]
        assert all(len(verdicts) == len(question.rubric) for verdicts in found[name])
    return found


@cache
def verdicts(identity: str) -> dict[str, Verdicts]:
    """What the judge says of all answers to a question that the tests know, for three seeds."""
    course = course_answer(identity)
    answers = {mutant.name: mutant.of(course) for mutant in MUTANTS if mutant.question == identity}
    answers |= {"the course's": course, "another style": OTHER_STYLES[identity]}
    answers |= {"a copy": COPIES[identity]} if identity in COPIES else {}
    return judged(identity, answers, 3)


def lost(criteria: list[Verdict]) -> set[int]:
    return {place for place, verdict in enumerate(criteria) if verdict.earned < 1}


def told(found: Verdicts) -> str:
    return "\n".join(
        f"seed {seed}, criterion {place}: {one.earned} {one.reason} [{one.hidden}]"
        for seed, criteria in enumerate(found)
        for place, one in enumerate(criteria)
    )


@pytest.mark.parametrize("identity", QUESTIONS)
@pytest.mark.parametrize("answer", ["the course's", "another style"])
def test_a_right_answer_earns_all_points(identity, answer):
    found = verdicts(identity)[answer]
    assert not any(map(lost, found)), told(found)


@pytest.mark.slow
@pytest.mark.parametrize("identity", QUESTIONS)
def test_the_course_s_answer_earns_all_points_under_a_hundred_seeds(identity):
    found = judged(identity, {"the course's": course_answer(identity)}, 100)["the course's"]
    assert not any(map(lost, found)), told(found)


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: f"{mutant.question}: {mutant.name}")
def test_a_mistake_costs_its_criterion_and_no_other(mutant):
    found = verdicts(mutant.question)[mutant.name]
    assert all(lost(criteria) == set(mutant.loses) for criteria in found), told(found)


@pytest.mark.parametrize("identity", COPIES)
def test_what_calls_the_library_earns_nothing_and_is_told_so(identity):
    for criteria in verdicts(identity)["a copy"]:
        assert not any(verdict.earned for verdict in criteria), told([criteria])
        assert all("is not there when a question is graded" in verdict.reason for verdict in criteria)


GARBAGE = [
    None,
    True,
    -1,
    1e308,
    "a text",
    [],
    [[]],
    [None],
    ["b"],
    {},
    {"error": "RuntimeError: no"},
    {"a": 1},
]


def nested(outputs: object, garbage: object) -> list[object]:
    """Outputs with garbage in place of all, of each part, and of each part of a part, the first five."""
    inner = []
    if isinstance(outputs, dict):
        some = list(outputs.items())[:5]
        inner = [{**outputs, key: one} for key, value in some for one in nested(value, garbage)]
    elif isinstance(outputs, list) and outputs:
        inner = [[one, *outputs[1:]] for one in nested(outputs[0], garbage)]
    return [garbage, *inner]


@pytest.mark.parametrize("identity", QUESTIONS)
def test_garbage_earns_nothing_and_stops_no_judge(identity):
    notebook, question = QUESTIONS[identity]
    inputs = json.loads(json.dumps(question.draw(np.random.default_rng(0))))
    (ran,) = run(question, notebook, [course_answer(identity)], [inputs])
    for number, garbage in enumerate(GARBAGE):
        # In each place stands every third kind of garbage, in the next place the kinds after those: some
        # judges take a second each time.
        for place, outputs in enumerate(nested(ran.outputs[0], garbage)):
            if (number + place) % 3:
                continue
            # The contract names what a judge may raise.
            with contextlib.suppress(KeyError, TypeError, ValueError):
                criteria = question.judge(inputs, outputs)
                assert len(criteria) == len(question.rubric)
                assert all(0 <= verdict.earned <= 1 for verdict in criteria)
        nothing = question.judge(inputs, dict.fromkeys(ran.outputs[0], garbage))
        assert not any(verdict.earned for verdict in nothing), told([nothing])
