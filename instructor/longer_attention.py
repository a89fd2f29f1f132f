"""Run notebook 10 for longer than a quick run and write ``reference_runs/10_attention.json``.

Run as ``python instructor/longer_attention.py``; a quarter of an hour on two cores with bf16 units.
"""

import json

from course_utils import paths
from course_utils.anomaly import by_forgery
from course_utils.history import read_history
from course_utils.notebooks.catalogue import choose
from course_utils.notebooks.run import read_run, run, runnable
from course_utils.predictions import per_video, read_predictions

SETTINGS = {"frames": "evenly 16", "epochs": 40, "patience": 10, "batch_size": 16}
NUMBER = "10"

if __name__ == "__main__":
    out = run(choose(runnable(), [NUMBER]), "quick", SETTINGS, out=paths.build() / "longer_attention")
    about = read_run(out)
    folder = out / about["notebooks"][0]["name"]
    tables = [per_video(read_predictions(file)) for file in sorted(folder.glob("*.parquet"))]
    found = by_forgery({table["model"].iloc[0]: table for table in tables})
    (history,) = read_history(folder / "attention_CAE_by_pair_rendered" / "history.json")
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    content = {
        "dataset": "rendered, c23, 16 frames a video",
        "epochs": SETTINGS["epochs"],
        "precision": history.precision,
        "device": results["device"],
        "date": about["started"][:10],
        "commit": about["commit"],
        "validation_error": round(min(history.val_loss), 5),
        "auroc": {name: str(interval) for name, interval in found["all"].items()},
    }
    paths.write_json(paths.repository() / "reference_runs" / "10_attention.json", content)
    print(content)
