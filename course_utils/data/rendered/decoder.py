"""A small convolutional generator with transposed convolutions, untrained: what it draws bears its marks."""

import numpy as np
import torch
from torch import nn

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
