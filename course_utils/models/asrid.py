"""ASRID: a video is fake where its frames look so (static), or where they do not fit together (dynamic).

Wang, Guo & Zhang, "Deepfake Detection: Attention-based Suspicious Region In-consistency Detector", a report
of the Hong Kong University of Science and Technology.
"""

import itertools
import math
import time
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from torchvision.models import MobileNet_V3_Small_Weights, mobilenet_v3_small

from course_utils.errors import CourseError
from course_utils.models.multi_attention import MultiAttention
from course_utils.models.pretrained import Published, initialise

IMAGENET = Published(
    "ImageNet (torchvision mobilenet_v3_small)", MobileNet_V3_Small_Weights.IMAGENET1K_V1.url, "047dcff4"
)
WIDTH = 1000  # numbers a frame: what MobileNet returns of it, ImageNet's classes
VARIANTS = {  # the rows of table 2; StaPic is the Baseline, trained on pictures one by one
    "Baseline": {"attention": False},
    "StaNew": {},
    "StaNew+Mix": {"mix": True},
    "Dyn": {"strength": 0.2},
    "Dyn+Mix": {"mix": True, "strength": 0.2},
}


class Scores(NamedTuple):
    """What ASRID makes of B videos; logits, above 0 for fake.

    Attributes:
        frames: B x T, the static head's of each frame; 0 where a video has no frame any more.
        static: B, the mean over a video's frames.
        dynamic: B, the dynamic head's; None where there is none.
        video: B, both together, by the dynamic strength.
        regions: N x M x C, of each of the N frames that are there, what `MultiAttention` found in M regions;
            None without.
    """

    frames: Tensor
    static: Tensor
    dynamic: Tensor | None
    video: Tensor
    regions: Tensor | None


