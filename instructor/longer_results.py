"""Keep the numbers that a longer run recorded, in ``reference_runs/longer_results.json``.

    course run 01 02 03 04 05 06 07 13 --profile full --out build/full
    .venv/bin/python instructor/longer_results.py build/full

Every report sets them beside its own. What did not complete in that run keeps what an earlier one gave.
"""

import sys
from pathlib import Path

from course_utils import paths
from course_utils.notebooks.report import LONGER_RESULTS, SAME_RESULT
from course_utils.notebooks.run import read_run


def main(folder: Path) -> None:
    """Add the completed notebooks of the run in `folder`."""
    known, about = paths.read_json(paths.reference_runs() / LONGER_RESULTS, missing={}), read_run(folder)
    for notebook in about["notebooks"]:
        results = paths.read_json(folder / notebook["name"] / "results.json", missing={})
        if notebook["state"] == "completed" and results.get("results"):
            known[notebook["name"]] = {
                **{key: about[key] for key in ("profile", "settings", "commit")},
                "date": about["started"][:10],
                "device": results["device"],
                "results": [
                    {key: row.get(key) for key in (*SAME_RESULT, "value", "interval")}
                    for row in results["results"]
                ],
            }
    paths.write_json(paths.reference_runs() / LONGER_RESULTS, dict(sorted(known.items())))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
