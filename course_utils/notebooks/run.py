"""Run notebooks through papermill, one process a notebook, and write ``run.json``."""

import contextlib
import datetime
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from course_utils import cluster, paths
from course_utils.errors import CourseError, RunError
from course_utils.notebooks.catalogue import (
    DATASET_PARAMETERS,
    Notebook,
    read_notebooks,
    read_profiles,
    settings_for,
)

Tell = Callable[[str, str], None]
LONGEST_STEP = 1.0  # seconds between two looks whether anybody still waits for a notebook


def runnable() -> list[Notebook]:
    """Return the notebooks that a run executes: the solved ones, or a student release's own."""
    if (paths.instructor() / "sources").is_dir():
        from course_utils.notebooks.build import build

        build([])
        return read_notebooks(paths.solutions())
    found = read_notebooks(paths.notebooks())
    if not found:
        raise CourseError(f"There are no notebooks in {paths.notebooks()}. Work in a clone of the course.")
    return found


def run(
    notebooks: list[Notebook],
    profile: str,
    settings: dict[str, Any],
    *,
    out: Path | None = None,
    jobs: int = 1,
    gpu: bool = False,
    cell_timeout: float | None = None,
    tell: Tell = lambda notebook, message: None,
) -> Path:
    """Run notebooks and return the run's folder, which holds ``run.json`` and the executed notebooks.

    Args:
        notebooks: what to run, such as a choice from `runnable`.
        profile: one of `PROFILES`.
        settings: parameter values that go before the profile's, to those notebooks that declare them.
        out: the run's folder; by default a new one under ``build/runs/``.
        jobs: how many notebooks run side by side, the processor's cores shared between them, where no cluster
            is connected.
        gpu: each notebook takes a GPU of a worker that offers one.
        cell_timeout: seconds that one cell may take; by default the profile's.
        tell: called with a notebook's name and a word on it as things happen.

    Raises:
        CourseError: a setting that no notebook declares, an unknown profile, data that cannot be found.
    """
    values = settings_for(notebooks, profile, settings)
    _prepare_datasets(notebooks, values, tell)
    started = datetime.datetime.now(datetime.UTC)
    folder = (out or paths.build() / "runs" / f"{profile}-{started:%Y%m%d-%H%M%S}").resolve()
    timeout = cell_timeout if cell_timeout is not None else read_profiles()[profile].get("cell_timeout")
    head = {
        "run": folder.name,
        "profile": profile,
        "started": started.isoformat(timespec="seconds"),
        "commit": commit(),
        "settings": settings,
    }
    _Run(folder, profile, timeout, jobs, gpu, tell=tell, head=head).all(notebooks, values)
    return folder


