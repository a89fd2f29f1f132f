"""Where work is done side by side: by threads or processes of this machine, or by the workers of a cluster.

One dask client serves all that the course does with many items (grading, preparing, running notebooks).
Without a cluster it is that of a `LocalCluster`, which lasts as long as the work. The workers of a cluster
see the same files at the same paths, and run the same course. When one is lost, dask gives what it had to
another; of whatever is done twice for that, one result lands.

Who can reach a dask scheduler can run code as its workers: it stands in a network of your own, or talks TLS
(https://distributed.dask.org/en/stable/tls.html). Between local processes the course always uses TLS.
"""

import functools
import hashlib
import json
import logging
import os
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from course_utils import paths
from course_utils.errors import CourseError, RunError

if TYPE_CHECKING:
    from distributed import Client, Future

Item = TypeVar("Item")
Result = TypeVar("Result")

CONNECT_SECONDS = 10
NOWHERE_ELSE = "127.0.0.1:0"
# What glibc's malloc keeps of what a process frees, in bytes. By its own measure, and dask's (64 kB), every
# large array is of new pages, which the system has to zero: that took half of the time of drawing.
KEPT_MEMORY = {"MALLOC_TRIM_THRESHOLD_": str(2**30), "MALLOC_MMAP_THRESHOLD_": str(2**30)}
SETTINGS = {
    # Messages that dask keeps to be looked at, each with all that was sent.
    "distributed.admin.low-level-log-length": 10,
    # The page that each local scheduler and worker serves has nothing on it.
    "distributed.scheduler.http.routes": [],
    "distributed.worker.http.routes": [],
    **{f"distributed.nanny.pre-spawn-environ.{name}": value for name, value in KEPT_MEMORY.items()},
}

_connection: "Client | None" = None


@contextmanager
def one_core_each() -> Iterator[None]:
    """Let OpenCV keep to one core: one video or picture a core is faster than all cores on one."""
    import cv2

    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)
        yield
    finally:
        cv2.setNumThreads(threads)


class WorkerLost(RunError):
    """An item whose workers were lost again and again; whatever it does, it may be what ends them."""


@contextmanager
def connected(scheduler: str | None) -> Iterator[str]:
    """Let the workers of a cluster do what is done side by side inside the block; give words on them.

    Args:
        scheduler: its address, such as ``tcp://10.0.0.5:8786``, or the file of ``--scheduler-file``; None is
            this machine.

    Raises:
        CourseError: nobody answers there, or what answers runs another course.
    """
    global _connection  # noqa: PLW0603 (as dask's own current client)
    if scheduler is None:
        yield "this machine"
        return
    import dask
    from distributed import Client
    from distributed.utils import silence_logging_cmgr

    address = _address(scheduler)
    with (
        dask.config.set(SETTINGS),
        silence_logging_cmgr(logging.CRITICAL),  # what is lost is said in words, without its traceback
        Client(address, timeout=CONNECT_SECONDS, set_as_default=False) as client,
    ):
        _refuse_another_course(client, scheduler)
        _connection = client
        try:
            found = client.scheduler_info(n_workers=-1)["workers"].values()
            threads = sum(worker["nthreads"] for worker in found)
            yield f"{len(found)} workers with {threads} threads at {scheduler}"
        finally:
            _connection = None


