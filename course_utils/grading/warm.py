"""The process inside a sandbox that imports once, and forks a kernel for each program.

``python -m course_utils.grading.warm`` reads one request a line (JSON) from its input and answers each with a
line on its output. The imports of notebooks (torch, papermill) take most of a short program's time; a forked
kernel has them already, and nothing else: no other program's code has run in its process. Two processes are
forked for each program: one that becomes the kernel, and one in which papermill drives it.
"""

import contextlib
import importlib
import json
import multiprocessing
import os
import resource
import shutil
import signal
import sys
from pathlib import Path
from typing import Any

# jsonschema's check of one format, which no notebook has, compiles a grammar at import, for a whole second.
sys.modules["rfc3987_syntax"] = None
import nbformat  # noqa: E402
import papermill  # noqa: E402
import psutil  # noqa: E402
from ipykernel.kernelapp import IPKernelApp  # noqa: E402
from jupyter_client import AsyncKernelManager, connect  # noqa: E402
from jupyter_client.provisioning import LocalProvisioner  # noqa: E402
from nbclient.exceptions import DeadKernelError  # noqa: E402
from papermill.exceptions import PapermillExecutionError  # noqa: E402

del sys.modules["rfc3987_syntax"]

FORK = multiprocessing.get_context("fork")
LONGEST_FILE = 2**30  # bytes of one file that a program writes
MOST_TASKS = 256  # processes and their threads
NICE = 10  # whoever watches the programs goes first
TRACEBACK_LINES = 40
TEXT = 2_000  # characters of an error's own message


class ForkedKernel(LocalProvisioner):
    """What jupyter_client asks about a kernel's process, for one that was forked instead of launched."""

    async def poll(self) -> int | None:
        """Return the exit code, or None while the kernel runs."""
        return self.process.exitcode


def serve(requests: Any, answers: Any) -> None:
    """Import what the first request names, then run the program of each further one, one after the other.

    The first request is ``{"imports": [module, …], "absent": [module, …], "folders": [path, …], "memory":
    bytes, "outputs": bytes}``; programs may write into the folders, and work in the first. A further one is
    ``{"id": text, "program": notebook, "files": {name: text}, "seed": number}``.
    """
    setup = json.loads(requests.readline())
    sys.modules.update(dict.fromkeys(setup["absent"]))
    for module in setup["imports"]:
        # A module that cannot be imported is the program's affair, and its error tells of it.
        with contextlib.suppress(Exception):
            importlib.import_module(module)
    _adopt_orphans()
    _say(answers, {"id": "ready", "state": "completed"})
    for line in requests:
        request = json.loads(line)
        runner = FORK.Process(target=_answer, args=(request, setup, answers))
        runner.start()
        runner.join()
        if runner.exitcode != 0:
            ending = {"state": "kernel_died", "message": "what drives the kernel was ended"}
            _say(answers, {"id": request["id"], **ending})
        _end_descendants()
        for folder in setup["folders"]:
            _empty(Path(folder))


def _answer(request: dict[str, Any], setup: dict[str, Any], answers: Any) -> None:
    # Of what can be written to; the address space says little: torch maps gigabytes that it never uses. The
    # kernel inherits it, and what drives the kernel needs it too: it keeps all that a program prints.
    resource.setrlimit(resource.RLIMIT_DATA, (setup["memory"],) * 2)
    folder = Path(setup["folders"][0]) / "program"
    folder.mkdir()
    for name, text in request["files"].items():
        (folder / name).write_text(text, encoding="utf-8")
    node = nbformat.from_dict(request["program"])
    nbformat.write(node, folder / "program.ipynb")
    outcome = _execute(node, folder, request["seed"])
    outputs = _read_outputs(folder / "outputs.json", setup["outputs"])
    _say(answers, {"id": request["id"], **outcome, "outputs": outputs})


