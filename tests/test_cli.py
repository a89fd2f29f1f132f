"""The command line: exit codes, help, and messages instead of tracebacks."""

import json
import tomllib

import pytest
import yaml
from command_line import course

from course_utils import paths

COMMANDS = (
    *("doctor", "run", "build", "report", "predict", "models", "lab", "test", "bench"),
    *("release", "start", "validate", "update", "grade", "marks"),
    *("data list", "data show", "data prepare", "data check", "data audit", "data pack", "data unpack"),
    *("data merge", "data crop", "data export"),
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command):
    code, out, _ = course(*command.split(), "--help")
    assert code == 0
    assert "Usage" in out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["data", "show", "nothing"], "There is no data set 'nothing'. There are: assignment_fakes"),
        (["data", "prepare"], "one of the two"),
        (["run", "77"], "There is no notebook '77'. There are: 01_build_the_dataset"),
        (["run", "01", "--set", "epochs"], "expected key=value"),
        (["run", "01", "--set", "epoch=1"], "parameter epoch"),
        (
            ["run", "01", "--profile", "fast"],
            "There is no profile 'fast'. There are: tiny, quick, photographs",
        ),
        (["run", "01", "--set", "dataset=lfw"], "lfw holds only real ones"),
        (["report", "/nowhere"], "is no run"),
        (["nonsense"], "nonsense"),
    ],
)
def test_wrong_use_ends_with_2_and_says_what_was_expected(course_environment, words, message):
    code, _, err = course(*words)
    assert code == 2
    assert message in " ".join(err.split())


def test_without_data_three_lines_say_what_to_do(course_environment):
    code, _, err = course("run", "01", "--set", "dataset=assignment_synthetic", COURSE_DATA_ROOT="")
    assert code == 2
    lines = err.strip().split("\n")
    assert len(lines) == 3
    assert "assignment_synthetic" in lines[0]
    assert "How to get" in lines[1]
    assert "course data prepare" in lines[2]


def test_data_list_says_what_is_here(course_environment):
    code, out, _ = course("data", "list")
    assert code == 0
    assert {"assignment_fakes", "assignment_synthetic", "lfw"} <= set(out.split())


def test_own_folders_are_prepared_and_then_known_by_name(course_environment, drawn_data):
    code, out, _ = course("data", "prepare", "--folder", str(drawn_data / "fakes_dataset" / "train"))
    assert code == 0
    assert "20 samples, 0 files left out" in out
    code, out, _ = course("data", "check", "train")
    assert code == 0
    assert "Nothing found" in out


def test_check_ends_with_1_when_something_is_wrong(course_environment, drawn_data):
    # The drawn pictures have none of the known editions' counts.
    code, out, _ = course("data", "check", "assignment_fakes")
    assert code == 1
    assert "count" in out


def test_doctor_prints_a_block_to_paste(course_environment):
    code, out, _ = course("doctor")
    assert code == 0
    lines = out.strip().split("\n")
    assert lines[0] == lines[-1] == "```"
    assert any("python3 is this environment" in line for line in lines)
    assert any("assignment_fakes" in line for line in lines)


def test_doctor_names_a_cache_that_cannot_be_written(course_environment, tmp_path):
    (tmp_path / "file").write_text("")
    code, out, _ = course("doctor", COURSE_CACHE=str(tmp_path / "file" / "cache"))
    assert code == 0
    assert "!!  cache" in out
    assert "Set COURSE_CACHE" in out


def test_models_as_json(course_environment):
    code, out, _ = course("models", "--json")
    assert code == 0
    cards = {card["name"]: card for card in json.loads(out)}
    assert cards["simplenet"]["parameters"] == 16_901_762
    assert {"name", "input", "parameters", "macs", "paper"} == cards["simplenet"].keys()


def test_the_conda_environment_installs_this_package():
    environment = yaml.safe_load((paths.repository() / "environment.yml").read_text())
    project = tomllib.loads((paths.repository() / "pyproject.toml").read_text())["project"]
    *_, pip = environment["dependencies"]
    assert "-e .[instructor,dev]" in pip["pip"]
    python = next(one for one in environment["dependencies"] if str(one).startswith("python="))
    lowest = project["requires-python"].split(",")[0].removeprefix(">=")
    assert python == f"python={lowest}"


def test_every_dependency_is_pinned_within_its_range():
    from packaging.requirements import Requirement

    project = tomllib.loads((paths.repository() / "pyproject.toml").read_text())["project"]
    lines = (paths.repository() / "constraints.txt").read_text().splitlines()
    pins = dict(line.split("==") for line in lines if "==" in line)
    pins = {name.lower().replace("_", "-"): version for name, version in pins.items()}
    listed = project["dependencies"] + [
        one for extra in project["optional-dependencies"].values() for one in extra
    ]
    for requirement in map(Requirement, listed):
        assert requirement.specifier.contains(pins[requirement.name.lower()]), requirement