class Workers:
    """What does the work; see `workers`."""

    def __init__(self, client: "Client", gpu: bool, setup: "_Setup | None") -> None:
        from distributed import as_completed

        self.client, self.gpu, self.setup = client, gpu, setup
        self.waiting = as_completed(loop=client.loop)

    def slots(self) -> int:
        """Return how many items are worked on side by side now; workers may come and go."""
        found = self.client.scheduler_info(n_workers=-1)["workers"].values()
        if not self.gpu:
            return sum(worker["nthreads"] for worker in found)
        slots = sum(int(worker["resources"].get("GPU", 0)) for worker in found)
        if found and not slots:
            raise CourseError(
                "--gpu: no worker offers a GPU. Start one worker a GPU, with `--resources GPU=1`."
            )
        return slots

    def submit(self, function: Callable[..., Result], *arguments: Any) -> "Future":
        """Have a worker call a function, which it can import or be sent, with arguments that can be sent."""
        resources = {"GPU": 1} if self.gpu else None
        future = self.client.submit(_do, self.setup, function, arguments, resources=resources, pure=False)
        self.waiting.add(future)
        return future

    def landed(self) -> "Future":
        """Wait until any of what was submitted is done, and return it; `result` says how it ended."""
        return next(self.waiting)

    def result(self, future: "Future") -> Any:
        """Return what the function returned, or raise what it raised.

        Raises:
            WorkerLost: the worker that worked on it was lost, each time that it was tried.
            RunError: the scheduler is gone.
        """
        from distributed import CancelledError, KilledWorker
        from distributed.comm import CommClosedError

        try:
            return future.result()
        except KilledWorker as error:
            raise WorkerLost(
                f"Workers were lost over the same piece of work, the last at {error.last_worker.address}."
                " `dask worker` says there how it ended; too little memory ends most. What was done is kept."
            ) from error
        except (CancelledError, CommClosedError) as error:
            raise RunError(
                "The scheduler is gone. What was done is kept: start it again, and type the same command."
            ) from error


