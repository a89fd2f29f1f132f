"""What a student can know before handing in: is everything answered, and do the public checks pass?"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import nbformat

from course_utils.grading.answers import read_submission
from course_utils.grading.assignment import Assignment, with_what_it_needs
from course_utils.grading.cells import read_cells
from course_utils.grading.found import Answer, Submission
from course_utils.grading.names import statements, without_magics
from course_utils.grading.program import barred_modules, program, undefined_names
from course_utils.grading.questions import AskedQuestion
from course_utils.grading.working_copy import assignment_of
from course_utils.notebooks.run import execute_in_process, kernel_settings

SECONDS = 120
PARTS = {
    "imports": "among your imports",
    "helpers": "in your helpers",
    "answer": "in the cell of your answer",
    "tail": "in its public check",
}


@dataclass(frozen=True)
class Finding:
    """What can be said of one question without knowing its hidden checks.

    Attributes:
        question: the question.
        state: `answered` is an answer in words, or a code answer that has no public check.
        messages: sentences, each on something to put right or to know.
    """

    question: AskedQuestion
    state: Literal["passed", "failed", "answered", "missing", "duplicate"]
    messages: tuple[str, ...]

    @property
    def well(self) -> bool:
        """Whether nothing is left to do, as far as can be seen from here."""
        return self.state in ("passed", "answered")


def validate(file: Path, tell: Callable[[str], None] = lambda question: None) -> list[Finding]:
    """Look at a submission as the grader does, with the public checks alone, each answer in a fresh kernel.

    Its code is run on this machine as it is: this is for one's own work.

    Args:
        file: a notebook, a ``.py`` file, or a folder of them.
        tell: called with the id of each question whose check starts.

    Raises:
        CourseError: there is no such file, it cannot be read, or it belongs to no notebook that is here.
    """
    assignment = assignment_of(file)
    submission = read_submission(file, assignment)
    elsewhere = _names_elsewhere(file)
    findings = []
    for question in assignment.questions:
        answer = submission.answers[question.id]
        if question.kind == "words" or answer.state != "answered":
            findings.append(Finding(question, answer.state, answer.flags))
            continue
        tell(question.id)
        findings.append(_checked(question, answer, assignment, submission, elsewhere))
    return findings


def _names_elsewhere(file: Path) -> set[str]:
    """Return the names that any cell of a notebook defines."""
    if file.suffix != ".ipynb":
        return set()
    names = set()
    for cell in read_cells(file).cells:
        if cell.cell_type == "code":
            try:
                names |= {name for part in statements(without_magics(cell.source)) for name in part.binds}
            except SyntaxError:
                continue
    return names


def _checked(
    question: AskedQuestion,
    answer: Answer,
    assignment: Assignment,
    submission: Submission,
    elsewhere: set[str],
) -> Finding:
    try:
        lacking = undefined_names(assignment, submission, question.id)
    except SyntaxError as error:
        where = f"line {error.lineno}: " if error.lineno else ""
        return Finding(question, "failed", (*answer.flags, f"The answer is not Python: {where}{error.msg}."))
    barred = barred_modules(assignment, submission, question.id)
    messages = list(answer.flags)
    messages += [f"Your answer uses {module}, which may not answer this question." for module in barred]
    given = {name for one in assignment.given for name in one.binds if one.imports}
    messages += [_lack(name, elsewhere) for name in lacking if not (barred and name in given)]
    goes_on = assignment.goes_on(question.id)
    if goes_on is None:
        return Finding(question, "failed" if messages[len(answer.flags) :] else "answered", tuple(messages))
    error = _run_check(question, goes_on[0], assignment, submission)
    if error:
        messages.append(error)
    well = not error and not lacking and not barred
    return Finding(question, "passed" if well else "failed", tuple(messages))


def _lack(name: str, elsewhere: set[str]) -> str:
    if name in elsewhere:
        return (
            f"Your answer uses `{name}`, defined outside it: move it to *your helpers*, or into the answer."
        )
    return f"Your answer uses `{name}`, which nothing defines."


def _run_check(
    question: AskedQuestion, check: str, assignment: Assignment, submission: Submission
) -> str | None:
    """Run the notebook's own check on an answer; return what went wrong, or None."""
    tail = with_what_it_needs(f"({check})({question.answers})", assignment)
    node = program(assignment, submission, question.id, tail)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        nbformat.write(node, folder / "program.ipynb")
        job = {
            "input": str(folder / "program.ipynb"),
            "output": str(folder / "executed.ipynb"),
            "record": str(folder / "completion.json"),
            "result": str(folder / "state.json"),
            "folder": name,
            "parameters": {},
            "cell_timeout": SECONDS,
        }
        state = execute_in_process(job, kernel_settings(folder))
    if state["state"] == "completed":
        return None
    part = node.cells[state["cell"]].id if state["cell"] is not None else None
    where = f" ({PARTS[part]})" if part in PARTS else ""
    return f"{state['error']}{where}"
