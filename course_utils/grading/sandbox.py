"""Run a command where it can do no harm: bubblewrap, with only what the command needs in sight.

Inside there is no network, no other process, no file of the user and no variable of the environment. The
system and the Python environment are read-only, and everything that is written goes to a memory file system
of limited size that ends with the sandbox.
"""

import importlib.util
import os
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from course_utils import paths
from course_utils.errors import CourseError
from course_utils.grading.remedies import remedies

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/nix/store")
SETTINGS = ("alternatives", "fonts", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "mime.types")
"""What programs read of ``/etc``; the rest of it is nobody's business."""

TEMPORARY_BYTES = 2 * 2**30
COURSE = ("course_utils", "data_manifests", "reference_runs", "notebooks")
"""What a program sees of the course's repository; ``instructor/`` beside them is what it must not see."""

GPUS = "nvidia*"  # in /dev
CACHE = "/tmp/cache"
FIRST_USER = 2**30  # beyond all that systems give away
CAP_SYS_ADMIN = 21
ABSENT = 'raise ModuleNotFoundError(f"No module named {__name__!r}", name=__name__)\n'
REFUSED = "Grading runs students' programs in a sandbox, bubblewrap, and it does not work here: {reason}"
OTHERWISE = (
    "With --unsafe-no-sandbox the programs run without one: they can then read and delete whatever you can,"
    " and every result is marked."
)


def check_sandbox() -> None:
    """Try the sandbox.

    Raises:
        CourseError: it does not work here; the message says what to do.
    """
    reason = _trouble()
    if reason:
        raise CourseError("\n".join([REFUSED.format(reason=reason), *remedies(), OTHERWISE]))


def _trouble() -> str:
    if sys.platform != "linux" or shutil.which("bwrap") is None:
        return "there is no command bwrap."
    with sandboxed([sys.executable, "-c", "pass"]) as command:
        try:
            tried = subprocess.run(
                command, capture_output=True, text=True, env={"PATH": os.defpath}, timeout=60, check=False
            )
        except subprocess.TimeoutExpired:
            return "it did not start within 60 seconds."
    if tried.returncode == 0:
        return ""
    return tried.stderr.strip() or f"it ended with exit code {tried.returncode}."


@contextmanager
def sandboxed(command: list[str], without: Iterable[str] = (), *, gpu: bool = False) -> Iterator[list[str]]:
    """Give the command line that runs `command` in a sandbox; it holds as long as the block.

    Args:
        command: what to run, programs by full path.
        without: modules, such as ``course_utils.explain`` or ``captum``, whose files are not in the sandbox.
        gpu: the devices of the machine's NVIDIA GPUs are there, those that CUDA_VISIBLE_DEVICES names.
    """
    user, become = _user()
    seen = [*_system(), *_python(), *_course(), *_caches()]
    with tempfile.TemporaryDirectory(prefix="course-sandbox-") as folder:
        Path(folder).chmod(0o755)  # whoever runs inside reads the stubs
        yield [
            *(shutil.which("bwrap") or "bwrap", *user, "--new-session", "--die-with-parent"),
            *("--hostname", "sandbox", "--clearenv"),
            *(word for name, value in environment().items() for word in ("--setenv", name, value)),
            *("--proc", "/proc", "--dev", "/dev"),
            *(_gpus() if gpu else ()),
            *("--size", str(TEMPORARY_BYTES), "--perms", "1777", "--tmpfs", "/dev/shm"),
            *("--size", str(TEMPORARY_BYTES), "--perms", "1777", "--tmpfs", "/tmp"),
            *_folders_around(seen),
            *seen,
            *_absent(without, Path(folder)),
            *("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", "/tmp", "--"),
            *become,
            *command,
        ]


def privileged() -> bool:
    """Return whether this is root with the right to mount, who can become another user in a sandbox."""
    if sys.platform != "linux" or os.geteuid() != 0 or shutil.which("setpriv") is None:
        return False
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    return bool(int(re.search(r"^CapEff:\s*(\w+)", status, re.MULTILINE)[1], 16) >> CAP_SYS_ADMIN & 1)


