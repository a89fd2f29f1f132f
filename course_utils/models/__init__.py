"""The course's models: one file each, and a card for `course models`."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from course_utils.models.asrid import ASRID
from course_utils.models.asrid import VARIANTS as ASRID_VARIANTS
from course_utils.models.attention_anomaly import AttentionAnomaly
from course_utils.models.autoencoder import ConvolutionalAutoencoder
from course_utils.models.face_vit import FaceViT
from course_utils.models.mesonet import Meso4
from course_utils.models.simplenet import SimpleNet
from course_utils.models.timesformer import TimeSformer
from course_utils.models.video_resnet import VideoResNet3D
from course_utils.models.xception import get_xception_based_model
from course_utils.models.xception_variants import xception_variant

VARIANTS = "Govi, Poppi & Marinelli, sections 5.3 and 7"


@dataclass(frozen=True)
class ModelCard:
    """What is known of a model before it is built.

    Attributes:
        name: its name in `MODELS` and on the command line.
        build: returns it with random weights.
        input: shape of one input without the batch, e.g. (3, 256, 256) for C x H x W, or C x T x H x W.
        paper: where it was published.
        sized: whether it is built for pictures of one size, which `build` then takes.
    """

    name: str
    build: Callable[..., nn.Module]
    input: tuple[int, ...]
    paper: str
    sized: bool = False

    def build_for(self, image_size: int, **options: Any) -> nn.Module:
        """Return the model, with random weights, for pictures of `image_size` pixels a side."""
        return self.build(image_size=image_size, **options) if self.sized else self.build(**options)


def _head_network() -> nn.Module:
    from course_utils.models.head_detector import HeadNetwork  # effdet takes seconds to import

    return HeadNetwork()


MODELS = {
    card.name: card
    for card in (
        ModelCard("simplenet", SimpleNet, (3, 256, 256), "the course assignment, chapter 3.2", sized=True),
        ModelCard(
            "xception",
            partial(get_xception_based_model, weights="none"),
            (3, 256, 256),
            "Chollet 2017, with the head of the course assignment, chapter 4.2",
        ),
        ModelCard("xception_govi", xception_variant, (3, 256, 256), VARIANTS),
        ModelCard("xception_midway", partial(xception_variant, midway=True), (3, 256, 256), VARIANTS),
        ModelCard("xception_light", partial(xception_variant, light=True), (3, 256, 256), VARIANTS),
        ModelCard(
            "xception_light_midway",
            partial(xception_variant, midway=True, light=True),
            (3, 256, 256),
            VARIANTS,
        ),
        ModelCard("meso4", Meso4, (3, 256, 256), "Afchar et al. 2018", sized=True),
        ModelCard(
            "head_detector",
            _head_network,
            (3, 512, 512),
            "Tan, Pang & Le 2020, EfficientDet-D0, as in Govi et al.",
        ),
        ModelCard("face_vit", FaceViT, (3, 112, 112), "Zhong & Deng 2021, P12S8"),
        ModelCard(
            "autoencoder",
            ConvolutionalAutoencoder,
            (1, 128, 128),
            "Cultrera et al. 2023, as in Santoro 2024, figure 31",
        ),
        ModelCard("attention_anomaly", AttentionAnomaly, (3, 112, 112), "Santoro 2024, section 2"),
        ModelCard("r3d_18", VideoResNet3D, (3, 16, 112, 112), "Hara et al. 2018, as in Das et al. 2021"),
        ModelCard(
            "r3d_18_se",
            partial(VideoResNet3D, attention="se"),
            (3, 16, 112, 112),
            "Das et al. 2021, squeeze and excitation after stages 1,2,3,4",
        ),
        ModelCard(
            "r3d_18_non_local",
            partial(VideoResNet3D, attention="non_local"),
            (3, 16, 112, 112),
            "Das et al. 2021, non-local 1,2,3,4",
        ),
        ModelCard(
            "timesformer",
            TimeSformer,
            (3, 8, 224, 224),
            "Bertasius et al. 2021, divided attention (Das et al. 2021: dissociated)",
            sized=True,
        ),
        ModelCard(
            "timesformer_joint",
            partial(TimeSformer, "joint"),
            (3, 8, 224, 224),
            "Bertasius et al. 2021, joint attention, as in Das et al. 2021",
            sized=True,
        ),
        *(
            ModelCard(
                f"asrid_{name.lower().replace('+', '_')}",
                partial(ASRID, **options),
                (3, 30, 380, 380),
                f"Wang, Guo & Zhang, table 2, {name}",
            )
            for name, options in ASRID_VARIANTS.items()
        ),
    )
}


def describe() -> list[dict]:
    """Return a line a model: `name`, `input`, `parameters`, `macs` and `paper`.

    `macs` are the multiply-accumulates of one forward pass on one input. Models are built on torch's meta
    device, which knows shapes and holds no numbers: that takes no memory and next to no time.
    """
    lines = []
    for card in MODELS.values():
        with torch.device("meta"):
            model = card.build().eval()
            with FlopCounterMode(display=False) as counter, torch.no_grad():
                model(torch.empty(1, *card.input))
        lines.append(
            {
                "name": card.name,
                "input": list(card.input),
                "parameters": sum(parameter.numel() for parameter in model.parameters()),
                "macs": counter.get_total_flops() // 2,
                "paper": card.paper,
            }
        )
    return lines
