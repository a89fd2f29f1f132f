"""Steps of training, and how long they take."""

import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from course_utils.training.precision import Precision
from course_utils.training.settings import Choice, make_optimizer

TURNS = 3
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def training_step(model: nn.Module, precision: Precision, inputs: Tensor) -> Callable[[], None]:
    """Return a function that makes one step of training: forward, backward, and the optimizer's."""
    model = precision.arrange(model.to(DEVICE).train())
    optimizer = make_optimizer(Choice(name="Adam", params={"lr": 1e-3}), model)
    inputs = precision.arrange(inputs.to(DEVICE))
    labels = torch.arange(len(inputs), device=DEVICE) % 2

    def step() -> None:
        optimizer.zero_grad()
        with precision.autocast(DEVICE):
            logits = model(inputs)
        functional.cross_entropy(logits.float(), labels).backward()
        optimizer.step()

    return step


def in_turns(
    name: str, items: int, ours: Callable[[], None], theirs: Callable[[], None], unit: str = "pictures/s"
) -> dict:
    """Return a line of bench.json on two ways to deal with some items, which meet the same disturbances."""
    ours(), theirs()  # the first time also sets up kernels and memory
    turns = [(_seconds(ours), _seconds(theirs)) for _ in range(TURNS)]
    ratios = [slow / fast for fast, slow in turns]
    fast, slow = (sum(column) for column in zip(*turns, strict=True))
    return {
        "name": name,
        "value": TURNS * items / fast,
        "unit": unit,
        "baseline": TURNS * items / slow,
        "ratio": slow / fast,
        "spread": [min(ratios), max(ratios)],
    }


def fastest(work: Callable[[], object], times: int = 20) -> float:
    """Return the seconds of the fastest of several times."""
    return min(_seconds(work) for _ in range(times))


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started
