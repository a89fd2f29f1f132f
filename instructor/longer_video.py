"""Run notebook 11 on more drawn people, for longer, and write ``reference_runs/11_video.json``.

Run as ``python instructor/longer_video.py``; an hour on two cores with bf16 units. It resumes, experiment by
experiment, when the command is typed again.
"""

import json

import yaml
from more_people import draw

from course_utils import paths
from course_utils.data.prepare import PreparedDataset
from course_utils.intervals import auroc_interval, compare
from course_utils.notebooks.catalogue import choose
from course_utils.notebooks.run import read_run, run, runnable
from course_utils.predictions import read_predictions

PAIRS = {"train": 160, "val": 12, "test": 24}
SETTINGS = {"experiments": "alone motion", "epochs": 12}


def draw_videos() -> PreparedDataset:
    """Draw more talking heads, with a manifest by which a notebook finds them."""
    prepared = draw("rendered", pairs=PAIRS, seed=902)
    manifest = prepared.manifest.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    file = paths.writable_cache() / "manifests" / f"{prepared.name}.yaml"
    with paths.atomic_write(file) as temporary:
        temporary.write_text(yaml.safe_dump(manifest, sort_keys=False), encoding="utf-8")
    return prepared


if __name__ == "__main__":
    prepared = draw_videos()
    out = run(
        choose(runnable(), ["11"]),
        "quick",
        {**SETTINGS, "dataset": prepared.name},
        out=paths.build() / "longer_video",
    )
    about = read_run(out)
    folder = out / about["notebooks"][0]["name"]
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    aurocs, losses, comparisons, detectors = {}, {}, [], []
    for name, row in json.loads((folder / "finished.json").read_text(encoding="utf-8")).items():
        protocol, title, *_ = name.split(" · ")
        experiment = folder / "experiments" / row["folder"]
        tables = {order: read_predictions(experiment / f"{order}.parquet") for order in row["tested"]}
        found = {order: auroc_interval(table) for order, table in tables.items()}
        aurocs.setdefault(protocol, {})[title] = {
            order: [*(round(number, 4) for number in (one.value, one.low, one.high)), one.groups]
            for order, one in found.items()
        }
        losses.setdefault(protocol, {})[title] = round(row["train_loss"], 4)
        first, *others = (table.assign(model=title) for table in tables.values())
        comparisons += [str(compare(first, other)) for other in others]
        detectors += [first.assign(run="")] if protocol == "alone" else []
    plain, *others = detectors
    content = {
        "dataset": prepared.name,
        "recipe": prepared.manifest.generate.model_dump(mode="json"),
        "training_people": int(prepared.split("train")["target"].nunique()),
        "compression": about["notebooks"][0]["parameters"]["compression"],
        **SETTINGS,
        "device": results["device"],
        "date": about["started"][:10],
        "commit": about["commit"],
        "training_loss": losses,
        "auroc": aurocs,
        "between_networks": [str(compare(other, plain)) for other in others],
        "between_orders": comparisons,
    }
    paths.write_json(paths.repository() / "reference_runs" / "11_video.json", content)
