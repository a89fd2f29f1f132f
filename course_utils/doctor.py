"""What a machine has: the facts that ``course doctor`` prints and that each notebook opens with."""

import importlib.metadata
import platform
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psutil

import course_utils
from course_utils import paths
from course_utils.cluster import processor_cores

GIGABYTE = 10**9
PACKAGES = ("torch", "torchvision", "papermill")
ENOUGH_DISK_GB = 2.0
ENOUGH_MEMORY_GB = 4.0


@dataclass(frozen=True)
class Fact:
    """One line of the doctor's report; `remedy` says what to do where something is wrong."""

    name: str
    value: str
    remedy: str = ""

    @property
    def well(self) -> bool:
        """Whether nothing needs to be done."""
        return not self.remedy


def examine() -> list[Fact]:
    """Return the facts about this machine, this environment and the data that can be found."""
    return [
        Fact("course", f"{course_utils.__version__} in {paths.repository()}"),
        Fact("system", f"{platform.system()} {platform.release()} {platform.machine()}"),
        _python(),
        _kernel(),
        Fact(
            "packages",
            ", ".join(f"{name} {_version(name)}" for name in PACKAGES),
        ),
        Fact("device", device_name()),
        Fact("precision", precision_name()),
        _memory(),
        _disk(),
        _cache(),
        _data(),
    ]


def device_name() -> str:
    """Return the device that training would use, such as ``cpu, 2 cores``."""
    import torch

    if torch.cuda.is_available():
        return f"cuda, {torch.cuda.get_device_name()}"
    if torch.backends.mps.is_available():
        return "mps"
    return f"cpu, {processor_cores()} cores"


def precision_name() -> str:
    """Return which fast number formats the device has; which one is used, training decides."""
    import torch

    from course_utils.training.precision import has_bf16_units

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return "bf16 and float32" if has_bf16_units(device) else "float32"


def summary() -> str:
    """Return the one line with which a notebook opens, and below it whatever needs to be put right."""
    facts = {fact.name: fact for fact in examine()}
    first = f"Python {platform.python_version()} · torch {_version('torch')} · {facts['device'].value}"
    troubles = [f"! {fact.name}: {fact.value}. {fact.remedy}" for fact in facts.values() if not fact.well]
    return "\n".join([f"{first} · data root {paths.data_root() or 'not set'}", *troubles])


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


def _python() -> Fact:
    return Fact("python", f"{platform.python_version()} ({sys.prefix})")


def _kernel() -> Fact:
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    try:
        specification = KernelSpecManager().get_kernel_spec("python3")
    except NoSuchKernel:
        return Fact("kernel", "no kernel named python3", "Type: python -m ipykernel install --sys-prefix")
    interpreter = specification.argv[0]
    same = interpreter in ("python", "python3", sys.executable) or (
        Path(interpreter).resolve() == Path(sys.executable).resolve()
        and Path(interpreter).parent == Path(sys.executable).parent
    )
    if same:
        return Fact("kernel", "python3 is this environment")
    return Fact(
        "kernel",
        f"python3 is another environment ({interpreter})",
        f"Type: {sys.executable} -m ipykernel install --sys-prefix, and choose that kernel.",
    )


def _memory() -> Fact:
    memory = psutil.virtual_memory()
    value = f"{memory.available / GIGABYTE:.1f} of {memory.total / GIGABYTE:.1f} GB free"
    enough = memory.available / GIGABYTE >= ENOUGH_MEMORY_GB
    return Fact("memory", value, "" if enough else "Close other programs; a notebook needs up to 2 GB.")


def _disk() -> Fact:
    folder = _existing(paths.build())
    free = shutil.disk_usage(folder).free / GIGABYTE
    remedy = (
        "" if free >= ENOUGH_DISK_GB else "Free some space, or set COURSE_BUILD and COURSE_CACHE elsewhere."
    )
    return Fact("disk", f"{free:.1f} GB free for {paths.build()}", remedy)


def _cache() -> Fact:
    cache = paths.writable_cache()
    others = "".join(f", after {root}" for root in paths.cache_roots()[:-1])
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=cache):
            return Fact("cache", f"{cache} can be written{others}")
    except OSError as error:
        remedy = "Set COURSE_CACHE to a folder of your own."
        return Fact("cache", f"{cache} cannot be written ({error.strerror})", remedy)


def _data() -> Fact:
    from course_utils.data.manifest import list_manifests
    from course_utils.errors import CourseError

    found = []
    for manifest in list_manifests():
        try:
            manifest.data_folder()
        except CourseError:
            continue
        found.append(manifest.name)
    where = f"COURSE_DATA_ROOT={paths.data_root() or 'not set'}"
    if found:
        return Fact("data", f"{', '.join(found)} ({where})")
    return Fact(
        "data", f"none found ({where})", "`course data list` says which there are and how to get them."
    )


def _existing(folder: Path) -> Path:
    return folder if folder.is_dir() else _existing(folder.parent)
