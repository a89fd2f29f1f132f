"""How many clips a second the systems of Das et al., table I, are trained on."""

import copy
from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

from benchmarks.steps import DEVICE, fastest, in_turns, training_step
from course_utils.models.timesformer import TimeSformer
from course_utils.models.video_resnet import VideoResNet3D
from course_utils.training.precision import choose

CLIP_3D, CLIP_TRANSFORMER = (3, 16, 112, 112), (3, 8, 224, 224)
SYSTEMS = {
    "r3d_18": ("none", [], CLIP_3D),
    "r3d_18_se": ("se", [1, 2, 3, 4], CLIP_3D),
    "r3d_18_nl124": ("non_local", [1, 2, 4], CLIP_3D),
    "r3d_18_nl44": ("non_local", [4, 4, 4, 4], CLIP_3D),
    "r3d_18_nl1234": ("non_local", [1, 2, 3, 4], CLIP_3D),
    "timesformer": ("joint", [], CLIP_TRANSFORMER),
}
CLIPS = 16 if DEVICE.type == "cuda" else 2


def measure(_folder: Path) -> tuple[list[dict], str]:
    """Return the lines of bench.json, and a title; on a GPU each system compiled, beside it as it is."""
    lines = []
    for name, (attention, after, clip) in SYSTEMS.items():
        clips = torch.randn(CLIPS, *clip, device=DEVICE)
        model = _build(attention, after).to(DEVICE)
        precision = choose(model, clips)
        as_it_is = training_step(model, precision, clips)
        title = f"train_{name}_{precision.name}"
        if DEVICE.type == "cuda":
            compiled = training_step(torch.compile(copy.deepcopy(model)), precision, clips)
            lines.append(in_turns(title, CLIPS, compiled, as_it_is, unit="clips/s"))
        else:
            lines.append(_alone(title, as_it_is))
    return lines, f"training on {CLIPS} clips of noise; {DEVICE.type}"


def _build(attention: str, after: list[int]) -> nn.Module:
    if attention == "joint":
        return TimeSformer("joint")
    return VideoResNet3D(attention=attention, after=after)


def _alone(name: str, step: Callable[[], None]) -> dict:
    step()
    value = CLIPS / fastest(step, times=2)
    return {"name": name, "value": value, "unit": "clips/s", "baseline": None, "ratio": None, "spread": None}
