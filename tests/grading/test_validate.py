"""What `course validate` says of a notebook, and that it never says more than it knows."""

import shutil

import nbformat
import pytest
from command_line import course
from handed_in import answer_cell, by_colab, solved
from nbformat.v4 import new_code_cell

from course_utils import paths
from course_utils.errors import CourseError
from course_utils.grading import validate as validation
from course_utils.grading.assignment import load_assignment
from course_utils.grading.release import release
from course_utils.grading.validate import validate

NAME = "02_write_an_abstract_trainer"
TRAIN, EVALUATE, WHICH = "train-one-epoch", "evaluate-model-on-dataloader", "which-bug"


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    folder = tmp_path_factory.mktemp("course") / "course"
    release(["02"], folder, version="v1")
    return folder


@pytest.fixture
def repository(released, monkeypatch):
    """A release, in which nothing of the instructor's half is there to be read."""
    monkeypatch.setattr(paths, "repository", lambda: released)
    return released


@pytest.fixture
def node():
    return solved(load_assignment(NAME))


@pytest.fixture
def unrun(monkeypatch):
    """Checks that all pass, without a kernel."""
    monkeypatch.setattr(validation, "_run_check", lambda *parts: None)


def states(findings):
    return {finding.question.id: finding.state for finding in findings}


def said(findings, question):
    return " ".join(next(one.messages for one in findings if one.question.id == question))


def write(node, folder, name=NAME):
    file = folder / f"{name}.ipynb"
    nbformat.write(node, file)
    return file


def test_right_wrong_and_missing_answers_are_told_apart(node, repository, tmp_path):
    cell = answer_cell(node, EVALUATE)
    cell.source = cell.source.replace("self.model.eval()", "self.model.train()")
    answer_cell(node, WHICH).source = f"**Answer 201 · {WHICH}**\n\n*Write your answer here.*"
    findings = validate(write(node, tmp_path))
    assert states(findings) == {TRAIN: "passed", EVALUATE: "failed", WHICH: "missing"}
    assert "the model was in training mode" in said(findings, EVALUATE)
    assert "in its public check" in said(findings, EVALUATE)


def test_what_an_answer_uses_from_another_cell_is_named(node, repository, tmp_path, unrun):
    node.cells.insert(3, new_code_cell("def normalise(x):\n    return x"))
    cell = answer_cell(node, TRAIN)
    cell.source = cell.source.replace("return total_loss", "return normalise(scale) * total_loss")
    findings = validate(write(node, tmp_path))
    assert states(findings)[TRAIN] == "failed"
    assert "uses `normalise`, defined outside it: move it to *your helpers*" in said(findings, TRAIN)
    assert "`scale`, which nothing defines" in said(findings, TRAIN)
    helpers = next(cell for cell in node.cells if "helpers" in cell.metadata.get("tags", []))
    helpers.source += "\nscale = 1\ndef normalise(x):\n    return x"
    assert states(validate(write(node, tmp_path)))[TRAIN] == "passed"


def test_a_module_that_may_not_answer_is_named(node, repository, tmp_path, unrun):
    file = paths.notebooks() / f"{NAME}.ipynb"
    pristine = file.read_text()
    try:
        blank = nbformat.read(file, as_version=4)
        blank.metadata["course"]["release"]["questions"][0]["without"] = ["course_utils.training"]
        nbformat.write(blank, file)
        answer_cell(node, TRAIN).source += "\n    return LibraryTrainer"
        findings = validate(write(node, tmp_path))
    finally:
        file.write_text(pristine)
    assert "uses course_utils.training.Trainer, which may not answer" in said(findings, TRAIN)


def test_an_answer_that_is_not_python_is_named_with_its_line(node, repository, tmp_path, unrun):
    answer_cell(node, TRAIN).source = f"# Question 3 · {TRAIN}\ndef train_one_epoch(self):\n    return (1"
    findings = validate(write(node, tmp_path))
    assert "is not Python: line 2" in said(findings, TRAIN)


def test_a_notebook_downloaded_from_colab_and_a_py_file_are_validated(node, repository, tmp_path, unrun):
    file = write(by_colab(node), tmp_path, f"Copy of {NAME}")
    assert all(finding.well for finding in validate(file))
    module = tmp_path / "trainer.py"
    module.write_text(
        "import torch\nfrom torch.utils.data import DataLoader\n" + load_solution(EVALUATE), encoding="utf-8"
    )
    expected = {TRAIN: "missing", EVALUATE: "passed", WHICH: "missing"}
    assert states(validate(module)) == expected
    module.rename(tmp_path / "mine.py")
    assert states(validate(tmp_path / "mine.py")) == expected
    (tmp_path / "work").mkdir()
    (tmp_path / "mine.py").rename(tmp_path / "work" / "mine.py")
    assert states(validate(tmp_path / "work")) == expected


def load_solution(question):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "repository", lambda: paths.PACKAGE.parent)
        return load_assignment(NAME).solutions[question]


def test_a_file_of_no_notebook_is_refused(repository, tmp_path):
    with pytest.raises(CourseError, match="There are: 02"):
        validate(write(nbformat.v4.new_notebook(cells=[new_code_cell("1")]), tmp_path, "holiday"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(CourseError, match="There are: 02"):
        validate(tmp_path / "empty")


@pytest.mark.slow
def test_the_command_says_that_public_checks_passed_and_never_more(node, released, tmp_path):
    here = {"PYTHONPATH": str(released)}
    file = write(node, tmp_path)
    code, out, _ = course("validate", str(file), **here)
    assert code == 0
    assert out.strip().endswith("Every question is answered, and all public checks passed.")
    shutil.copy(released / "notebooks" / file.name, file)
    code, out, _ = course("validate", str(file), **here)
    assert code == 1
    assert "passed" not in out
    assert f"Left to do: {TRAIN}, {EVALUATE}, {WHICH}." in out
