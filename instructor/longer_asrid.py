"""Run the ablation of notebook 12 with several seeds, and write ``reference_runs/12_asrid.json``.

Run as ``python instructor/longer_asrid.py``, a quarter of an hour on two cores. Typed again, it goes on with
the trainings that are missing.
"""

from longer import longer_run, write
from scipy.stats import entropy

from course_utils import paths
from course_utils.data import protocols
from course_utils.data.prepare import load_dataset
from course_utils.history import read_history

SETTINGS = {"experiments": "ablation", "repeats": 3, "epochs": 4}
CURVES = ("train_loss", "train_acc", "val_loss", "val_acc")
ENDINGS = ("_loss", "_accuracy", "_auroc")

if __name__ == "__main__":
    found = longer_run("12", SETTINGS, paths.build() / "longer_asrid")
    runs = []
    for row in found.finished():
        (history,) = read_history(found.folder / "experiments" / row["folder"] / "history.json")
        results = {name: round(value, 4) for name, value in row.items() if name.endswith(ENDINGS)}
        curves = {name: [round(value, 4) for value in getattr(history, name)] for name in CURVES}
        runs.append({"system": row["system"], "seed": row["seed"], **results, "curves": curves})
    samples = load_dataset(found.parameters["dataset"]).samples
    kept = {name: found.parameters[name] for name in ("methods", "compression")}
    videos = protocols.all_methods(samples, **kept)["test"].drop_duplicates(["method", "video"])
    shares = videos["label"].value_counts(normalize=True)
    parameters = ("dataset", "methods", "compression", "clip_frames")
    parameters += ("image_size", "epochs", "batch_size", "repeats")
    content = {name: found.parameters[name] for name in parameters}
    content |= {**found.about, "constant_test_loss": round(float(entropy(shares)), 4)}
    write("12_asrid", content | {"runs": runs})
