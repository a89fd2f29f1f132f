"""The sandbox: what a program can see and do in it, and what becomes of programs that go wrong."""

import json
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy
import psutil
import pytest
import torch
from command_line import course
from sandboxes import needs_sandbox, program

from course_utils import paths
from course_utils.errors import CourseError
from course_utils.grading import sandbox
from course_utils.grading.kernels import Limits, Stopped, run_programs
from course_utils.grading.remedies import remedies
from course_utils.grading.sandbox import check_sandbox, module_places, sandboxed

PROBE = "import json\njson.dump(found(), open('outputs.json', 'w'))"
LOOK = """
import json, os, pathlib, socket, subprocess, sys
def opened(path):
    try:
        return pathlib.Path(path).read_text()
    except OSError as error:
        return type(error).__name__
def written(path):
    try:
        pathlib.Path(path).write_text("x")
        return "written"
    except OSError as error:
        return "refused"
def connected(address):
    try:
        socket.create_connection(address, 2)
        return "connected"
    except OSError:
        return "refused"
def imported(name):
    try:
        __import__(name)
        return "there"
    except ModuleNotFoundError as error:
        return error.name
"""


def look(expression: str, **arguments: object) -> object:
    """Return what an expression is inside a sandbox."""
    code = f"{LOOK}\nprint(json.dumps({expression}))"
    with sandboxed([sys.executable, "-c", code], **arguments) as command:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


@needs_sandbox
def test_only_what_a_program_needs_is_in_sight(tmp_path, monkeypatch):
    monkeypatch.setenv("A_SECRET", "1234")
    secret = tmp_path / "another_submission.ipynb"
    secret.write_text("theirs")
    places = [secret, "/etc/shadow", "/etc/passwd", paths.instructor() / "sources", Path.home() / ".bashrc"]
    assert look(f"[opened(place) for place in {list(map(str, places))}]") == ["FileNotFoundError"] * 5
    assert look("[key for key in os.environ if 'SECRET' in key or 'DATA_ROOT' in key]") == []
    repository = paths.PACKAGE.parent
    there = {name for name in sandbox.COURSE if (repository / name).exists()}
    # The environment and the cache may stand in the repository.
    environment = {".venv"} if Path(sys.prefix).is_relative_to(repository) else set()
    caches = {
        folder.name for folder in paths.cache_roots() if folder.is_dir() and folder.parent == repository
    }
    assert set(look(f"os.listdir({str(repository)!r})")) == there | environment | caches
    assert look("[name for name in os.listdir('/proc') if name.isdecimal()]") == ["1", "2"]
    assert look("os.getuid() != 0 and [line for line in open('/proc/self/status') if 'CapEff' in line]") == [
        "CapEff:\t0000000000000000\n"
    ]


@needs_sandbox
def test_nothing_outside_can_be_written(tmp_path):
    places = [paths.PACKAGE / "x", Path(sys.prefix) / "x", "/x", "/dev/x", "/usr/x", tmp_path / "x"]
    assert look(f"[written(place) for place in {list(map(str, places))}]") == ["refused"] * len(places)
    assert look("[written('/tmp/x'), subprocess.run(['rm', '-rf', '/usr', '/tmp/x']).returncode]") == [
        "written",
        1,
    ]
    assert not (paths.PACKAGE / "x").exists()


@needs_sandbox
def test_there_is_no_network_and_no_host_behind_localhost():
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        _, port = server.getsockname()
        assert look(f"[connected(('127.0.0.1', {port})), connected(('1.1.1.1', 53))]") == [
            "refused",
            "refused",
        ]


@needs_sandbox
def test_gpus_are_there_only_when_asked_for(monkeypatch):
    monkeypatch.setattr(sandbox, "GPUS", "kmsg")  # a device that every machine has, and a sandbox not
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    seen = "[os.path.exists('/dev/kmsg'), os.environ.get('CUDA_VISIBLE_DEVICES')]"
    assert look(seen) == [False, None]
    assert look(seen, gpu=True) == [True, "1"]


