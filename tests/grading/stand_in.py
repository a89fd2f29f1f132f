"""A stand-in for the grader's sandbox: a program of one question runs in a process forked from a warm one.

It keeps no secret and stops nobody: what runs in it are the answers of these tests.
"""

import ast
import json
import multiprocessing
from functools import cache
from typing import NamedTuple

from inside import run_job
from nbformat import NotebookNode

from course_utils import paths
from course_utils.grading.questions import Question, read_questions
from course_utils.notebooks.build import read_source, solved, source_files

# Imported before the first fork. A child imports the course's modules anew, but not what they import.
PRELOADED = [
    "captum.attr",
    "pytorch_grad_cam",
    "timm",
    "torch.utils.flop_counter",
    "torchvision.datasets",
    "sklearn.metrics",
    "pytest",
]
PRELOADED += [
    f"course_utils.{name}" for name in ("anomaly", "audit", "calibration", "detectors", "recognition")
]
QUESTIONS = {
    question.id: (notebook, question)
    for notebook, questions in read_questions(paths.instructor() / "checks").items()
    for question in questions
    if question.probe
}


class Ran(NamedTuple):
    """What became of a program: the outputs of its probe, one for each input, or an error."""

    outputs: list[dict] | None
    error: str | None


@cache
def notebook_node(notebook: str) -> NotebookNode:
    source = next(file for file in source_files() if file.stem == notebook)
    return solved(read_source(source))


def course_answer(question: str) -> str:
    """The reference solution."""
    notebook, _ = QUESTIONS[question]
    cells = notebook_node(notebook).cells
    return next(cell.source for cell in cells if cell.metadata.get("question") == question)


@cache
def preamble(notebook: str) -> list[str]:
    """What the pristine notebook imports and defines, statement by statement, but nothing that is an answer.

    That is the answer cells, and the course's versions, which `go_on_with` takes for the cells below.
    """
    cells = [
        cell
        for cell in notebook_node(notebook).cells
        if cell.cell_type == "code" and not cell.metadata.get("question")
    ]
    statements = [statement for cell in cells for statement in ast.parse(cell.source).body]
    calls = [node for one in statements for node in ast.walk(one) if isinstance(node, ast.Call)]
    versions = {
        name.id
        for call in calls
        if isinstance(call.func, ast.Attribute) and call.func.attr == "go_on_with"
        for name in ast.walk(call.args[3])
        if isinstance(name, ast.Name)
    }
    parameters = next(cell for cell in cells if "parameters" in cell.metadata.get("tags", []))
    kept = [parameters.source]
    for statement in statements:
        defines = isinstance(statement, ast.FunctionDef | ast.ClassDef) and statement.name not in versions
        if defines or isinstance(statement, ast.Import | ast.ImportFrom):
            kept.append(ast.unparse(statement))
    return kept


def run(question: Question, notebook: str, answers: list[str], inputs: list[dict]) -> list[Ran]:
    """Run the programs of several answers to a question, one after the other, on each of the inputs."""
    job = {
        "preamble": [*preamble(notebook), *map(course_answer, question.needs)],
        "answers": answers,
        "name": question.answers,
        "probe": question.probe_source(),
        "without": question.without,
        "inputs": inputs,
    }
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    ours, theirs = context.Pipe()
    process = context.Process(target=run_job, args=(json.dumps(job), theirs))
    process.start()
    theirs.close()
    ran = [Ran(**one) for one in json.loads(ours.recv())]
    process.join()
    return ran
