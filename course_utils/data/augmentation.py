"""Augmentation against overfitting to few people, as the detectors of the DFDC challenge are trained with.

That of Wang, Guo & Zhang, section 3.2 and figure 1, is the one of the challenge's winner (Seferbekov 2020),
whose chances and strengths stand here. A transform takes a picture 3 x H x W or a clip T x 3 x H x W, uint8,
and draws once for all frames of a clip: were each frame moved or coloured in a way of its own, that would be
the most conspicuous inconsistency of all. Noise alone differs from frame to frame, as a camera's does.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode, v2

# Left, top, right and bottom as shares of a crop that is 1.3 times as large as the face and upright.
DROPPED_PARTS = {
    "eyes": (0.22, 0.30, 0.78, 0.47),
    "nose": (0.38, 0.42, 0.62, 0.64),
    "mouth": (0.32, 0.64, 0.68, 0.82),
}


def challenge_transform(image_size: int, *, drop_parts: float = 0.0) -> v2.Transform:
    """Return the augmentation; what comes out of it is image_size x image_size pixels.

    Args:
        image_size: side of what comes out. A clip may come in any size: the wider its frames, the more there
            is for the compression before the resizing to spoil.
        drop_parts: how often a part of the face is blacked out, as the winner found to help most (with 0.5).
    """
    return v2.Compose(
        [
            Sometimes([v2.JPEG((60, 100))], p=0.5),
            Sometimes([v2.GaussianNoise(sigma=0.02)], p=0.1),
            Sometimes([v2.GaussianBlur(3)], p=0.05),
            v2.RandomHorizontalFlip(),
            v2.RandomChoice(
                [
                    WholePicture(image_size, InterpolationMode.BICUBIC),
                    WholePicture(image_size, InterpolationMode.BILINEAR),
                    WholePicture(image_size, InterpolationMode.BILINEAR, antialias=False),
                ]
            ),
            Sometimes(
                [
                    v2.RandomChoice(
                        [
                            v2.ColorJitter(brightness=0.2, contrast=0.2),
                            PrincipalColours(0.1),
                            v2.ColorJitter(hue=0.05, saturation=0.3),
                        ]
                    )
                ],
                p=0.7,
            ),
            v2.RandomGrayscale(p=0.2),
            Sometimes([v2.RandomAffine(10, translate=(0.1, 0.1), scale=(0.8, 1.2))], p=0.5),
            Sometimes([DropFacePart()], p=drop_parts),
        ]
    )


class Sometimes(v2.RandomApply):
    """Applies transforms with a chance `p`, and says so in its text, which a run's configuration has."""

    def extra_repr(self) -> str:
        """Return the chance, and what is applied."""
        return f"    p={self.p}\n{super().extra_repr()}"


class WholePicture(v2.Transform):
    """Brings the longer side to `size` pixels, and fills the shorter up with black on both sides.

    Args:
        size: side of the square that comes out.
        interpolation: between pixels.
        antialias: smooth before a picture is made smaller.
    """

    def __init__(self, size: int, interpolation: InterpolationMode, antialias: bool = True) -> None:
        super().__init__()
        self.size, self.interpolation, self.antialias = size, interpolation, antialias

    def transform(self, inpt: Tensor, params: dict[str, Any]) -> Tensor:
        """Return … x 3 x size x size."""
        height, width = inpt.shape[-2:]
        scale = self.size / max(height, width)
        sides = [max(1, round(scale * side)) for side in (height, width)]
        resized = v2.functional.resize(inpt, sides, self.interpolation, antialias=self.antialias)
        return v2.functional.center_crop(resized, [self.size, self.size])


class PrincipalColours(v2.Transform):
    """Adds a random amount of each principal component of the colours (Krizhevsky et al. 2012, section 4.1).

    Args:
        deviation: of the amounts, in standard deviations of the components.
    """

    def __init__(self, deviation: float) -> None:
        super().__init__()
        self.deviation = deviation

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw the three amounts."""
        return {"amounts": self.deviation * torch.randn(3)}

    def transform(self, inpt: Tensor, params: dict[str, Any]) -> Tensor:
        """Return the picture or clip, all its pixels moved by one colour."""
        colours = inpt.movedim(-3, 0).flatten(1).float()
        strengths, directions = torch.linalg.eigh(torch.cov(colours))
        shift = directions @ (params["amounts"] * strengths.clamp(min=0).sqrt())
        return (inpt + shift[:, None, None]).round().clamp(0, 255).to(torch.uint8)


class DropFacePart(v2.Transform):
    """Blacks out the eyes, the nose or the mouth of an upright face that fills three quarters of the picture.

    The winner places them by landmarks (Seferbekov 2020); a crop places them well enough.
    """

    def make_params(self, flat_inputs: list[Any]) -> dict[str, Any]:
        """Draw the part."""
        return {"part": list(DROPPED_PARTS)[int(torch.randint(len(DROPPED_PARTS), ()))]}

    def transform(self, inpt: Tensor, params: dict[str, Any]) -> Tensor:
        """Return the picture or clip without that part."""
        return without(inpt, DROPPED_PARTS[params["part"]])


def without(frames: Tensor, box: Sequence[float]) -> Tensor:
    """Return … x H x W with a box blacked out: left, top, right and bottom as shares of the picture."""
    height, width = frames.shape[-2:]
    left, top, right, bottom = (
        round(share * side) for share, side in zip(box, (width, height) * 2, strict=True)
    )
    frames = frames.clone()
    frames[..., top:bottom, left:right] = 0
    return frames