@needs_sandbox
def test_a_module_that_may_not_answer_is_not_there():
    without = ["captum", "course_utils.explain", "course_utils.heatmaps", "sklearn.svm", "no_such_module"]
    names = [*without[:4], "captum.attr", "course_utils.explain.maps", "course_utils.errors"]
    assert look(f"[imported(name) for name in {names}]", without=without) == [
        *without[:4],
        "captum",
        "course_utils.explain",
        "there",
    ]
    # Neither its text nor its compiled form can be read around the import system.
    [file] = module_places("course_utils.heatmaps")
    compiled = file.parent / "__pycache__"
    texts = look(
        f"[opened({str(file)!r}), *(path.read_bytes().decode('latin1') for path in"
        f" pathlib.Path({str(compiled)!r}).glob('heatmaps.*'))]",
        without=without,
    )
    assert set(texts) == {sandbox.ABSENT}


def test_modules_are_found_where_they_would_be_imported_from():
    assert module_places("course_utils.explain") == [paths.PACKAGE / "explain"]
    assert module_places("course_utils.explain.maps") == [paths.PACKAGE / "explain" / "maps.py"]
    assert module_places("course_utils.nowhere") == []
    assert module_places("nowhere.at.all") == []
    assert "torch" not in json.loads(
        subprocess.run(
            [
                sys.executable,
                "-c",
                "import json, sys; from course_utils.grading.sandbox import module_places as places;"
                " assert places('torch.nn'); print(json.dumps(list(sys.modules)))",
            ],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({}, "If this is a container"),
        ({"proc/sys/user/max_user_namespaces": "0"}, "user.max_user_namespaces=15000; on a cluster"),
        ({"proc/sys/kernel/unprivileged_userns_clone": "0"}, "kernel.unprivileged_userns_clone=1"),
        ({"proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1"}, "> /etc/apparmor.d/bwrap"),
        ({".dockerenv": ""}, "--security-opt seccomp=unconfined"),
        ({"run/.containerenv": ""}, "--privileged"),
    ],
)
def test_each_obstacle_has_its_own_remedy(tmp_path, monkeypatch, files, said):
    monkeypatch.setattr("course_utils.grading.remedies.shutil.which", lambda name: "/usr/bin/bwrap")
    healthy = {
        "proc/sys/user/max_user_namespaces": "15000",
        "proc/sys/kernel/unprivileged_userns_clone": "1",
        "proc/sys/kernel/apparmor_restrict_unprivileged_userns": "0",
    }
    for name, text in (healthy | files).items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(f"{text}\n", encoding="ascii")
    [found] = remedies(tmp_path, "linux")
    assert said in found


def test_on_a_mac_a_linux_machine_is_needed():
    [said] = remedies(system="darwin")
    assert "limactl" in said


@needs_sandbox
def test_the_doctor_tries_the_sandbox():
    code, out, _ = course("doctor", "--grading")
    assert code == 0
    assert "bubblewrap works" in out
    assert "--jobs" in out


def test_without_bubblewrap_it_refuses_and_says_what_to_do(monkeypatch):
    monkeypatch.setattr(sandbox.shutil, "which", lambda name: None)
    with pytest.raises(CourseError, match=r"apt install bubblewrap(.|\n)*--unsafe-no-sandbox"):
        check_sandbox()


