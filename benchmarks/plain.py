"""The loop that the course's is measured against, as one would write it first.

Each item is decoded by PIL whenever it is needed; no workers, nothing kept in memory, the default memory
layout, float32, torch's default optimizer.
"""

import time

import torch
from PIL import Image
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from benchmarks.pictures import SIZE, Pictures
from course_utils.models.simplenet import SimpleNet

AS_INPUT = [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize([0.5] * 3, [0.5] * 3)]
AUGMENTED = v2.Compose([v2.RandomCrop(SIZE, padding=4), v2.RandomHorizontalFlip(), *AS_INPUT])


class PlainPictures(Dataset):
    def __init__(self, samples, root, transform):
        self.samples, self.root, self.transform = samples, root, transform

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        row = self.samples.iloc[index]
        return self.transform(Image.open(self.root / row["path"]).convert("RGB")), int(row["label"])


class PlainTraining:
    """SimpleNet with Adam; an epoch is training and then evaluation on val and test."""

    def __init__(self, pictures: Pictures, batch_size: int) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = SimpleNet().to(self.device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-3)
        self.criterion = nn.CrossEntropyLoss()
        self.loaders = {
            split: DataLoader(
                PlainPictures(
                    samples, pictures.root, AUGMENTED if split == "train" else v2.Compose(AS_INPUT)
                ),
                batch_size,
                shuffle=split == "train",
            )
            for split, samples in pictures.samples.items()
        }

    def run_epoch(self) -> float:
        """Return the seconds that one epoch takes."""
        started = time.perf_counter()
        self.model.train()
        for pictures, labels in self.loaders["train"]:
            loss = self.criterion(self.model(pictures.to(self.device)), labels.to(self.device))
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            loss.item()
        self.model.eval()
        with torch.no_grad():
            for split in ("val", "test"):
                for pictures, labels in self.loaders[split]:
                    self.criterion(self.model(pictures.to(self.device)), labels.to(self.device)).item()
        return time.perf_counter() - started
