"""Heatmaps of faces: computed once by a network, stored as they are, and enlarged when they are needed.

In the cache, ``heatmaps/<network>/`` holds a safetensors file a unit (the pictures of one folder: a video's
frames, a person's photographs) with the ``maps``, n x 196 half-precision numbers (392 bytes a picture), and
the network's ``features``. `<network>` stands for its weights and all else that decides what it returns, and
a file's name for the pictures: nothing that was computed from others is ever taken for it.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from course_utils.bars import bar
from course_utils.data.datasets import PictureDataset, WholeBatches, choose_workers
from course_utils.data.units import read_unit, units_of, write_unit
from course_utils.errors import CourseError
from course_utils.models.autoencoder import as_pictures
from course_utils.models.face_vit import GRID
from course_utils.training.precision import Precision, has_bf16_units

LARGEST_UNIT = 256  # pictures: so much work is lost at most when a computation is killed


class MapSource(Protocol):
    """A network that maps where it looks; `FaceViT` and `FaceResNet` are."""

    def maps_and_features(self, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Return maps, B x 196, and features, B x D, of pictures B x 3 x 112 x 112 from -1 to 1."""


@dataclass(frozen=True)
class Heatmaps:
    """What a network made of n pictures: `maps` n x 196 and `features` n x D, both float16."""

    maps: np.ndarray
    features: np.ndarray


class MapDataset(WholeBatches):
    """Stored maps (n x 196) with labels; `batch_transform` enlarges a batch on the device, see `as_pictures`.

    Args:
        maps: n x 196, float16.
        labels: n, 0 real and 1 fake.

    Raises:
        CourseError: the maps are of another size, there are not as many labels, or a map holds a NaN.
    """

    def __init__(self, maps: np.ndarray, labels: Sequence[int]) -> None:
        self.labels = np.asarray(labels, dtype=np.int64)
        if maps.shape != (len(self.labels), GRID**2):
            raise CourseError(
                f"{len(self.labels)} labels need maps of {len(self.labels)} x {GRID**2}, not of"
                f" {' x '.join(map(str, maps.shape))}: a row a picture, 14 x 14 numbers row by row."
            )
        _require_numbers(maps, lambda row: f"map {row}")
        self.maps = torch.from_numpy(np.ascontiguousarray(maps, dtype=np.float16))
        self.content = hashlib.sha256(self.maps.numpy()).hexdigest()[:12]
        self.batch_transform = as_pictures

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        """Return one map (196, float16) and its label."""
        return self.maps[index], int(self.labels[index])

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Return maps, B x 196 float16, and labels, B."""
        return self.maps[indices], torch.from_numpy(self.labels[indices])


def extract(
    pictures: PictureDataset, source: MapSource, *, precision: str = "auto", progress: bool = True
) -> Heatmaps:
    """Return the heatmaps and features of `pictures`, from the cache or computed now, in order.

    Killed at any moment, it goes on from where it stopped when it is called again. A unit is looked for in
    every cache and written to the user's own.

    Args:
        pictures: of 112 x 112 after its transform, which must not be random.
        source: the network, on the device it is to compute on; it is put into eval mode.
        precision: "float32", "bf16", or "auto", which is bf16 where the device has units for it.
        progress: show a progress bar.

    Raises:
        CourseError: a picture is gone or damaged, a map is no number, or the disk is full.
    """
    device = next(source.parameters()).device
    if precision == "auto":
        precision = "bf16" if has_bf16_units(device) else "float32"
    name = _name_of_network(source, precision)
    place = Path("heatmaps") / name
    reading = repr((pictures.image_size, pictures.transform, pictures.batch_transform))
    units = units_of(pictures.samples, pictures.root, reading, LARGEST_UNIT)
    kept: dict[str, np.ndarray] = {}
    missing = {}
    for unit, rows in units.items():
        content = read_unit(place / f"{unit}.safetensors")
        if content is None:
            missing[unit] = rows
        else:
            _keep(kept, content, rows, len(pictures))
    workers = choose_workers(pictures)
    loader = DataLoader(
        pictures,
        batch_sampler=list(missing.values()),
        num_workers=workers,
        multiprocessing_context="spawn" if workers else None,
        pin_memory=device.type == "cuda",
    )
    source.eval()
    computing = Precision(precision, channels_last=False)
    shown = bar(loader, progress, total=len(missing), desc="Computing heatmaps", unit="folder")
    for (unit, rows), (batch, _) in zip(missing.items(), shown, strict=True):
        with torch.inference_mode(), computing.autocast(device):
            computed = source.maps_and_features(pictures.batch_transform(batch.to(device, non_blocking=True)))
        maps, features = (part.cpu().half().contiguous() for part in computed)
        _require_numbers(maps.numpy(), lambda row, rows=rows: pictures.samples["path"].iloc[rows[row]])
        content = {"maps": maps, "features": features}
        write_unit(place / f"{unit}.safetensors", content)
        _keep(kept, content, rows, len(pictures))
    return Heatmaps(**kept)


def shuffled_cells(maps: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return maps (n x 196), each with its cells in an order of its own: how strong stays, where is lost."""
    return np.random.default_rng(seed).permuted(maps, axis=1)


def _name_of_network(source: nn.Module, precision: str) -> str:
    hashed = hashlib.sha256(repr((precision, str(source))).encode())
    for name, tensor in source.state_dict().items():
        hashed.update(name.encode())
        hashed.update(tensor.cpu().contiguous().numpy())
    return f"{type(source).__name__}-{hashed.hexdigest()[:16]}"


def _keep(kept: dict[str, np.ndarray], content: dict[str, Tensor], rows: list[int], count: int) -> None:
    """Put a unit's numbers into the rows of its pictures, among those of all `count` pictures."""
    for part, numbers in content.items():
        if part not in kept:
            kept[part] = np.empty((count, numbers.shape[1]), dtype=np.float16)
        kept[part][rows] = numbers.numpy()


def _require_numbers(maps: np.ndarray, name: Callable[[int], str]) -> None:
    # A sum is no number where a part is none, and takes a hundredth of the memory of looking at each.
    wrong = np.flatnonzero(~np.isfinite(maps.sum(axis=1, dtype=np.float32)))
    if len(wrong):
        raise CourseError(
            f"{len(wrong)} of {len(maps)} maps hold values that are no number, first {name(wrong[0])}. The"
            " network's weights are damaged or its training diverged: load or train it again."
        )