class ASRID(nn.Module):
    """MobileNetV3-Small on each frame, attention among the frames of a video, and two heads.

    All frames of all videos go through the backbone in one call, so that batch normalisation learns from all
    of them; frames that only fill up a video take no part in anything.

    Args:
        attention: frames attend to one another, and the static head has two layers ("StaNew"); without, it is
            one linear layer on MobileNet's features ("Baseline").
        mix: features and what attention made of them go on side by side, normalised ("+ Mix"). The report
            does not say how; here each frame has mean 0 and deviation 1.
        strength: of the dynamic head, 1 - w in the report (0.2 and 0.05); 0 has none.
        maps: attention maps over the pixels of each frame, the option that the report describes (section
            4.2, figure 3) and its code does not use: see `MultiAttention`; 0 has none.
        heads: of the attention among frames; they divide 1000.
        layers: of the dynamic head's encoder.
        weights: "none", random; "auto", ImageNet's for MobileNet where they can be had; or the path of a
            file, of MobileNet or of a whole ASRID of these options. ``model.origin`` says what it was.

    Attributes:
        chunk: how many frames the backbone takes at a time while evaluating; None takes all. It changes
            nothing but the time, and digits that rounding decides: see `fastest_chunk`.

    Raises:
        CourseError: `mix`, or a `strength`, without attention; a number is out of range; or the file is
            missing or of another model.
    """

    def __init__(
        self,
        *,
        attention: bool = True,
        mix: bool = False,
        strength: float = 0.0,
        maps: int = 0,
        heads: int = 10,
        layers: int = 6,
        weights: str | Path = "none",
    ) -> None:
        super().__init__()
        _check_settings(attention, mix, strength, maps, heads)
        self.strength = strength
        self.chunk: int | None = None
        width = 2 * WIDTH if mix else WIDTH
        self.backbone = _mobilenet()
        self.regions = MultiAttention(maps, WIDTH) if maps else None
        self.attention = FrameAttention(WIDTH, heads) if attention else None
        self.mix = nn.LayerNorm(width) if mix else None
        self.static = static_head(width) if attention else nn.Linear(width, 1)
        self.dynamic = DynamicHead(width, layers) if strength else None
        initialise(self, weights, IMAGENET, head="static", adapt=self._around_mobilenet)

    def forward(self, clips: Tensor, counts: Tensor | None = None) -> Tensor:
        """Return logits B x 2 (real, fake), whose softmax is the sigmoid of ``scores(clips, counts).video``.

        Args:
            clips: B x 3 x T x H x W, normalised to -1 to 1; any T, H and W of 32 or more.
            counts: B, of how many frames, from the first on, each video consists; None: of all T.

        Raises:
            CourseError: a video has no frame, or more than T; or `clips` are of another shape.
        """
        logits = self.scores(clips, counts).video
        return torch.stack([-logits / 2, logits / 2], dim=1)

    def scores(self, clips: Tensor, counts: Tensor | None = None) -> Scores:
        """Return what both heads say; arguments and errors as of `forward`."""
        features, regions, there = self._features(clips, counts)  # B x T x 1000
        if self.attention is not None:
            taken = self.attention(features, there)
            features = taken if self.mix is None else self.mix(torch.cat([features, taken], dim=2))
        seen = features.flatten(0, 1) if there is None else features[there]
        frames = _placed(self.static(seen)[:, 0], len(clips), there)
        static = _mean(frames, there)
        if self.dynamic is None:
            return Scores(frames, static, None, static, regions)
        dynamic = self.dynamic(features, there)
        return Scores(frames, static, dynamic, torch.lerp(static, dynamic, self.strength), regions)

    def attention_of(self, clips: Tensor, counts: Tensor | None = None) -> Tensor:
        """Return how much each frame attends to each: B x heads x T x T, where a row sums to 1.

        In training mode the normalisations would learn from these clips: call ``eval()`` first.

        Raises:
            CourseError: as of `forward`, or the model has no attention among frames.
        """
        if self.attention is None:
            raise CourseError("This ASRID has no attention among frames: build it with attention=True.")
        features, _, there = self._features(clips, counts)
        return self.attention.weights(features, there)

    def extra_repr(self) -> str:
        """Return what the layers do not tell, for a run's configuration."""
        return f"strength={self.strength}"

    def _features(self, clips: Tensor, counts: Tensor | None) -> tuple[Tensor, Tensor | None, Tensor | None]:
        """Return features (B x T x 1000), regions, and which frames are there (B x T; None: all)."""
        if clips.ndim != 5 or clips.shape[1] != 3:
            raise CourseError(
                f"ASRID takes videos B x 3 x T x H x W, not {' x '.join(map(str, clips.shape))}. A single"
                " picture is a video of one frame: picture.unsqueeze(2)."
            )
        there = _there(clips, counts)
        pixels = clips.permute(0, 2, 3, 4, 1)  # B x T x H x W x 3
        frames = pixels.flatten(0, 1) if there is None else pixels[there]
        frames = frames.permute(0, 3, 1, 2)  # N x 3 x H x W, each pixel's channels side by side in memory
        parts = [frames] if self.training or self.chunk is None else frames.split(self.chunk)
        features, regions = zip(*map(self._seen, parts), strict=True)
        found = None if self.regions is None else torch.cat(regions)
        return _placed(torch.cat(features), len(clips), there), found, there

    def _seen(self, frames: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return features and regions of frames, N x 3 x H x W."""
        if self.regions is None:
            return self.backbone(frames), None
        return self.regions(self.backbone.features, frames)

    def _around_mobilenet(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return a whole model's weights as they are, and MobileNet's with the rest of the model's own."""
        if any(name.startswith("backbone.") for name in weights):
            return weights
        own = {name: tensor for name, tensor in self.state_dict().items() if not name.startswith("backbone.")}
        return {**{f"backbone.{name}": tensor for name, tensor in weights.items()}, **own}


class FrameAttention(nn.Module):
    """Each frame takes from all frames of its video, whatever their order: ReLU(softmax(q kᵀ / √d) v).

    Args:
        width: numbers a frame.
        heads: of them; they divide `width`.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.queries_keys_values = nn.Linear(width, 3 * width, bias=False)

    def forward(self, features: Tensor, there: Tensor | None) -> Tensor:
        """Return B x T x width, of features B x T x width and which frames are `there` (B x T; None: all)."""
        taken = functional.scaled_dot_product_attention(*self._heads(features), attn_mask=_keys(there))
        return taken.transpose(1, 2).flatten(2).relu()  # B x heads x T x d -> B x T x width

    def weights(self, features: Tensor, there: Tensor | None) -> Tensor:
        """Return the softmax itself, B x heads x T (queries) x T (keys)."""
        queries, keys, _ = self._heads(features)
        products = queries @ keys.mT / math.sqrt(keys.shape[-1])
        if there is not None:
            products = products.masked_fill(~_keys(there), -torch.inf)
        return products.softmax(dim=-1)

    def _heads(self, features: Tensor) -> list[Tensor]:
        """Return queries, keys and values, each B x heads x T x d."""
        parts = self.queries_keys_values(features).chunk(3, dim=2)
        return [part.unflatten(2, (self.heads, -1)).transpose(1, 2) for part in parts]


class DynamicHead(nn.Module):
    """A transformer's encoder over the frames in their order, the mean over them, and a linear layer.

    Args:
        width: numbers a frame, a multiple of 8.
        layers: of the encoder, each with 8 heads, 1000 hidden numbers and dropout 0.1.
    """

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(
            width, nhead=8, dim_feedforward=1000, dropout=0.1, batch_first=True
        )
        self.encoder = nn.TransformerEncoder(layer, layers, enable_nested_tensor=False)
        self.classifier = nn.Linear(width, 1)

    def forward(self, features: Tensor, there: Tensor | None) -> Tensor:
        """Return logits B, of features B x T x width and which frames are `there` (B x T; None: all)."""
        tokens = features + positional_encoding(*features.shape[1:]).to(features)
        encoded = self.encoder(tokens, src_key_padding_mask=None if there is None else ~there)
        return self.classifier(_mean(encoded, there))[:, 0]


class FrameNorm(nn.BatchNorm1d):
    """Batch normalisation over frames, which takes a single one as it does while evaluating.

    One frame has no deviation to normalise by, and torch raises an error.
    """

    def forward(self, features: Tensor) -> Tensor:
        """Return N x width, normalised."""
        if self.training and len(features) == 1:
            return functional.batch_norm(
                features, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        return super().forward(features)


def _mobilenet() -> nn.Module:
    """Return MobileNetV3-Small, whose batch normalisation knows its averages from the first batch on.

    torchvision's takes hundreds of batches (momentum 0.01) to forget the variance 1 that it begins with, and
    deep layers' own is a millionth of that: a short training would be evaluated with features of nothing.
    """
    backbone = mobilenet_v3_small()
    for module in backbone.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.register_forward_pre_hook(_average_what_was_seen)
    return backbone


def _average_what_was_seen(layer: nn.BatchNorm2d, _inputs: tuple) -> None:
    """Let the first ten batches count alike, and later ones as torch's own momentum has it."""
    if layer.training:
        layer.momentum = max(0.1, 1 / (int(layer.num_batches_tracked) + 1))


def static_head(width: int) -> nn.Sequential:
    """Return the head that gives each frame, N x width, a logit, N x 1."""
    return nn.Sequential(
        nn.Linear(width, width // 4), FrameNorm(width // 4), nn.PReLU(), nn.Linear(width // 4, 1)
    )


def positional_encoding(frames: int, width: int) -> Tensor:
    """Return the sinusoidal encoding of Vaswani et al. 2017, section 3.5: frames x width, `width` even.

    Columns 2i and 2i + 1 are sine and cosine of the frame's number, from 0, over 10000^(2i / width).
    """
    speeds = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000) / width))
    angles = torch.arange(frames)[:, None] * speeds
    return torch.stack([angles.sin(), angles.cos()], dim=2).flatten(1)


