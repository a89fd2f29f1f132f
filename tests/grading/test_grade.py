"""Grading a class: states and points, going on after a stop or a kill, redoing only what changed."""

import base64
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from sandboxes import needs_sandbox
from scheduled import cluster_of
from small_course import CHECKS, HUE, MEAN, NAME, hand_in, write_assignment

from course_utils import paths
from course_utils.cluster import connected
from course_utils.errors import CourseError
from course_utils.grading.assignment import Assignment
from course_utils.grading.grade import assignment_seed, grade
from course_utils.grading.kernels import Limits
from course_utils.grading.results import read_results

LIBRARY = "import colorsys\ndef hue(*rgb):\n    return colorsys.rgb_to_hsv(*rgb)[0]"
PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"0" * 20).decode()


@pytest.fixture
def small(tmp_path, monkeypatch) -> Assignment:
    monkeypatch.setattr(paths, "instructor", lambda: tmp_path / "nothing")
    return write_assignment(tmp_path / "private")


def run(folder: Path, **options) -> dict[tuple[str, str], tuple]:
    """Grade ``folder/in`` into ``folder/out`` and return state and points by student and question."""
    options = {"folders": [folder / "private"], "limits": Limits(seconds=20)} | options
    grade(folder / "in", folder / "out", **options)
    return {(one.student, one.question): (one.state, one.points) for one in read_results(folder / "out")}


@needs_sandbox
def test_every_answer_ends_in_a_state_and_one_mistake_costs_one_question(small, tmp_path):
    def class_(student, **answers):
        hand_in(tmp_path / "in", small, student, **answers)

    class_("right", mean=MEAN, hue=HUE, why="I *think* so.", png=PICTURE)
    class_("blank")
    class_("partly", mean=MEAN.replace(", len(values)", ", 0"), hue=HUE)
    class_("library", mean=MEAN, hue=LIBRARY)
    class_("crash", mean="def mean(values):\n    total = 0\n    return total / 0, 1", hue=HUE)
    class_("helper", mean="def mean(values):\n    return average(values), len(values)", hue=HUE)
    class_("dies", mean="import os\ndef mean(values):\n    os._exit(1)", hue=HUE)
    class_(
        "shape",
        mean="def mean(values):\n    return 'a lot', [[]]",
        hue="def hue(*rgb):\n    return float('nan')",
    )
    class_("syntax", mean="def mean(values)\n    return 1", hue=HUE)
    damaged = tmp_path / "in" / "damaged" / f"{NAME}.ipynb"
    damaged.parent.mkdir()
    damaged.write_text("{")

    found = run(tmp_path, jobs=2)

    assert {place: found[place] for place in found if place[1] != "why"} == {
        ("right", "mean"): ("passed", 3.0),
        ("right", "hue"): ("passed", 2.0),
        ("blank", "mean"): ("missing", 0.0),
        ("blank", "hue"): ("missing", 0.0),
        ("partly", "mean"): ("failed", 2.0),
        ("partly", "hue"): ("passed", 2.0),
        ("library", "mean"): ("passed", 3.0),
        ("library", "hue"): ("failed", 0.0),
        ("crash", "mean"): ("error", 0.0),
        ("crash", "hue"): ("passed", 2.0),
        ("helper", "mean"): ("error", 0.0),
        ("helper", "hue"): ("passed", 2.0),
        ("dies", "mean"): ("kernel_died", 0.0),
        ("dies", "hue"): ("passed", 2.0),
        ("shape", "mean"): ("failed", 0.0),
        ("shape", "hue"): ("failed", 0.0),
        ("syntax", "mean"): ("error", 0.0),
        ("syntax", "hue"): ("passed", 2.0),
        ("damaged", "mean"): ("rejected", 0.0),
        ("damaged", "hue"): ("rejected", 0.0),
    }
    assert found["right", "why"] == ("needs_manual", None)
    assert found["blank", "why"] == ("missing", 0.0)
    told = {(one.student, one.question): one for one in read_results(tmp_path / "out")}
    assert "uses colorsys, which may not answer" in told["library", "hue"].message
    assert "ZeroDivisionError" in told["crash", "mean"].message
    assert "in your answer at the line `return total / 0, 1`" in told["crash", "mean"].message
    assert "`average` is defined neither in" in told["helper", "mean"].message
    assert "SyntaxError" in told["syntax", "mean"].message
    assert "NaN" in told["shape", "hue"].message
    assert told["partly", "mean"].criteria[1].earned == 0
    # What marking shows beside the results.
    out = tmp_path / "out"
    kept = json.loads((out / "answers" / "right" / NAME / "why.json").read_text())
    assert (kept["text"], kept["state"]) == ("I *think* so.", "answered")
    run_of = json.loads((out / "figures" / "right" / NAME / "results.json").read_text())
    assert run_of == {"results": [], "course_versions_used": []}
    [figure] = (out / "figures" / "right" / NAME).glob("*.png")
    assert base64.b64encode(figure.read_bytes()).decode() == PICTURE
    entry = next(
        one for one in json.loads((out / "submissions.json").read_text()) if one["student"] == "right"
    )
    assert entry["chosen"].endswith(f"right/{NAME}.ipynb")


