"""Several attention maps over one picture: the multi-attentional detector of Zhao et al., on MobileNet.

Zhao, Zhou, Chen, Wei, Zhang & Yu, "Multi-attentional Deepfake Detection", CVPR 2021, section 3. Theirs stands
on EfficientNet-B4; layers of MobileNetV3-Small of about the same strides take the places of its layers here.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

SHALLOW, MIDDLE = 2, 9  # layers of MobileNet after which a side is 1/4 and 1/16 of the picture's
SHALLOW_CHANNELS, MIDDLE_CHANNELS, DEEP_CHANNELS = 16, 48, 576
# Margins of the paper, section 4.2; the defaults of its public code are 0.01, 0.02 and 1.
INNER_MARGINS = (0.05, 0.1)  # how far a region of a real, and of a fake, may be from its centre
OUTER_MARGIN = 0.2  # how far apart the centres of two regions are to be
MOMENTUM = 0.05  # of the centres; theirs shrinks by a tenth each epoch


class MultiAttention(nn.Module):
    """Reads a picture through several attention maps: fine texture region by region, and the whole.

    Args:
        maps: M, how many; theirs has 4.
        width: numbers that are returned of each picture.
    """

    def __init__(self, maps: int, width: int) -> None:
        super().__init__()
        self.attend = nn.Sequential(
            nn.Conv2d(MIDDLE_CHANNELS, MIDDLE_CHANNELS, kernel_size=3, padding=1),
            nn.BatchNorm2d(MIDDLE_CHANNELS),
            nn.ReLU(),
            nn.Conv2d(MIDDLE_CHANNELS, maps, kernel_size=1, bias=False),
            nn.BatchNorm2d(maps),
            nn.ReLU(),
        )
        self.enhance = TextureEnhancement(SHALLOW_CHANNELS)
        texture = self.enhance.channels
        self.join = nn.Sequential(nn.Linear(maps * texture + DEEP_CHANNELS, width), nn.Hardswish())
        self.register_buffer("centres", torch.zeros(maps, SHALLOW_CHANNELS))

    def forward(self, layers: nn.Sequential, pictures: Tensor) -> tuple[Tensor, Tensor]:
        """Return what is seen in pictures.

        Args:
            layers: ``features`` of MobileNetV3-Small.
            pictures: N x 3 x H x W, normalised, 32 pixels a side or more.

        Returns:
            Features, N x width; and regions, N x M x 16: what each map covers of the coarse picture, of
            length 1, for `independence`.
        """
        shallow = layers[:SHALLOW](pictures)  # N x 16 x H/4 x W/4
        middle = layers[SHALLOW:MIDDLE](shallow)  # N x 48 x H/16 x W/16
        deep = layers[MIDDLE:](middle)  # N x 576 x H/32 x W/32
        maps = self.attend(middle)  # N x M x H/16 x W/16
        texture, coarse = self.enhance(shallow, maps.shape[2:])
        of_regions = pooled(texture, maps).flatten(1)  # N x M·64
        of_all = pooled(deep, maps.sum(dim=1, keepdim=True)).flatten(1)  # N x 576
        return self.join(torch.cat([of_regions, of_all], dim=1)), pooled(coarse, maps)

    def maps_of(self, layers: nn.Sequential, pictures: Tensor) -> Tensor:
        """Return the attention maps, N x M x H/16 x W/16, 0 or more; arguments as of `forward`."""
        return self.attend(layers[:MIDDLE](pictures))

    def independence(self, regions: Tensor, labels: Tensor) -> Tensor:
        """Return the regional independence loss of each picture, N (their section 3.4).

        What a map covers is drawn to that map's centre, up to a margin, which is larger for fakes; and the
        centres are driven apart. In training mode the centres move on by a twentieth.

        Args:
            regions: N x M x C, as `forward` returns them.
            labels: N, 0 real to 1 fake.
        """
        centres = torch.lerp(self.centres, regions.mean(dim=0), MOMENTUM)  # has the regions' gradients
        if self.training:
            self.centres = centres.detach()
        of_real, of_fake = INNER_MARGINS
        margins = of_real + (of_fake - of_real) * labels.to(regions)
        inner = (distances(regions, centres) - margins[:, None]).relu().sum(dim=1)
        first, second = torch.triu_indices(len(centres), len(centres), offset=1)
        outer = (OUTER_MARGIN - distances(centres[first], centres[second])).relu().sum()
        return inner + 2 * outer  # each pair both ways round


class TextureEnhancement(nn.Module):
    """What a picture has beside its coarse version, through three densely connected convolutions.

    Args:
        inputs: channels C; 4 C come out.
    """

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.channels = 4 * inputs
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.BatchNorm2d(number * inputs),
                nn.ReLU(),
                nn.Conv2d(number * inputs, inputs, kernel_size=3, padding=1),
            )
            for number in (1, 2, 3)
        )

    def forward(self, features: Tensor, size: torch.Size) -> tuple[Tensor, Tensor]:
        """Return texture (N x 4 C x H x W) and what is left without it (N x C x `size`)."""
        coarse = functional.adaptive_avg_pool2d(features, size)
        texture = features - functional.interpolate(coarse, size=features.shape[2:])
        for layer in self.layers:
            texture = torch.cat([texture, layer(texture)], dim=1)
        return texture, coarse


def pooled(features: Tensor, maps: Tensor) -> Tensor:
    """Return what maps (N x M x h x w) cover of features (N x C x H x W), each of length 1: N x M x C."""
    maps = functional.interpolate(maps, size=features.shape[2:], mode="bilinear")
    return functional.normalize(torch.einsum("nmhw,nchw->nmc", maps, features), dim=2)


def distances(first: Tensor, second: Tensor) -> Tensor:
    """Return Euclidean distances along the last axis; where both are the same, 0 with a gradient of 0."""
    return torch.linalg.vector_norm(first - second, dim=-1)
