"""A run says of each notebook what really happened to it."""

import json

import nbformat
import pytest

from course_utils.errors import CourseError
from course_utils.notebooks.catalogue import Notebook, choose, settings_for
from course_utils.notebooks.run import read_run, run


@pytest.fixture
def made(tmp_path):
    """Return a function that writes a notebook of some code cells, with its parameters in the first."""

    def make(name, *cells, parameters="size = 1", needs=(), after=()):
        node = nbformat.v4.new_notebook()
        node.metadata["course"] = {"title": name, "needs": list(needs), "after": list(after)}
        node.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        node.cells = [nbformat.v4.new_code_cell(code) for code in (parameters, *cells)]
        node.cells[0].metadata["tags"] = ["parameters"]
        path = tmp_path / f"{name}.ipynb"
        nbformat.write(node, path)
        return Notebook(path, node)

    return make


def states(folder):
    return {entry["name"]: entry["state"] for entry in read_run(folder)["notebooks"]}


def test_each_way_of_ending_has_its_own_state(made, tmp_path):
    # Numbers that no notebook of the course has: a profile may set what these do not declare.
    notebooks = [
        made("91_well", "print(size)"),
        made("92_raises", "1 / 0", "print('never')"),
        made("93_hangs", "import time; time.sleep(600)", "print('never')"),
        made("94_dies", "import os; os._exit(1)", "print('never')"),
        made("95_needs_a_failed_one", "print('never')", needs=["92"]),
        made("96_needs_a_good_one", "print('here')", needs=["91"]),
    ]
    folder = run(notebooks, "tiny", {"size": 7}, out=tmp_path / "run", jobs=2, cell_timeout=5)
    assert states(folder) == {
        "91_well": "completed",
        "92_raises": "failed",
        "93_hangs": "timeout",
        "94_dies": "kernel_died",
        "95_needs_a_failed_one": "skipped",
        "96_needs_a_good_one": "completed",
    }
    entries = {entry["name"]: entry for entry in read_run(folder)["notebooks"]}
    assert entries["91_well"]["parameters"] == {"size": 7}
    assert entries["91_well"]["peak_memory_mb"] > 10
    assert entries["91_well"]["datasets"] == []
    assert entries["92_raises"]["datasets"] is None  # nobody knows
    assert "ZeroDivisionError" in entries["92_raises"]["error"]
    executed = nbformat.read(folder / "91_well.ipynb", as_version=4)
    assert [output.text for cell in executed.cells for output in cell.outputs] == ["7\n"]
    assert not any("completion" in cell.metadata.get("tags", []) for cell in executed.cells)
    broken = nbformat.read(folder / "92_raises.ipynb", as_version=4)
    assert any(output.output_type == "error" for cell in broken.cells for output in cell.get("outputs", []))


def test_a_notebook_that_comes_after_another_waits_for_its_end_whatever_that_is(made, tmp_path):
    look = "from pathlib import Path; assert Path('../left').exists()"
    notebooks = [
        made("91_takes_what_is_left", look, after=["92", "77"]),  # 77 is not in this run
        made("92_leaves_and_fails", "open('../left', 'w').close(); import time; time.sleep(3); 1 / 0"),
    ]
    folder = run(notebooks, "tiny", {}, out=tmp_path / "run", jobs=2)
    assert states(folder) == {"91_takes_what_is_left": "completed", "92_leaves_and_fails": "failed"}


def test_a_notebook_that_swallows_its_end_is_not_completed(made, tmp_path):
    # An expected exception lets a notebook go on, and the run still ends with an error.
    quits = made("01_quits", "import sys; sys.exit(0)", "print('never')")
    folder = run([quits], "tiny", {}, out=tmp_path / "run")
    assert states(folder) == {"01_quits": "failed"}


def test_a_parameter_that_no_notebook_has_is_refused_before_anything_runs(made, tmp_path):
    with pytest.raises(CourseError, match=r"parameter epoch.*01_a: size"):
        run([made("01_a")], "tiny", {"epoch": 1}, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_value_of_another_kind_is_refused(made):
    notebook = made("01_a", parameters="epochs = 5\nname = 'x'\nrate = 0.1\nseed = None")
    for settings in ({"epochs": "five"}, {"epochs": 2.5}, {"name": 3}, {"rate": "fast"}):
        with pytest.raises(CourseError, match="expects a"):
            settings_for([notebook], "quick", settings)
    assert settings_for([notebook], "quick", {"rate": 1, "seed": 3})["01_a"] == {"rate": 1, "seed": 3}


def test_notebooks_are_chosen_by_number_or_name(made):
    notebooks = [made("01_a"), made("02_b")]
    assert [notebook.name for notebook in choose(notebooks, ["2"])] == ["02_b"]
    assert [notebook.name for notebook in choose(notebooks, ["02_b.ipynb", "01"])] == ["01_a", "02_b"]
    with pytest.raises(CourseError, match=r"no notebook '7'\. There are: 01_a, 02_b"):
        choose(notebooks, ["7"])


def test_notebooks_in_a_circle_are_refused(made, tmp_path):
    notebooks = [made("01_a", needs=["02"]), made("02_b", needs=["01"])]
    with pytest.raises(CourseError, match="circle"):
        run(notebooks, "tiny", {}, out=tmp_path / "run")


def test_what_is_no_run_is_refused(tmp_path):
    with pytest.raises(CourseError, match=r"no run\.json"):
        read_run(tmp_path)
    (tmp_path / "run.json").write_text('{"run": ')
    with pytest.raises(CourseError, match="line 1: this is not JSON"):
        read_run(tmp_path)


def test_the_record_of_a_run_is_there_from_the_start(made, tmp_path):
    folder = run([made("01_a", "print(1)")], "tiny", {}, out=tmp_path / "run")
    record = json.loads((folder / "run.json").read_text())
    assert {"run", "profile", "device", "precision", "notebooks"} <= record.keys()
