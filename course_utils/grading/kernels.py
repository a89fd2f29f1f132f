"""Run programs one after the other, each in a kernel of its own that is forked from a warm process.

The warm process stands in a sandbox (see `sandbox` and `warm`). What comes back from it is written by
whoever's program ran there, so it is read as untrusted data: one line of JSON, of limited length and of a
fixed form. Whatever goes wrong inside, an outcome comes of it, and the next program gets a fresh sandbox.
"""

import ast
import json
import os
import secrets
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import psutil
from nbformat import NotebookNode
from pydantic import BaseModel, ConfigDict, ValidationError

from course_utils.errors import RunError
from course_utils.grading.cgroups import Group, control_group
from course_utils.grading.sandbox import environment, sandboxed

OUTPUTS_BYTES = 32 * 2**20
LINE_BYTES = 7 * OUTPUTS_BYTES  # a control character of the outputs takes six bytes of JSON
START_SECONDS = 300
LONGEST_STEP = 0.5  # seconds between two looks at a program
# Bytes of imports, which a sandbox's processes share, and of what drives the kernel.
SHARED_MEMORY = 2 * 2**30
MOST_PROCESSES = 64
MOST_TASKS = 512  # processes and their threads, where a control group counts them
OUT_OF_MEMORY = (
    "can't allocate memory",
    "Cannot allocate memory",
    "not enough memory",
    "std::bad_alloc",
    "failed to map segment",
)
OUT_OF_SOMETHING = (
    "File too large",
    "No space left on device",
    "can't start new thread",
    "Resource temporarily unavailable",
)


@dataclass(frozen=True)
class Limits:
    """What one program may use.

    Attributes:
        seconds: wall time, from the fork of its kernel to its outputs.
        memory: bytes of its data, of which imports take about one gigabyte; all its processes together get
            `SHARED_MEMORY` more.
    """

    seconds: float = 120.0
    memory: int = 4 * 2**30


@dataclass(frozen=True)
class Program:
    """A notebook of code cells, and the files that it finds in its folder, by name."""

    node: NotebookNode
    files: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Outcome:
    """What became of a program.

    Attributes:
        state: `completed` says that each cell ran, not that there are outputs.
        error: the name of the exception's class.
        message: what the exception, or the runner, said.
        traceback: as IPython prints it, its last lines.
        cell: index of the cell that raised.
        outputs: the text of ``outputs.json``, or None where there is none. Longer than `OUTPUTS_BYTES` when
            the program wrote more than that, and then cut there.
        seconds: wall time.
    """

    state: Literal["completed", "error", "timeout", "resource_limit", "kernel_died"]
    error: str = ""
    message: str = ""
    traceback: str = ""
    cell: int | None = None
    outputs: str | None = None
    seconds: float = 0.0


class Stopped(Exception):
    """Somebody asked the runner to stop."""


