"""Generate the data sets that need no download, in parallel and restartably, into the cache.

Each kind of recipe has a module with `units(recipe)`, the names of what can be made one by one, and
`make(recipe, unit, folder)`, which writes a unit's files, each whole or not at all. A unit that is finished
leaves its name in `.units/`: killed at any moment, generating goes on with the others when called again.
"""

from functools import partial
from importlib import import_module
from pathlib import Path

from course_utils import paths
from course_utils.bars import bar
from course_utils.cluster import one_core_each, work
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
        jobs: processes that work side by side where no cluster is connected; one a processor core if None.
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
    if todo:
        made = work(partial(_make, recipe, folder), todo, jobs=jobs, processes=True)
        for _ in bar(made, progress, total=len(todo), desc=f"Generating {manifest.name}", unit="unit"):
            pass
    manifest.mark_generated()
    return folder


def _make(recipe: Recipe, folder: Path, unit: str) -> None:
    with one_core_each():
        import_module(MAKERS[recipe.kind]).make(recipe, unit, folder)
    with paths.atomic_write(folder / FINISHED / unit):
        pass
