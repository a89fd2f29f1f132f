"""The pictures that training is timed on: real photographs, or drawn ones as many and as large."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from course_utils import paths
from course_utils.data.datasets import PictureDataset, train_transform
from course_utils.data.prepare import load_dataset

SIZE = 256
COUNTS = {"train": 560, "val": 119, "test": 121}  # as in the reduced public set of real and generated faces


@dataclass(frozen=True)
class Pictures:
    """A data set on disk: sample tables (`path`, `label`) by split, with paths relative to `root`."""

    origin: str
    root: Path
    samples: dict[str, pd.DataFrame]

    def datasets(self) -> list[PictureDataset]:
        """Return new datasets for train, val and test: nothing is in memory yet."""
        augmented = {"train": train_transform(SIZE)}
        return [
            PictureDataset(self.samples[split], self.root, SIZE, augmented.get(split)) for split in COUNTS
        ]


def training_pictures(folder: Path) -> Pictures:
    """Return the assignment's synthetic faces where the data root has them, else draw others in `folder`."""
    root = paths.data_root()
    if root is not None and (root / "synthetic_dataset").is_dir():
        prepared = load_dataset("assignment_synthetic")
        samples = {split: prepared.split(split) for split in COUNTS}
        return Pictures("photographs of assignment_synthetic", prepared.root, samples)
    return Pictures("drawn pictures", folder, {split: _draw(folder, split, n) for split, n in COUNTS.items()})


def _draw(folder: Path, split: str, count: int) -> pd.DataFrame:
    """Write `count` JPEGs whose smooth shapes and grain make files about as large as a photograph's."""
    random = np.random.default_rng(len(split))
    rows = []
    for number in range(count):
        coarse = Image.fromarray(random.integers(0, 255, (8, 8, 3), dtype=np.uint8))
        smooth = coarse.resize((SIZE, SIZE), Image.Resampling.BICUBIC)
        grain = random.normal(0, 6, (SIZE, SIZE, 1))
        path = Path(split) / f"{number}.jpg"
        (folder / path).parent.mkdir(exist_ok=True)
        pixels = np.clip(np.asarray(smooth) + grain, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / path, quality=92)
        rows.append({"path": path.as_posix(), "label": number % 2})
    return pd.DataFrame(rows)
