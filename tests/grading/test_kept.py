"""What a student's own run showed reaches the reader, whatever an editor made of it."""

import json

import IPython.display
import nbformat
import numpy as np
import pytest
from handed_in import EDITORS, by_jupyterlab, by_notebook_3
from nbformat.v4 import new_code_cell, new_notebook, new_output

from course_utils.errors import CourseError
from course_utils.grading.kept import keep_run
from course_utils.lesson import Lesson


def fails(answer):
    raise AssertionError("expected 3, found 4")


@pytest.mark.parametrize("editor", [editor for editor in EDITORS if editor is not by_jupyterlab])
def test_numbers_and_what_stood_in_are_read_from_the_outputs(tmp_path, monkeypatch, capsys, editor):
    monkeypatch.setenv("COURSE_RUN_FOLDER", str(tmp_path / "run"))
    shown = []
    monkeypatch.setattr(IPython.display, "display", lambda data, raw: shown.append(data))
    lesson = Lesson("90_small")
    lesson.record("rendered = c23, accuracy", 0.5)
    lesson.record("auroc", 0.25)
    lesson.record("rendered = c23, accuracy", 0.8125)
    lesson.go_on_with("mean", len, fails, max)
    outputs = [
        new_output("stream", text=capsys.readouterr().out),
        *(new_output("display_data", data) for data in shown),
    ]
    node = editor(new_notebook(cells=[new_code_cell("lesson.record(...)", outputs=outputs)]))
    file = tmp_path / "handed_in.ipynb"
    with file.open("w", encoding="utf-8") as opened:
        json.dump(node, opened) if editor is by_notebook_3 else nbformat.write(node, opened)
    keep_run(tmp_path / "kept", file)
    kept = json.loads((tmp_path / "kept" / "results.json").read_text())
    assert {one["name"]: one["value"] for one in kept["results"]} == {
        "rendered = c23, accuracy": "0.8125",
        "auroc": "0.25",
    }
    assert kept["course_versions_used"] == ["mean"]


@pytest.mark.parametrize(
    "output",
    [{"text": 5}, {"data": 5}, {"data": {"image/png": ["x", 3]}}, {"text": ["recorded: a = \n", {}]}],
)
def test_outputs_may_be_anything(tmp_path, output):
    node = new_notebook(cells=[new_code_cell("1")])
    node.cells[0]["outputs"] = [output]
    file = tmp_path / "odd.ipynb"
    file.write_text(json.dumps(node), encoding="utf-8")
    keep_run(tmp_path / "kept", file)
    assert json.loads((tmp_path / "kept" / "results.json").read_text())["results"] == []


def test_a_number_that_cannot_be_kept_spoils_no_later_one(course_environment, monkeypatch):
    monkeypatch.setenv("COURSE_RUN_FOLDER", str(course_environment / "run"))
    lesson = Lesson("91_small")
    lesson.record("auroc", 0.25)
    for value, context in ((float("nan"), {}), (0.5, {"groups": np.int64(7)})):
        with pytest.raises(CourseError, match=r"results\.json is not written: .* plain data"):
            lesson.record("odd", value, **context)
    lesson.record("accuracy", 0.5)
    kept = json.loads((lesson.folder / "results.json").read_text())["results"]
    assert [row["name"] for row in kept] == ["auroc", "accuracy"]
