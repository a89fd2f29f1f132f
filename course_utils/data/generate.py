"""Generate the data sets that need no download, in parallel and restartably, into the cache.

Each kind of recipe has a module with `units(recipe)`, the names of what can be made one by one, and
`make(recipe, unit, folder)`, which writes a unit's files, each whole or not at all. A unit that is finished
leaves its name in `.units/`: killed at any moment, generating goes on with the others when called again.
"""

import os
import warnings
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
from joblib import Parallel, delayed

from course_utils import paths
from course_utils.bars import bar
from course_utils.data.manifest import Manifest
from course_utils.data.recipes import Recipe

MAKERS = {
    "talking_heads": "course_utils.data.rendered.world",
    "forged_pictures": "course_utils.data.rendered.fakes",
    "decoded_pictures": "course_utils.data.rendered.synthetic",
    "forged_photographs": "course_utils.data.forged_photographs",
    "scenes": "course_utils.data.rendered.heads",
    "identities": "course_utils.data.rendered.identities",
}
FINISHED = ".units"


def generate(manifest: Manifest, jobs: int | None = None, progress: bool = True) -> Path:
    """Return the folder of a generated data set, making what is not there yet.

    Args:
        manifest: the data set; it has a recipe.
        jobs: processes that work side by side; one a processor core if None.
        progress: show a progress bar.

    Raises:
        RunError: the disk is full, or the cache cannot be written.
    """
    if made := manifest.generated():
        return made
    recipe, folder = manifest.generate, manifest.generated_in(paths.writable_cache())
    todo = [
        unit
        for unit in import_module(MAKERS[recipe.kind]).units(recipe)
        if not (folder / FINISHED / unit).is_file()
    ]
    pool = workers(jobs or os.cpu_count(), return_as="generator_unordered")
    with warnings.catch_warnings():  # joblib replaces a process that has grown, which is well, and says so
        warnings.filterwarnings("ignore", "A worker stopped", UserWarning)
        work = pool(delayed(_make)(recipe, unit, folder) for unit in todo)
        for _ in bar(work, progress, total=len(todo), desc=f"Generating {manifest.name}", unit="unit"):
            pass
    manifest.mark_generated()
    return folder


def workers(jobs: int, **options: Any) -> Parallel:
    """Return processes that read and write where this one does now.

    joblib keeps its processes, with the environment in which they began; other places begin other processes.
    """
    return Parallel(jobs, initializer=_work_in, initargs=(paths.settings(),), **options)


def _work_in(settings: dict[str, str]) -> None:
    os.environ.update(settings)


def _make(recipe: Recipe, unit: str, folder: Path) -> None:
    threads = cv2.getNumThreads()
    try:
        cv2.setNumThreads(1)  # one unit a core is faster than all cores on one
        import_module(MAKERS[recipe.kind]).make(recipe, unit, folder)
    finally:
        cv2.setNumThreads(threads)
    with paths.atomic_write(folder / FINISHED / unit):
        pass