@torch.inference_mode()
def fastest_chunk(model: ASRID, clips: Tensor) -> int:
    """Return how many frames at a time the backbone evaluates fastest, after trying for about a second.

    A processor's cache holds what a few large frames leave between two layers, and not what all of them do;
    small frames, and GPUs, are fastest all at once. Sets ``model.chunk`` for good: ``model.chunk =
    fastest_chunk(model, clips)``.

    Args:
        model: left as it was.
        clips: B x 3 x T x H x W on the model's device, as they will come.
    """
    frames = clips.transpose(1, 2).flatten(0, 1)
    frames = frames.contiguous(memory_format=torch.channels_last)
    sizes = [2**power for power in range(len(frames).bit_length()) if 2**power < len(frames)] + [len(frames)]
    seconds = dict.fromkeys(reversed(sizes), math.inf)
    was_training = model.training
    model.eval()
    deadline = time.perf_counter() + 1
    for size in itertools.cycle(seconds):  # they take turns: other programs disturb all alike
        seconds[size] = min(seconds[size], _seconds_a_frame(model, frames[: max(size, 8)].split(size)))
        if time.perf_counter() > deadline and math.inf not in seconds.values():
            break
    model.train(was_training)
    return min(seconds, key=seconds.get)


def _seconds_a_frame(model: ASRID, parts: tuple[Tensor, ...]) -> float:
    started = time.perf_counter()
    for part in parts:
        model._seen(part)
    if parts[0].is_cuda:
        torch.cuda.synchronize()
    return (time.perf_counter() - started) / sum(map(len, parts))


def _there(clips: Tensor, counts: Tensor | None) -> Tensor | None:
    """Return which of the frames are a video's own, B x T; None where all are."""
    if counts is None:
        return None
    most = clips.shape[2]
    for number, count in enumerate(counts.tolist()):
        if not 0 < count <= most:
            raise CourseError(
                f"Video {number} of this batch, counted from 0, is said to have {count} frames of the {most}"
                " that are given. A video has one at least: leave out those in which no face was found."
            )
    return torch.arange(most, device=clips.device) < counts[:, None].to(clips.device)


def _placed(values: Tensor, videos: int, there: Tensor | None) -> Tensor:
    """Return the values of single frames (N x …) in their videos, B x T x …, and 0 where no frame is."""
    if there is None:
        return values.unflatten(0, (videos, -1))
    placed = values.new_zeros(*there.shape, *values.shape[1:])
    placed[there] = values
    return placed


def _mean(values: Tensor, there: Tensor | None) -> Tensor:
    """Return the mean over the frames that are there, B x …, of values B x T x …."""
    if there is None:
        return values.mean(dim=1)
    there = there.reshape(*there.shape, *[1] * (values.ndim - 2))
    return values.masked_fill(~there, 0).sum(dim=1) / there.sum(dim=1)


def _keys(there: Tensor | None) -> Tensor | None:
    return None if there is None else there[:, None, None, :]


def _check_settings(attention: bool, mix: bool, strength: float, maps: int, heads: int) -> None:
    if not attention and (mix or strength):
        raise CourseError(
            "Mixed features and the dynamic head stand on the attention among frames: with attention=False"
            " leave `mix` and `strength` out."
        )
    if not 0 <= strength <= 1:
        raise CourseError(f"The dynamic strength is a share from 0 to 1, not {strength}.")
    if maps < 0 or heads < 1 or WIDTH % heads:
        raise CourseError(
            f"There can be 0 attention maps or more, and heads that divide {WIDTH}; not maps={maps} and"
            f" heads={heads}."
        )
