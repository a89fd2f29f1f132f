"""What tests of grading share: a skip where there is no sandbox, and small programs."""

import os

import nbformat
import pytest

from course_utils.errors import CourseError
from course_utils.grading.kernels import Program
from course_utils.grading.sandbox import check_sandbox


def _no_sandbox() -> str:
    try:
        check_sandbox()
    except CourseError as error:
        return str(error)
    return ""


# On CI a sandbox that is missing is a failure, not a reason to skip.
needs_sandbox = pytest.mark.skipif(
    os.environ.get("CI") != "true" and bool(_no_sandbox()), reason=f"no sandbox here: {_no_sandbox()}"
)


def program(*sources: str, **files: str) -> Program:
    """Return a program of these cells, the last of which is the tail and the one before it the answer."""
    node = nbformat.v4.new_notebook()
    names = ("preamble", "answer", "tail")[-len(sources) :]
    node.cells = [
        nbformat.v4.new_code_cell(source, id=name) for name, source in zip(names, sources, strict=True)
    ]
    return Program(node, {f"{name}.json": text for name, text in files.items()})
