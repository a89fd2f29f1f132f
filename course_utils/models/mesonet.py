"""Meso-4: the small network of Afchar et al. 2018, made for faces in compressed videos."""

import torch
from torch import Tensor, nn

from course_utils.errors import CourseError


class Meso4(nn.Module):
    """Four convolutions and two linear layers; 27,977 parameters at the paper's 256 x 256.

    Source: Afchar et al. 2018, "MesoNet: a Compact Facial Video Forgery Detection Network", figure 4; the
    slope of LeakyReLU and the constant of the batch normalisation are those of the authors' code.

    Args:
        image_size: height and width of a picture in pixels, 32 or more. Each further 32 pixels a side add
            to the first linear layer.

    Raises:
        CourseError: after the poolings nothing would be left of a picture of this size.
    """

    def __init__(self, image_size: int = 256) -> None:
        super().__init__()
        side = image_size // 32
        if side < 1:
            raise CourseError(
                f"Meso-4 cannot take pictures of {image_size} x {image_size} pixels: its poolings divide a"
                " side by 32. Use image_size=32 or more (the paper's is 256)."
            )
        self.features = nn.Sequential(
            *_convolution(3, 8, kernel_size=3, pooling=2),
            *_convolution(8, 8, kernel_size=5, pooling=2),
            *_convolution(8, 16, kernel_size=5, pooling=2),
            *_convolution(16, 16, kernel_size=5, pooling=4),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Dropout(0.5),
            nn.Linear(16 * side * side, 16),
            nn.LeakyReLU(0.1),
            nn.Dropout(0.5),
            nn.Linear(16, 1),
        )

    def forward(self, pictures: Tensor) -> Tensor:
        """Return logits.

        The published network has one output z, and sigmoid(z) is P(fake). Two logits -z/2 and z/2 say the
        same to whatever expects one a class, because their softmax is exactly sigmoid(-z) and sigmoid(z);
        and unlike 0 and z, both classes have a gradient to explain.

        Args:
            pictures: B x 3 x image_size x image_size, normalised (about -1 to 1).

        Returns:
            Logits, B x 2.
        """
        features = self.features(pictures)  # B x 3 x 256² -> 8 x 128² -> 8 x 64² -> 16 x 32² -> 16 x 8²
        output = self.classifier(features)  # -> B x 1024 -> 16 -> 1
        return torch.cat([-output / 2, output / 2], dim=1)


def _convolution(channels: int, filters: int, kernel_size: int, pooling: int) -> list[nn.Module]:
    return [
        nn.Conv2d(channels, filters, kernel_size, padding="same"),
        nn.ReLU(),
        nn.BatchNorm2d(filters, eps=1e-3),
        nn.MaxPool2d(pooling),
    ]