@dataclass
class _Run:
    folder: Path
    profile: str
    cell_timeout: float | None
    jobs: int
    gpu: bool
    tell: Tell
    head: dict[str, Any]
    entries: dict[str, dict[str, Any]] = field(default_factory=dict)

    def all(self, notebooks: list[Notebook], values: dict[str, dict[str, Any]]) -> None:
        """Run each notebook when those that it needs have completed; skip it when one of them has not.

        Those that it only comes `after` (it takes what they left, if they left something) have ended too.
        """
        waiting = {notebook.name: notebook for notebook in notebooks}
        running: dict[Any, str] = {}
        with cluster.workers(self.jobs, gpu=self.gpu) as workers:
            workers.submit(_machine)
            self.head |= workers.result(workers.landed())
            self._write()
            while waiting or running:
                room = max(workers.slots(), 1)
                for name, notebook in list(waiting.items()):
                    to_come = {one.number for one in notebooks if one.name not in self.entries}
                    needs = [one.name for one in notebooks if one.number in notebook.about.get("needs", [])]
                    ended = [self.entries[need]["state"] for need in needs if need in self.entries]
                    if any(state != "completed" for state in ended):
                        del waiting[name]
                        missing = f"needs {', '.join(needs)}, which did not complete"
                        self._finish(_entry(notebook, values[name], state="skipped", error=missing))
                    elif to_come & set(notebook.about.get("after", [])):
                        continue
                    elif len(ended) == len(needs) and len(running) < room:
                        del waiting[name]
                        self.tell(name, "running")
                        job, environment = self._job(notebook, values[name]), self._environment()
                        running[workers.submit(_timed, job, environment)] = name
                if not running and waiting:
                    raise CourseError(f"These notebooks need one another in a circle: {', '.join(waiting)}.")
                if running:
                    done = workers.landed()
                    name = running.pop(done)
                    notebook = next(one for one in notebooks if one.name == name)
                    try:
                        ending = workers.result(done)
                    except cluster.WorkerLost as lost:
                        ending = {"state": "kernel_died", "error": str(lost)}
                    self._finish(_entry(notebook, values[name], **ending))

    def _job(self, notebook: Notebook, values: dict[str, Any]) -> dict[str, Any]:
        work = self.folder / notebook.name
        work.mkdir(parents=True, exist_ok=True)
        return {
            "input": str(notebook.path.resolve()),
            "output": str(self.folder / notebook.path.name),
            "record": str(work / "completion.json"),
            "result": str(work / "state.json"),
            "folder": str(work),
            "parameters": values,
            "cell_timeout": self.cell_timeout,
        }

    def _environment(self) -> dict[str, str]:
        """Return what a notebook's process has in its environment beside what its worker has."""
        environment = kernel_settings(self.folder) | {"COURSE_PROFILE": self.profile}
        if self.jobs > 1:
            environment["OMP_NUM_THREADS"] = str(max(1, cluster.processor_cores() // self.jobs))
        return environment

    def _finish(self, entry: dict[str, Any]) -> None:
        self.entries[entry["name"]] = entry
        self._write()
        self.tell(entry["name"], entry["state"])

    def _write(self) -> None:
        entries = sorted(self.entries.values(), key=lambda entry: entry["name"])
        paths.write_json(self.folder / "run.json", self.head | {"notebooks": entries})


def read_run(folder: Path) -> dict[str, Any]:
    """Read a run's ``run.json``.

    Raises:
        CourseError: `folder` is not the folder of a run.
    """
    file = folder / "run.json"
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise CourseError(f"{folder} is no run: it holds no run.json. Runs stand in build/runs/.") from error
    except json.JSONDecodeError as error:
        raise RunError(
            f"{file}, line {error.lineno}: this is not JSON ({error.msg}). Run the notebooks again."
        ) from error


def _prepare_datasets(notebooks: list[Notebook], values: dict[str, dict[str, Any]], tell: Tell) -> None:
    from course_utils.data.prepare import load_dataset

    wanted = {}
    for notebook in notebooks:
        for name in DATASET_PARAMETERS:
            if name in notebook.parameters:
                wanted[values[notebook.name].get(name, notebook.parameters[name].value)] = notebook.name
    for dataset, notebook in wanted.items():
        tell(notebook, f"preparing {dataset}")
        labels = set(load_dataset(dataset).samples["label"])
        if labels != {0, 1}:
            only = "real" if labels == {0} else "fake"
            raise CourseError(
                f"{notebook} needs real and fake pictures, and {dataset} holds only {only} ones. Name another"
                " data set with --set; `course data list` shows them."
            )


def kernel_settings(folder: Path) -> dict[str, str]:
    """Return the environment variables that a kernel that nobody watches needs; it writes into `folder`."""
    return {
        "COURSE_RUN_FOLDER": str(folder),
        # A run has nobody who watches a bar, and a bar's last state would stand in the report.
        "TQDM_DISABLE": "1",
        # The kernel of this environment goes before one of the same name in the user's home.
        "JUPYTER_PREFER_ENV_PATH": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        **cluster.KEPT_MEMORY,
    }


def execute_in_process(job: dict[str, Any], settings: dict[str, str]) -> dict[str, Any]:
    """Run a job of `course_utils.notebooks.execute` in a process of its own, and return the state it ends in.

    The job has one entry more: `result`, the file for that state. The settings go before the environment.
    """
    work, result = Path(job["folder"]), Path(job["result"])
    result.unlink(missing_ok=True)
    paths.write_json(work / "job.json", job)
    log = work / "execute.log"
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "course_utils.notebooks.execute", str(work / "job.json")],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            env=dict(os.environ) | settings,
        )
        while process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(LONGEST_STEP)
            if cluster.cancelled():
                # As Ctrl-C, which reaches a process of this machine by itself: papermill ends its kernel.
                process.send_signal(signal.SIGINT)
                process.wait()
    if not result.is_file():
        error = f"the executing process ended without a result; see {log}"
        return {"state": "failed", "cell": None, "error": error}
    return json.loads(result.read_text(encoding="utf-8"))


def _timed(job: dict[str, Any], settings: dict[str, str]) -> dict[str, Any]:
    started = time.monotonic()
    found = execute_in_process(job, settings)
    ending = {"state": found["state"], "error": found["error"]}
    ending["seconds"] = round(time.monotonic() - started, 1)
    if ending["state"] == "completed":
        ending |= json.loads(Path(job["record"]).read_text(encoding="utf-8"))
    return ending


def _entry(
    notebook: Notebook,
    values: dict[str, Any],
    *,
    state: str,
    error: str | None,
    seconds: float = 0.0,
    peak_memory_mb: int | None = None,
    datasets: list[str] | None = None,
) -> dict[str, Any]:
    return {
        "name": notebook.name,
        "state": state,
        "seconds": seconds,
        "peak_memory_mb": peak_memory_mb,
        "datasets": datasets,
        "parameters": {name: one.value for name, one in notebook.parameters.items()} | values,
        "error": error,
    }


def _machine() -> dict[str, Any]:
    from course_utils.doctor import device_name, precision_name

    return {"device": device_name(), "precision": precision_name()}


def commit() -> str | None:
    """Return the repository's commit, with ``-dirty`` where files differ from it; None outside git."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(command, cwd=paths.repository(), capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return None
    return done.stdout.strip() or None