def _execute(node: Any, folder: Path, seed: int) -> dict[str, Any]:
    # Sockets in a folder of the sandbox's own: nobody can take a port away between choice and use.
    connection_file, _ = connect.write_connection_file(
        str(folder / ".kernel.json"), transport="ipc", ip=str(folder / ".kernel"), kernel_name="python3"
    )
    process = FORK.Process(target=_become_kernel, args=(connection_file, folder, seed))
    process.start()
    kernel = AsyncKernelManager(connection_file=connection_file)
    kernel.load_connection_file()
    kernel.provisioner = ForkedKernel()
    kernel.provisioner.process = process
    try:
        papermill.execute_notebook(node, None, km=kernel, kernel_name="python3", progress_bar=False)
    except PapermillExecutionError as error:
        lines = "\n".join(error.traceback).split("\n")
        return {
            "state": "error",
            "error": str(error.ename)[:TEXT],
            "message": str(error.evalue)[:TEXT],
            "cell": error.cell_index,
            "traceback": "\n".join(lines[-TRACEBACK_LINES:])[-10 * TEXT :],
        }
    except DeadKernelError:
        process.join(1)
        return {"state": "kernel_died", "message": _ending(process.exitcode)}
    except Exception as error:
        state = "error" if process.is_alive() else "kernel_died"
        return {"state": state, "error": type(error).__name__, "message": str(error)[:TEXT]}
    finally:
        process.kill()
    return {"state": "completed"}


def _become_kernel(connection_file: str, folder: Path, seed: int) -> None:
    os.setsid()
    os.nice(NICE)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.closerange(3, 1024)  # the pipe of answers among them
    os.chdir(folder)
    sys.path.insert(0, "")  # programs import modules of their own folder, as notebooks do
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a file too large is an OSError
    limits = {
        resource.RLIMIT_FSIZE: LONGEST_FILE,
        resource.RLIMIT_NPROC: MOST_TASKS,
        resource.RLIMIT_CORE: 0,
    }
    for kind, most in limits.items():
        resource.setrlimit(kind, (most, most))
    _seed(seed)
    options = [
        "--HistoryManager.hist_file=:memory:",
        # The tip of the day takes one of the seeded random numbers each time that somebody asks for the
        # kernel's banner, and the slower the machine, the more often nbclient asks.
        "--InteractiveShell.enable_tip=False",
    ]
    IPKernelApp.launch_instance(argv=["-f", connection_file, *options])


def _seed(seed: int) -> None:
    """Start the random numbers of every program at the same place, so that grading twice is the same."""
    import random

    random.seed(seed)
    if numpy := sys.modules.get("numpy"):
        numpy.random.seed(seed)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(seed)


def _ending(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"it was ended by {signal.Signals(-exit_code).name}"
    return f"it ended with exit code {exit_code}"


def _read_outputs(file: Path, largest: int) -> str | None:
    # The program may have put anything there: a link, a device, a file without end.
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        with os.fdopen(descriptor, "rb") as opened:
            content = opened.read(largest + 1)
    except OSError:
        return None
    return content.decode("utf-8", errors="replace")


def _adopt_orphans() -> None:
    """Become the parent of whatever a kernel leaves behind, so that `_end_descendants` finds it."""
    import ctypes

    set_child_subreaper = 36
    ctypes.CDLL(None).prctl(set_child_subreaper, 1)


def _end_descendants() -> None:
    while left := psutil.Process().children(recursive=True):
        for process in left:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(left, timeout=1)


def _empty(folder: Path) -> None:
    """Remove whatever a program left, so that the next one has its space, and finds nothing of it."""
    for place, _, _ in os.walk(folder):
        with contextlib.suppress(OSError):
            Path(place).chmod(0o700)
    for entry in folder.iterdir():
        if entry.is_dir() and not entry.is_symlink():
            shutil.rmtree(entry, ignore_errors=True)
        else:
            entry.unlink()


def _say(answers: Any, message: dict[str, Any]) -> None:
    answers.write(json.dumps(message, ensure_ascii=False) + "\n")
    answers.flush()


if __name__ == "__main__":
    # Only answers may go to the pipe: what a library prints goes where errors go.
    pipe = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    serve(os.fdopen(os.dup(0), encoding="utf-8"), pipe)
