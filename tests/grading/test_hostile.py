"""Programs that attack: each ends in a state of its own, the next one is unharmed, and so is the host."""

import json
import socket
import textwrap
import time
from dataclasses import replace

import psutil
import pytest
from sandboxes import needs_sandbox, program

from course_utils.grading import sandbox
from course_utils.grading.kernels import Limits, run_programs

PROBE = "import json\njson.dump(found(), open('outputs.json', 'w'))"
TAME = program("def found():\n    return 'tame'", PROBE)
LIMITS = Limits(seconds=20, memory=3 * 2**30)

FLOOD = """
import glob, os, stat
pipes = []
for place in glob.glob("/proc/[0-9]*/fd/*"):
    try:
        if stat.S_ISFIFO(os.stat(place).st_mode):
            pipes.append(os.open(place, os.O_WRONLY | os.O_NONBLOCK))
    except OSError:
        pass
while True:
    for pipe in pipes:
        try:
            os.write(pipe, CONTENT)
        except OSError:
            pass
"""

# What is tried, and the states in which it may end.
ATTACKS = {
    "forks without end": (
        """
        import os
        while True:
            try:
                os.fork()
            except OSError:
                pass
        """,
        {"resource_limit"},
    ),
    "a bomb of shells": (
        """
        import subprocess, time
        subprocess.Popen(["bash", "-c", "bomb() { bomb | bomb & }; bomb"])
        time.sleep(60)
        """,
        {"resource_limit"},
    ),
    "memory in many processes": (
        """
        import os, time
        for _ in range(6):
            if os.fork() == 0:
                held = bytearray(1_500_000_000)
                held[::4096] = b"x" * len(held[::4096])
                time.sleep(60)
        time.sleep(60)
        """,
        {"resource_limit"},
    ),
    "print without end": (
        """
        while True:
            print("x" * 1_000_000)
        """,
        {"resource_limit", "timeout"},  # whichever comes first
    ),
    "fill the disk": (
        """
        for number in range(100):
            with open(f"file{number}", "wb") as file:
                file.write(bytes(2**28))
        """,
        {"resource_limit"},
    ),
    "end the sandbox": (
        """
        import os, signal
        for _ in range(3):
            try:
                os.kill(-1, signal.SIGKILL)
                os.kill(1, signal.SIGKILL)
            except OSError:
                pass
        import time
        time.sleep(60)
        """,
        {"kernel_died"},
    ),
    "delete all there is": (
        """
        import shutil, subprocess
        for place in ("/", "/tmp", "/dev/shm", "/usr", "/proc"):
            shutil.rmtree(place, ignore_errors=True)
        # Without its complaints: a line for each of a machine's files takes a minute to be read.
        subprocess.run("rm -rf --no-preserve-root / /tmp/* /tmp/.[a-z]* 2> /dev/null", shell=True)
        """,
        {"completed"},
    ),
    "a process that stays": (
        """
        import subprocess
        subprocess.Popen(["setsid", "sleep", "4242"])
        """,
        {"completed"},
    ),
    "ignore every signal": (
        """
        import signal, threading
        for number in range(1, 65):
            try:
                signal.signal(number, lambda *_: None)
            except (OSError, ValueError):
                pass
        def turn():
            while True:
                pass
        for _ in range(3):
            threading.Thread(target=turn).start()
        turn()
        """,
        {"timeout"},
    ),
    "write without end to the first descriptors": (
        """
        import os
        block = b"x" * 2**20
        for _ in range(10 * 2**10):
            os.write(1, block)
            os.write(2, block)
        """,
        {"resource_limit", "timeout"},
    ),
    "a hundred gigabytes of numpy": ("import numpy\nnumpy.ones(10**11 // 8)", {"resource_limit"}),
    "a hundred gigabytes of torch": ("import torch\ntorch.zeros(10**11 // 4)", {"resource_limit"}),
    "leave as if all were well": ("import os\nos._exit(0)", {"kernel_died"}),
    "crash the interpreter": ("import ctypes\nctypes.string_at(0)", {"kernel_died"}),
    "an error that cannot be told": (
        """
        class Untold(Exception):
            def __str__(self):
                while True:
                    pass
        raise Untold
        """,
        {"timeout"},
    ),
    "an error of half a character": ("raise ValueError('\\ud800')", {"error"}),
    "an error of a hundred megabytes": ("raise ValueError('x' * 10**8)", {"error"}),
    "other built-ins for whoever comes next": (
        """
        import builtins, json
        json.dump = json.dumps = lambda *words, **more: "forged"
        builtins.open = builtins.print = None
        """,
        {"error"},
    ),
}


@needs_sandbox
@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("endless", [True, False])
def test_each_attack_ends_and_the_next_program_is_unharmed(endless):
    # What ends by itself may take its time, for it shares the machine with other tests.
    limits = LIMITS if endless else replace(LIMITS, seconds=120)
    chosen = {name: attack for name, attack in ATTACKS.items() if endless == ("timeout" in attack[1])}
    attacks = [program(textwrap.dedent(source).strip()) for source, _ in chosen.values()]
    programs = [one for attack in attacks for one in (attack, TAME)]
    outcomes = list(run_programs(programs, limits=limits))
    ended = {name: outcome.state for name, outcome in zip(chosen, outcomes[::2], strict=True)}
    assert not {name: state for name, state in ended.items() if state not in ATTACKS[name][1]}
    assert [json.loads(outcome.outputs) for outcome in outcomes[1::2]] == ["tame"] * len(attacks)
    assert all(outcome.seconds < 2 * limits.seconds for outcome in outcomes)
    time.sleep(0.5)
    assert not [one for one in psutil.process_iter(["cmdline"]) if "4242" in (one.info["cmdline"] or ())]


@needs_sandbox
def test_an_abstract_socket_of_the_host_is_out_of_reach():
    name = "\0course-host"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()
        attack = f"import socket\nsocket.socket(socket.AF_UNIX).connect({name!r})"
        [outcome] = run_programs([program(attack)], limits=LIMITS)
    assert outcome.error == "ConnectionRefusedError"


@needs_sandbox
@pytest.mark.parametrize(
    ("content", "state"), [('b"x" * 2**15', "resource_limit"), ('b"{}\\n" * 2**14', "timeout")]
)
def test_a_flood_of_the_answers_is_cut_off(monkeypatch, content, state):
    monkeypatch.setattr(sandbox, "privileged", lambda: False)  # root's programs cannot open this pipe at all
    started = time.monotonic()
    attack = program(FLOOD.replace("CONTENT", content))
    assert [one.state for one in run_programs([attack], limits=Limits(seconds=8))] == [state]
    assert time.monotonic() - started < 60


@needs_sandbox
def test_the_system_counts_the_processes_of_a_sandbox():
    count = """
import os, resource, time
def found():
    resource.setrlimit(resource.RLIMIT_NPROC, (30, 30))
    for number in range(40):
        try:
            if os.fork() == 0:
                time.sleep(2)
                os._exit(0)
        except BlockingIOError:
            return number
"""
    [outcome] = run_programs([program(count, PROBE)], limits=LIMITS)
    assert 0 < json.loads(outcome.outputs) < 40