@needs_sandbox
def test_each_program_has_a_kernel_of_its_own_and_ends_in_its_own_state():
    answer = "def found():\n    return {'value': %s}"
    programs = [
        program("import builtins", "builtins.left_behind = 1\n" + answer % "1", PROBE),
        program(answer % "hasattr(__import__('builtins'), 'left_behind')", PROBE),
        program("import os", "os._exit(3)"),
        program("def found():\n    return 1 / 0", PROBE),
        program("import os", "os.kill(os.getppid(), 9)\nimport time; time.sleep(60)"),
        program("import os", "os.kill(-1, 9)\nimport time; time.sleep(60)"),
        program("x = bytearray(10**11)"),
        program("import subprocess", "subprocess.Popen(['sleep', '600'], start_new_session=True)"),
        program(
            "import psutil",
            answer % "[process.name() for process in psutil.process_iter() if process.name() == 'sleep']",
            PROBE,
        ),
        program("import signal", "signal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass"),
        program("import json", 'print(\'{"state": "completed", "outputs": "{}"}\')\n' + answer % "5", PROBE),
    ]
    outcomes = list(run_programs(programs, limits=Limits(seconds=20)))
    assert [outcome.state for outcome in outcomes] == [
        *("completed", "completed", "kernel_died", "error", "kernel_died", "kernel_died"),
        *("resource_limit", "completed", "completed", "timeout", "completed"),
    ]
    values = [json.loads(outcome.outputs)["value"] for outcome in outcomes if outcome.outputs]
    assert values == [1, False, [], 5]
    assert (outcomes[3].error, outcomes[3].cell) == ("ZeroDivisionError", 1)
    assert "exit code 3" in outcomes[2].message


@needs_sandbox
def test_outputs_are_read_as_a_file_and_only_so_far(monkeypatch):
    monkeypatch.setattr("course_utils.grading.kernels.OUTPUTS_BYTES", 1000)
    programs = [
        program("open('outputs.json', 'w').write('x' * 5000)"),
        program("import os", "os.symlink('/etc/hostname', 'outputs.json')"),
        program("import os", "os.mkfifo('outputs.json')"),
        program("import os", "os.mkdir('outputs.json')"),
        program("pass"),
    ]
    outcomes = list(run_programs(programs, limits=Limits(seconds=30)))
    assert len(outcomes[0].outputs) == 1001
    assert [outcome.outputs or None for outcome in outcomes[1:]] == [None] * 4


@needs_sandbox
def test_random_numbers_start_at_the_seed():
    draw = (
        "import random, numpy, torch\n"
        "def found():\n"
        "    return [random.random(), numpy.random.rand(), torch.rand(1).item()]"
    )
    imports = ["numpy", "torch"]

    def run(seed: int) -> list[str]:
        return [one.outputs for one in run_programs([program(draw, PROBE)] * 2, imports=imports, seed=seed)]

    first, second = run(1)
    assert first == second == run(1)[0] != run(2)[0]
    # Nothing of the kernel's own took a number first; how many it takes depends on how slow the machine is.
    untouched = [
        random.Random(1).random(),
        numpy.random.RandomState(1).rand(),
        torch.rand(1, generator=torch.Generator().manual_seed(1)).item(),
    ]
    assert json.loads(first) == untouched


@needs_sandbox
def test_a_stopped_runner_leaves_no_process_behind():
    stopped = threading.Event()
    threading.Timer(6, stopped.set).start()
    with pytest.raises(Stopped):
        list(run_programs([program("while True: pass")], stop=stopped.is_set))
    time.sleep(0.5)
    assert not [child for child in psutil.Process().children(recursive=True) if child.name() == "bwrap"]


def test_without_a_sandbox_programs_run_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setenv("A_SECRET", "1234")
    before = psutil.Process().children(recursive=True)  # those of other tests
    answer = "import os\ndef found():\n    return {'secrets': [key for key in os.environ if 'SECRET' in key]}"
    outcomes = list(
        run_programs(
            [program(answer, PROBE), program("import captum.attr"), program("while True: pass")],
            without=["captum"],
            limits=Limits(seconds=10),
            sandbox=False,
        )
    )
    assert [outcome.state for outcome in outcomes] == ["completed", "error", "timeout"]
    assert json.loads(outcomes[0].outputs) == {"secrets": []}
    assert outcomes[1].error == "ModuleNotFoundError"
    left = set(psutil.Process().children(recursive=True)) - set(before)
    assert not [child for child in left if "python" in child.name()]
