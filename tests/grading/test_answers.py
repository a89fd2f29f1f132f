"""Every answer is found, whatever an editor or a student has done to the notebook, or its state says why."""

import base64
import json

import nbformat
import pytest
from handed_in import EDITORS, SENTENCES, answer_cell, by_colab_with_new_ids, by_vscode, place_of, solved
from nbformat.v4 import new_code_cell, new_markdown_cell

from course_utils.grading import cells
from course_utils.grading.answers import read_submission
from course_utils.grading.assignment import load_assignment
from course_utils.grading.blanks import digest
from course_utils.grading.cells import RejectedSubmission

NAME = "02_write_an_abstract_trainer"
PIXEL = base64.b64encode(cells.PNG + b"pixel").decode()
TRAIN, EVALUATE, WHICH = "train-one-epoch", "evaluate-model-on-dataloader", "which-bug"
DIFFERENT = "def train_one_epoch(self):\n    return 0.0, 0.0"


@pytest.fixture(scope="module")
def assignment():
    return load_assignment(NAME)


@pytest.fixture
def node(assignment):
    return solved(assignment)


@pytest.fixture
def read(assignment, tmp_path):
    def read(node):
        file = tmp_path / f"{NAME}.ipynb"
        file.write_text(json.dumps(node), encoding="utf-8")
        return read_submission(file, assignment)

    return read


@pytest.mark.parametrize("editor", EDITORS)
def test_every_answer_is_found_as_each_editor_saves_it(assignment, node, read, editor):
    submission = read(editor(node))
    assert list(submission.answers) == [TRAIN, EVALUATE, WHICH]
    assert {answer.state for answer in submission.answers.values()} == {"answered"}
    assert submission.answers[TRAIN].text == assignment.solutions[TRAIN]
    assert submission.answers[WHICH].text == SENTENCES
    assert not any(answer.flags for answer in submission.answers.values())


@pytest.mark.parametrize("editor", EDITORS)
def test_an_untouched_release_is_missing_throughout(assignment, read, editor):
    submission = read(editor(nbformat.from_dict(assignment.blank)))
    assert {answer.state for answer in submission.answers.values()} == {"missing"}
    assert {answer.text for answer in submission.answers.values()} == {""}
    assert (submission.helpers, submission.imports) == ("", "")


def test_comments_and_blank_lines_are_no_answer(node, read, assignment):
    blank = assignment.answer_cell(TRAIN).source
    answer_cell(node, TRAIN).source = blank.replace("    raise", "    # to do\n\n    raise")
    assert read(node).answers[TRAIN].state == "missing"


def test_the_blank_of_an_earlier_release_is_missing_too(node, read):
    old = "# Question 3 · train-one-epoch\ndef train_one_epoch(self):\n    raise NotImplementedError('soon')"
    answer_cell(node, TRAIN).source = old
    assert read(node).answers[TRAIN].state == "answered"
    entry = {"id": TRAIN, "blank": digest(old, "code")}
    node.metadata["course"]["release"] = {"version": "v1", "questions": [entry]}
    submission = read(node)
    assert submission.answers[TRAIN].state == "missing"
    assert submission.version == "v1"


def test_the_blank_of_an_earlier_release_is_known_without_metadata(node, read):
    cell = answer_cell(node, TRAIN)
    stub = f'raise NotImplementedError("Question 3 · {TRAIN}: this part is still to be written.")'
    cell.source = f'# Question 3 · {TRAIN}\ndef train_one_epoch(self, x):\n    """Once."""\n    {stub}'
    assert read(by_vscode(node)).answers[TRAIN].state == "missing"
    cell.source = cell.source.replace('"""Once."""', "self.model.train()")
    assert read(node).answers[TRAIN].state == "answered"


def test_the_cells_of_an_earlier_release_are_no_answers_when_all_ids_are_lost(assignment, read):
    node = nbformat.from_dict(assignment.blank)
    for cell in node.cells:
        if "go_on_with" in cell.source or cell.source.startswith("## 5"):
            cell.source += "\n# as it was in the release before"
    submission = read(by_colab_with_new_ids(node))
    assert {answer.state for answer in submission.answers.values()} == {"missing"}
    submission = read(by_vscode(solved(assignment)))
    assert {answer.state for answer in submission.answers.values()} == {"answered"}


def test_metadata_of_the_wrong_kind_breaks_nothing(node, read):
    node.metadata["course"] = {"release": {"version": 1, "questions": [7, {"id": TRAIN, "blank": []}]}}
    answer_cell(node, EVALUATE).metadata["question"] = ["a"]
    node.cells[0].metadata["tags"] = 3
    node.cells[1]["id"] = [5]
    answer_cell(node, WHICH).attachments = {"b.png": {"image/png": {"a": 1}}}
    submission = read(node)
    assert submission.version is None
    assert submission.answers[WHICH].pictures == ()
    assert submission.answers[EVALUATE].found_by == "id"  # by the cell's own id


