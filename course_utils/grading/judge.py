"""Say what an answer earned, from what its program left behind.

Nothing here trusts the program: its outputs are JSON of limited size, and what it says of itself decides only
which sentence the student reads. No output is never a pass.
"""

import json
import math
import re
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from nbformat import NotebookNode

from course_utils.grading.cells import whole_characters
from course_utils.grading.kernels import OUTPUTS_BYTES, Outcome
from course_utils.grading.questions import Data, Question, Verdict
from course_utils.grading.results import CriterionResult, State

TAIL = """\
{probe}
def _leave_outputs():
    import json
    import os

    with open("inputs.json", encoding="utf-8") as file:
        inputs = json.load(file)
    outputs = {name}({answer}, inputs)
    with open("outputs.json.part", "w", encoding="utf-8") as file:
        json.dump(outputs, file)
    os.replace("outputs.json.part", "outputs.json")

_leave_outputs()"""
"""The last cell of a program: nothing but the probe's own text, and plain data in and out."""

OWN_PARTS = {"answer": "your answer", "helpers": "your helpers", "imports": "your imports"}
FRAME = re.compile(r"Cell In\[(\d+)\], line (\d+)")
COLOURS = re.compile(r"\x1b\[[0-9;]*m")
NOT_THERE = re.compile(r"No module named '([\w.]+)'|import of ([\w.]+) halted")
NOT_DEFINED = re.compile(r"name '(\w+)' is not defined")
LONGEST_MESSAGE = 500


@dataclass(frozen=True)
class Finding:
    """What is said of one answer; see `course_utils.grading.results.Result`."""

    state: State
    points: float | None
    message: str = ""
    criteria: tuple[CriterionResult, ...] = ()


def tail(question: Question) -> str:
    """Return the source of the cell that probes a question's answer and writes ``outputs.json``."""
    return TAIL.format(probe=question.probe_source(), name=question.probe.__name__, answer=question.answers)


def draw_inputs(question: Question, seed: int) -> Data:
    """Return the inputs of a question under an assignment's seed: the same for everybody, each time."""
    own = int.from_bytes(sha256(question.id.encode()).digest()[:8])
    return question.draw(np.random.default_rng([seed, own]))


def judge(  # noqa: PLR0911 (a return for each state)
    question: Question, inputs: Data, program: NotebookNode, outcome: Outcome
) -> Finding:
    """Return what an answer earned.

    Args:
        question: a code question.
        inputs: what its program found in ``inputs.json``.
        program: the program, its cells' ids the names of their parts.
        outcome: what became of it.
    """
    match outcome.state:
        case "completed":
            return _judge_outputs(question, inputs, outcome.outputs)
        case "error" if _part(program, outcome.cell) == "preamble":
            return Finding(
                "needs_manual",
                None,
                "Your answer was not reached: the course's own part of the program failed"
                f" ({outcome.error}: {_short(outcome.message)}). A person has to look at it.",
            )
        case "error" if used := _forbidden(question, outcome):
            return _nothing(question, f"Your answer uses {used}, which may not answer this question.")
        case "error":
            return Finding("error", 0.0, explain_error(program, outcome))
        case "timeout":
            return Finding(outcome.state, 0.0, f"Your answer took too long: {outcome.message}.")
        case "resource_limit":
            return Finding(
                outcome.state,
                0.0,
                "Your answer used more memory, files or processes than there are for it"
                f" ({_short(f'{outcome.error} {outcome.message}'.strip())}).",
            )
        case "kernel_died":
            return Finding(outcome.state, 0.0, f"The kernel died while your answer ran: {outcome.message}.")


def explain_error(program: NotebookNode, outcome: Outcome) -> str:
    """Return the sentences that tell a student what their answer raised, and at which of their lines."""
    said = f"{outcome.error}: {_short(outcome.message)}" if outcome.message else outcome.error
    text = f"Your answer ended with {said}"
    if place := _own_line(program, outcome.traceback):
        part, line = place
        text += f", in {OWN_PARTS[part]} at the line `{line}`"
    text = text.rstrip(".") + "."
    if outcome.error == "NameError" and (name := NOT_DEFINED.search(outcome.message)):
        text += (
            f" `{name[1]}` is defined neither in the answer's cell nor in a cell *your helpers*: what an"
            " answer uses has to stand in one of them."
        )
    return text


