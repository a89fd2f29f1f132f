"""Run the ablation of notebook 12 with several seeds, and write ``reference_runs/12_asrid.json``.

Run as ``python instructor/longer_asrid.py``, a quarter of an hour on two cores. Typed again, it goes on with
the trainings that are missing.
"""

import json

from course_utils import paths
from course_utils.history import read_history
from course_utils.notebooks.catalogue import choose
from course_utils.notebooks.run import read_run, run, runnable

SETTINGS = {"experiments": "ablation", "repeats": 3, "epochs": 4}
CURVES = ("train_loss", "train_acc", "val_loss", "val_acc")
ENDINGS = ("_loss", "_accuracy", "_auroc")

if __name__ == "__main__":
    out = run(choose(runnable(), ["12"]), "quick", SETTINGS, out=paths.build() / "longer_asrid")
    about = read_run(out)
    folder = out / about["notebooks"][0]["name"]
    parameters = about["notebooks"][0]["parameters"]
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    runs = []
    for row in json.loads((folder / "finished.json").read_text(encoding="utf-8")).values():
        (history,) = read_history(folder / "experiments" / row["folder"] / "history.json")
        numbers = {name: round(value, 4) for name, value in row.items() if name.endswith(ENDINGS)}
        curves = {name: [round(value, 4) for value in getattr(history, name)] for name in CURVES}
        runs.append({"system": row["system"], "seed": row["seed"], **numbers, "curves": curves})
    content = {
        **{name: parameters[name] for name in ("dataset", "methods", "compression", "clip_frames")},
        **{name: parameters[name] for name in ("image_size", "epochs", "batch_size", "repeats")},
        "device": results["device"],
        "date": about["started"][:10],
        "commit": about["commit"],
        "runs": runs,
    }
    paths.write_json(paths.repository() / "reference_runs" / "12_asrid.json", content)
