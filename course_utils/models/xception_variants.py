"""MidwayXception and LightXception: wider filters than Xception's, and half of its middle flow.

Govi, Poppi & Marinelli, "Deep Learning for DeepFake Creation and Detection", sections 5.3 and 5.4. Both are
timm's ``legacy_xception`` with some of its parts changed or left out.
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from course_utils.errors import CourseError
from course_utils.models.pretrained import initialise
from course_utils.models.xception import IMAGENET

DROPOUT = 0.5  # before the classifier (their table 1)
GROUP_WIDTH = 2  # channels that a filter of MidwayXception sees: groups = channels / 2
# The middle flow is timm's block4 to block11, all of one shape. The report says that four of the eight went,
# and not which: without pretrained weights any four leave the same network.
MIDDLE = range(4, 12)
LEFT_OUT = (8, 9, 10, 11)


class MidwaySeparableConv2d(nn.Module):
    """A separable convolution whose spatial filters see a few channels each, and not one alone.

    With `group_width` 1 it is Xception's, which takes space and channels for entirely decoupled; with all
    channels in one group its first half is an ordinary convolution, and nothing is decoupled. Section 5.3
    has groups = channels / 2, that is 2 channels a group. It has 9 x in_channels x group_width weights in
    space and in_channels x out_channels across channels.

    Args:
        in_channels: C, which `group_width` divides.
        out_channels: D.
        group_width: channels a group.

    Raises:
        CourseError: `group_width` does not divide the channels.
    """

    def __init__(self, in_channels: int, out_channels: int, group_width: int = GROUP_WIDTH) -> None:
        super().__init__()
        if in_channels % group_width:
            raise CourseError(f"{in_channels} channels cannot be dealt out to groups of {group_width}.")
        # Named as in timm's SeparableConv2d, so that files of weights fit.
        self.conv1 = nn.Conv2d(
            in_channels, in_channels, 3, padding=1, groups=in_channels // group_width, bias=False
        )
        self.pointwise = nn.Conv2d(in_channels, out_channels, 1, bias=False)

    def forward(self, features: Tensor) -> Tensor:
        """Return B x D x H x W of features B x C x H x W."""
        return self.pointwise(self.conv1(features))


def xception_variant(
    *, midway: bool = False, light: bool = False, classes: int = 2, weights: str | Path = "none"
) -> nn.Module:
    """Return Xception as Govi et al. train it, or one of their variants, or both in one (their section 7).

    Parameters with two classes: Xception 20,811,050, midway 25,270,002, light 14,355,146, and both
    16,609,714. All take B x 3 x H x W pictures, normalised to -1 to 1, trained at 299 x 299, and return
    logits B x classes of a linear layer after dropout of 0.5.

    Args:
        midway: every separable convolution is a `MidwaySeparableConv2d`, and each block of the middle flow
            has a 1 x 1 convolution and batch normalisation beside it in place of the identity.
        light: the last four of the eight blocks of the middle flow are left out.
        classes: number of logits; class 0 is real, class 1 fake.
        weights: "auto", ImageNet's where they can be had; "none", random; or the path of a file, of the
            variant or of timm's Xception, with these classes or others. ``model.origin`` says what it became.
            Of Xception's weights a light variant takes what it has room for. A midway one starts as the same
            function: its filters see nothing of their second channel at first, and what stands beside a
            block is the identity.

    Raises:
        CourseError: there is no such file, or it does not hold weights of this model.
    """
    import timm  # takes a second, and most of the course does without

    model = timm.create_model("legacy_xception", num_classes=classes, drop_rate=DROPOUT)
    if light:
        for number in LEFT_OUT:
            model.set_submodule(f"block{number}", nn.Identity())
    if midway:
        _make_midway(model)
    left_out = LEFT_OUT if light else ()
    initialise(model, weights, IMAGENET, head="fc", adapt=partial(_fitted, model.state_dict(), left_out))
    return model


def _make_midway(model: nn.Module) -> None:
    """Change timm's Xception in place; what is new starts as timm's convolutions do."""
    from timm.models.xception import Block, SeparableConv2d

    for name, module in list(model.named_modules()):
        new = []
        if isinstance(module, SeparableConv2d):
            across = module.pointwise
            changed = MidwaySeparableConv2d(across.in_channels, across.out_channels)
            model.set_submodule(name, changed)
            new = [changed.conv1, changed.pointwise]
        elif isinstance(module, Block) and module.skip is None:
            channels = module.rep[1].pointwise.in_channels
            module.skip = nn.Conv2d(channels, channels, 1, bias=False)
            module.skipbn = nn.BatchNorm2d(channels)
            new = [module.skip]
        for convolution in new:
            nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")


def _fitted(own: dict[str, Tensor], left_out: Sequence[int], found: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return a file's weights as the variant whose own are `own` takes them (see `xception_variant`)."""
    absent = tuple(f"block{number}." for number in left_out)
    fitted = {
        name: _widened(tensor, own[name]) if name in own and name.endswith("conv1.weight") else tensor
        for name, tensor in found.items()
        if not name.startswith(absent)
    }
    beside = tuple(f"block{number}.skip" for number in MIDDLE)
    for name, tensor in own.items():
        if name.startswith(beside) and name not in found:
            # A new batch normalisation changes nothing, in eval mode and but for its epsilon.
            fitted[name] = torch.eye(len(tensor))[..., None, None] if tensor.ndim == 4 else tensor
    return fitted


def _widened(filters: Tensor, own: Tensor) -> Tensor:
    """Return depthwise filters, C x 1 x 3 x 3, as C x group_width x 3 x 3 that see their own alone."""
    if filters.shape[1] != 1 or filters.shape == own.shape:
        return filters
    widened = filters.new_zeros(own.shape)
    channels = torch.arange(len(own))
    widened[channels, channels % own.shape[1]] = filters[:, 0]
    return widened
