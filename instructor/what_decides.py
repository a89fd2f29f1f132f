"""Train SimpleNet on synthetic faces in several ways and write ``reference_runs/03_what_decides.json``.

Run as ``COURSE_DATA_ROOT=… python instructor/what_decides.py``; about half an hour on two cores. Each training
resumes when the command is typed again.
"""

import datetime

import torch
from torch import nn

from course_utils import doctor, paths
from course_utils.data.datasets import PictureDataset, train_transform
from course_utils.data.prepare import load_dataset
from course_utils.intervals import auroc_interval
from course_utils.models.simplenet import SimpleNet
from course_utils.predictions import predictions_table
from course_utils.training import ClassificationTrainer

DATASET = "assignment_synthetic"
SEEDS = 3
VARIANTS = {
    "as published: 256², Adam 1e-3, 5 epochs": {},
    "20 epochs": {"epochs": 20},
    "Adam 1e-4": {"learning_rate": 1e-4},
    "Adam 1e-4, 20 epochs": {"learning_rate": 1e-4, "epochs": 20},
    "batch normalisation": {"normalised": True},
    "128² instead of 256²": {"image_size": 128},
}


def with_batch_normalisation(model: SimpleNet) -> SimpleNet:
    """Put a batch normalisation behind each convolution of the model, in place."""
    for module in list(model.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Conv2d):
                setattr(module, name, nn.Sequential(child, nn.BatchNorm2d(child.out_channels)))
    return model


def train(name: str, seed: int, image_size=256, epochs=5, learning_rate=1e-3, normalised=False) -> dict:
    """Train one variant with one seed; return test AUROC and accuracy at the epoch that val chooses."""
    prepared = load_dataset(DATASET)
    train_set, validation, test = (
        PictureDataset(prepared.split(split), prepared.root, image_size) for split in ("train", "val", "test")
    )
    train_set.transform = train_transform(image_size)
    torch.manual_seed(seed)
    model = SimpleNet(image_size)
    trainer = ClassificationTrainer(
        with_batch_normalisation(model) if normalised else model,
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
            "seeds": SEEDS,
            "variants": variants,
        }
        paths.write_json(paths.repository() / "reference_runs" / "03_what_decides.json", content)
