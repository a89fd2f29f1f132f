"""A grid of experiments that is declared as data, and finished one experiment at a time.

Each finished experiment is one JSON file: killed at any moment, a grid goes on with the experiments that have
none, and no finished one is run again. What an experiment is stands in the file's name, so that another grid
that asks for the same has it already.
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from course_utils.bars import bar
from course_utils.errors import CourseError
from course_utils.paths import write_json

Settings = Mapping[str, Any]


def tables_asked(experiments: str, tables: Mapping[str, Any]) -> list[str]:
    """Return the names of tables of experiments that stand in a parameter, apart by spaces.

    Raises:
        CourseError: there is no such table; says which there are.
    """
    asked = experiments.split()
    if unknown := sorted(set(asked) - set(tables)):
        raise CourseError(f"There are no experiments {', '.join(unknown)}. There are: {', '.join(tables)}.")
    return asked


def run_grid(
    grid: Mapping[str, Settings],
    experiment: Callable[[Settings, Path], Mapping[str, Any]],
    folder: Path,
    *,
    share: tuple[int, int] = (0, 1),
    progress: bool = True,
) -> pd.DataFrame:
    """Run the experiments of a grid that are not finished yet, and return the results of all that are.

    Args:
        grid: the experiments by their names, which are the rows of the table; each is plain data, of which
            JSON can hold all.
        experiment: does one: it is given the experiment's settings and a folder of its own, in which what it
            writes (checkpoints) is still there when it is called again after a kill; it returns plain data.
        folder: where results are kept, and each experiment's folder.
        share: (i, n) runs every n-th experiment from the i-th on, counted from 0: one process a GPU.
        progress: show a progress bar.

    Returns:
        A row a finished experiment, in the order of the grid, with its settings and its results as columns.

    Raises:
        CourseError: an experiment's settings are no plain data, or a result has the name of a setting.
    """
    places = {name: folder / _name_of(name, settings) for name, settings in grid.items()}
    number, count = share
    mine = list(grid)[number::count]
    todo = [name for name in mine if not _result_of(places[name]).is_file()]
    for name in bar(todo, progress, total=len(todo), desc="Experiments", unit="experiment"):
        places[name].mkdir(parents=True, exist_ok=True)
        result = dict(experiment(grid[name], places[name]))
        if both := sorted(set(result) & set(grid[name])):
            raise CourseError(
                f"The experiment {name!r} returns {', '.join(both)}, which is also a setting of it. Give the"
                " result another name."
            )
        write_json(_result_of(places[name]), {"name": name, "settings": dict(grid[name]), "result": result})
    rows = {}
    for name, place in places.items():
        if _result_of(place).is_file():
            content = json.loads(_result_of(place).read_text(encoding="utf-8"))
            rows[name] = content["settings"] | content["result"]
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("experiment")


def _result_of(place: Path) -> Path:
    return place / "result.json"


def _name_of(name: str, settings: Settings) -> str:
    """Return the folder's name, which the settings alone decide."""
    try:
        text = json.dumps(dict(settings), sort_keys=True, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise CourseError(
            f"The settings of the experiment {name!r} are no plain data ({error}): use text, numbers, true or"
            " false, lists and dictionaries of these."
        ) from error
    return hashlib.sha256(text.encode()).hexdigest()[:16]
