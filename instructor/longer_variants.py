"""Run notebook 09's four networks on more drawn people, and write ``reference_runs/09_variants.json``.

Run as ``python instructor/longer_variants.py``; half an hour on two cores of a plain processor. It resumes,
experiment by experiment, when the command is typed again.
"""

from pathlib import Path

import pandas as pd
from longer import longer_run, numbers, write
from more_people import draw

from course_utils import paths
from course_utils.data.manifest import load_manifest, write_own
from course_utils.data.prepare import PreparedDataset, prepare
from course_utils.history import SPLITS, read_history
from course_utils.intervals import Interval, auroc_interval, compare, share_interval
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
DESCRIPTION = "three of five fakes decoded by a small network, the others forged in six ways"


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


def recall(table: pd.DataFrame, label: int) -> Interval:
    """Return the share of a class that is called by its name."""
    rows = table[table["label"] == label]
    return share_interval(((rows["score"] >= 0.5) == label).to_numpy(float), rows["group"])


def training(row: dict, experiment: Path) -> tuple[dict, pd.DataFrame]:
    """Return what the file says of one training, and its predictions of the test pictures."""
    table = read_predictions(experiment / "test.parquet")
    (history,) = read_history(experiment / "history.json")
    real = table["label"] == 0
    by_method = {
        method: numbers(auroc_interval(table[real | (table["method"] == method)]))
        for method in sorted(set(table["method"][~real]))
    }
    curves = {
        f"{split}_{quantity}": [round(value, 4) for value in history.curve(split, quantity)]
        for split in SPLITS
        for quantity in ("loss", "acc")
    }
    told = {
        "network": row["network"],
        "seed": row["seed"],
        "best_epoch": row["best_epoch"],
        "auroc": numbers(auroc_interval(table)),
        "auroc_by_method": by_method,
        "recall_real": numbers(recall(table, 0)),
        "recall_fake": numbers(recall(table, 1)),
        "curves": curves,
    }
    return told, table


def write_trainings(rows: list[dict], experiments: Path, about: dict[str, str]) -> None:
    """Write what came out of the trainings in `rows`, and comparisons of networks and of seeds."""
    order = list(dict.fromkeys(row["network"] for row in rows))
    rows = sorted(rows, key=lambda row: (order.index(row["network"]), row["seed"]))
    found = [training(row, experiments / row["folder"]) for row in rows]
    tables = {
        (one["network"], one["seed"]): table.assign(model=f"{one['network']} (seed {one['seed']})")
        for one, table in found
    }
    content = {
        "dataset": rows[0]["dataset"],
        "description": DESCRIPTION,
        "recipes": {"rendered_synthetic": SYNTHETIC, "rendered_fakes": FORGED},
        **SETTINGS,
        "seeds": sorted({row["seed"] for row in rows}),
        "precision": rows[0]["precision"],
        **about,
        "trainings": [one for one, _ in found],
        "between_networks": [
            str(compare(table, tables[order[0], seed]))
            for (network, seed), table in tables.items()
            if network != order[0] and (order[0], seed) in tables
        ],
        "between_seeds": [
            str(compare(table, tables[network, 0])) for (network, seed), table in tables.items() if seed
        ],
    }
    write("09_variants", content)


if __name__ == "__main__":
    prepared = draw_pictures()
    work = paths.build() / "longer_variants"
    settings = {**SETTINGS, "dataset": prepared.name, "results": str(work / "experiments")}
    found = longer_run("09", settings, work, profile="full")
    write_trainings(found.finished(), work / "experiments", found.about)