@needs_sandbox
def test_only_what_changed_is_graded_again(small, tmp_path):
    for student in ("ada", "bob"):
        hand_in(tmp_path / "in", small, student, mean=MEAN, hue=HUE)
    run(tmp_path)
    out = tmp_path / "out"

    def changed(**options) -> set[str]:
        # A result that is not done again keeps its file, to the second.
        before = {file: file.stat().st_mtime_ns for file in out.glob("results/*/*/*.json")}
        run(tmp_path, **options)
        return {
            f"{file.parts[-3]} {file.stem}"
            for file in out.glob("results/*/*/*.json")
            if file.stat().st_mtime_ns != before.get(file)
        }

    assert changed() == set()
    hand_in(tmp_path / "in", small, "bob", mean=MEAN + "\n", hue=HUE.replace("% 1", "% 1.0"))
    assert changed() == {"bob hue"}
    # A correction of one judge, or of what it uses, is one of its question alone.
    write_assignment(tmp_path / "private", CHECKS.replace("TOLERANCE = 1e-6", "TOLERANCE = 1e-7"))
    assert changed(students=["ada"]) == {"ada hue"}
    assert changed(questions=["mean"]) == set()
    assert changed() == {"bob hue"}
    seed = assignment_seed(out)
    assert changed(questions=["mean"], new_seed=True) == {"ada mean", "bob mean"}
    assert assignment_seed(out) != seed
    (out / "results" / "ada" / NAME / "why.json").write_text("{")
    assert changed(questions=["why"]) == {"ada why"}


def command(folder: Path, *more: str) -> list[str]:
    # The repository's own notebooks are left out of sight: this is about one small one.
    start = (
        "import sys; from pathlib import Path; from course_utils import paths;"
        "paths.instructor = lambda: Path('/nowhere');"
        "from course_utils.cli import main; main()"
    )
    words = [
        "grade",
        str(folder / "in"),
        "--out",
        str(folder / "out"),
        "--instructor",
        str(folder / "private"),
    ]
    return [sys.executable, "-c", start, *words, *more]


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""


def contents(folder: Path) -> list[dict]:
    return [one.model_dump(exclude={"seconds"}) for one in read_results(folder)]