def test_ids_go_before_the_mark_and_the_mark_before_the_name(node, read):
    assert read(node).answers[TRAIN].found_by == "id"
    by_vscode(node)
    assert read(node).answers[TRAIN].found_by == "mark"
    place = next(i for i, cell in enumerate(node.cells) if "def train_one_epoch" in cell.source)
    node.cells[place].source = node.cells[place].source.split("\n", 1)[1]
    found = read(node).answers[TRAIN]
    assert (found.state, found.found_by) == ("answered", "name")
    assert "train_one_epoch" in found.flags[0]
    node.cells[place].source = node.cells[place].source.replace("train_one_epoch", "train")
    found = read(node).answers[TRAIN]
    assert (found.state, found.found_by) == ("answered", "position")
    assert "does not define `train_one_epoch`" in found.flags[0]


def test_words_without_their_mark_are_found_by_place(node, read):
    by_vscode(node)
    cell = next(cell for cell in node.cells if SENTENCES in cell.source)
    cell.source = SENTENCES
    found = read(node).answers[WHICH]
    assert (found.text, found.found_by) == (SENTENCES, "position")


def test_an_answer_in_the_cell_below_is_found_and_flagged(assignment, node, read):
    for question, make in ((TRAIN, new_code_cell), (WHICH, new_markdown_cell)):
        place = place_of(node, question)
        text = assignment.solutions.get(question, SENTENCES)
        node.cells[place].source = assignment.answer_cell(question).source
        node.cells.insert(place + 1, make(text))
    found = read(node).answers
    assert found[TRAIN].text == assignment.solutions[TRAIN]
    assert found[WHICH].text == SENTENCES
    assert {found[TRAIN].found_by, found[WHICH].found_by} == {"below"}
    assert all("below" in found[question].flags[0] for question in (TRAIN, WHICH))


def test_words_typed_into_a_code_cell_below_are_found(assignment, node, read):
    place = place_of(node, WHICH)
    node.cells[place].source = assignment.answer_cell(WHICH).source
    node.cells.insert(place + 1, new_code_cell(SENTENCES))
    assert (read(node).answers[WHICH].text, read(node).answers[WHICH].found_by) == (SENTENCES, "below")


def test_words_that_go_on_below_are_one_answer(node, read):
    node.cells.insert(place_of(node, WHICH) + 1, new_markdown_cell("And then it overshoots."))
    found = read(node).answers[WHICH]
    assert found.text == f"{SENTENCES}\n\nAnd then it overshoots."
    assert "goes on" in found.flags[0]


@pytest.mark.parametrize("with_metadata", [True, False])
def test_a_split_cell_is_one_answer(assignment, node, read, with_metadata):
    place = place_of(node, TRAIN)
    lines = node.cells[place].source.split("\n")
    node.cells[place].source = "\n".join(lines[:8])
    lower = new_code_cell("\n".join(lines[8:]))
    if with_metadata:  # JupyterLab copies it, the classic notebook does not
        lower.metadata = nbformat.from_dict(node.cells[place].metadata)
    node.cells.insert(place + 1, lower)
    if not with_metadata:
        node.cells[place].source = "\n".join(lines[:2])
        lower.source = "\n".join(lines[2:])
    found = read(node).answers[TRAIN]
    assert (found.state, found.text) == ("answered", assignment.solutions[TRAIN])


def test_a_merged_cell_holds_both_answers(assignment, node, read):
    upper, lower = (answer_cell(node, question) for question in (TRAIN, EVALUATE))
    upper.source += "\n\n" + lower.source
    node.cells.remove(lower)
    found = read(node).answers
    assert found[TRAIN].text == assignment.solutions[TRAIN]
    assert found[EVALUATE].text == assignment.solutions[EVALUATE]


def test_two_identical_copies_are_one_answer_and_two_different_ones_are_a_duplicate(assignment, node, read):
    place = place_of(node, TRAIN)
    again = nbformat.from_dict(node.cells[place]) | {"id": "again"}
    node.cells.insert(place + 1, nbformat.from_dict(again))
    found = read(node).answers[TRAIN]
    assert (found.state, found.text) == ("answered", assignment.solutions[TRAIN])
    assert "each time the same" in found.flags[0]
    node.cells[place + 1].source = "# Question 3 · train-one-epoch\n" + DIFFERENT
    found = read(node).answers[TRAIN]
    assert found.state == "duplicate"
    assert assignment.solutions[TRAIN] in found.text
    assert DIFFERENT in found.text
    assert "2 different answers" in found.flags[0]


def test_an_untouched_copy_beside_an_answer_counts_for_nothing(assignment, node, read):
    node.cells.insert(place_of(node, TRAIN), nbformat.from_dict(assignment.answer_cell(TRAIN)))
    found = read(node).answers[TRAIN]
    assert (found.state, found.text) == ("answered", assignment.solutions[TRAIN])


def test_a_second_answer_below_the_first_is_a_duplicate(node, read):
    node.cells.insert(place_of(node, TRAIN) + 1, new_code_cell(DIFFERENT))
    assert read(node).answers[TRAIN].state == "duplicate"


