"""How long a code question takes to grade: kernels started or forked, and against ``nbgrader autograde``."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pandas as pd
from nbformat import NotebookNode

from benchmarks.simplenet import gain
from course_utils import paths
from course_utils.data.prepare import load_dataset
from course_utils.grading.answers import read_submission
from course_utils.grading.assignment import Assignment, load_assignment
from course_utils.grading.grade import grade
from course_utils.grading.judge import draw_inputs, tail
from course_utils.grading.kernels import Program, imported_modules, run_programs
from course_utils.grading.program import program
from course_utils.grading.results import read_results

NOTEBOOK = "02_write_an_abstract_trainer"
TURNS = 2
SUBMISSIONS = 40
JOBS = 2
# A right answer, and then what students write.
MISTAKES = (
    ("", ""),
    (" * len(labels)", ""),
    ("self.optimizer.zero_grad()", "pass"),
    ("self.model.eval()", "pass"),
    ("100 * correct", "correct"),
)
CONFIGURATION = """\
c = get_config()
c.CourseDirectory.root = {root!r}
c.ExecutePreprocessor.timeout = 900
"""


def measure(folder: Path) -> tuple[list[dict], str]:
    """Return the lines of bench.json, and what they are of."""
    assignment = load_assignment(NOTEBOOK)
    lines = [_warm_kernel(folder, assignment), _against_nbgrader(folder, assignment)]
    return lines, f"the code questions of {NOTEBOOK}, {SUBMISSIONS} submissions, {JOBS} side by side; cpu"


def _warm_kernel(folder: Path, assignment: Assignment) -> dict:
    file = hand_in(folder / "one", assignment, 0, solved(assignment))
    submission = read_submission(file, assignment)
    questions = [question for question in assignment.questions if question.kind == "code"]
    programs = [
        Program(
            program(assignment, submission, question.id, tail(question)),
            {"inputs.json": json.dumps(draw_inputs(question, 0))},
        )
        for question in questions
    ]
    without = questions[0].without
    imports = imported_modules(programs[0].node.cells[0].source)
    turns = []
    for _ in range(TURNS):
        started = time.perf_counter()
        cold = [outcome for one in programs for outcome in run_programs([one], without=without)]
        between = time.perf_counter()
        forked = list(run_programs(programs, without=without, imports=imports))
        turns.append({"cold": between - started, "forked": time.perf_counter() - between})
        assert {outcome.state for outcome in cold + forked} == {"completed"}
    seconds = pd.DataFrame(turns) / len(programs)
    return {
        "name": "grading_warm_kernel",
        "value": seconds["forked"].mean(),
        "unit": "s a question",
        "baseline": seconds["cold"].mean(),
        **gain(seconds["cold"], seconds["forked"]),
    }


def _against_nbgrader(folder: Path, assignment: Assignment) -> dict:
    load_dataset("rendered_fakes")  # which nbgrader's runs of the whole notebook train on
    node = _for_nbgrader(assignment)
    _write(node, folder / "source" / "trainer" / f"{NOTEBOOK}.ipynb")
    for number in range(SUBMISSIONS):
        hand_in(folder / "submitted", assignment, number, node, below="trainer")
        hand_in(folder / "handed_in", assignment, number, solved(assignment))
    (folder / "nbgrader_config.py").write_text(CONFIGURATION.format(root=str(folder)))
    _nbgrader(folder, "generate_assignment", "trainer")
    started = time.perf_counter()
    _nbgrader(folder, "autograde", "trainer")
    between = time.perf_counter()
    grade(folder / "handed_in", folder / "out", jobs=JOBS)
    ended = time.perf_counter()
    graded = [result for result in read_results(folder / "out") if result.state in ("passed", "failed")]
    assert len(graded) == SUBMISSIONS * len(assignment.solutions)
    seconds = pd.DataFrame({"theirs": [between - started], "ours": [ended - between]}) / SUBMISSIONS
    return {
        "name": "grading_vs_nbgrader",
        "value": seconds["ours"].mean(),
        "unit": "s a submission",
        "baseline": seconds["theirs"].mean(),
        **gain(seconds["theirs"], seconds["ours"]),
    }


def _nbgrader(folder: Path, *words: str) -> None:
    environment = os.environ | {"COURSE_BUILD": str(folder / "build"), "TQDM_DISABLE": "1"}
    # Both graders give a program one thread; nbgrader runs one submission at a time.
    environment |= {"OMP_NUM_THREADS": "1", "PYTHONPATH": str(paths.PACKAGE.parent)}
    # nbgrader looks for alembic, which keeps its database, as a command.
    environment["PATH"] = os.pathsep.join([f"{sys.prefix}/bin", environment["PATH"]])
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *words],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    # A wrong answer is no failure of nbgrader's, and a notebook that it could not run is.
    if done.returncode != 0:
        raise RuntimeError(f"nbgrader {' '.join(words)}: {done.stderr[-2000:]}")


def solved(assignment: Assignment) -> NotebookNode:
    node = nbformat.from_dict(assignment.blank)
    for cell in node.cells:
        if source := assignment.solutions.get(cell.metadata.get("question")):
            cell.source = f"{cell.source.splitlines()[0]}\n{source}"
    return node


def _for_nbgrader(assignment: Assignment) -> NotebookNode:
    """Return the solved notebook as nbgrader wants it: a cell of tests, the visible check, a question."""
    node = solved(assignment)
    tests = []
    for question in assignment.questions:
        if question.kind == "code":
            answer = next(cell for cell in node.cells if cell.metadata.get("question") == question.id)
            answer.metadata["nbgrader"] = _nbgrader_cell(question.id, solution=True, grade=False)
            check, _ = assignment.goes_on(question.id)
            test = nbformat.v4.new_code_cell(f"{check}({question.answers})", id=f"test-{question.id}")
            test.metadata["nbgrader"] = _nbgrader_cell(test.id, solution=False, grade=True)
            test.metadata["nbgrader"]["points"] = question.points
            tests.append(test)
    place = next(index for index, cell in enumerate(node.cells) if "lesson.go_on_with" in cell.source)
    node.cells[place:place] = tests
    return node


def _nbgrader_cell(identity: str, *, solution: bool, grade: bool) -> dict:
    return {
        "schema_version": 3,
        "grade_id": identity,
        "solution": solution,
        "grade": grade,
        "locked": grade,
        "task": False,
        "cell_type": "code",
    }


def hand_in(folder: Path, assignment: Assignment, number: int, node: NotebookNode, below: str = "") -> Path:
    """Write one student's notebook, with the mistake of that number in each answer that allows it."""
    node = nbformat.from_dict(node)
    right, wrong = MISTAKES[number % len(MISTAKES)]
    for cell in node.cells:
        if cell.metadata.get("question") in assignment.solutions:
            cell.source = cell.source.replace(right, wrong) if right else cell.source
    return _write(node, folder / f"student{number}" / below / f"{assignment.name}.ipynb")


def _write(node: NotebookNode, file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(node, file)
    return file
