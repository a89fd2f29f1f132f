"""A scheduler and workers as processes of their own, as on the machines of a cluster."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from distributed import Client

from course_utils import paths


class Cluster:
    """A running scheduler and its workers."""

    def __init__(self, folder: Path, package: Path) -> None:
        self.file, self.package = folder / "scheduler.json", package
        self.processes = [self._start("scheduler", "--port", "0", "--no-show", "--host", "127.0.0.1")]
        self.workers = []

    @property
    def scheduler(self) -> str:
        """What `--scheduler` is given."""
        return str(self.file)

    def add(self, count: int, *options: str) -> None:
        """Start workers, and wait until the scheduler has them."""
        for _ in range(count):
            worker = self._start("worker", "--nthreads", "1", "--no-nanny", "--host", "127.0.0.1", *options)
            self.workers.append(worker)
            self.processes.append(worker)
        while not self.file.exists():
            time.sleep(0.05)
        if not self.workers:
            return
        with Client(scheduler_file=self.scheduler, timeout=60, set_as_default=False) as client:
            client.wait_for_workers(len(self.workers), timeout=60)

    def _start(self, what: str, *options: str) -> subprocess.Popen:
        module = f"distributed.cli.dask_{what}"
        command = [
            sys.executable,
            "-m",
            module,
            "--scheduler-file",
            str(self.file),
            "--no-dashboard",
            *options,
        ]
        # Tests send functions of their own, too.
        places = [str(self.package), str(Path(__file__).parent)]
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(places)}
        return subprocess.Popen(
            [*command, *options], env=environment, cwd=self.file.parent, stderr=subprocess.DEVNULL
        )


@contextmanager
def cluster_of(
    folder: Path, workers: int, *options: str, package: Path = paths.PACKAGE.parent
) -> Iterator[Cluster]:
    """Give a cluster of so many workers that run the course in `package`; it ends with the block."""
    started = Cluster(folder, package)
    try:
        started.add(workers, *options)
        yield started
    finally:
        for process in started.processes:
            process.kill()
            process.wait()
