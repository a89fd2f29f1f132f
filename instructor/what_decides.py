"""Train SimpleNet on synthetic faces in several ways and write ``reference_runs/03_what_decides.json``.

Run as ``COURSE_DATA_ROOT=… python instructor/what_decides.py``; about ten minutes on two cores. Each training
resumes when the command is typed again.
"""

import datetime

import torch

from course_utils import doctor, paths
from course_utils.data.datasets import NORMALISE, PictureDataset, train_transform
from course_utils.data.prepare import load_dataset
from course_utils.intervals import auroc_interval
from course_utils.models.simplenet import SimpleNet
from course_utils.notebooks.run import commit
from course_utils.predictions import predictions_table
from course_utils.training import ClassificationTrainer

DATASET = "assignment_synthetic"
SEEDS = 3
ZERO_TO_ONE = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
VARIANTS = {
    "as published: Adam 1e-3, 5 epochs": {},
    "pictures from 0 to 1, not from -1 to 1": {"normalise": ZERO_TO_ONE},
    "Adam 1e-2": {"learning_rate": 1e-2},
    "Adam 1e-4": {"learning_rate": 1e-4},
    "a quarter of the training pictures": {"share": 0.25},
    "20 epochs": {"epochs": 20},
    "128² instead of 256²": {"image_size": 128},
}


def train(
    name: str, seed: int, *, image_size=256, epochs=5, learning_rate=1e-3, normalise=NORMALISE, share=1.0
) -> dict:
    """Train one variant with one seed; return test AUROC and accuracy at the epoch that val chooses."""
    prepared = load_dataset(DATASET)
    train_set, validation, test = (
        PictureDataset(rows, prepared.root, image_size, normalise=normalise)
        for rows in (
            prepared.split("train").sample(frac=share, random_state=seed),
            prepared.split("val"),
            prepared.split("test"),
        )
    )
    train_set.transform = train_transform(image_size)
    torch.manual_seed(seed)
    trainer = ClassificationTrainer(
        SimpleNet(image_size),
        train_set,
        validation,
        test,
        folder=paths.build() / "what_decides" / f"{list(VARIANTS).index(name)}_{seed}",
        name=name,
        dataset_name=DATASET,
        epochs=epochs,
        batch_size=32,
        optimizer={"name": "Adam", "params": {"lr": learning_rate}},
        seed=seed,
    )
    run = trainer.fit()
    table = predictions_table(test.samples, trainer.predict(test), model=name, run=str(seed))
    best = run.val_acc.index(max(run.val_acc))
    return {"auroc": round(auroc_interval(table).value, 4), "accuracy": round(run.test_acc[best], 2)}


if __name__ == "__main__":
    variants = []
    for name, settings in VARIANTS.items():
        outcomes = [train(name, seed, **settings) for seed in range(SEEDS)]
        variants.append(
            {
                "name": name,
                "test_auroc": [outcome["auroc"] for outcome in outcomes],
                "test_accuracy": [outcome["accuracy"] for outcome in outcomes],
            }
        )
        print(variants[-1])
        content = {
            "dataset": f"{DATASET} ({load_dataset(DATASET).edition})",
            "device": doctor.device_name(),
            "date": datetime.date.today().isoformat(),
            "commit": commit(),
            "seeds": SEEDS,
            "variants": variants,
        }
        paths.write_json(paths.reference_runs() / "03_what_decides.json", content)
