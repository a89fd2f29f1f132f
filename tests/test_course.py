"""The notebooks themselves, executed: blank, and in the whole repository solved and under nbval."""

import json
import subprocess
import sys

import nbformat
import pytest
from browser import needs_chromium, tab
from drawn import few_rendered_pictures

from course_utils import paths
from course_utils.notebooks.build import build
from course_utils.notebooks.catalogue import read_notebooks
from course_utils.notebooks.report import write_report
from course_utils.notebooks.run import read_run, run, runnable

NAMES = [notebook.name for notebook in read_notebooks(paths.notebooks())]
with_solutions = pytest.mark.skipif(
    not paths.instructor().is_dir(), reason="a student release holds no solutions"
)
# The solved notebooks are minutes already; in a student release, which has none, these are all there is.
long = [pytest.mark.slow] if paths.instructor().is_dir() else []
CHEAP = ("01", "02")
pytestmark = pytest.mark.timeout(900)  # the first test of a run waits for all its notebooks
CELL_SECONDS = 120


@pytest.fixture(scope="module")
def places(tmp_path_factory, drawn_data):
    """The drawn data root, with one cache and build folder for this module, so that data is prepared once."""
    folder = tmp_path_factory.mktemp("course")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_DATA_ROOT", str(drawn_data))
        patch.setenv("COURSE_CACHE", str(folder / "cache"))
        patch.setenv("COURSE_BUILD", str(folder / "build"))
        few_rendered_pictures()
        yield folder


@pytest.fixture(scope="module")
def solved_run(places):
    return run(runnable(), "tiny", {}, out=places / "solved", jobs=2)


@pytest.fixture(scope="module")
def blank_run(places):
    return run(read_notebooks(paths.notebooks()), "tiny", {}, out=places / "blank", jobs=2)


def entry(folder, name):
    return next(one for one in read_run(folder)["notebooks"] if one["name"] == name)


@with_solutions
@pytest.mark.parametrize("name", NAMES)
def test_the_solved_notebook_completes_with_the_students_answers(solved_run, name):
    assert entry(solved_run, name)["state"] == "completed", entry(solved_run, name)["error"]
    results = json.loads((solved_run / name / "results.json").read_text())
    assert results["course_versions_used"] == []


@pytest.mark.parametrize("name", [pytest.param(name, marks=long) for name in NAMES])
def test_run_all_of_the_blank_notebook_reaches_its_end(blank_run, name):
    assert entry(blank_run, name)["state"] == "completed", entry(blank_run, name)["error"]
    executed = nbformat.read(blank_run / f"{name}.ipynb", as_version=4)
    asked = [cell for cell in executed.cells if cell.metadata.get("question") and cell.cell_type == "code"]
    results = json.loads((blank_run / name / "results.json").read_text())
    assert results["course_versions_used"] == [cell.metadata["question"] for cell in asked]


@with_solutions
@pytest.mark.parametrize("name", NAMES)
def test_every_figure_has_its_sentence(solved_run, name):
    executed = nbformat.read(solved_run / f"{name}.ipynb", as_version=4)
    outputs = [output for cell in executed.cells for output in cell.get("outputs", [])]
    figures = [output for output in outputs if "image/png" in output.get("data", {})]
    printed = "".join(output.text for output in outputs if output.output_type == "stream")
    assert figures
    for figure in figures:
        sentence = figure.metadata["image/png"]["alt"]
        assert len(sentence) > 20
        assert sentence in printed


@with_solutions
@pytest.mark.parametrize("name", NAMES)
def test_no_progress_bar_and_no_warning_stays_in_a_run(solved_run, name):
    executed = nbformat.read(solved_run / f"{name}.ipynb", as_version=4)
    outputs = [output for cell in executed.cells for output in cell.get("outputs", [])]
    streams = [output for output in outputs if output.output_type == "stream"]
    assert not [output.text for output in streams if output.name == "stderr"]
    assert not [output.text for output in streams if "%|" in output.text]


@with_solutions
def test_the_report_of_a_run_lists_every_notebook(solved_run, places):
    text = write_report(solved_run, places / "report").read_text(encoding="utf-8")
    assert all(f'<a href="notebooks/{name}.html">' in text for name in NAMES)
    assert "SimpleNet on composites, auroc" in text


@with_solutions
def test_the_run_knows_what_each_notebook_worked_with(solved_run):
    assert all(entry(solved_run, name)["datasets"] for name in NAMES)


@with_solutions
@needs_chromium
def test_the_report_of_the_whole_course_is_whole_in_a_browser(solved_run, places):
    site = write_report(solved_run, places / "whole").parent
    assert sum(file.stat().st_size for file in site.rglob("*") if file.is_file()) < 25 * 2**20
    with tab(places / "profile") as browser:
        for page in site.rglob("*.html"):
            browser.open(page)
            assert browser.complaints == []
            assert [asked for asked in browser.asked if not asked.startswith(("file:", "data:"))] == []
            assert browser.run("[...document.images].every(image => image.naturalWidth)")


@with_solutions
def test_nbval_agrees_on_the_cheap_notebooks(places):
    files = build(list(CHEAP), profile="tiny", out=places / "nbval")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbval-lax"]
    command += [f"--nbval-cell-timeout={CELL_SECONDS}", "--rootdir", str(places), *map(str, files)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=places)
    assert done.returncode == 0, done.stdout[-3000:]


GRIDS = {  # by notebook: experiments, how many they are, and what of them is in none of the excerpt's
    "09": ("table_1 combined variants", 14, ("optimizer", {"Adam", "momentum"})),
    "11": ("table_1 time motion", 12, ("network", {"3d_resnet", "timesformer", "xception"})),
}


@with_solutions
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("number", GRIDS)
def test_experiments_that_the_excerpt_leaves_out_complete_too(places, number):
    experiments, count, (setting, values) = GRIDS[number]
    notebook = [one for one in runnable() if one.number == number]
    out = run(notebook, "tiny", {"experiments": experiments}, out=places / f"experiments_{number}")
    assert read_run(out)["notebooks"][0]["state"] == "completed", read_run(out)["notebooks"][0]["error"]
    finished = json.loads((out / notebook[0].name / "finished.json").read_text())
    assert len(finished) == count
    assert {row[setting] for row in finished.values()} == values
