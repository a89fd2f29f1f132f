"""How fast ASRID goes through videos whose frames all go through its backbone at once, or in chunks.

Beside it, the backbone is called once for the first frames of all videos, once for the second, and so on: so
does the report's public code.
"""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.steps import DEVICE, in_turns
from course_utils.models.asrid import ASRID, fastest_chunk

VIDEOS, FRAMES = 6, 8  # the report's batch of 6 videos, of fewer frames than its 30


class FrameByFrame(ASRID):
    """The same network, which calls its backbone once for each place in the videos."""

    def _features(self, clips: Tensor, counts: Tensor | None) -> tuple[Tensor, None, None]:
        return torch.stack([self.backbone(frames) for frames in clips.unbind(dim=2)], dim=1), None, None


def measure(_folder: Path) -> tuple[list[dict], str]:
    """Return the lines of bench.json, and a title.

    Training takes all frames at once, whatever their size: batch normalisation learns from them together. So
    the large ones are measured as they are evaluated, in the chunk that a trial finds fastest.
    """
    ours, theirs = ASRID(mix=True).to(DEVICE), FrameByFrame(mix=True).to(DEVICE)
    small = _clips(112)
    lines = [
        _line("asrid_batching", _training(ours, small), _training(theirs, small)),
        _line("asrid_batching_evaluated", _evaluation(ours, small), _evaluation(theirs, small)),
    ]
    for side in (224, 380):
        large = _clips(side)
        ours.chunk = fastest_chunk(ours, large)
        name = f"asrid_{side}_in_chunks_of_{ours.chunk}"
        lines.append(_line(name, _evaluation(ours, large), _evaluation(theirs, large)))
    title = f"{VIDEOS} videos of {FRAMES} frames, 112² where not said; StaNew + Mix; {DEVICE.type}"
    return lines, title


def _clips(side: int) -> Tensor:
    return torch.randn(VIDEOS, 3, FRAMES, side, side, device=DEVICE)


def _training(model: nn.Module, clips: Tensor) -> Callable[[], None]:
    labels = torch.arange(VIDEOS, device=DEVICE) % 2

    def step() -> None:
        model.train().zero_grad()
        functional.cross_entropy(model(clips), labels).backward()

    return step


def _evaluation(model: nn.Module, clips: Tensor) -> Callable[[], None]:
    @torch.inference_mode()
    def scores() -> None:
        model.eval()(clips)

    return scores


def _line(name: str, ours: Callable[[], None], theirs: Callable[[], None]) -> dict:
    return in_turns(name, VIDEOS * FRAMES, ours, theirs, unit="frames/s")
