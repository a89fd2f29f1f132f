"""The autoencoder trained as one would write it first: maps as 128 x 128 PNG files, read whenever needed."""

import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms.functional import to_tensor

from course_utils.models.autoencoder import ConvolutionalAutoencoder


class MapFiles(Dataset):
    def __init__(self, files):
        self.files = files

    def __len__(self):
        return len(self.files)

    def __getitem__(self, index):
        return to_tensor(Image.open(self.files[index]))


def write_pictures(folder: Path, pictures: Tensor) -> list[Path]:
    """Write N x 1 x 128 x 128 from 0 to 1 as grey PNG files; return their paths."""
    folder.mkdir(parents=True)
    files = [folder / f"{number}.png" for number in range(len(pictures))]
    for file, picture in zip(files, pictures, strict=True):
        Image.fromarray(np.uint8(255 * picture[0].numpy())).save(file)
    return files


class PlainAutoencoderTraining:
    """An epoch is training on some files and then evaluation on others."""

    def __init__(self, train: list[Path], validation: list[Path], batch_size: int) -> None:
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.model = ConvolutionalAutoencoder().to(self.device)
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=1e-4)
        self.criterion = nn.MSELoss()
        self.train = DataLoader(MapFiles(train), batch_size, shuffle=True)
        self.validation = DataLoader(MapFiles(validation), batch_size)

    def run_epoch(self) -> float:
        """Return the seconds that one epoch takes."""
        started = time.perf_counter()
        self.model.train()
        for batch in self.train:
            pictures = batch.to(self.device)
            loss = self.criterion(self.model(pictures), pictures)
            self.optimizer.zero_grad()
            loss.backward()
            self.optimizer.step()
            loss.item()
        self.model.eval()
        with torch.no_grad():
            for batch in self.validation:
                pictures = batch.to(self.device)
                self.criterion(self.model(pictures), pictures).item()
        return time.perf_counter() - started