def _user() -> tuple[list[str], list[str]]:
    """Return who runs inside: bubblewrap's words for it, and a command that goes before that of the sandbox.

    Limits count the processes of a user, and never root's. So root's programs run as a user that nobody else
    is; the others' run as they themselves, in a user namespace of their own.
    """
    if not privileged():
        return ["--unshare-all", "--uid", "1000", "--gid", "1000", "--cap-drop", "ALL"], []
    spaces = [f"--unshare-{space}" for space in ("ipc", "pid", "net", "uts", "cgroup-try")]
    needed = [word for one in ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP") for word in ("--cap-add", one)]
    nobody = str(FIRST_USER + secrets.randbelow(FIRST_USER))
    become = [shutil.which("setpriv"), "--reuid", nobody, "--regid", nobody, "--clear-groups"]
    become += ["--bounding-set", "-all", "--inh-caps", "-all", "--no-new-privs"]
    return [*spaces, "--cap-drop", "ALL", *needed], become


def environment() -> dict[str, str]:
    """Return all the environment variables that a program gets."""
    package = str(paths.PACKAGE.parent)
    return {
        "HOME": "/tmp",
        "USER": "student",
        "LOGNAME": "student",
        "PATH": f"{sys.prefix}/bin:/usr/bin:/bin",
        "LANG": "C.UTF-8",
        "TMPDIR": "/tmp",
        "PYTHONPATH": package,
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYDEVD_DISABLE_FILE_VALIDATION": "1",
        # Sums over threads come out differently from time to time; one thread gives the same marks twice.
        "OMP_NUM_THREADS": "1",
        # Arrow's own allocator starts a thread at import, and a process with threads cannot be forked safely.
        "JE_ARROW_MALLOC_CONF": "background_thread:false",
        "MPLBACKEND": "agg",
        "TQDM_DISABLE": "1",
        "COURSE_CACHE": os.pathsep.join([*map(str, _existing_caches()), CACHE]),
        "COURSE_BUILD": "/tmp/build",
        "HF_HUB_OFFLINE": "1",
    }


def module_places(name: str) -> list[Path]:
    """Return the folders (packages) and files (modules) that ``import name`` would read, if there are any.

    Nothing is imported for it: a submodule is looked for below its top package's folders.
    """
    top, *rest = name.split(".")
    specification = importlib.util.find_spec(top)
    if specification is None:
        return []
    if specification.submodule_search_locations is None:
        places = [Path(specification.origin)] if specification.has_location and not rest else []
    else:
        places = [Path(folder) for folder in specification.submodule_search_locations]
    for part in rest:
        places = [found for place in places for found in _submodules(place, part)]
    return places


def _submodules(package: Path, name: str) -> list[Path]:
    folder = package / name
    return [folder] if folder.is_dir() else [*package.glob(f"{name}.py"), *package.glob(f"{name}.*.so")]


def _absent(without: Iterable[str], folder: Path) -> list[str]:
    """Lay a module that is not there over each of `without`: importing it says so."""
    stub = folder / "__init__.py"
    stub.write_text(ABSENT)
    words = []
    for place in (place for name in without for place in module_places(name)):
        if place.is_dir():
            words += ["--ro-bind", str(folder), str(place)]
        else:
            compiled = place.parent.glob(f"__pycache__/{place.stem}.*.pyc")
            words += [word for file in (place, *compiled) for word in ("--ro-bind", str(stub), str(file))]
    return words


def _folders_around(binds: list[str]) -> list[str]:
    """Make the folders in which bound ones stand; bubblewrap's own are closed to all but who made them."""
    bound = [
        Path(place) for word, place in zip(binds, binds[2:], strict=False) if word.startswith("--ro-bind")
    ]
    parents = {parent for place in bound for parent in place.parents if parent.parent != parent}
    words = [("--perms", "0755", "--dir", str(parent)) for parent in sorted(parents)]
    return [word for four in words for word in four]


def _system() -> list[str]:
    words = []
    for place in SYSTEM:
        if Path(place).is_symlink():
            words += ["--symlink", str(Path(place).readlink()), place]
        elif Path(place).is_dir():
            words += ["--ro-bind", place, place]
    for name in SETTINGS:
        words += ["--ro-bind-try", f"/etc/{name}", f"/etc/{name}"]
    return words


def _python() -> list[str]:
    """Bind the interpreter, its environment and every folder of installed packages, wherever they are."""
    installed = [entry for entry in sys.path if Path(entry).name in ("site-packages", "dist-packages")]
    # A virtual environment's interpreter is a link, or a link to a link, into another installation.
    interpreter = Path(sys.executable).resolve().parent.parent
    places = dict.fromkeys(map(os.path.abspath, [sys.base_prefix, interpreter, sys.prefix, *installed]))
    words = []
    for place in places:
        if Path(place).is_dir() and not any(Path(place).is_relative_to(one) for one in SYSTEM):
            words += ["--ro-bind", place, place]
    return words


def _course() -> list[str]:
    root = paths.PACKAGE.parent
    return [word for name in COURSE for word in ("--ro-bind-try", str(root / name), str(root / name))]


def _gpus() -> list[str]:
    devices = sorted(map(str, Path("/dev").glob(GPUS)))
    words = [word for device in devices for word in ("--dev-bind", device, device)]
    if visible := os.environ.get("CUDA_VISIBLE_DEVICES"):
        words += ["--setenv", "CUDA_VISIBLE_DEVICES", visible]
    return words


def _existing_caches() -> list[Path]:
    return [folder for folder in paths.cache_roots() if folder.is_dir()]


def _caches() -> list[str]:
    return [word for folder in _existing_caches() for word in ("--ro-bind", str(folder), str(folder))]
