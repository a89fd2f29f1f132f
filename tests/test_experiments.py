import json
import subprocess
import sys

import pandas as pd
import pytest

from course_utils.errors import CourseError
from course_utils.experiments import run_grid

GRID = {"plain": {"blocks": []}, "early": {"blocks": [1, 2]}, "late": {"blocks": [3, 4]}}


def count_blocks(ran):
    def experiment(settings, folder):
        ran.append(settings["blocks"])
        return {"count": len(settings["blocks"])}

    return experiment


def grid_of(folder, ran, grid=GRID, **options):
    return run_grid(grid, count_blocks(ran), folder, progress=False, **options)


def test_a_finished_experiment_is_never_run_again(tmp_path):
    ran = []
    first = grid_of(tmp_path, ran)
    again = grid_of(tmp_path, ran)
    assert ran == [[], [1, 2], [3, 4]]
    assert list(first.index) == list(GRID)
    assert first["count"].tolist() == [0, 2, 2]
    pd.testing.assert_frame_equal(first, again)


def test_another_setting_is_another_experiment_and_another_name_is_not(tmp_path):
    ran = []
    grid_of(tmp_path, ran)
    found = grid_of(tmp_path, ran, {"all": {"blocks": [1, 2, 3, 4]}, "first two": {"blocks": [1, 2]}})
    assert ran[3:] == [[1, 2, 3, 4]]
    assert found.loc["first two", "count"] == 2


def test_after_a_failure_the_grid_goes_on_where_it_stopped(tmp_path):
    ran = []

    def fails_once(settings, folder):
        if settings["blocks"] == [1, 2] and not (folder / "checkpoint").exists():
            (folder / "checkpoint").touch()
            raise RuntimeError
        return count_blocks(ran)(settings, folder)

    with pytest.raises(RuntimeError):
        run_grid(GRID, fails_once, tmp_path, progress=False)
    found = run_grid(GRID, fails_once, tmp_path, progress=False)
    assert ran == [[], [1, 2], [3, 4]]
    assert found["count"].tolist() == [0, 2, 2]


KILLED = """
import os, signal, sys
from pathlib import Path
from course_utils.experiments import run_grid

def experiment(settings, folder):
    if settings["blocks"] == [3, 4]:
        os.kill(os.getpid(), signal.SIGKILL)
    return {"count": len(settings["blocks"])}

run_grid({"plain": {"blocks": []}, "early": {"blocks": [1, 2]}, "late": {"blocks": [3, 4]}}, experiment,
         Path(sys.argv[1]), progress=False)
"""


def test_after_a_kill_the_table_is_that_of_a_run_that_was_not_killed(tmp_path):
    killed = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path / "killed")], check=False)
    assert killed.returncode == -9
    ran = []
    found = grid_of(tmp_path / "killed", ran)
    assert ran == [[3, 4]]
    pd.testing.assert_frame_equal(found, grid_of(tmp_path / "whole", []))


def test_processes_share_a_grid_without_running_anything_twice(tmp_path):
    ran = []
    first = grid_of(tmp_path, ran, share=(0, 2))
    assert list(first.index) == ["plain", "late"]
    both = grid_of(tmp_path, ran, share=(1, 2))
    assert list(both.index) == list(GRID)
    assert sorted(map(str, ran)) == sorted(map(str, [[], [1, 2], [3, 4]]))


def test_settings_that_are_no_plain_data_and_results_that_hide_a_setting_are_refused(tmp_path):
    with pytest.raises(CourseError, match="'odd' are no plain data"):
        grid_of(tmp_path, [], {"odd": {"blocks": {1, 2}}})
    with pytest.raises(CourseError, match="returns blocks, which is also a setting"):
        run_grid(GRID, lambda settings, folder: {"blocks": 1}, tmp_path, progress=False)


def test_a_result_is_a_file_that_says_what_it_is_of(tmp_path):
    grid_of(tmp_path, [], {"early": GRID["early"]})
    (file,) = tmp_path.rglob("result.json")
    content = json.loads(file.read_text())
    assert content == {"name": "early", "settings": {"blocks": [1, 2]}, "result": {"count": 2}}
