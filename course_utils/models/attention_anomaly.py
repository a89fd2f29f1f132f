"""A detector that has seen no fake: how strange a face's attention is to who knows that of real faces.

Santoro 2024, "Deepfake detection as an out-of-distribution problem", section 2: face ViT, attention map,
convolutional autoencoder, reconstruction error.
"""

import torch
from torch import Tensor, nn

from course_utils.models.autoencoder import ConvolutionalAutoencoder, as_pictures
from course_utils.models.face_vit import FaceViT


class AttentionAnomaly(nn.Module):
    """A face ViT and an autoencoder of its attention, with the interface of a classifier.

    Args:
        patches: of the `FaceViT`, like the rest.
        depth: likewise.
        width: likewise.
        heads: likewise.

    Attributes:
        mean: of the reconstruction error of real faces that it has not learnt from.
        deviation: likewise.
    """

    def __init__(self, patches: str = "P12S8", depth: int = 20, width: int = 512, heads: int = 8) -> None:
        super().__init__()
        self.vit = FaceViT(patches, depth, width, heads)
        self.autoencoder = ConvolutionalAutoencoder()
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("deviation", torch.ones(()))

    def forward(self, pictures: Tensor) -> Tensor:
        """Return logits B x 2 (real, fake), whose difference is the error in the reals' deviations.

        It is no probability before it is calibrated: of no fake this network knows how often there are such.

        Args:
            pictures: B x 3 x 112 x 112 from -1 to 1.
        """
        strangeness = (self.errors(pictures).flatten(1).mean(dim=1) - self.mean) / self.deviation
        return torch.stack([-strangeness / 2, strangeness / 2], dim=1)

    def errors(self, pictures: Tensor) -> Tensor:
        """Return the squared error of each pixel of the attention map, B x 128 x 128."""
        maps = as_pictures(self.vit.maps_and_features(pictures)[0])
        return (self.autoencoder(maps) - maps).square()[:, 0]
