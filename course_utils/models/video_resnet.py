"""3D ResNet with attention: the video network of Das et al., and the blocks they put after its stages.

Das, Das & Dantcheva, "Demystifying Attention Mechanisms for Deepfake Detection", FG 2021. The network is Hara
et al., "Can Spatiotemporal 3D CNNs Retrace the History of 2D CNNs and ImageNet?", CVPR 2018.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from torch import Tensor, nn
from torch.nn import functional
from torchvision.models.video import R3D_18_Weights
from torchvision.models.video.resnet import BasicBlock, BasicStem, Bottleneck, Conv3DSimple, VideoResNet

from course_utils.errors import CourseError
from course_utils.models.pretrained import Published, initialise

KINETICS = Published(
    "Kinetics-400 (torchvision r3d_18)", R3D_18_Weights.KINETICS400_V1.url, sha256="b3b3357e"
)
DEPTHS = {
    18: (BasicBlock, [2, 2, 2, 2]),
    34: (BasicBlock, [3, 4, 6, 3]),
    50: (Bottleneck, [3, 4, 6, 3]),
}
REDUCTION = 16  # of the squeeze-and-excitation block, as published


class HaraStem(nn.Sequential):
    """The published: 7 x 7 x 7 with stride 1 in time and 2 in space, and max-pooling that halves all."""

    def __init__(self) -> None:
        super().__init__(
            nn.Conv3d(3, 64, kernel_size=7, stride=(1, 2, 2), padding=3, bias=False),
            nn.BatchNorm3d(64),
            nn.ReLU(inplace=True),
            nn.MaxPool3d(kernel_size=3, stride=2, padding=1),
        )


class PooledStem(BasicStem):
    """torchvision's, 3 x 7 x 7, whose weights it can have, and the published max-pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.append(nn.MaxPool3d(kernel_size=3, stride=2, padding=1))


STEMS = {"hara": HaraStem, "pooled": PooledStem, "torchvision": BasicStem}
LEAST_SIDE = {"hara": 32, "pooled": 32, "torchvision": 16}  # pixels of which the last stage makes one


