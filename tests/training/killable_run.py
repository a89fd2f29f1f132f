"""A short training run in a process of its own, so that a test can kill it: `killable_run.py DATA FOLDER`.

It says "step" after each batch. Dropout and random crops and flips make sure that order and random
generators have to come back exactly.
"""

import sys
import time
from pathlib import Path

import pandas as pd
import torch
from torch import nn

from course_utils.data.datasets import PictureDataset, train_transform
from course_utils.training import ClassificationTrainer

SIZE = 24
BATCHES = 10  # an epoch: 20 pictures, 2 a batch


class SlowTrainer(ClassificationTrainer):
    def training_step(self, batch):
        outcome = super().training_step(batch)
        time.sleep(0.02)
        print("step", flush=True)
        return outcome


def split(data: Path, name: str) -> PictureDataset:
    files = sorted((data / name).glob("*/*.jpg"))
    samples = pd.DataFrame(
        {
            "path": [path.relative_to(data).as_posix() for path in files],
            "label": [int(path.parent.name == "fake") for path in files],
        }
    )
    return PictureDataset(samples, data, SIZE, train_transform(SIZE) if name == "train" else None)


def trainer(data: Path, folder: Path) -> SlowTrainer:
    torch.manual_seed(0)
    side = (SIZE - 4) // 2
    model = nn.Sequential(
        nn.Conv2d(3, 8, 5), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Dropout(0.5), nn.Linear(8 * side * side, 2),
    )  # fmt: skip
    return SlowTrainer(
        model,
        split(data, "train"),
        split(data, "val"),
        split(data, "test"),
        folder=folder,
        name="small",
        dataset_name="drawn",
        epochs=3,
        batch_size=2,
        accumulation=2,
        class_weights=[1.0, 2.0],
        optimizer={"name": "Adam", "params": {"lr": 1e-2}},
        scheduler={"name": "StepLR", "params": {"step_size": 1, "gamma": 0.5}},
        precision="float32",
        checkpoint_seconds=0.05,
    )


if __name__ == "__main__":
    torch.set_num_threads(1)
    trainer(Path(sys.argv[1]), Path(sys.argv[2])).fit()
