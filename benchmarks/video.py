"""How much memory non-local attention takes in training, beside blocks that form their affinity."""

import copy
import itertools
import os
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from course_utils.models.video_resnet import NonLocalBlock, VideoResNet3D

# Channels, frames, rows and columns that the four stages of a 3D ResNet-18 leave of 16 x 112² pixels.
FEATURES = ((64, 8, 28, 28), (128, 4, 14, 14), (256, 2, 7, 7), (512, 1, 4, 4))
CLIPS = 2


class PlainNonLocal(NonLocalBlock):
    """The same block as one would write it first: the affinity, its softmax, their product."""

    def forward(self, features: Tensor) -> Tensor:
        theta, phi, g = (embed(features).flatten(2) for embed in (self.theta, self.phi, self.g))
        affinity = torch.softmax(theta.transpose(1, 2) @ phi * self.scale, dim=2)  # B x N x N
        taken = (affinity @ g.transpose(1, 2)).transpose(1, 2)
        return features + self.norm(self.out(taken.unflatten(2, features.shape[2:])))


def measure(folder: Path) -> tuple[list[dict], str]:
    """Return the lines of bench.json, and a title.

    `non_local_memory` adds up a block after each of the four stages, measured alone; `spread` has the ratios
    of the stages, of which the last have few positions and nothing to save. `r3d_18_non_local_memory` is the
    network that has all four.
    """
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")  # or torch's profiler tells when it starts and stops
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    blocks = [(NonLocalBlock(size[0]), torch.randn(CLIPS, *size)) for size in FEATURES]
    network = (VideoResNet3D(attention="non_local"), torch.randn(CLIPS, 3, 16, 112, 112))
    lines = [
        _line("non_local_memory", [_peaks(*pair, device) for pair in blocks]),
        _line("r3d_18_non_local_memory", [_peaks(*network, device)]),
    ]
    return lines, f"a step in training on {CLIPS} clips of 16 x 112², beside the affinity formed; {device}"


def _peaks(model: nn.Module, given: Tensor, device: torch.device) -> tuple[float, float]:
    """Return MB that a step needs with fused blocks and with plain ones, over weights and gradients."""
    plain = copy.deepcopy(model)
    for block in plain.modules():
        if isinstance(block, NonLocalBlock):
            block.__class__ = PlainNonLocal
    return _peak(model.to(device), given.to(device)), _peak(plain.to(device), given.to(device))


def _peak(model: nn.Module, given: Tensor) -> float:
    given.requires_grad_()
    model(given).sum().backward()  # makes the gradients, which stay
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True, acc_events=True) as profiler:
        model(given).sum().backward()
    # What torch's allocators give out, and take back as negative numbers, in the order of time.
    events = [event for event in profiler.profiler.kineto_results.events() if event.name() == "[memory]"]
    events.sort(key=lambda event: event.start_ns())
    return max(itertools.accumulate(event.nbytes() for event in events)) / 1e6


def _line(name: str, peaks: list[tuple[float, float]]) -> dict:
    ours, plain = (sum(column) for column in zip(*peaks, strict=True))
    ratios = [theirs / own for own, theirs in peaks]
    return {
        "name": name,
        "value": ours,
        "unit": "MB",
        "baseline": plain,
        "ratio": plain / ours,
        "spread": [min(ratios), max(ratios)],
    }
