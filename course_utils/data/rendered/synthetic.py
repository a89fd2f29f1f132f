"""Rendered photographs, and such that a network's decoder drew, in the layout of the assignment.

No network is trained. What is named "decoded" went through a small convolutional generator with transposed
convolutions (`Decoder`), whose upsampling leaves its mark on the spectrum, as that of trained ones does:
copies of the low frequencies at high ones (Zhang, Karaman, Chang 2019, "Detecting and Simulating Artifacts in
GAN Fake Images"; Durall, Keuper, Keuper 2020, "Watch your Up-Convolution").
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn

from course_utils.data.recipes import DecodedPictures
from course_utils.data.rendered.clip import Clip
from course_utils.data.rendered.portraits import save, sitting

DECODED = (
    "FORGED for teaching: a rendered head, drawn anew by a small generator with transposed convolutions. This"
    " person does not exist. Do not remove this note."
)
UNEVENNESS = 0.04  # deviation of the weights from those that would upsample without a trace
NOISE = 0.012  # deviation of what is added at the end, as StyleGAN does, where pictures range from -1 to 1
# Bicubic upsampling by two (Keys 1981 with a = -0.75).
_HALF = [-0.03515625, -0.10546875, 0.26171875, 0.87890625]
SMOOTH = torch.tensor(_HALF + _HALF[::-1], dtype=torch.float64)


class Upsampling(nn.Module):
    """A transposed convolution of stride 2 into twelve channels, ReLU, and a convolution back to three.

    The channels are six pairs of opposite sign, so that the ReLU keeps all that goes in; the weights are
    those of bicubic upsampling, which `rng` makes uneven.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        super().__init__()
        kernel = torch.outer(SMOOTH, SMOOTH)
        colours = torch.eye(3, dtype=torch.float64).repeat(1, 4)  # 3 x 12
        signs = torch.tensor([1.0] * 6 + [-1.0] * 6, dtype=torch.float64)
        uneven = torch.from_numpy(rng.normal(0, UNEVENNESS, (3, 12, 8, 8)))
        self.weight = nn.Parameter((colours * signs)[..., None, None] * kernel + uneven * kernel)
        self.back = nn.Parameter((colours * signs)[..., None, None] / 2)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        """Return pictures (N x 3 x H x W) at twice the size."""
        framed = nn.functional.pad(pictures, (2, 2, 2, 2), mode="replicate")  # else the borders get darker
        wide = nn.functional.conv_transpose2d(framed, self.weight, stride=2, padding=7)
        return nn.functional.conv2d(wide.relu(), self.back)


class Decoder(nn.Module):
    """From a picture at a quarter of its size and the detail of half its size back to the picture."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        rng = np.random.default_rng([seed, 33])
        self.first, self.second = Upsampling(rng), Upsampling(rng)

    @torch.no_grad()
    def forward(self, pictures: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return pictures (N x H x W x 3 uint8, H and W multiples of 4) as the generator draws them."""
        full = torch.from_numpy(pictures).permute(0, 3, 1, 2).double() / 127.5 - 1
        half = nn.functional.avg_pool2d(full, 2)
        quarter = nn.functional.avg_pool2d(half, 2)
        smooth = nn.functional.interpolate(quarter, scale_factor=2, mode="bicubic")
        drawn = self.second(self.first(quarter) + half - smooth)
        drawn += torch.from_numpy(rng.normal(0, NOISE, drawn.shape))
        levels = (drawn.permute(0, 2, 3, 1) + 1) * 127.5
        return levels.round().clamp(0, 255).byte().numpy()


def units(recipe: DecodedPictures) -> list[str]:
    """Return the people: "train_000", …"""
    splits = [split for split, count in recipe.people.items() for _ in range(count)]
    return [f"{split}_{number:03}" for number, split in enumerate(splits)]


def make(recipe: DecodedPictures, unit: str, folder: Path) -> None:
    """Write the pictures of a person, all real or all decoded, into `folder`.

    Raises:
        RunError: the disk is full, or `folder` cannot be written.
    """
    split, name = unit.split("_")
    decoded = int(name) % 2 == 1
    pictures = photographs(recipe, int(name)).frames
    if decoded:
        rng = np.random.default_rng([recipe.person(int(name)), 34])
        pictures = Decoder(recipe.seed)(pictures, rng)
    place = folder / split / ("fake" if decoded else "real")
    for number, picture in enumerate(pictures):
        save(place / f"{name}_{number}.jpg", picture, *[DECODED] * decoded)


def photographs(recipe: DecodedPictures, target: int) -> Clip:
    """Return the sitting that all pictures of a person are from, before they were decoded."""
    return sitting(recipe.person(target), 0, recipe.photographs, recipe.size)
