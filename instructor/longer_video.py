"""Run notebook 11 on more drawn people, for longer, and write ``reference_runs/11_video.json``.

Run as ``python instructor/longer_video.py``; an hour a seed on two cores. Typed again, it goes on with what
is missing. ``python instructor/longer_video.py 1 2`` runs two seeds and keeps what the file has of the other.
"""

import sys

from longer import LongerRun, longer_run, numbers, write
from more_people import draw

from course_utils import paths
from course_utils.data.manifest import write_own
from course_utils.data.prepare import PreparedDataset
from course_utils.intervals import auroc_interval, compare
from course_utils.predictions import read_predictions

PAIRS = {"train": 160, "val": 12, "test": 24}
SETTINGS = {"epochs": 12}
# The positive control is there to be passed, once; what is compared is trained three times.
EXPERIMENTS = {0: "alone motion", 1: "alone", 2: "alone"}  # by seed


def draw_videos() -> PreparedDataset:
    """Draw more talking heads, with a manifest by which a notebook finds them."""
    prepared = draw("rendered", pairs=PAIRS, seed=902)
    write_own(prepared.manifest)
    return prepared


def of_seed(seed: int, found: LongerRun) -> dict[str, object]:
    """Return what the file says of one run of the notebook."""
    aurocs, losses, comparisons, detectors = {}, {}, [], []
    for row in found.finished():
        protocol, title, *_ = row["experiment"].split(" · ")
        experiment = found.folder / "experiments" / row["folder"]
        tables = {order: read_predictions(experiment / f"{order}.parquet") for order in row["tested"]}
        intervals = {order: auroc_interval(table) for order, table in tables.items()}
        aurocs.setdefault(protocol, {})[title] = {order: numbers(one) for order, one in intervals.items()}
        losses.setdefault(protocol, {})[title] = round(row["train_loss"], 4)
        first, *others = (table.assign(model=title) for table in tables.values())
        comparisons += [str(compare(first, other)) for other in others]
        detectors += [first.assign(run="")] if protocol == "alone" else []
    plain, *others = detectors
    return {
        "seed": seed,
        **found.about,
        "training_loss": losses,
        "auroc": aurocs,
        "between_networks": [str(compare(other, plain)) for other in others],
        "between_orders": comparisons,
    }


if __name__ == "__main__":
    prepared = draw_videos()
    known = paths.read_json(paths.reference_runs() / "11_video.json", missing={})
    runs = {run["seed"]: run for run in known.pop("runs", [])}
    for seed in map(int, sys.argv[1:] or EXPERIMENTS):
        settings = {**SETTINGS, "dataset": prepared.name, "experiments": EXPERIMENTS[seed], "seed": seed}
        found = longer_run("11", settings, paths.build() / "longer_video" / f"seed_{seed}")
        about = {
            "dataset": prepared.name,
            "recipe": prepared.manifest.generate.model_dump(mode="json"),
            "training_people": int(prepared.split("train")["target"].nunique()),
            "compression": found.parameters["compression"],
            **SETTINGS,
        }
        runs = (runs if about == known else {}) | {seed: of_seed(seed, found)}
        known = about
        write("11_video", about | {"runs": [runs[number] for number in sorted(runs)]})
        print(runs[seed], flush=True)