def _judge_outputs(question: Question, inputs: Data, text: str | None) -> Finding:
    try:
        outputs = _read_json(text)
    except ValueError as error:
        return _nothing(question, str(error))
    try:
        verdicts = question.judge(inputs, outputs)
    except (LookupError, TypeError, ValueError, ArithmeticError) as error:
        return _nothing(
            question,
            "Your answer returned something else than was asked for, or in another shape.",
            hidden=f"{type(error).__name__}: {error}",
        )
    except Exception as error:
        return _unjudged(f"{type(error).__name__}: {_short(str(error))}")
    if len(verdicts) != len(question.rubric):
        return _unjudged(f"{len(verdicts)} verdicts on {len(question.rubric)} criteria")
    return _finding(question, verdicts)


def _unjudged(why: str) -> Finding:
    # A judge that fails is the course's mistake, and must neither cost points nor stop the grading.
    message = f"This answer could not be judged ({why}). A person has to look at it."
    return Finding("needs_manual", None, message)


def _read_json(text: str | None) -> Data:
    """Return the outputs of a probe.

    Raises:
        ValueError: there are none, or none that can be read; the message is a sentence for the student.
    """

    def refuse(word: str) -> None:
        raise ValueError(f"{word} is no number to compare with")

    def number(word: str) -> float:
        value = float(word)
        return value if math.isfinite(value) else refuse(word)

    if text is None:
        raise ValueError("Your answer left no outputs: its program ended before they were written.")
    if len(text.encode()) > OUTPUTS_BYTES:
        raise ValueError(f"Your answer returned more than {OUTPUTS_BYTES // 2**20} MB.")
    try:
        outputs = json.loads(whole_characters(text), parse_constant=refuse, parse_float=number)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"What your answer returned cannot be read: {_short(str(error))}.") from error
    if not isinstance(outputs, dict):
        raise ValueError("What your answer returned cannot be read: it is no dictionary of outputs.")
    return outputs


def _finding(question: Question, verdicts: list[Verdict]) -> Finding:
    criteria = tuple(
        CriterionResult(
            text=criterion.text,
            points=criterion.points,
            earned=round(min(max(float(verdict.earned), 0.0), 1.0), 6),
            reason=verdict.reason,
            hidden=verdict.hidden,
        )
        for criterion, verdict in zip(question.rubric, verdicts, strict=True)
    )
    points = round(sum(one.points * one.earned for one in criteria), 6)
    if all(one.earned == 1 for one in criteria):
        return Finding("passed", points, "", criteria)
    missed = [one for one in criteria if one.earned < 1]
    return Finding("failed", points, f"{len(missed)} of {len(criteria)} criteria are not met.", criteria)


def _nothing(question: Question, reason: str, hidden: str = "") -> Finding:
    verdicts = [Verdict(0.0, reason, hidden)] * len(question.rubric)
    return Finding("failed", 0.0, reason, _finding(question, verdicts).criteria)


def _forbidden(question: Question, outcome: Outcome) -> str | None:
    """Return the module of `question.without` that the program failed to import, or None."""
    found = NOT_THERE.search(outcome.message)
    if outcome.error not in ("ModuleNotFoundError", "ImportError") or not found:
        return None
    module = found[1] or found[2]
    return next((name for name in question.without if f"{module}.".startswith(f"{name}.")), None)


def _part(program: NotebookNode, cell: int | None) -> str | None:
    return program.cells[cell].id if cell is not None and 0 <= cell < len(program.cells) else None


def _own_line(program: NotebookNode, traceback: str) -> tuple[str, str] | None:
    """Return the innermost place of a traceback that is the student's own: its part, and the line's text."""
    ran = [cell for cell in program.cells if cell.source.strip()]
    for number, line in reversed(FRAME.findall(COLOURS.sub("", traceback))):
        cell = ran[int(number) - 1] if 0 < int(number) <= len(ran) else None
        lines = cell.source.split("\n") if cell and cell.id in OWN_PARTS else []
        if 0 < int(line) <= len(lines):
            return cell.id, _short(lines[int(line) - 1].strip(), 120)
    return None


def _short(text: str, longest: int = LONGEST_MESSAGE) -> str:
    text = " ".join(text.split())
    return text if len(text) <= longest else text[: longest - 1] + "…"
