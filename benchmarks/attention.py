"""How fast attention maps are computed, and how fast the autoencoder learns from them."""

import contextlib
import io
import time
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from benchmarks.plain_autoencoder import PlainAutoencoderTraining, write_pictures
from benchmarks.plain_face_vit import PlainFaceTransformer, plain_heatmaps
from benchmarks.simplenet import gain
from course_utils.heatmaps import MapDataset
from course_utils.models.autoencoder import ConvolutionalAutoencoder, as_pictures
from course_utils.models.face_vit import FaceViT, load_released
from course_utils.training import ReconstructionTrainer
from course_utils.training.precision import Precision, has_bf16_units

TURNS = 5
BATCH_SIZE = 200  # of the autoencoder, as published
PICTURES = {"cpu": 16, "cuda": 256}
MAPS = {"cpu": 1000, "cuda": 20_000}


def measure_maps(folder: Path) -> list[dict]:
    """Return the lines of bench.json on computing maps: the full network, the same weights, taking turns."""
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    theirs, ours = PlainFaceTransformer().eval(), FaceViT().eval()
    theirs.patch_to_embedding.weight.data /= 128  # random weights, on pixels of 0 to 255
    torch.save(theirs.state_dict(), folder / "released.pth")
    load_released(folder / "released.pth", ours)
    theirs, ours = theirs.to(device), ours.to(device)
    pictures = torch.randint(0, 256, (PICTURES[device.type], 3, 112, 112), device=device).float()
    precision = Precision("bf16" if has_bf16_units(device) else "float32", channels_last=False)
    turns = {"plain": [], "ours": []}
    for _ in range(1 + TURNS):  # the first sets up kernels and memory
        started = time.perf_counter()
        exact = plain_heatmaps(theirs, pictures).cpu()
        turns["plain"].append(time.perf_counter() - started)
        started = time.perf_counter()
        _our_maps(ours, pictures, precision).cpu()
        turns["ours"].append(time.perf_counter() - started)
    seconds = pd.DataFrame(turns)[1:]
    rounded = _our_maps(ours, pictures, Precision("bf16", channels_last=False)).cpu()
    return [
        {
            "name": f"attention_maps_{precision.name}",
            "value": len(pictures) / seconds["ours"].mean(),
            "unit": "maps/s",
            "baseline": len(pictures) / seconds["plain"].mean(),
            **gain(seconds["plain"], seconds["ours"]),
        },
        {
            # Random weights attend nearly evenly; trained ones, with peaks, deviate more.
            "name": "attention_maps_deviation_bf16",
            "value": 1e6 * ((rounded - exact).abs().max() / exact.max()).item(),
            "unit": "millionths of the highest",
            "baseline": None,
            "ratio": None,
            "spread": None,
        },
    ]


@torch.inference_mode()
def _our_maps(network: FaceViT, pictures: Tensor, precision: Precision) -> Tensor:
    with precision.autocast(pictures.device):
        return network.maps_and_features(pictures / 127.5 - 1)[0]


class InTurns(ReconstructionTrainer):
    """A trainer after each of whose epochs the plain loop runs one of its own."""

    def take_turns_with(self, plain: PlainAutoencoderTraining) -> None:
        self.plain, self.turns = plain, []

    def _run_epoch(self) -> None:
        started = time.perf_counter()
        super()._run_epoch()
        ours = time.perf_counter() - started
        self.turns.append({"ours": ours, "plain": self.plain.run_epoch()})


def measure_autoencoder(folder: Path) -> list[dict]:
    """Return the line of bench.json on an epoch of the autoencoder."""
    torch.manual_seed(0)
    count = MAPS["cuda" if torch.cuda.is_available() else "cpu"]
    random = np.random.default_rng(0)
    sets = [
        MapDataset(random.random((size, 196)).astype(np.float16), [0] * size) for size in (count, count // 8)
    ]
    files = [
        write_pictures(folder / name, as_pictures(maps.maps))
        for name, maps in zip(("train", "val"), sets, strict=True)
    ]
    trainer = InTurns(
        ConvolutionalAutoencoder(),
        *sets,
        None,
        folder=folder / "autoencoder",
        name="CAE",
        dataset_name="benchmark",
        epochs=TURNS,
        batch_size=BATCH_SIZE,
        optimizer={"name": "Adam", "params": {"lr": 1e-4}},
    )
    trainer.take_turns_with(PlainAutoencoderTraining(*files, BATCH_SIZE))
    with contextlib.redirect_stdout(io.StringIO()):
        trainer.fit()
    turns = pd.DataFrame(trainer.turns)
    return [
        {
            "name": f"cae_epoch_{trainer.precision.name}",
            "value": turns["ours"].mean(),
            "unit": "s",
            "baseline": turns["plain"].mean(),
            **gain(turns["plain"], turns["ours"]),
        }
    ]
