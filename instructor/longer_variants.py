"""Run notebook 09's four networks on more drawn people, and write ``reference_runs/09_variants.json``.

Run as ``python instructor/longer_variants.py``; half an hour on two cores of a plain processor. It resumes,
experiment by experiment, when the command is typed again.
"""

import json

import pandas as pd
from more_people import draw

from course_utils import paths
from course_utils.data.manifest import load_manifest
from course_utils.data.prepare import PreparedDataset, prepare, write_own
from course_utils.history import SPLITS, read_history
from course_utils.intervals import Interval, auroc_interval, compare, share_interval
from course_utils.notebooks.catalogue import choose
from course_utils.notebooks.run import read_run, run, runnable
from course_utils.predictions import read_predictions

# At 64 pixels, of which the middle 48 are taken as they are: no scaling blurs what a generator left.
SYNTHETIC = {"size": 64, "people": {"train": 600, "val": 60, "test": 160}, "photographs": 2, "seed": 909}
FORGED = {"size": 64, "pairs": {"train": 200, "val": 20, "test": 50}, "photographs": 1, "seed": 910}
SETTINGS = {
    "experiments": "variants",
    "cropped": None,
    "pictures": 500,
    "image_size": 48,
    "epochs": 6,
    "patience": None,
    "seeds": [0, 1, 2],
}
DESCRIPTION = "half of the fakes decoded by a small network, the others forged in six ways"


def draw_pictures() -> PreparedDataset:
    """Draw photographs and two kinds of fakes, and merge them under a name by which a notebook finds them."""
    sources = [draw("rendered_synthetic", **SYNTHETIC), draw("rendered_fakes", **FORGED)]
    for source in sources:
        write_own(source.manifest)
    merged = load_manifest("rendered_merged").model_copy(
        update={
            "name": "rendered_merged_more",
            "merge": tuple(source.name for source in sources),
            "splits": load_manifest(
                "cvcs_cropped_dfd"
            ).splits,  # each stays in the split that it was drawn for
            "default_split": "given",
        }
    )
    write_own(merged)
    return prepare(merged)


def plain(interval: Interval) -> list[float]:
    """Return an interval's numbers, for a file."""
    return [*(round(number, 4) for number in (interval.value, interval.low, interval.high)), interval.groups]


def recall(table: pd.DataFrame, label: int) -> Interval:
    """Return the share of a class that is called by its name."""
    rows = table[table["label"] == label]
    return share_interval(((rows["score"] >= 0.5) == label).to_numpy(float), rows["group"])


if __name__ == "__main__":
    prepared = draw_pictures()
    work = paths.build() / "longer_variants"
    settings = {**SETTINGS, "dataset": prepared.name, "results": str(work / "experiments")}
    out = run(choose(runnable(), ["09"]), "full", settings, out=work)
    about = read_run(out)
    folder = out / about["notebooks"][0]["name"]
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    trainings, tables = [], {}
    for row in json.loads((folder / "finished.json").read_text(encoding="utf-8")).values():
        experiment = work / "experiments" / row["folder"]
        table = read_predictions(experiment / "test.parquet")
        tables[row["network"], row["seed"]] = table
        (history,) = read_history(experiment / "history.json")
        real = table["label"] == 0
        methods = sorted(set(table["method"][~real]))
        trainings.append(
            {
                "network": row["network"],
                "seed": row["seed"],
                "best_epoch": row["best_epoch"],
                "auroc": plain(auroc_interval(table)),
                "auroc_by_method": {
                    method: plain(auroc_interval(table[real | (table["method"] == method)]))
                    for method in methods
                },
                "recall_real": plain(recall(table, 0)),
                "recall_fake": plain(recall(table, 1)),
                "curves": {
                    f"{split}_{quantity}": [round(value, 4) for value in history.curve(split, quantity)]
                    for split in SPLITS
                    for quantity in ("loss", "acc")
                },
                "seconds": round(
                    json.loads((experiment / "timing.json").read_text(encoding="utf-8"))["seconds"]
                ),
            }
        )
    networks = list(dict.fromkeys(one["network"] for one in trainings))
    content = {
        "dataset": prepared.name,
        "description": DESCRIPTION,
        "recipes": {"rendered_synthetic": SYNTHETIC, "rendered_fakes": FORGED},
        **SETTINGS,
        "training_pictures": SETTINGS["pictures"],
        "precision": row["precision"],
        "device": results["device"],
        "date": about["started"][:10],
        "commit": about["commit"],
        "trainings": sorted(trainings, key=lambda one: (networks.index(one["network"]), one["seed"])),
        "between_networks": [
            f"seed {seed}: {compare(tables[network, seed], tables[networks[0], seed])}"
            for network in networks[1:]
            for seed in SETTINGS["seeds"]
        ],
    }
    paths.write_json(paths.repository() / "reference_runs" / "09_variants.json", content)
