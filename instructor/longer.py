"""One notebook run for longer than the course does: what the scripts beside this one share."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from course_utils import paths
from course_utils.errors import RunError
from course_utils.intervals import Interval
from course_utils.notebooks.catalogue import choose
from course_utils.notebooks.run import read_run, run, runnable

LONGEST_CELL = 24 * 3600.0  # seconds: a cell that trains five networks may take hours


@dataclass(frozen=True)
class LongerRun:
    """A notebook's completed run.

    Attributes:
        folder: where the notebook wrote.
        parameters: its parameters, with their values.
        about: ``device``, ``date`` and ``commit``, for the file of numbers.
    """

    folder: Path
    parameters: dict[str, Any]
    about: dict[str, str]

    def finished(self) -> list[dict[str, Any]]:
        """Return what is known of each experiment of the notebook's grid, with its name as ``experiment``."""
        rows = json.loads((self.folder / "finished.json").read_text(encoding="utf-8"))
        return [{"experiment": name, **row} for name, row in rows.items()]


def longer_run(number: str, settings: dict[str, Any], out: Path, profile: str = "quick") -> LongerRun:
    """Run a notebook into the folder `out`, or take what completed there with the same settings.

    Raises:
        RunError: the notebook did not complete.
    """
    if not _completed(out, settings):
        run(choose(runnable(), [number]), profile, settings, out=out, cell_timeout=LONGEST_CELL)
    about = read_run(out)
    (notebook,) = about["notebooks"]
    if notebook["state"] != "completed":
        raise RunError(
            f"Notebook {number} ended as {notebook['state']}: {notebook['error']}. It is in {out}."
        )
    folder = out / notebook["name"]
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    told = {"device": results["device"], "date": about["started"][:10], "commit": about["commit"]}
    return LongerRun(folder, notebook["parameters"], told)


def _completed(out: Path, settings: dict[str, Any]) -> bool:
    if not (out / "run.json").is_file():
        return False
    about = read_run(out)
    return about["settings"] == settings and [one["state"] for one in about["notebooks"]] == ["completed"]


def write(name: str, content: dict[str, Any]) -> None:
    """Write a file of numbers into ``reference_runs/``."""
    paths.write_json(paths.reference_runs() / f"{name}.json", content)


def numbers(interval: Interval) -> list[float | int]:
    """Return an interval as value, low, high and groups, for a file."""
    return [*(round(number, 4) for number in (interval.value, interval.low, interval.high)), interval.groups]
