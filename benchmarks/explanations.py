"""How fast Xception is fine-tuned in each memory layout, and how fast Grad-CAM explains it."""

import copy
from pathlib import Path

import torch
from pytorch_grad_cam import GradCAM
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.steps import DEVICE, fastest, in_turns, training_step
from course_utils.explain import grad_cam, last_convolution
from course_utils.models.simplenet import SimpleNet
from course_utils.models.xception import get_xception_based_model
from course_utils.training.precision import Precision, has_bf16_units

TRAINED = EXPLAINED = 16  # pictures a batch


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
    pictures = torch.randn(TRAINED, 3, 128, 128)
    ours, theirs = (
        training_step(copy.deepcopy(model), Precision(precision, channels_last), pictures)
        for channels_last in (True, False)
    )
    return in_turns(f"xception_channels_last_{precision}", TRAINED, ours, theirs)


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
        in_turns(f"gradcam_batched_{name}", EXPLAINED, batched, one_by_one),
        in_turns(f"gradcam_vs_library_{name}", EXPLAINED, batched, by_library),
    ]


def _share_of_gpu() -> list[dict]:
    """Train Xception at 256² in bfloat16, and say how much of what a matrix product reaches that is."""
    pictures = torch.randn(64, 3, 256, 256)
    step = training_step(get_xception_based_model("none"), Precision("bf16", channels_last=True), pictures)
    left, right = (torch.randn(8192, 8192, device=DEVICE, dtype=torch.bfloat16) for _ in range(2))
    with FlopCounterMode(display=False) as counter:
        step()
    operations = counter.get_total_flops()
    seconds, product = (fastest(work) for work in (step, lambda: left @ right))
    reached, possible = operations / seconds, 2 * 8192**3 / product
    alone = {"baseline": None, "ratio": None, "spread": None}
    return [
        {"name": "xception_256_bf16", "value": 64 / seconds, "unit": "pictures/s", **alone},
        {"name": "xception_256_share_of_gpu", "value": 100 * reached / possible, "unit": "%", **alone},
    ]
