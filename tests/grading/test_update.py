"""A student's copy: begun without harm to an older one, and carried over into a corrected release."""

import base64
import shutil

import nbformat
import pytest
from handed_in import EDITORS, SENTENCES, answer_cell, by_notebook_3, by_vscode, solved
from nbformat.v4 import new_code_cell

from course_utils import paths
from course_utils.errors import CourseError
from course_utils.grading import assignment as assignments
from course_utils.grading.answers import read_submission
from course_utils.grading.assignment import Assignment, load_assignment, released_assignment
from course_utils.grading.cells import PNG
from course_utils.grading.release import released_notebook
from course_utils.grading.working_copy import start, update

NAME = "02_write_an_abstract_trainer"
TRAIN, EVALUATE, WHICH = "train-one-epoch", "evaluate-model-on-dataloader", "which-bug"


@pytest.fixture(scope="module")
def first():
    return load_assignment(NAME)


@pytest.fixture
def course(tmp_path, monkeypatch, first):
    """A student's repository of release v1, with the notebook of this test alone."""
    (tmp_path / "notebooks").mkdir()
    shutil.copy(paths.notebooks() / "profiles.yaml", tmp_path / "notebooks")
    monkeypatch.setattr(paths, "repository", lambda: tmp_path)
    publish(first, "v1")
    return tmp_path


def publish(assignment, version):
    nbformat.write(released_notebook(assignment, version), paths.notebooks() / f"{NAME}.ipynb")


def corrected(assignment):
    """Return the assignment with another text and blank of its first question, and the last one dropped."""
    node = nbformat.from_dict(assignment.blank)
    asked = next(cell for cell in node.cells if "**Question 3 ·" in cell.source)
    asked.source += "\n\nThe loss is a mean over samples, not over batches."
    answer_cell(node, TRAIN).source = answer_cell(node, TRAIN).source.replace("for one epoch", "once")
    node.cells.remove(answer_cell(node, WHICH))
    node.cells = [cell for cell in node.cells if "**Question 201" not in cell.source]
    return Assignment(assignment.name, node, assignment.questions[:2], assignment.solutions)


def test_start_copies_and_never_overwrites(course):
    (copy,) = start(["02"])
    assert copy == course / "work" / f"{NAME}.ipynb"
    assert copy.read_bytes() == (course / "notebooks" / f"{NAME}.ipynb").read_bytes()
    copy.write_text("my answers")
    with pytest.raises(CourseError, match="is there already"):
        start(["02"])
    assert copy.read_text() == "my answers"
    with pytest.raises(CourseError, match="There are: 02"):
        start(["07"])


@pytest.mark.parametrize("editor", EDITORS)
def test_answers_helpers_and_imports_go_into_the_corrected_release(course, first, editor):
    node = nbformat.from_dict(released_notebook(first, "v1"))
    for cell, full in zip(node.cells, solved(first).cells, strict=True):
        cell.source = full.source
    helpers = next(cell for cell in node.cells if "helpers" in cell.metadata.get("tags", []))
    helpers.source += "\ndef half(x):\n    return math.floor(x / 2)"
    node.cells.append(new_code_cell("import math\nfrom google.colab import drive"))
    picture = {"a.png": {"image/png": base64.b64encode(PNG + b"pixel").decode()}}
    answer_cell(node, WHICH).attachments = picture
    file = course / "work" / f"{NAME}.ipynb"
    file.parent.mkdir()
    nbformat.write(editor(node), file)
    old = file.read_bytes()
    publish(first, "v1.1")
    done = update(file)
    assert done.kept.read_bytes() == old
    assert (done.version, done.changed, done.gone, done.duplicate) == ("v1.1", (), (), ())
    assert done.carried == (TRAIN, EVALUATE, WHICH)
    new = nbformat.read(file, as_version=4)
    nbformat.validate(new)
    assert [cell.source for cell in new.cells if "question" not in cell.metadata] != []
    again = read_submission(file, first)
    assert again.version == "v1.1"
    assert again.answers[TRAIN].text == first.solutions[TRAIN]
    pictures = () if editor is by_notebook_3 else (("a.png", PNG + b"pixel"),)  # format 3 has none
    assert (again.answers[WHICH].text, again.answers[WHICH].pictures) == (SENTENCES, pictures)
    assert "import math\ndef half(x)" in again.helpers
    assert "google" not in again.helpers


def test_the_questions_whose_text_changed_and_those_that_are_gone_are_listed(course, first):
    for number, editor in enumerate((lambda node: node, by_vscode)):
        publish(first, "v1")
        node = nbformat.read(paths.notebooks() / f"{NAME}.ipynb", as_version=4)
        answer_cell(node, EVALUATE).source += "\n    # a comment is no answer"
        answer_cell(node, WHICH).source += "\nB."
        file = course / f"{number}_{NAME}.ipynb"
        nbformat.write(editor(node), file)
        publish(corrected(first), "v1.1")
        done = update(file)
        assert done.changed == (TRAIN,)
        assert done.gone == (WHICH,)
        assert done.carried == ()


def test_the_grader_says_that_a_text_changed_and_knows_the_older_blank(course, first):
    node = nbformat.read(paths.notebooks() / f"{NAME}.ipynb", as_version=4)
    file = course / "old.ipynb"
    nbformat.write(node, file)
    later = corrected(first)
    assert read_submission(file, later).answers[TRAIN].state == "missing"
    answer_cell(node, TRAIN).source = f"# Question 3 · {TRAIN}\n{first.solutions[TRAIN]}"
    answer_cell(node, EVALUATE).source = f"# Question 4 · {EVALUATE}\n{first.solutions[EVALUATE]}"
    nbformat.write(node, file)
    found = read_submission(file, later).answers
    assert "changed in a later release" in found[TRAIN].flags[0]
    assert not found[EVALUATE].flags


def test_two_answers_are_both_carried(course, first):
    (file,) = start(["02"])
    node = nbformat.read(file, as_version=4)
    for number in (1, 2):
        cell = nbformat.from_dict(answer_cell(node, TRAIN))
        cell.source = f"# Question 3 · {TRAIN}\ndef train_one_epoch(self):\n    return {number}, {number}"
        cell.id = f"copy-{number}"
        node.cells.append(cell)
    nbformat.write(node, file)
    assert update(file).duplicate == (TRAIN,)
    text = file.read_text()
    assert "return 1, 1" in text
    assert "return 2, 2" in text


def test_updating_twice_keeps_both_older_files(course):
    (file,) = start(["02"])
    kept = {update(file).kept, update(file).kept}
    assert len(kept) == 2
    assert all(one.is_file() for one in kept)


def test_a_file_that_cannot_be_read_stays_as_it_is(course):
    file = course / "work" / f"{NAME}.ipynb"
    file.parent.mkdir()
    file.write_text("{damaged")
    with pytest.raises(CourseError, match="not JSON"):
        update(file)
    assert file.read_text() == "{damaged"
    assert [one.name for one in file.parent.iterdir()] == [file.name]
    with pytest.raises(CourseError, match="is not there"):
        update(course / "nowhere.ipynb")


def test_a_notebook_of_no_release_is_refused(tmp_path, first):
    nbformat.write(first.blank, tmp_path / f"{NAME}.ipynb")
    with pytest.raises(CourseError, match="course release"):
        released_assignment(tmp_path / f"{NAME}.ipynb")
    assert assignments.release_of(first.blank) == {}