@contextmanager
def workers(jobs: int | None = None, *, processes: bool = False, gpu: bool = False) -> Iterator[Workers]:
    """Give the workers of the cluster that this process is `connected` to, or else local ones.

    Args:
        jobs: how many local ones; one a processor core if None.
        processes: local ones are processes, for what holds the interpreter's lock, instead of threads.
        gpu: each item takes a GPU, dask's resource ``GPU``, of its worker.

    Raises:
        CourseError: there is no GPU, or processes cannot be started from this script.
    """
    if _connection is not None:
        pool = Workers(_connection, gpu, _Setup(paths.settings(), course_version()))
        try:
            yield pool
        finally:
            _connection.cancel(list(pool.waiting.futures))
        return
    import dask
    from distributed import Client

    with (
        dask.config.set(SETTINGS),
        _local_cluster(jobs or processor_cores(), processes, gpu) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield Workers(client, gpu, None)


def processor_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def work(
    function: Callable[[Item], Result],
    items: Iterable[Item],
    *,
    jobs: int | None = None,
    processes: bool = False,
    gpu: bool = False,
    batch: int = 1,
    lost: Callable[[Item], None] | None = None,
) -> Iterator[tuple[Item, Result]]:
    """Call `function` with each item, side by side, and yield (item, what it returned) as they are done.

    Items are taken when there is a worker for them soon, so that never many are held. The first exception
    that `function` raises ends the work.

    Args:
        function: what workers can import or be sent.
        items: what can be sent.
        jobs: see `workers`.
        processes: see `workers`.
        gpu: see `workers`.
        batch: how many items are sent together, where each takes milliseconds only.
        lost: called with an item whose workers were lost each time that it was tried, instead of yielding it.

    Raises:
        WorkerLost: the same, if `lost` is None.
    """
    batches, suspects = iter(items), []
    with workers(jobs, processes=processes, gpu=gpu) as pool:
        running: dict[Any, list[Item]] = {}

        def fill() -> None:
            room = 2 * pool.slots() + 2
            while len(running) < room and (some := list(islice(batches, batch))):
                running[pool.submit(_each, function, some)] = some

        fill()
        while running:
            done = pool.landed()
            some = running.pop(done)
            try:
                yield from zip(some, pool.result(done), strict=True)
            except WorkerLost:
                suspects += some
            done.release()
            fill()
        # Whatever waited on a worker that ended is suspected with what ended it: each is tried again, alone.
        for item in suspects:
            pool.submit(function, item)
            try:
                yield item, pool.result(pool.landed())
            except WorkerLost:
                if lost is None:
                    raise
                lost(item)


def on_each_worker(check: Callable[[], None]) -> None:
    """Call `check` on each worker of the cluster, or here where there is none.

    Raises:
        CourseError: it raised one; where it was a worker's, the message says whose.
    """
    if _connection is None:
        check()
        return
    for address, found in _connection.run(check, on_error="return").items():
        if isinstance(found, Exception):
            raise CourseError(f"On the worker at {address}: {found}") from found


def cancelled() -> bool:
    """Return whether this is what a worker does, and nobody waits for it any more."""
    from distributed import get_worker

    try:
        worker = get_worker()
    except ValueError:  # whoever called this directly waits for it
        return False
    task = worker.state.tasks.get(worker.get_current_task())
    return task is None or task.state == "cancelled"


@functools.cache
def course_version() -> str:
    """Return a hash of the course's own code, which is the same on all of a cluster's machines."""
    course = hashlib.sha256()
    for file in sorted(paths.PACKAGE.rglob("*.py")):
        course.update(file.read_bytes())
    return course.hexdigest()


@dataclass(frozen=True)
class _Setup:
    """What a worker elsewhere needs to know before it does anything."""

    settings: dict[str, str]
    version: str

    def take(self) -> None:
        host = socket.gethostname()
        if course_version() != self.version:
            raise CourseError(
                f"The worker on {host} runs another version of the course. Start its `dask worker` again, in"
                f" the environment of this one ({paths.PACKAGE.parent})."
            )
        os.environ.update(self.settings)
        for folder in [paths.data_root(), *paths.cache_roots()[:-1]]:
            if folder and not folder.is_dir():
                raise CourseError(
                    f"The worker on {host} does not see {folder}. Workers need the same files at the same"
                    " paths: name folders that they share in COURSE_DATA_ROOT and COURSE_CACHE."
                )


def _do(setup: _Setup | None, function: Callable[..., Result], arguments: tuple) -> Result:
    if setup is not None:
        setup.take()
    return function(*arguments)


def _each(function: Callable[[Item], Result], items: list[Item]) -> list[Result]:
    return [function(item) for item in items]


@contextmanager
def _local_cluster(jobs: int, processes: bool, gpu: bool) -> Iterator[Any]:
    from distributed import LocalCluster

    # A port of this machine is open to all its users: processes talk TLS, threads need none.
    size = {"n_workers": jobs, "threads_per_worker": 1} if processes else {"n_workers": 1}
    size |= {} if processes else {"threads_per_worker": jobs}
    before = os.environ.copy()
    try:
        cluster = LocalCluster(
            **size,
            processes=processes,
            security=processes or None,
            dashboard_address=NOWHERE_ELSE,
            worker_dashboard_address=NOWHERE_ELSE,
            memory_limit=0,
            silence_logs=logging.CRITICAL,
            resources={"GPU": _gpus()} if gpu else None,
        )
    except RuntimeError as error:
        raise CourseError(
            f"Processes that share the work could not be started ({error}). In a script of your own, put what"
            ' it does below `if __name__ == "__main__":`, or type `course data prepare` for the data first.'
        ) from error
    try:
        with cluster:
            yield cluster
    finally:  # dask tells processes to compute with one thread, and leaves that to all that is started later
        os.environ.clear()
        os.environ.update(before)


def _gpus() -> int:
    import torch

    if not torch.cuda.device_count():
        raise CourseError("--gpu: this machine has no GPU that PyTorch can use. `course doctor` says more.")
    return torch.cuda.device_count()


def _address(scheduler: str) -> str:
    """Return the address at which a scheduler answers."""
    from distributed.comm import connect
    from distributed.security import Security
    from distributed.utils import LoopRunner

    runner = LoopRunner()
    try:
        file = Path(scheduler)
        address = json.loads(file.read_text())["address"] if file.is_file() else scheduler
        runner.start()
        how = Security().get_connection_args("client") | {"timeout": CONNECT_SECONDS}
        runner.run_sync(connect, address, **how).abort()
    except (OSError, ValueError, TypeError, KeyError, RuntimeError) as error:
        raise CourseError(
            f"No scheduler answers at {scheduler} ({error}). Start one with `dask scheduler`, in the course's"
            " environment, and give the address that it prints, such as tcp://10.0.0.5:8786. If it talks TLS,"
            " DASK_CONFIG has to name the folder of its keys."
        ) from error
    finally:
        runner.stop()
    return address


def _refuse_another_course(client: "Client", scheduler: str) -> None:
    try:
        version = client.run_on_scheduler(course_version)
    except Exception as error:  # whatever unpickling raises where there is no such function
        version = str(error)
    if version != course_version():
        raise CourseError(
            f"The scheduler at {scheduler} does not run this version of the course ({version[:80]}). Start"
            f" it, and its workers, with the `dask` command of this environment ({paths.PACKAGE.parent})."
        )
