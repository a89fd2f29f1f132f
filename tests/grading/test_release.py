"""A release is all that students need, and gives no answer away."""

import importlib.util
import json
import os
import subprocess
import sys
import zipfile

import nbformat
import pytest

from course_utils import paths
from course_utils.errors import CourseError
from course_utils.grading.assignment import load_assignment, released_assignment
from course_utils.grading.questions import read_questions
from course_utils.grading.release import leaks, release
from course_utils.notebooks.build import source_files


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    folder = tmp_path_factory.mktemp("release")
    release([], folder / "course", version="v1", solutions=folder / "solutions")
    return folder


@pytest.fixture(scope="module")
def texts(released):
    return {
        file.relative_to(released / "course").as_posix(): plain(file)
        for file in (released / "course").rglob("*")
        if file.is_file() and file.suffix != ".safetensors"
    }


def plain(file):
    """Return a file's words in one line; of a notebook, without JSON's marks."""
    text = file.read_text(encoding="utf-8")
    if file.suffix == ".ipynb":
        text = "\n".join(cell.source for cell in nbformat.reads(text, as_version=4).cells)
    return flat(text)


def flat(text):
    return " ".join(text.split())


def secrets():
    """Solutions and rubrics, cut out of the sources by another expression than the release's own."""
    for file in source_files():
        lines, inside = [], False
        for line in file.read_text(encoding="utf-8").split("\n"):
            if "BEGIN SOLUTION" in line:
                lines, inside = [], True
            elif "END SOLUTION" in line:
                inside = False
                yield file.stem, flat("\n".join(one.removeprefix("# ") for one in lines))
            elif inside:
                lines.append(line)
    for name, questions in read_questions(paths.instructor() / "checks").items():
        source = flat((paths.instructor() / "sources" / f"{name}.py").read_text(encoding="utf-8"))
        for question in questions:
            # What a visible check says is public, and "a number" stands in many places.
            told = [flat(one.text) for one in question.rubric if flat(one.text) not in source]
            yield from ((name, text) for text in told if len(text) >= 40)


def test_no_solution_and_no_rubric_stands_in_the_release(texts):
    known = list(secrets())
    assert len(known) > 100
    given_away = [(name, where) for name, text in texts.items() for where, one in known if one in text]
    assert not given_away
    assert not [name for name in texts if "instructor/" in name or name.startswith("benchmarks")]


