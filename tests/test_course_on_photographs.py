"""The notebooks on the real photographs, apart from those on drawn pictures, so that both go on at once."""

import json

import pytest
from drawn import few_rendered_pictures

from course_utils import paths
from course_utils.notebooks.run import read_run, run, runnable

with_solutions = pytest.mark.skipif(
    not paths.instructor().is_dir(), reason="a student release holds no solutions"
)


@pytest.mark.slow
@pytest.mark.timeout(1500)  # Xception, four times, and some processors train four pictures a second
def test_the_notebooks_complete_on_the_photographs(photographs, tmp_path):
    few_rendered_pictures()  # of what photographs cannot be: scenes with boxes, forgeries with masks
    fewer = {"training_pictures": 72}  # Xception takes most of the time
    on_stills = [notebook for notebook in runnable() if notebook.number not in ("07", "10", "11", "12")]
    folder = run(on_stills, "photographs", fewer, out=tmp_path / "run", jobs=2)
    entries = read_run(folder)["notebooks"]
    assert [one["state"] for one in entries] == ["completed"] * len(on_stills)
    light = [
        one for one in entries if one["name"][:2] in ("01", "02", "03", "06")
    ]  # the others hold an Xception or two
    assert all(one["peak_memory_mb"] < 2048 for one in light)


@with_solutions
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_notebook_07_searches_photographs_of_all_people(photographs, tmp_path):
    few_rendered_pictures()  # of the clips
    notebook = [one for one in runnable() if one.number == "07"]
    folder = run(notebook, "photographs", {"pretrained": "none"}, out=tmp_path / "run")
    assert read_run(folder)["notebooks"][0]["state"] == "completed", read_run(folder)["notebooks"][0]["error"]
    results = json.loads((folder / notebook[0].name / "results.json").read_text())["results"]
    found = {row["name"]: row for row in results if row["dataset"] == "lfw"}
    assert len(found) == 8  # precision@1 and mAP of the four published combinations
    assert {row["groups"] for row in found.values()} == {156}
    assert all(low <= row["value"] <= high for row in found.values() for low, high in [row["interval"]])


@with_solutions
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_notebook_10_completes_on_the_photographs(photographs, tmp_path):
    parameters = {"dataset": "lfw_forged", "people": "lfw", "compression": None, "frames": None, "zoom": 1.7}
    notebook = [one for one in runnable() if one.number == "10"]
    folder = run(notebook, "tiny", parameters, out=tmp_path / "run")
    assert read_run(folder)["notebooks"][0]["state"] == "completed"
