"""How fast Xception is fine-tuned in each memory layout, and how fast Grad-CAM explains it."""

import copy
import time
from collections.abc import Callable
from pathlib import Path

import torch
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.flop_counter import FlopCounterMode

from course_utils.explain import grad_cam, last_convolution
from course_utils.models.simplenet import SimpleNet
from course_utils.models.xception import get_xception_based_model
from course_utils.training.precision import Precision, has_bf16_units
from course_utils.training.settings import Choice, make_optimizer

TURNS = 3
TRAINED = EXPLAINED = 16  # pictures a batch
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def measure(_folder: Path) -> tuple[list[dict], str]:
    """Return the lines of bench.json, and what they are of."""
    precisions = ["float32"] + ["bf16"] * has_bf16_units(DEVICE)
    lines = [_channels_last(precision) for precision in precisions]
    for size in (128, 256):
        for name, model in (("xception", get_xception_based_model("none")), ("simplenet", SimpleNet(size))):
            lines += _explaining(f"{name}_{size}", model.to(DEVICE).eval(), size)
    if DEVICE.type == "cuda":
        lines += _share_of_gpu()
    return lines, f"pictures of noise; {DEVICE.type}"


def _channels_last(precision: str) -> dict:
    """Set training in the layout that pictures prefer beside training in torch's own."""
    model = get_xception_based_model("none")
    ours, theirs = (
        _training(copy.deepcopy(model), Precision(precision, channels_last), size=128)
        for channels_last in (True, False)
    )
    return _in_turns(f"xception_channels_last_{precision}", TRAINED, ours, theirs)


def _explaining(name: str, model: nn.Module, size: int) -> list[dict]:
    """Set Grad-CAM on a batch beside Grad-CAM one by one, and beside the library's on the same batch."""
    pictures = torch.randn(EXPLAINED, 3, size, size, device=DEVICE)
    classes = [number % 2 for number in range(EXPLAINED)]
    targets = [ClassifierOutputTarget(number) for number in classes]

    def batched() -> None:
        grad_cam(model, pictures, classes).cpu()

    def one_by_one() -> None:
        for picture, number in zip(pictures.split(1), classes, strict=True):
            grad_cam(model, picture, [number]).cpu()

    layer = model.get_submodule(last_convolution(model))

    def by_library() -> None:
        with GradCAM(model, [layer]) as library:
            library(pictures, targets)

    return [
        _in_turns(f"gradcam_batched_{name}", EXPLAINED, batched, one_by_one),
        _in_turns(f"gradcam_vs_library_{name}", EXPLAINED, batched, by_library),
    ]


def _share_of_gpu() -> list[dict]:
    """Train Xception at 256² in bfloat16, and say how much of what a matrix product reaches that is."""
    step = _training(get_xception_based_model("none"), Precision("bf16", channels_last=True), 256, batch=64)
    left, right = (torch.randn(8192, 8192, device=DEVICE, dtype=torch.bfloat16) for _ in range(2))
    with FlopCounterMode(display=False) as counter:
        step()
    operations = counter.get_total_flops()
    seconds, product = (_fastest(work) for work in (step, lambda: left @ right))
    reached, possible = operations / seconds, 2 * 8192**3 / product
    alone = {"baseline": None, "ratio": None, "spread": None}
    return [
        {"name": "xception_256_bf16", "value": 64 / seconds, "unit": "pictures/s", **alone},
        {"name": "xception_256_share_of_gpu", "value": 100 * reached / possible, "unit": "%", **alone},
    ]


def _training(model: nn.Module, precision: Precision, size: int, batch: int = TRAINED) -> Callable[[], None]:
    """Return a function that makes one step of training: forward, backward, and the optimizer's."""
    model = precision.arrange(model.to(DEVICE).train())
    optimizer = make_optimizer(Choice(name="Adam", params={"lr": 1e-3}), model)
    pictures: Tensor = precision.arrange(torch.randn(batch, 3, size, size, device=DEVICE))
    labels = torch.arange(batch, device=DEVICE) % 2

    def step() -> None:
        optimizer.zero_grad()
        with precision.autocast(DEVICE):
            logits = model(pictures)
        functional.cross_entropy(logits.float(), labels).backward()
        optimizer.step()

    return step


def _in_turns(name: str, pictures: int, ours: Callable[[], None], theirs: Callable[[], None]) -> dict:
    """Return a line of bench.json on two ways to deal with pictures, which meet the same disturbances."""
    ours(), theirs()  # the first time also sets up kernels and memory
    turns = [(_seconds(ours), _seconds(theirs)) for _ in range(TURNS)]
    ratios = [slow / fast for fast, slow in turns]
    fast, slow = (sum(column) for column in zip(*turns, strict=True))
    return {
        "name": name,
        "value": TURNS * pictures / fast,
        "unit": "pictures/s",
        "baseline": TURNS * pictures / slow,
        "ratio": slow / fast,
        "spread": [min(ratios), max(ratios)],
    }


def _fastest(work: Callable[[], object]) -> float:
    return min(_seconds(work) for _ in range(20))


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started