class _Reply(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    id: str
    state: Literal["completed", "error", "kernel_died"]
    error: str = ""
    message: str = ""
    traceback: str = ""
    cell: int | None = None
    outputs: str | None = None


class _Silent(Exception):
    """The warm process said nothing more: it ended, or its time was up."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.message)
        self.outcome = outcome


def run_programs(
    programs: Sequence[Program],
    *,
    imports: Iterable[str] = (),
    without: Sequence[str] = (),
    limits: Limits = Limits(),
    seed: int = 0,
    sandbox: bool = True,
    gpu: bool = False,
    stop: Callable[[], bool] = lambda: False,
) -> Iterator[Outcome]:
    """Run programs and yield the outcome of each, in their order.

    Args:
        programs: what to run.
        imports: modules that are imported once, before any of the programs runs.
        without: modules that do not exist for them.
        limits: of each program.
        seed: where the random numbers of `random`, NumPy and torch start in each program.
        sandbox: False runs them as the user's own processes.
        gpu: the programs see the machine's GPUs.
        stop: asked again and again; once it says yes, the program that runs is ended and no other begun.

    Raises:
        RunError: the warm process cannot be started.
        Stopped: `stop` said yes.
    """
    waiting = list(programs)
    while waiting:
        with _WarmProcess(without, sorted(imports), limits, sandbox=sandbox, gpu=gpu, stop=stop) as warm:
            alive = True
            while waiting and alive:
                started = time.monotonic()
                try:
                    outcome = warm.run(waiting[0], seed)
                except _Silent as silent:
                    outcome, alive = silent.outcome, False
                    if outcome.state == "kernel_died" and warm.count > 1:
                        # An earlier program may have left what ended the sandbox: try again in a fresh one.
                        continue
                waiting.pop(0)
                yield replace(outcome, seconds=round(time.monotonic() - started, 2))


def imported_modules(source: str) -> set[str]:
    """Return the names of the modules that the import statements of `source` may import.

    Whether ``from package import name`` imports a module ``package.name`` is not known before it is tried.
    """
    names = set()
    for statement in ast.walk(ast.parse(source)):
        if isinstance(statement, ast.Import):
            names |= {alias.name for alias in statement.names}
        elif isinstance(statement, ast.ImportFrom) and statement.module and not statement.level:
            names.add(statement.module)
            names |= {f"{statement.module}.{alias.name}" for alias in statement.names}
    return names


class _WarmProcess:
    def __init__(
        self,
        without: Sequence[str],
        imports: list[str],
        limits: Limits,
        *,
        sandbox: bool,
        gpu: bool,
        stop: Callable[[], bool],
    ) -> None:
        self.limits, self.stop = limits, stop
        self.buffer = bytearray()
        self.count = 0
        self.most = limits.memory + SHARED_MEMORY
        self.group = Group()
        self.stack = ExitStack()
        command = [sys.executable, "-P", "-m", "course_utils.grading.warm"]
        self.errors = self.stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
        if sandbox:
            folders = ["/tmp", "/dev/shm"]
            self.group = self.stack.enter_context(control_group(self.most, MOST_TASKS))
            command = self.stack.enter_context(sandboxed(command, without, gpu=gpu))
            command = [*self.group.enter, *command]
            variables = {"PATH": os.defpath}
        else:
            folders = [self.stack.enter_context(tempfile.TemporaryDirectory(prefix="course-unsafe-"))]
            variables = environment() | {"HOME": folders[0], "TMPDIR": folders[0]}
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.errors,
            env=variables,
            cwd="/",
            start_new_session=True,
        )
        self.stack.callback(self._end)
        setup = {
            "imports": imports,
            "absent": [] if sandbox else list(without),
            "folders": folders,
            "memory": limits.memory,
            "outputs": OUTPUTS_BYTES,
        }
        try:
            self._send(setup)
            self._receive("ready", START_SECONDS)
        except BaseException as error:
            self.errors.seek(0)
            said = self.errors.read()[-2000:].decode("utf-8", errors="replace").strip()
            self.stack.close()
            if isinstance(error, _Silent):
                raise RunError(
                    f"The process that runs students' programs did not start ({error})."
                    f" It said: {said or 'nothing'}"
                ) from error
            raise

    def __enter__(self) -> "_WarmProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self.stack.close()

    def run(self, program: Program, seed: int) -> Outcome:
        self.count += 1
        request = {
            "id": secrets.token_hex(8),
            "program": program.node,
            "files": program.files,
            "seed": seed,
        }
        self._send(request)
        reply = self._receive(request["id"], self.limits.seconds)
        state = "resource_limit" if _ran_out(reply) else reply.state
        return Outcome(**reply.model_dump(exclude={"id"}) | {"state": state})

    def _send(self, request: dict[str, Any]) -> None:
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise _Silent(self._ended()) from None

    def _receive(self, identity: str, seconds: float) -> _Reply:
        left, weighed = seconds, time.monotonic()
        while left > 0:
            started = time.monotonic()
            for line in self._read_lines():
                # A program can write to the pipe too, as much as it likes. It cannot answer for another: it
                # does not know what that one's request is called.
                if identity.encode() in line and (reply := _reply(line)) and reply.id == identity:
                    return reply
            now = time.monotonic()
            # A machine that slept, or a grader that was paused, is no fault of the program's.
            left -= min(now - started, 2 * LONGEST_STEP)
            if now - weighed > LONGEST_STEP:
                self._weigh()
                weighed = now
        raise _Silent(Outcome("timeout", message=f"it did not end within {seconds:g} seconds"))

    def _read_lines(self) -> list[bytearray]:
        """Return the lines that came within `LONGEST_STEP`; the one that has begun stays."""
        if self.stop():
            raise Stopped
        if not select.select([self.process.stdout], [], [], LONGEST_STEP)[0]:
            return []
        part = os.read(self.process.stdout.fileno(), 2**20)
        if not part:
            raise _Silent(self._ended())
        self.buffer += part
        if len(self.buffer) > LINE_BYTES:
            raise _Silent(Outcome("resource_limit", message="it wrote too much"))
        if b"\n" not in part:
            return []
        *lines, self.buffer = self.buffer.split(b"\n")
        return lines

    def _weigh(self) -> None:
        """End a sandbox whose processes together are too many or hold too much.

        A limit of each process stands in `warm`, but many hold much together, and not every system that runs
        this can give a control group.
        """
        processes = self._descendants()
        if len(processes) > MOST_PROCESSES:
            raise _Silent(Outcome("resource_limit", message=f"it began more than {MOST_PROCESSES} processes"))
        # What processes share counts for each of them here; only where that is much is it told apart.
        if sum(map(_resident, processes)) > self.most and sum(map(_own, processes)) > self.most:
            raise _Silent(self._held_too_much())

    def _ended(self) -> Outcome:
        if self.group.ran_out():
            return self._held_too_much()
        return Outcome("kernel_died", message="its sandbox was ended")

    def _held_too_much(self) -> Outcome:
        held = f"its processes held more than {self.most / 2**30:g} GB together"
        return Outcome("resource_limit", message=held)

    def _descendants(self) -> list[psutil.Process]:
        try:
            return psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []

    def _end(self) -> None:
        # A sandbox ends with its first process; without one, each process is ended by itself.
        for process in [self.process, *self._descendants()]:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                continue
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def _reply(line: bytearray) -> _Reply | None:
    try:
        return _Reply.model_validate_json(bytes(line))
    except ValidationError:
        return None


def _resident(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.Error:  # it has ended
        return 0


def _own(process: psutil.Process) -> int:
    """Return the bytes of a process, of what it shares its share (PSS)."""
    try:
        memory = process.memory_full_info()
    except psutil.Error:
        return 0
    return getattr(memory, "pss", memory.uss)  # macOS knows no PSS


def _ran_out(reply: _Reply) -> bool:
    if reply.error == "MemoryError" or any(words in reply.message for words in OUT_OF_MEMORY):
        return True
    return reply.state == "error" and any(words in reply.message for words in OUT_OF_SOMETHING)