def test_no_solution_stands_in_a_wheel_of_the_release(released, tmp_path):
    if not importlib.util.find_spec("hatchling"):
        pytest.skip("hatchling is not installed, which builds the wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=released / "course", check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(tmp_path / "wheel")
    files = [file for file in (tmp_path / "wheel").rglob("*") if file.is_file()]
    assert any(file.name == "validate.py" for file in files)
    known = list(secrets())
    assert not [file for file in files for _, one in known if one in plain(file)]


def test_a_solution_left_anywhere_is_noticed_before_anything_is_written(tmp_path):
    assignment = load_assignment("02_write_an_abstract_trainer")
    body = assignment.solutions["train-one-epoch"].split('"""')[-1]
    rubric = assignment.questions[0].rubric[2].text
    given_away = leaks({"course_utils/a.py": body.encode(), "README.md": rubric.encode(), "b.py": b"x = 1"})
    assert [one.split(":")[0] for one in given_away] == ["course_utils/a.py", "README.md"]


def test_a_release_is_complete(released):
    course = released / "course"
    names = [file.stem for file in source_files()]
    assert [file.stem for file in sorted((course / "notebooks").glob("*.ipynb"))] == names
    for there in ("README.md", "LICENSE", "Makefile", "environment.yml", "pyproject.toml", "constraints.txt"):
        assert (course / there).is_file()
    for there in (
        "course_utils/cli/__init__.py",
        "data_manifests/lfw.yaml",
        "tests/conftest.py",
        "tests/test_course.py",
    ):
        assert (course / there).is_file()
    assert (course / "notebooks/profiles.yaml").is_file()
    assert "work/" in (course / ".gitignore").read_text()
    assert "[instructor" not in (course / "Makefile").read_text() + (course / "environment.yml").read_text()
    readme = (course / "README.md").read_text()
    assert "Release v1" in readme
    assert "| 05 | Saliency and Grad-CAM, scored |" in readme
    with zipfile.ZipFile(released / "course.zip") as packed:
        inside = {name.removeprefix("course/") for name in packed.namelist()}
    written = {file.relative_to(course).as_posix() for file in course.rglob("*") if file.is_file()}
    assert inside == written


def test_a_released_notebook_says_what_it_asks_and_needs_no_instructor_to_be_read(released):
    file = released / "course/notebooks/02_write_an_abstract_trainer.ipynb"
    node = nbformat.read(file, as_version=4)
    entry = node.metadata["course"]["release"]
    assert (entry["name"], entry["version"]) == ("02_write_an_abstract_trainer", "v1")
    assert entry["questions"][0]["id"] == "train-one-epoch"
    assert {"text", "blank"} <= set(entry["questions"][0])
    assert "rubric" not in json.dumps(entry)
    known, full = released_assignment(file), load_assignment("02_write_an_abstract_trainer")
    assert [one.model_dump() for one in known.questions] == [
        {
            name: value
            for name, value in one.model_dump().items()
            if name in type(known.questions[0]).model_fields
        }
        for one in full.questions
    ]
    assert "CourseTrainer.train_one_epoch" in known.solutions["train-one-epoch"]
    assert [cell.source for cell in known.blank.cells] == [cell.source for cell in full.blank.cells]


def test_solutions_go_elsewhere(released, tmp_path):
    text = (released / "solutions/05_explain.ipynb").read_text()
    assert "gradients.abs().amax(dim=1)" in text
    assert "BEGIN SOLUTION" not in text
    with pytest.raises(CourseError, match="is inside the release"):
        release(["02"], tmp_path / "course", solutions=tmp_path / "course" / "solutions")
    assert not (tmp_path / "course").exists()


def test_a_corrected_release_replaces_an_earlier_one_and_leaves_the_rest_alone(tmp_path):
    out = tmp_path / "course"
    release(["02", "03"], out, version="v1")
    (out / ".git").mkdir()
    (out / ".git/HEAD").write_text("ref")
    release(["02"], out, version="v1.1")
    assert (out / ".git/HEAD").read_text() == "ref"
    assert not (out / "notebooks/03_simplenet.ipynb").exists()
    assert json.loads((out / "release.json").read_text())["version"] == "v1.1"
    before = (tmp_path / "course.zip").read_bytes()
    release(["02"], out, version="v1.1")
    assert (tmp_path / "course.zip").read_bytes() == before


def test_a_folder_that_is_no_release_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(CourseError, match="is no release"):
        release(["02"], tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("question", ["train-one-epoch", "saliency"])
def test_a_lab_test_is_one_question_that_runs_by_itself(tmp_path, monkeypatch, capsys, question):
    number = "02" if question == "train-one-epoch" else "05"
    release([number], tmp_path / "lab", question=question)
    (file,) = (tmp_path / "lab/notebooks").glob("*.ipynb")
    node = nbformat.read(file, as_version=4)
    assert [one["id"] for one in node.metadata["course"]["release"]["questions"]] == [question]
    assert [cell.metadata.question for cell in node.cells if "question" in cell.metadata] == [question]
    monkeypatch.setenv("COURSE_BUILD", str(tmp_path / "build"))
    space = {}
    for cell in node.cells:
        if cell.cell_type == "code":
            exec(compile(cell.source, cell.id, "exec"), space)
    assert "this part is still to be written" in capsys.readouterr().out
    full = load_assignment(file.stem)
    for cell in node.cells:
        if cell.cell_type == "code":
            source = full.solutions[question] if cell.metadata.get("question") else cell.source
            exec(compile(source, cell.id, "exec"), space)
    assert f"✓ {question}" in capsys.readouterr().out


def test_a_question_in_words_is_no_lab_test(tmp_path):
    with pytest.raises(CourseError, match="Release the notebook"):
        release(["02"], tmp_path / "lab", question="which-bug")
    with pytest.raises(CourseError, match="needs the one notebook"):
        release(["02", "03"], tmp_path / "lab", question="train-one-epoch")


PRIVATE_SOURCE = """\
# ---
# jupyter:
#   course: {title: Next year, minutes: 1, hours: 1, needs: []}
# ---
# %% [markdown]
# **Question 9901 · double** (2 points, marked by checks, about 5 minutes)
# %% tags=["helpers"]
# your helpers
# %% question="double" tags=["answer"]
# Question 9901 · double
def double(number):
    ### BEGIN SOLUTION
    unspoken_result_of_next_year = number + number + 0
    return unspoken_result_of_next_year
    ### END SOLUTION
"""
PRIVATE_CHECKS = """
from course_utils.grading.questions import Criterion, Question
TEXT = "numbers below zero are doubled as well, which nobody thinks of"
QUESTIONS = [Question(id="double", number=9901, title="Double", points=2, kind="code",
                      rubric=(Criterion(points=2, text=TEXT),))]
"""


def test_a_private_folder_adds_notebooks_and_overrides_questions(tmp_path):
    private = tmp_path / "private"
    for file, text in {
        "sources/99_next_year.py": PRIVATE_SOURCE,
        "checks/99_next_year.py": PRIVATE_CHECKS,
        "checks/02_write_an_abstract_trainer.py": PRIVATE_CHECKS.replace('"double"', '"train-one-epoch"'),
    }.items():
        (private / file).parent.mkdir(parents=True, exist_ok=True)
        (private / file).write_text(text, encoding="utf-8")
    release(["99", "02"], tmp_path / "course", private=(private,))
    text = "".join(file.read_text() for file in (tmp_path / "course/notebooks").glob("*.ipynb"))
    assert "Question 9901" in text
    assert "unspoken" not in text
    assert "nobody thinks of" not in text
    changed = load_assignment("02_write_an_abstract_trainer", private)
    assert changed.question("train-one-epoch").points == 2
    assert changed.question("which-bug").points == 9
    with pytest.raises(CourseError, match="is no folder"):
        release([], tmp_path / "other", private=(tmp_path / "nowhere",))


@pytest.fixture(scope="module")
def one_notebook(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one") / "course"
    release(["02"], folder, version="v1")
    return folder


def inside(folder, *words):
    environment = os.environ | {"PYTHONPATH": str(folder), "COURSE_BUILD": ""}
    command = [sys.executable, *words]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_tests_of_a_release_can_be_collected_in_it(one_notebook):
    done = inside(one_notebook, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout[-2000:]


@pytest.mark.slow
def test_the_tests_of_the_notebooks_of_a_release_pass_in_it(one_notebook):
    some = ("tests/notebooks", "tests/test_history.py", "tests/test_course.py")
    done = inside(one_notebook, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-m", "not slow", *some)
    assert done.returncode == 0, done.stdout[-2000:]
    assert "a student release holds no solutions" in done.stdout


@pytest.mark.slow
def test_the_notebooks_of_a_release_run_in_it(one_notebook, course_environment):
    main = "from course_utils.cli import main; main()"
    done = inside(one_notebook, "-c", main, "run", "--profile", "tiny", "--out", "build/runs/x")
    assert done.returncode == 0, done.stderr
    assert "completed" in done.stdout
