"""Limits that the system itself keeps for all processes of a sandbox together: control groups, version 2.

They can be had where this process may make groups below its own: as root, or after
``systemd-run --user --scope -p Delegate=yes``. Elsewhere `kernels` looks at the processes itself.
"""

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

ENTER = 'echo $$ > "$0/cgroup.procs" && exec "$@"'


@dataclass(frozen=True)
class Group:
    """A control group.

    Attributes:
        folder: of its files; None where there can be no group.
    """

    folder: Path | None = None

    @property
    def enter(self) -> list[str]:
        """What goes before a command, so that it runs inside."""
        return [] if self.folder is None else ["/bin/sh", "-c", ENTER, str(self.folder)]

    def ran_out(self) -> bool:
        """Return whether the system ended processes of it for want of memory."""
        return self.folder is not None and _events(self.folder / "memory.events").get("oom_kill", 0) > 0


@contextlib.contextmanager
def control_group(memory: int, tasks: int, root: Path = Path("/")) -> Iterator[Group]:
    """Give a group with limits, of which as many hold as there are controllers; it ends with the block.

    Args:
        memory: bytes of all its processes together.
        tasks: how many processes and threads there may be.
        root: of the file system that is looked at.
    """
    parent = parent_group(root)
    if parent is None:
        yield Group()
        return
    limits = {"memory.max": memory, "memory.swap.max": 0, "memory.oom.group": 1, "pids.max": tasks}
    folder = parent / f"course-{secrets.token_hex(8)}"
    folder.mkdir()
    try:
        for name, value in limits.items():
            if (folder / name).exists():
                (folder / name).write_text(str(value))
        yield Group(folder)
    finally:
        with contextlib.suppress(OSError):
            (folder / "cgroup.kill").write_text("1")
        # Its processes are ended by now, and it can go when the system has seen to that.
        for process in _processes(folder):
            with contextlib.suppress(psutil.Error):
                psutil.Process(process).wait(timeout=5)
        with contextlib.suppress(OSError):
            folder.rmdir()


def parent_group(root: Path = Path("/")) -> Path | None:
    """Return the folder of the group below which this process may make groups with limits, if it may."""
    own = _own_group(root)
    if own is None or not os.access(own, os.W_OK):
        return None
    wanted = controllers(own)
    lacking = [one for one in wanted if one not in _words(own / "cgroup.subtree_control")]
    try:
        if lacking:
            _enable(own, lacking)
    except OSError:
        return None
    return own if wanted else None


def controllers(group: Path) -> list[str]:
    """Return which of memory and pids a group can limit."""
    return [one for one in ("memory", "pids") if one in _words(group / "cgroup.controllers")]


def _enable(group: Path, controllers: list[str]) -> None:
    words = " ".join(f"+{one}" for one in controllers)
    try:
        (group / "cgroup.subtree_control").write_text(words)
    except OSError as error:
        family = {os.getpid(), *(child.pid for child in psutil.Process().children(recursive=True))}
        if error.errno != errno.EBUSY or not family.issuperset(_processes(group)):
            raise
        # A group that limits others holds no processes itself: this one moves into a group beside them.
        inner = group / "grader"
        inner.mkdir(exist_ok=True)
        for process in _processes(group):
            (inner / "cgroup.procs").write_text(str(process))
        (group / "cgroup.subtree_control").write_text(words)


def _own_group(root: Path) -> Path | None:
    mounted = [line.split() for line in _lines(root / "proc/self/mounts")]
    place = next((words[1] for words in mounted if len(words) > 2 and words[2] == "cgroup2"), None)
    own = next((line[3:] for line in _lines(root / "proc/self/cgroup") if line.startswith("0::")), None)
    if place is None or own is None:
        return None
    group = root / place.lstrip("/") / own.lstrip("/")
    return group.parent if group.name == "grader" else group


def _processes(group: Path) -> list[int]:
    return [int(line) for line in _lines(group / "cgroup.procs")]


def _words(file: Path) -> list[str]:
    return [word for line in _lines(file) for word in line.split()]


def _events(file: Path) -> dict[str, int]:
    return {name: int(count) for name, count in (line.split() for line in _lines(file))}


def _lines(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return []
