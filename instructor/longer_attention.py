"""Run notebook 10 for longer, with several seeds, and write ``reference_runs/10_attention.json``.

Run as ``python instructor/longer_attention.py``; a quarter of an hour a seed on two cores with bf16 units.
Typed again, it goes on with the seeds that are missing.
"""

from longer import longer_run, numbers, write

from course_utils import paths
from course_utils.anomaly import by_forgery
from course_utils.history import read_history
from course_utils.predictions import per_video, read_predictions

SETTINGS = {"frames": "evenly 16", "epochs": 40, "patience": 10, "batch_size": 16}
SEEDS = (0, 1, 2)  # of the autoencoders and the controls; the face ViT is the one of the course

if __name__ == "__main__":
    runs = []
    for seed in SEEDS:
        found = longer_run(
            "10", {**SETTINGS, "seed": seed}, paths.build() / "longer_attention" / f"seed_{seed}"
        )
        tables = [per_video(read_predictions(file)) for file in sorted(found.folder.glob("*.parquet"))]
        aurocs = by_forgery({table["model"].iloc[0]: table for table in tables})["all"]
        (history,) = read_history(found.folder / "attention_CAE_by_pair_rendered" / "history.json")
        runs.append(
            {
                "seed": seed,
                "precision": history.precision,
                **found.about,
                "validation_error": round(min(history.val_loss), 5),
                "auroc": {name: numbers(interval) for name, interval in aurocs.items()},
            }
        )
        write(
            "10_attention",
            {
                "dataset": "rendered, c23, 16 frames a video",
                "epochs": SETTINGS["epochs"],
                "runs": runs,
            },
        )
        print(runs[-1], flush=True)
