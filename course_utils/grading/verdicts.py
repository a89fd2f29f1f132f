"""What judges share: read what a probe returned, recognise an answer, say what it earns."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from course_utils.grading.questions import Verdict

AS_ASKED = "As asked."
NOT_THERE = "What holds the answer already is not there when a question is graded."
ADVICE = {
    "ModuleNotFoundError": NOT_THERE,
    "ImportError": NOT_THERE,
    "NameError": "What an answer uses has to stand in its own cell or in a cell *your helpers*.",
}


class Stopped(ValueError):
    """The student's code raised an exception where a part of the answer was asked for."""


def part(outputs: Any, name: str | int) -> Any:
    """Return one part of a probe's outputs.

    Raises:
        Stopped: the answer raised an exception there (see `questions.tried`).
        KeyError: the part is missing.
    """
    found = outputs[name]
    if not (isinstance(found, dict) and set(found) == {"error"}):
        return found
    error = str(found["error"])
    if "not JSON compliant" in error:
        raise Stopped("Your answer returned a number that is not finite (NaN or infinity).")
    advice = next((f" {advice}" for name, advice in ADVICE.items() if error.startswith(name)), "")
    raise Stopped(f"Your answer stopped with {error.rstrip('.')}.{advice}")


def each(*criteria: Callable[[], Verdict]) -> list[Verdict]:
    """Return the verdict of each criterion; what cannot be read earns nothing, and costs no other one."""
    verdicts = []
    for criterion in criteria:
        try:
            verdicts.append(criterion())
        except Stopped as stopped:
            verdicts.append(Verdict(0, str(stopped)))
        except (KeyError, IndexError, TypeError, ValueError, ArithmeticError, RuntimeError) as error:
            reason = "What your answer returned is not of the form that was asked for."
            verdicts.append(Verdict(0, reason, f"{type(error).__name__}: {error}"))
    return verdicts


def decide(holds: bool, otherwise: str, hidden: str = "") -> Verdict:
    """Return full marks if it holds, else none and the sentence `otherwise`."""
    return Verdict(1, AS_ASKED, hidden) if holds else Verdict(0, otherwise, hidden)


def numbers(value: Any) -> np.ndarray:
    """Return numbers, or nested lists of them, as an array of floats.

    Raises:
        ValueError: there is something else among them, or the lists are of unequal lengths.
        TypeError: likewise.
    """
    return np.asarray(value, dtype=float)


def close(found: Any, expected: Any, tolerance: float = 1e-4) -> bool:
    """Say whether two arrays have one shape and equal numbers, to `tolerance` of the largest expected one."""
    found, expected = numbers(found), numbers(expected)
    if found.shape != expected.shape or not np.isfinite(expected).all():
        return False
    scale = np.abs(expected).max(initial=0.0) or 1.0
    return bool(np.abs(found - expected).max(initial=0.0) <= tolerance * scale)


Names = tuple[str, ...]


def alike(found: Any, candidates: Mapping[Names, Any], tolerance: float = 1e-4) -> Names | None:
    """Return the name of the candidate with the same numbers in the same order, in whatever shape, or None.

    A candidate is named by what it does in each of several respects: a sentence about the mistake, or an
    empty one where it is right. So a judge can tell which respect is wrong, and leave the others their
    points. Of several that are alike it is the one with the fewest mistakes.
    """
    flat = numbers(found).ravel()
    same = [names for names, values in candidates.items() if close(flat, np.ravel(values), tolerance)]
    return min(same, key=lambda names: sum(map(bool, names)), default=None)


def respect(
    recognised: Names | None,
    place: int,
    hidden: str = "",
    otherwise: str = "The numbers are not those that were asked for.",
) -> Verdict:
    """Return the verdict on one respect of the candidate that `alike` recognised; for None: `otherwise`."""
    mistake = otherwise if recognised is None else recognised[place]
    return decide(not mistake, mistake, hidden)
