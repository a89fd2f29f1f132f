"""The convolutional autoencoder that learns what attention, or a face, looks like."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from course_utils.errors import CourseError
from course_utils.models.face_vit import GRID

SIDE = 128  # pixels
LATENT = 512
SLOPE = 0.2  # of the leaky ReLUs, below zero


class ConvolutionalAutoencoder(nn.Module):
    """128 x 128 pixels to 512 numbers and back: 2,736,513 parameters for one channel, 2,738,563 for RGB.

    Source: Cultrera, Seidenari & Del Bimbo, "Leveraging Visual Attention for Out-of-Distribution Detection",
    ICCV workshops 2023, as Santoro 2024, figure 31, gives its layers. LeakyReLU (0.2) follows every layer but
    the last of the encoder and the last of the decoder, whose output is therefore not bounded.

    Args:
        channels: 1 for heatmaps, 3 for pictures.
    """

    def __init__(self, channels: int = 1) -> None:
        super().__init__()
        self.channels = channels
        self.encoder = _between_leaks(
            _halve(channels, 32),  # 128² -> 64²
            _halve(32, 32),  # -> 32²
            _keep(32, 32),
            _halve(32, 64),  # -> 16²
            _keep(64, 64),
            _halve(64, 128),  # -> 8²
            _keep(128, 64),
            _keep(64, 32),
            nn.Conv2d(32, LATENT, kernel_size=8),  # -> 1²
        )
        self.decoder = _between_leaks(
            nn.ConvTranspose2d(LATENT, 32, kernel_size=8),  # 1² -> 8²
            _keep(32, 64),
            _keep(64, 128),
            _double(128, 64),  # -> 16²
            _keep(64, 64),
            _double(64, 32),  # -> 32²
            _keep(32, 32),
            _double(32, 32),  # -> 64²
            _double(32, channels),  # -> 128²
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                # As He et al. 2015. With torch's own start so little of the picture comes through eighteen
                # layers that it returns the mean of eight maps for hundreds of steps.
                nn.init.kaiming_normal_(module.weight, a=SLOPE)
                nn.init.zeros_(module.bias)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return the reconstructions, B x channels x 128 x 128.

        Args:
            pictures: B x channels x 128 x 128, values from 0 to 1.

        Raises:
            CourseError: the pictures have another size or number of channels.
        """
        return self.decoder(self.encode(pictures)[..., None, None])

    def encode(self, pictures: Tensor) -> Tensor:
        """Return the latent, B x 512 (see `forward`)."""
        if tuple(pictures.shape[1:]) != (self.channels, SIDE, SIDE):
            raise CourseError(
                f"This autoencoder takes B x {self.channels} x {SIDE} x {SIDE}, not"
                f" {' x '.join(map(str, pictures.shape))}: four halvings must leave the 8 x 8 that its last"
                f" convolution spans ({SIDE}/16; 112 would leave 7). Resize the pictures to {SIDE} x {SIDE}."
            )
        return self.encoder(pictures).flatten(1)


def as_pictures(maps: Tensor) -> Tensor:
    """Return maps, B x 196, as the autoencoder takes them: B x 1 x 128 x 128, float32 from 0 to 1.

    Each map is scaled from its own lowest to its own highest value, as it is when it is kept as a grey
    picture, and enlarged bilinearly. Santoro 2024 (section 2.3) says "grayscale" and "resized to 128 x 128 x
    1", and names no scaling or interpolation; the loss reported there, 0.00033, fits values of 0 to 1:
    attention that sums to 1 has a mean square of 0.00003 before anything is learnt. How large the attention
    is as a whole is lost; where it is, relative to its peak, stays. A constant map becomes black.
    """
    maps = maps.float().unflatten(1, (1, GRID, GRID))
    low, high = maps.amin((2, 3), keepdim=True), maps.amax((2, 3), keepdim=True)
    maps = (maps - low) / (high - low).clamp(min=torch.finfo(torch.float32).tiny)
    return functional.interpolate(maps, size=SIDE, mode="bilinear", align_corners=False)


def _halve(channels: int, wanted: int) -> nn.Module:
    return nn.Conv2d(channels, wanted, kernel_size=4, stride=2, padding=1)


def _double(channels: int, wanted: int) -> nn.Module:
    return nn.ConvTranspose2d(channels, wanted, kernel_size=4, stride=2, padding=1)


def _keep(channels: int, wanted: int) -> nn.Module:
    return nn.Conv2d(channels, wanted, kernel_size=3, padding=1)


def _between_leaks(*layers: nn.Module) -> nn.Sequential:
    """Return the layers in a row, with LeakyReLU (0.2) after each but the last."""
    return nn.Sequential(
        *(module for layer in layers[:-1] for module in (layer, nn.LeakyReLU(SLOPE))), layers[-1]
    )
