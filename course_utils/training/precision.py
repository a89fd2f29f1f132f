"""Which number format to train in: float32, or bfloat16 where the machine has units for it.

Under autocast the weights stay float32; convolutions and matrix products compute in bfloat16, which has
float32's range (so no loss scaling) and 8 bits of precision instead of 24.
"""

import copy
import time
from dataclasses import asdict, dataclass

import torch
from torch import Tensor, nn

from course_utils.errors import CourseError

# How many times as fast float32 must be in the trial to overrule what the hardware promises. The
# same run on the same machine should choose the same each time, even while other programs disturb the trial.
CLEARLY = 1.5
TRIAL_BATCH = 16  # samples: enough to tell the formats apart, and several steps fit into a second


@dataclass(frozen=True)
class Precision:
    """How a run computes.

    Attributes:
        name: "float32" or "bf16".
        channels_last: whether pictures and convolution weights lie in memory channel by channel for each
            pixel, which convolutions prefer; the numbers' meaning and the shapes stay the same.
    """

    name: str
    channels_last: bool

    def autocast(self, device: torch.device) -> torch.autocast:
        """Return the context in which to compute losses."""
        return torch.autocast(device.type, torch.bfloat16, enabled=self.name == "bf16")

    def arrange(self, tensor_or_model: Tensor | nn.Module) -> Tensor | nn.Module:
        """Return a model (arranged in place) or a batch in this memory layout."""
        if not self.channels_last:
            return tensor_or_model
        return tensor_or_model.to(memory_format=torch.channels_last)

    def as_dict(self) -> dict:
        """Return the fields, for a checkpoint: ``Precision(**precision.as_dict())`` is the same again."""
        return asdict(self)


def choose(model: nn.Module, batch: Tensor, requested: str = "auto") -> Precision:
    """Return the precision to train `model` in.

    "auto" is float32 where the device has no units for bf16: imitating it can take minutes a step, and a
    trial as well. Where it has, bf16 is expected to be faster, and a trial may decide otherwise: training
    steps on a copy of the model for about a second. The model and the random generators are left as they
    were.

    3D convolutions on a processor are always float32: torch 2.12's bf16 kernels (oneDNN) were seen to return
    wrong weight gradients of padded convolutions over two frames, and to write outside their memory.

    Args:
        model: on the device it will be trained on; returns a tensor.
        batch: an input batch on that device, B x C x H x W for pictures.
        requested: "auto", "float32" or "bf16".

    Raises:
        CourseError: `requested` is bf16 of 3D convolutions on a processor.
    """
    if batch.device.type == "cpu" and any(isinstance(module, nn.Conv3d) for module in model.modules()):
        if requested == "bf16":
            raise CourseError(
                f"{type(model).__name__} has 3D convolutions, whose bf16 gradients are wrong on a processor."
                ' Use precision="auto" or "float32" here, or a GPU.'
            )
        return Precision("float32", channels_last=False)
    channels_last = batch.ndim == 4 and any(isinstance(module, nn.Conv2d) for module in model.modules())
    if requested != "auto":
        return Precision(requested, channels_last)
    if not has_bf16_units(batch.device):
        return Precision("float32", channels_last)
    trial = _trial(model, batch[:TRIAL_BATCH], channels_last)
    if trial["bf16"] > CLEARLY * trial["float32"]:  # a surprise: was the machine busy? look again
        again = _trial(model, batch[:TRIAL_BATCH], channels_last)
        trial = {name: min(trial[name], again[name]) for name in trial}
    name = "float32" if trial["bf16"] > CLEARLY * trial["float32"] else "bf16"
    return Precision(name, channels_last)


def has_bf16_units(device: torch.device) -> bool:
    """Return whether the device computes in bfloat16 itself, instead of imitating it."""
    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()


def _trial(model: nn.Module, batch: Tensor, channels_last: bool) -> dict[str, float]:
    """Return the seconds of the fastest training step in each format.

    The formats take turns, and the fastest of several steps counts: other work on the machine slows some
    steps down and speeds none up.
    """
    tried = {name: Precision(name, channels_last) for name in ("float32", "bf16")}
    seconds = {name: [] for name in tried}
    with torch.random.fork_rng(devices=[batch.device] if batch.is_cuda else []):
        replica = tried["float32"].arrange(copy.deepcopy(model)).train()
        batch = tried["float32"].arrange(batch)
        for precision in tried.values():
            _seconds_of_step(replica, batch, precision)  # the first one also sets up kernels and memory
        while sum(map(sum, seconds.values())) < 1 and len(seconds["bf16"]) < 50:
            for name, precision in tried.items():
                seconds[name].append(_seconds_of_step(replica, batch, precision))
    return {name: min(measured) for name, measured in seconds.items()}


def _seconds_of_step(model: nn.Module, batch: Tensor, precision: Precision) -> float:
    started = time.perf_counter()
    with precision.autocast(batch.device):
        output = model(batch)
    output.float().square().mean().backward()
    model.zero_grad()
    if batch.is_cuda:
        torch.cuda.synchronize()
    return time.perf_counter() - started