def test_helpers_and_imports_of_any_cell_travel(node, read):
    helpers = next(cell for cell in node.cells if "helpers" in cell.metadata.get("tags", []))
    helpers.source += "\nimport math\ndef half(x):\n    return math.floor(x / 2)\n"
    node.cells.append(
        new_code_cell("%matplotlib inline\nfrom collections import (\n    Counter,\n    deque,\n)")
    )
    answer_cell(node, TRAIN).source += "\nimport math"
    submission = read(node)
    assert submission.helpers == "import math\ndef half(x):\n    return math.floor(x / 2)"
    assert submission.imports.split("\n") == ["import math", "from collections import ( Counter, deque, )"]


def test_magics_do_not_hide_an_answer(node, read, assignment):
    cell = answer_cell(node, TRAIN)
    mark, body = cell.source.split("\n", 1)
    cell.source = f"%%time\n{mark}\n{body}\n!nvidia-smi"
    found = read(node).answers[TRAIN]
    assert found.text.strip().startswith("def train_one_epoch")
    assert "%%" not in found.text
    assert "nvidia" not in found.text


def test_pasted_pictures_travel_as_png_and_nothing_else(node, read):
    cell = answer_cell(node, WHICH)
    cell.source += f"\n![a](attachment:a.png) ![b](data:image/png;base64,{PIXEL})"
    cell.attachments = {
        "a.png": {"image/png": PIXEL},
        "b.svg": {"image/svg+xml": "<svg onload='alert(1)'/>"},
        "c.png": {"image/png": base64.b64encode(b"<script>").decode()},
    }
    found = read(node).answers[WHICH]
    assert [name for name, _ in found.pictures] == ["a.png", "pasted-2.png"]
    assert "attachment:pasted-2.png" in found.text
    assert PIXEL not in found.text
    assert len([flag for flag in found.flags if "no PNG" in flag]) == 2


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"hello", "not JSON"),
        (b"[1, 2]", "no notebook"),
        (b"{}", "no notebook"),
        (b'{"nbformat": 4, "nbformat_minor": 5, "cells": 3, "metadata": {}}', "no notebook"),
        (b'{"nbformat": 4, "nbformat_minor": 5, "cells": [{"source": 3}], "metadata": {}}', "no notebook"),
        (b'{"nbformat": 99, "nbformat_minor": 0, "cells": [], "metadata": {}}', "no notebook"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b'{"nbformat": 4, "nbformat_minor": ' + b"9" * 10_000 + b"}", "no"),
    ],
)
def test_what_cannot_be_read_is_rejected_with_a_sentence(assignment, tmp_path, content, reason):
    file = tmp_path / "x.ipynb"
    file.write_bytes(content)
    with pytest.raises(RejectedSubmission, match=reason):
        read_submission(file, assignment)


def test_what_is_too_large_is_rejected_unread(assignment, node, read, tmp_path, monkeypatch):
    answer_cell(node, TRAIN).source = "x" * (cells.MAX_CELL_CHARACTERS + 1)
    with pytest.raises(RejectedSubmission, match="characters"):
        read(node)
    node.cells = [new_code_cell("1") for _ in range(cells.MAX_CELLS + 1)]
    with pytest.raises(RejectedSubmission, match="cells"):
        read(node)
    monkeypatch.setattr(cells, "MAX_BYTES", 100)
    with pytest.raises(RejectedSubmission, match="MB"):
        read(node)


@pytest.mark.parametrize("hostile", ["(" * 5000, "-" * 50_000 + "1", "x" + ".a" * 50_000, "def f(:", "\0"])
def test_source_that_no_parser_takes_is_an_answer_all_the_same(node, read, hostile):
    answer_cell(node, TRAIN).source = f"# Question 3 · train-one-epoch\n{hostile}"
    found = read(node).answers
    assert found[TRAIN].state == "answered"
    assert found[EVALUATE].state == "answered"


def test_a_py_file_is_a_submission(assignment, tmp_path):
    file = tmp_path / "trainer.py"
    file.write_text("import torch\n" + assignment.solutions[TRAIN] + "\n\nprint('ready')\n")
    submission = read_submission(file, assignment)
    found = submission.answers[TRAIN]
    assert (found.state, found.found_by, found.text) == ("answered", "name", assignment.solutions[TRAIN])
    assert submission.answers[EVALUATE].state == submission.answers[WHICH].state == "missing"
    assert submission.imports == "import torch"


def test_a_folder_of_modules_is_a_submission(assignment, tmp_path):
    (tmp_path / "loops.py").write_text("from sums import add\n\n" + assignment.solutions[TRAIN])
    (tmp_path / "sums.py").write_text("def add(a, b):\n    return a + b\n")
    (tmp_path / "__pycache__").mkdir()
    (tmp_path / "__pycache__" / "sums.py").write_text("")
    (tmp_path / "course_utils").mkdir()
    (tmp_path / "course_utils" / "training.py").write_text(DIFFERENT)
    submission = read_submission(tmp_path, assignment)
    assert submission.answers[TRAIN].state == "answered"
    assert [name for name, _ in submission.modules] == ["loops", "sums"]
    assert submission.imports == "from sums import add"