class VideoResNet3D(VideoResNet):
    """A 3D ResNet, with attention after some of its stages where wanted.

    With two classes and the stem "hara": 33,204,930 parameters at depth 18, 63,514,562 at 34, 46,203,074 at
    50. The other stems have 37,632 fewer. Of 16 x 112² pixels the four stages leave 8 x 28², 4 x 14², 2 x 7²
    and 1 x 4² positions; with the stem "torchvision", which has no pooling, 16 x 56², 8 x 28², 4 x 14² and
    2 x 7².

    Args:
        depth: 18, 34 or 50.
        stem: "hara", the published; "pooled", with torchvision's convolution; "torchvision", without pooling.
        attention: "none", "non_local" (see `NonLocalBlock`) or "se" (see `SqueezeExcitation`).
        after: the stages, 1 to 4, after which a block stands; a stage named four times gets four, so that the
            paper's "1,2,4" is [1, 2, 4] and its "4,4" is [4, 4, 4, 4].
        scale: of non-local blocks' scores; 1.0 is the paper's equation 5, and None takes inner^-0.5, as most
            public code does.
        classes: number of logits a clip; class 0 is real, class 1 fake.
        weights: "none", random; "auto", Kinetics-400's, which are published for depth 18 and the stems
            "pooled" and "torchvision"; or the path of a file, of the whole model or of one that has other
            classes or no attention, in whose place the model's own stay. ``model.origin`` says what it was.
            Kinetics-400's were trained on colours of mean 0 and deviation 1; clips of -1 to 1 have about half
            that contrast, which the first batch normalisation takes up in training, and not before.

    Raises:
        CourseError: there is no such depth, stem, attention or stage, no weights are published for it, or the
            file is missing or of another model.
    """

    def __init__(
        self,
        depth: int = 18,
        stem: str = "hara",
        attention: str = "none",
        after: Sequence[int] = (1, 2, 3, 4),
        *,
        scale: float | None = 1.0,
        classes: int = 2,
        weights: str | Path = "none",
    ) -> None:
        _check_settings(depth, stem, attention, after)
        if weights == "auto" and (depth != 18 or stem == "hara"):
            raise CourseError(
                f"No Kinetics-400 weights are published for depth {depth} with the stem {stem!r}."
                ' Use depth=18 with stem="pooled" or "torchvision", weights="none", or the path of a file.'
            )
        block, layers = DEPTHS[depth]
        super().__init__(block, [Conv3DSimple] * 4, layers, STEMS[stem], num_classes=classes)
        self.least_side = LEAST_SIDE[stem]
        make = {
            "none": nn.Identity,
            "non_local": partial(NonLocalBlock, scale=scale),
            "se": SqueezeExcitation,
        }[attention]
        self.attention = nn.ModuleList(
            nn.Sequential(*(make(channels * block.expansion) for number in after if number == stage))
            for stage, channels in enumerate((64, 128, 256, 512), start=1)
        )
        initialise(self, weights, KINETICS, head="fc", adapt=self._with_attention)

    def forward(self, clips: Tensor) -> Tensor:
        """Return logits.

        Args:
            clips: B x 3 x T x H x W, normalised to -1 to 1; any number of frames, and 32 pixels a side or
                more (16 with the stem "torchvision").

        Returns:
            Logits, B x classes.

        Raises:
            CourseError: `clips` are of another shape, or smaller.
        """
        self._check_clips(clips)
        features = self.stem(clips)  # B x 3 x 16 x 112² -> 64 x 8 x 28²
        for stage, blocks in self._stages():
            features = blocks(
                stage(features)
            )  # -> 64 x 8 x 28² -> 128 x 4 x 14² -> 256 x 2 x 7² -> 512 x 1 x 4²
        return self.fc(self.avgpool(features).flatten(1))

    def attention_of(self, clips: Tensor, positions: Sequence[tuple[int, int, int]], stage: int) -> Tensor:
        """Return which positions some of the positions after a stage attend to, in its last non-local block.

        In training mode the normalisations would learn from these clips: call ``eval()`` first.

        Args:
            clips: as for `forward`.
            positions: P of them, each (frame, row, column) counted from 0 among what that stage leaves.
            stage: 1 to 4.

        Returns:
            B x P x T x H x W, over the positions after that stage; each of the B x P maps sums to 1. Only
            these rows are formed.

        Raises:
            CourseError: no non-local block stands there, or a position lies outside.
        """
        there = [
            number
            for number, blocks in enumerate(self.attention, start=1)
            if any(isinstance(block, NonLocalBlock) for block in blocks)
        ]
        if stage not in there:
            raise CourseError(
                f"No non-local block stands after stage {stage} of this model; they stand after"
                f" {', '.join(map(str, there)) or 'none'}. Name one of these stages, or build the model with"
                ' attention="non_local".'
            )
        self._check_clips(clips)
        features = self.stem(clips)
        *earlier, (last, blocks) = list(self._stages())[:stage]
        for layers, its_blocks in earlier:
            features = its_blocks(layers(features))
        return blocks[-1].attention_of(blocks[:-1](last(features)), positions)

    def _stages(self) -> Iterator[tuple[nn.Module, nn.Module]]:
        """Return the four stages, each with the blocks after it."""
        return zip((self.layer1, self.layer2, self.layer3, self.layer4), self.attention, strict=True)

    def _with_attention(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return a file's weights, with the model's own of the attention blocks where the file has none."""
        if any(name.startswith("attention.") for name in weights):
            return weights
        own = {name: tensor for name, tensor in self.state_dict().items() if name.startswith("attention.")}
        return {**weights, **own}

    def _check_clips(self, clips: Tensor) -> None:
        side = self.least_side
        if clips.ndim != 5 or clips.shape[1] != 3 or clips.shape[2] < 1 or min(clips.shape[3:]) < side:
            raise CourseError(
                f"This VideoResNet3D takes clips B x 3 x T x H x W of a frame or more and {side} x {side}"
                f" pixels or more; these are {' x '.join(map(str, clips.shape))}. Colours come before"
                " frames, and of smaller frames less than a pixel would be left."
            )


class NonLocalBlock(nn.Module):
    """Each position takes from all others in space and time: x + norm(out(softmax(θᵀφ) g)).

    Wang et al., "Non-local Neural Networks", CVPR 2018, embedded Gaussian, as Das et al., equations 4 and 5.
    The last normalisation begins at zero, so that a new block changes nothing.

    With N = T H W positions the affinity has N² numbers, 157 MB a clip after the first stage of 16 x 112²
    pixels. Because softmax(θᵀφ) g is scaled-dot-product attention, torch's fused kernel goes through it by
    parts, and nothing as large is ever formed, in training neither.

    Args:
        channels: C, of which the embeddings have half.
        scale: what scores are multiplied by; None is (C / 2)^-0.5.
    """

    def __init__(self, channels: int, scale: float | None = 1.0) -> None:
        super().__init__()
        inner = channels // 2
        self.scale = inner**-0.5 if scale is None else scale
        self.theta = nn.Conv3d(channels, inner, kernel_size=1)
        self.phi = nn.Conv3d(channels, inner, kernel_size=1)
        self.g = nn.Conv3d(channels, inner, kernel_size=1)
        self.out = nn.Conv3d(inner, channels, kernel_size=1)
        self.norm = nn.BatchNorm3d(channels)
        nn.init.zeros_(self.norm.weight)

    def forward(self, features: Tensor) -> Tensor:
        """Return B x C x T x H x W, the features and what each position takes from all."""
        query, key, value = (_tokens(embed(features)) for embed in (self.theta, self.phi, self.g))
        taken = functional.scaled_dot_product_attention(query, key, value, scale=self.scale)
        taken = taken.squeeze(1).mT.unflatten(2, features.shape[2:])  # B x 1 x N x C/2 -> B x C/2 x T x H x W
        return features + self.norm(self.out(taken))

    def attention_of(self, features: Tensor, positions: Sequence[tuple[int, int, int]]) -> Tensor:
        """Return B x P x T x H x W: what each of P positions (frame, row, column) attends to, summing to 1.

        Raises:
            CourseError: a position lies outside T x H x W.
        """
        size = tuple(features.shape[2:])
        for position in positions:
            if not all(0 <= place < side for place, side in zip(position, size, strict=True)):
                raise CourseError(
                    f"There is no position {tuple(position)} among {' x '.join(map(str, size))} (frames,"
                    " rows, columns). Count each from 0."
                )
        chosen = [(frame * size[1] + row) * size[2] + column for frame, row, column in positions]
        query, key = _tokens(self.theta(features))[:, 0, chosen], _tokens(self.phi(features))[:, 0]
        return (query @ key.mT * self.scale).softmax(dim=-1).unflatten(2, size)


class SqueezeExcitation(nn.Module):
    """Each channel times a gate from 0 to 1 that all channels' means decide: x σ(w₂ ReLU(w₁ mean(x))).

    Hu et al., "Squeeze-and-Excitation Networks", CVPR 2018, as Das et al., equations 1 to 3, with the mean
    over time as well as space.

    Args:
        channels: C, 16 or more, of which a sixteenth is left between w₁ and w₂.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.Linear(channels, channels // REDUCTION, bias=False),
            nn.ReLU(inplace=True),
            nn.Linear(channels // REDUCTION, channels, bias=False),
            nn.Sigmoid(),
        )

    def forward(self, features: Tensor) -> Tensor:
        """Return the features, B x C x T x H x W, with each channel at its own strength."""
        gate = self.gate(features.mean(dim=(2, 3, 4)))  # B x C
        return features * gate[:, :, None, None, None]


def _tokens(embedded: Tensor) -> Tensor:
    """Return B x C x T x H x W as B x 1 x N x C.

    Torch has its fused kernel only for tokens of some heads (here one) whose numbers lie side by side in
    memory. Of others it forms the whole affinity, and does not say so.
    """
    return embedded.flatten(2).mT.contiguous().unsqueeze(1)


def _check_settings(depth: int, stem: str, attention: str, after: Sequence[int]) -> None:
    for value, known, what in (
        (depth, DEPTHS, "3D ResNet of depth"),
        (stem, STEMS, "stem"),
        (attention, ("none", "non_local", "se"), "attention"),
    ):
        if value not in known:
            raise CourseError(f"There is no {what} {value!r}. Use one of {', '.join(map(str, known))}.")
    if others := [stage for stage in after if stage not in range(1, 5)]:
        raise CourseError(f"There is no stage {others[0]!r} for attention to stand after. Use 1, 2, 3 and 4.")
