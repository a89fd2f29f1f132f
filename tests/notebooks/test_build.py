"""The tracked notebooks are what their sources say, and nothing that only an instructor may see."""

import re

import nbformat
import pytest

from course_utils import paths
from course_utils.errors import CourseError
from course_utils.grading.questions import read_questions
from course_utils.notebooks.build import blank, build, question_of, read_source, solved, source_files
from course_utils.notebooks.catalogue import (
    Notebook,
    parameters,
    profile_values,
    read_notebooks,
    read_profiles,
    set_parameters,
)

SOURCES = source_files()
QUESTIONS = read_questions(paths.instructor() / "checks")
POINTS = re.compile(
    r"\*\*Question (?P<number>\d+) · (?P<id>[a-z0-9-]+)\*\* \((?P<points>\d+) points, "
    r"(?P<by>marked by checks|read by a person), about \d+ minutes\)"
)


def source(text, tmp_path):
    file = tmp_path / "99_made_up.py"
    file.write_text(text, encoding="utf-8")
    return read_source(file), file


def test_the_tracked_notebooks_are_what_their_sources_build(tmp_path):
    build([], out=tmp_path)
    built = {file.name: file.read_bytes() for file in tmp_path.glob("*.ipynb")}
    tracked = {file.name: file.read_bytes() for file in paths.notebooks().glob("*.ipynb")}
    assert built.keys() == tracked.keys()
    different = [name for name in built if built[name] != tracked[name]]
    assert not different, f"type `course build` and commit: {different} differ from their sources"


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: file.stem)
def test_every_line_of_a_blank_stands_in_its_solution(file):
    node = read_source(file)
    for empty, full in zip(blank(node, file).cells, solved(node).cells, strict=True):
        lines = [line for line in empty.source.split("\n") if "still to be written" not in line]
        missing = set(lines) - set(full.source.split("\n")) - {"*Write your answer here.*"}
        assert not missing


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: file.stem)
def test_a_student_notebook_holds_no_solution_and_no_output(file):
    student = nbformat.read(paths.notebooks() / f"{file.stem}.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in student.cells)
    assert "SOLUTION" not in text
    for cell in read_source(file).cells:
        for body in re.findall(r"BEGIN SOLUTION[^\n]*\n(.*?)\n[^\n]*END SOLUTION", cell.source, re.DOTALL):
            assert body.strip() not in text
    assert not any(cell.get("outputs") or cell.get("execution_count") for cell in student.cells)


@pytest.mark.parametrize("file", SOURCES, ids=lambda file: file.stem)
def test_sources_and_checks_list_the_same_questions(file):
    node = read_source(file)
    answered = [question_of(cell) for cell in node.cells if cell.metadata.get("question")]
    listed = QUESTIONS[file.stem]
    assert answered == [(question.number, question.id) for question in listed]
    asked = {match["id"]: match for cell in node.cells for match in POINTS.finditer(cell.source)}
    for question in listed:
        match = asked[question.id]
        assert (int(match["number"]), float(match["points"])) == (question.number, question.points)
        assert (match["by"] == "marked by checks") == (question.kind == "code")


def test_question_numbers_and_ids_are_unique():
    everything = [question for questions in QUESTIONS.values() for question in questions]
    assert len({question.id for question in everything}) == len(everything)
    assert len({question.number for question in everything}) == len(everything)


def test_student_notebooks_have_the_quick_values_with_the_full_ones_beside_them():
    student = nbformat.read(paths.notebooks() / "03_simplenet.ipynb", as_version=4)
    cell = next(cell for cell in student.cells if "parameters" in cell.metadata.get("tags", []))
    assert "image_size = 128  # full: 256 · pixels" in cell.source


def test_profiles_set_only_parameters_that_exist():
    notebooks = [Notebook(file.with_suffix(".ipynb"), read_source(file)) for file in SOURCES]
    declared = {name for notebook in notebooks for name in notebook.parameters}
    for profile in read_profiles().values():
        assert set(profile.get("values") or {}) <= declared


def test_a_profile_has_the_values_of_the_one_that_it_extends():
    nine = Notebook(SOURCES[8].with_suffix(".ipynb"), read_source(SOURCES[8]))
    quick, photographs = (profile_values(name, nine) for name in ("quick", "photographs"))
    assert photographs == quick | {"dataset": "assignment_fakes"}


def test_ids_stay_when_a_cell_is_put_in_between(tmp_path):
    before, _ = source("# %% [markdown]\n# one\n\n# %%\nx = 1\n", tmp_path)
    after, _ = source("# %% [markdown]\n# one\n\n# %% [markdown]\n# new\n\n# %%\nx = 1\n", tmp_path)
    assert {cell.id for cell in before.cells} < {cell.id for cell in after.cells}


def test_equal_cells_have_different_ids(tmp_path):
    node, _ = source("# %%\nx = 1\n\n# %%\nx = 1\n", tmp_path)
    assert node.cells[0].id != node.cells[1].id


CODE = '# %% question="q" tags=["answer"]\n# Question 1 · q\n'


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (CODE + "### BEGIN SOLUTION\nx = 1\n", "no end solution"),
        (CODE + "### BEGIN SOLUTION\n### BEGIN SOLUTION\n### END SOLUTION\n", "nested"),
        (CODE + "x = 1\n", "no BEGIN SOLUTION"),
        ("# %%\n### BEGIN SOLUTION\nx = 1\n### END SOLUTION\n", "outside an answer cell"),
        (CODE.replace("· q", "· other") + "### BEGIN SOLUTION\n### END SOLUTION\n", "same id"),
        ("# %%\n# Question 1 · q\n### BEGIN SOLUTION\n### END SOLUTION\n", "same id"),
    ],
)
def test_a_source_that_would_give_a_wrong_blank_is_refused(text, complaint, tmp_path):
    node, file = source(text, tmp_path)
    with pytest.raises(CourseError, match=complaint):
        blank(node, file)


def test_two_answers_to_one_question_are_refused(tmp_path):
    with pytest.raises(CourseError, match="two answer cells"):
        source(CODE + "\n" + CODE, tmp_path)


def test_a_stub_fails_only_when_it_is_called(tmp_path):
    text = CODE + "def f():\n    ### BEGIN SOLUTION\n    return 1\n    ### END SOLUTION\n"
    node, file = source(text, tmp_path)
    namespace = {}
    exec(compile(blank(node, file).cells[0].source, "stub", "exec"), namespace)
    with pytest.raises(NotImplementedError, match="Question 1 · q"):
        namespace["f"]()


def test_parameters_are_plain_values(tmp_path):
    node, file = source('# %% tags=["parameters"]\nepochs = 5  # passes\nrate = f(1)\n', tmp_path)
    with pytest.raises(CourseError, match=r"line 2: expected `name = value`.*rate = f\(1\)"):
        parameters(node, file)


def test_setting_a_parameter_keeps_its_comment(tmp_path):
    node, file = source('# %% tags=["parameters"]\nepochs = 5  # passes\nname = "a#b"\n', tmp_path)
    set_parameters(node, file, {"epochs": 2, "name": "a#b"})
    assert node.cells[0].source == 'epochs = 2  # full: 5 · passes\nname = "a#b"'


def test_blank_notebooks_stand_in_the_folder_in_order():
    assert [notebook.number for notebook in read_notebooks(paths.notebooks())] == [
        file.stem[:2] for file in SOURCES
    ]
