"""Which number format to train in: float32, or bfloat16 where the machine has units for it.

Under autocast the weights stay float32; convolutions and matrix products compute in bfloat16, which has
float32's range (so no loss scaling) and 8 bits of precision instead of 24.
"""

import copy
import time
from dataclasses import asdict, dataclass, field

import torch
from torch import Tensor, nn

from course_utils.errors import CourseError

REQUESTS = ("auto", "float32", "bf16")
# bfloat16 must be worth its lost bits; the margin also keeps a noisy trial from deciding by chance.
WORTH_IT = 1.25


@dataclass(frozen=True)
class Precision:
    """How a run computes.

    Attributes:
        name: "float32" or "bf16".
        channels_last: whether pictures and convolution weights lie in memory channel by channel for each
            pixel, which convolutions prefer; the numbers' meaning and the shapes stay the same.
        trial: seconds of a training step in each format tried; empty when there was nothing to choose.
    """

    name: str
    channels_last: bool
    trial: dict[str, float] = field(default_factory=dict)

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

    "auto" times training steps on a copy of the model for about a second and takes bf16 where it is a
    quarter faster. The model and the random generators are left as they were.

    Args:
        model: on the device it will be trained on; returns a tensor.
        batch: an input batch on that device, B x C x H x W for pictures.
        requested: "auto", "float32" or "bf16".

    Raises:
        CourseError: `requested` is none of these.
    """
    if requested not in REQUESTS:
        raise CourseError(f"precision={requested!r} is not known. Use one of {', '.join(REQUESTS)}.")
    channels_last = batch.ndim == 4 and any(isinstance(module, nn.Conv2d) for module in model.modules())
    if requested != "auto":
        return Precision(requested, channels_last)
    generators = [torch.cuda.current_device()] if batch.is_cuda else []
    with torch.random.fork_rng(devices=generators):
        replica = copy.deepcopy(model)
        trial = {
            name: _seconds_a_step(replica, batch, Precision(name, channels_last))
            for name in ("float32", "bf16")
        }
    name = "bf16" if trial["bf16"] * WORTH_IT < trial["float32"] else "float32"
    return Precision(name, channels_last, trial)


def _seconds_a_step(model: nn.Module, batch: Tensor, precision: Precision) -> float:
    model, batch = precision.arrange(model).train(), precision.arrange(batch)

    def step() -> float:
        started = time.perf_counter()
        with precision.autocast(batch.device):
            output = model(batch)
        output.float().square().mean().backward()
        model.zero_grad()
        if batch.is_cuda:
            torch.cuda.synchronize()
        return time.perf_counter() - started

    step()  # the first one also sets up kernels and memory
    seconds = [step()]
    while sum(seconds) < 0.25 and len(seconds) < 50:
        seconds.append(step())
    return min(seconds)