@pytest.mark.slow
@needs_sandbox
def test_killed_and_stopped_it_goes_on_to_the_same_results(small, tmp_path):
    for number in range(7):
        # Most take so long that the kills come before the last of them, however late this process wakes up.
        wait = "import time\ntime.sleep(5)\n" if number > 1 else ""
        text = f"import random\n{wait}def mean(values):\n    return random.random(), {number}"
        hand_in(tmp_path / "in", small, f"s{number}", mean=text, hue=HUE, why="So.")
    run(tmp_path, limits=Limits())
    undisturbed = contents(tmp_path / "out")
    seed = (tmp_path / "out" / "assignment.json").read_text()
    for file in (tmp_path / "out").glob("results/*/*/*.json"):
        file.unlink()

    for kind in (signal.SIGKILL, signal.SIGINT):
        before = len(contents(tmp_path / "out"))
        running = subprocess.Popen(
            command(tmp_path), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        # Words are done at once; the kill comes when the first code answer has landed.
        for line in running.stdout:
            if "· hue" in line or "· mean" in line:
                break
        family = psutil.Process(running.pid).children(recursive=True)
        running.send_signal(kind)
        _, said = running.communicate(timeout=60)
        assert before < len(contents(tmp_path / "out")) < len(undisturbed)
        assert not psutil.wait_procs([one for one in family if "python" in _name(one)], timeout=10)[1]
        if kind == signal.SIGINT:
            assert running.returncode == 1
            assert "type the same command to go on" in said
    done = subprocess.run(command(tmp_path), capture_output=True, text=True, check=True)
    assert "passed" in done.stdout
    assert contents(tmp_path / "out") == undisturbed
    assert (tmp_path / "out" / "assignment.json").read_text() == seed
    assert not list((tmp_path / "out").rglob("*.part"))


@pytest.mark.slow
@needs_sandbox
def test_a_worker_lost_in_grading_changes_nothing(small, tmp_path):
    for number in range(6):
        text = f"import random\ndef mean(values):\n    return random.random(), {number}"
        hand_in(tmp_path / "in", small, f"s{number}", mean=text, hue=HUE, why="So.")
    run(tmp_path, jobs=2)
    undisturbed = contents(tmp_path / "out")
    for file in (tmp_path / "out").glob("results/*/*/*.json"):
        file.unlink()

    told = []
    with cluster_of(tmp_path, 2) as started, connected(started.scheduler):

        def tell(done, total, words):
            told.append((done, words))
            if "· hue" in words and started.workers[0].poll() is None:
                started.workers[0].kill()
                started.workers[0].wait()

        run(tmp_path, tell=tell)
        assert [worker.poll() for worker in started.workers] == [-signal.SIGKILL, None]
    assert contents(tmp_path / "out") == undisturbed
    assert [done for done, _ in told] == list(range(1, 19))
    assert len({words for _, words in told}) == len(told)


def test_results_do_not_go_where_they_would_be_published(small, tmp_path):
    with pytest.raises(CourseError, match="inside the repository"):
        grade(tmp_path / "in", paths.repository() / "build" / "marks")
    (tmp_path / "in").mkdir()
    with pytest.raises(CourseError, match="inside the submissions"):
        grade(tmp_path / "in", tmp_path / "in" / "out")


@needs_sandbox
def test_unknown_names_and_an_empty_folder_are_said(small, tmp_path):
    hand_in(tmp_path / "in", small, "ada", mean=MEAN)
    with pytest.raises(CourseError, match=r"no question meen\. There are: hue, mean, why"):
        run(tmp_path, questions=["meen"])
    with pytest.raises(CourseError, match=r"no student bob\. There are: ada"):
        run(tmp_path, students=["bob"])


def test_without_a_sandbox_every_result_is_marked_and_the_risk_is_said(small, tmp_path):
    hand_in(tmp_path / "in", small, "ada", mean=MEAN, hue=LIBRARY)
    done = subprocess.run(
        command(tmp_path, "--unsafe-no-sandbox"), capture_output=True, text=True, check=True
    )
    assert "can read, change and delete" in " ".join(done.stderr.split())
    results = {one.question: one for one in read_results(tmp_path / "out")}
    assert not any(one.sandboxed for one in results.values())
    assert results["mean"].state == "passed"
    assert "uses colorsys" in results["hue"].message


@needs_sandbox
def test_it_refuses_where_bubblewrap_is_missing(small, tmp_path):
    hand_in(tmp_path / "in", small, "ada", mean=MEAN)
    environment = os.environ | {"PATH": "/nowhere"}
    done = subprocess.run(command(tmp_path), capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 2
    assert "apt install bubblewrap" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
