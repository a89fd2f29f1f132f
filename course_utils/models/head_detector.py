"""EfficientDet-D0 (Tan, Pang & Le 2020) with one class, a head; and as a detector that crops data sets.

Govi, Poppi & Marinelli (section 3) train it on HollywoodHeads. The network, its anchors and how boxes are
told against them are those of `effdet`, whose boxes are y0 x0 y1 x1; those of the course are x0 y0 x1 y1.
"""

import logging
from functools import cache
from pathlib import Path

import numpy as np
import torch
from effdet import EfficientDet, get_efficientdet_config
from effdet.anchors import AnchorLabeler, Anchors, decode_box_outputs
from torch import Tensor
from torch.nn import functional
from torchvision.ops import clip_boxes_to_image, nms, sigmoid_focal_loss

from course_utils import paths
from course_utils.data.faces import Face
from course_utils.data.head_scenes import fit_into, normalised
from course_utils.errors import CourseError
from course_utils.models.pretrained import Published, initialise

COARSEST = 128  # pixels between the anchors of the coarsest level
SAME_HEAD = 0.5  # intersection over union from which two boxes are taken for one head
CANDIDATES = 1000  # the surest anchors, which may become heads
MOST_HEADS = 100  # of a picture, as many as COCO's evaluation looks at
YXYX = [1, 0, 3, 2]
REFERENCE = "08_head_detector"  # in reference_runs/: our own weights, and what is known of them

IMAGENET = Published(
    "ImageNet (timm tf_efficientnet_b0.in1k)",
    "https://github.com/huggingface/pytorch-image-models/releases/download/v0.1-weights/tf_efficientnet_b0-0af12548.pth",
    "0af12548",
)


class HeadNetwork(EfficientDet):
    """EfficientDet-D0 that says for each anchor whether there is a head, and where: 3,828,002 parameters.

    It takes B x 3 x S x S pictures as `head_scenes.normalised` gives them, and returns B x N x 5: the logit,
    and the head's centre (y, x) and log size (height, width) relative to the anchor. Its parts are
    `backbone` (EfficientNet-B0), `fpn` (the BiFPN), `class_net` and `box_net`.

    Args:
        image_size: S, a multiple of 128.
        weights: "auto", a backbone of ImageNet's weights where they can be had; "none", random; "reference",
            the course's own detector; or the path of a file of the whole network. ``model.origin`` says what
            it became.

    Raises:
        CourseError: the size does not fit, there is no such file, or it does not hold weights of this model.
    """

    def __init__(self, image_size: int = 512, weights: str | Path = "none") -> None:
        config = _config(image_size)
        # effdet tells the root logger what it builds, and whoever is first to do so has all logs on stderr.
        quiet = logging.NullHandler()
        logging.root.addHandler(quiet)
        super().__init__(config, pretrained_backbone=False)
        logging.root.removeHandler(quiet)
        if weights == "reference":
            weights = paths.reference_runs() / f"{REFERENCE}.safetensors"
        if weights in ("auto", "none"):
            initialise(self.backbone, weights, IMAGENET, head="", adapt=_without_classifier)
            self.origin = self.backbone.origin
        else:
            initialise(self, weights, IMAGENET, head="")
        self.image_size = image_size
        self.to(memory_format=torch.channels_last)  # a picture takes two thirds of the time on a processor

    def forward(self, pictures: Tensor) -> Tensor:
        """Return what is said of each anchor, B x N x 5."""
        parts = super().forward(pictures)  # of classes and of boxes, each a list of levels B x . x H x W
        logits, boxes = (
            torch.cat([level.permute(0, 2, 3, 1).reshape(len(pictures), -1, size) for level in levels], dim=1)
            for levels, size in zip(parts, (1, 4), strict=True)
        )
        return torch.cat([logits, boxes], dim=2)


class AnchorGrid:
    """The anchors of a `HeadNetwork`, and boxes told against them.

    `boxes` (N x 4, x0 y0 x1 y1 in pixels, some over the border) are nine in each cell of five levels, from
    8 to 128 pixels apart: squares and oblongs, at three sizes.

    Args:
        image_size: side of the pictures in pixels, a multiple of 128.
    """

    def __init__(self, image_size: int) -> None:
        anchors = Anchors.from_config(_config(image_size))
        self.image_size = image_size
        self.boxes = anchors.boxes[:, YXYX]
        self._labeler = AnchorLabeler(anchors, num_classes=1, match_threshold=0.5)

    def encode(self, boxes: Tensor) -> tuple[Tensor, Tensor]:
        """Return what a network should say of a picture with these heads.

        An anchor answers for a head if they overlap by half, and each head has the anchor that fits best.

        Args:
            boxes: n x 4, x0 y0 x1 y1 in pixels.

        Returns:
            Whether each anchor answers for a head (N float32, 0 or 1), and that head's box relative to it
            (N x 4, zeros where there is none).
        """
        if not len(boxes):
            return torch.zeros(len(self.boxes)), torch.zeros(len(self.boxes), 4)
        classes, targets, _ = self._labeler.label_anchors(boxes[:, YXYX].float(), torch.ones(len(boxes)))
        classes = torch.cat([level.flatten() for level in classes])  # 0 is the class "head", below is none
        return (classes == 0).float(), torch.cat([level.reshape(-1, 4) for level in targets])

    def decode(self, output: Tensor, threshold: float) -> tuple[Tensor, Tensor]:
        """Return the heads that a network found in one picture, the surest first, 100 at most.

        Args:
            output: N x 5, of `HeadNetwork`.
            threshold: lowest score of a head, 0 to 1.

        Returns:
            Boxes (n x 4, x0 y0 x1 y1 in pixels, within the square) and scores (n).
        """
        scores, surest = output[:, 0].sigmoid().topk(min(CANDIDATES, len(output)))
        scores, surest = scores[scores >= threshold], surest[scores >= threshold]
        boxes = decode_box_outputs(output[surest, 1:], self.boxes[surest][:, YXYX], output_xyxy=True)
        boxes = clip_boxes_to_image(boxes, (self.image_size, self.image_size))
        kept = nms(boxes, scores, SAME_HEAD)[:MOST_HEADS]
        return boxes[kept], scores[kept]


def detection_losses(output: Tensor, answers: Tensor, targets: Tensor) -> Tensor:
    """Return each picture's loss (B), a sum over its anchors: focal for "a head?", 50 x Huber for the box.

    The weights are those of EfficientDet: alpha 0.25, gamma 1.5; Huber's delta 0.1, its mean over four sides.

    Args:
        output: B x N x 5, of `HeadNetwork`.
        answers: B x N, and
        targets: B x N x 4, of `AnchorGrid.encode`.
    """
    focal = sigmoid_focal_loss(output[..., 0], answers, alpha=0.25, gamma=1.5)
    huber = functional.huber_loss(output[..., 1:], targets, reduction="none", delta=0.1).mean(dim=2)
    return (focal + 50 * answers * huber).sum(dim=1)


class HeadDetector:
    """A `HeadNetwork` as a `faces.FaceDetector`: whole heads, from any side, in pictures of any form.

    Args:
        network: trained; it is put into eval mode.
        threshold: lowest score of a head, 0 to 1.
    """

    def __init__(self, network: HeadNetwork, threshold: float) -> None:
        self.network = network.eval()
        self.threshold = threshold
        self.anchors = AnchorGrid(network.image_size)
        self.name = f"EfficientDet-D0 ({network.origin})"

    @torch.inference_mode()
    def detect(self, picture: np.ndarray) -> list[Face]:
        """Return the heads in a picture (H x W x 3 uint8 RGB), the surest first; they have no points."""
        square, scale = fit_into(picture, self.network.image_size)
        device = next(self.network.parameters()).device
        output = self.network(normalised(square[None].to(device)))[0].float().cpu()
        boxes, scores = self.anchors.decode(output, self.threshold)
        boxes = clip_boxes_to_image(boxes / scale, picture.shape[:2]).numpy()
        found = zip(boxes, scores.tolist(), strict=True)
        return [Face(box, score) for box, score in found if (box[2:] > box[:2]).all()]


@cache
def load_head_detector(image_size: int, weights: str | Path, threshold: float) -> HeadDetector:
    """Return a detector with weights of `HeadNetwork`; the same object each time in a process.

    A `functools.partial` of it can be sent to other processes, where a detector itself would be large.
    """
    return HeadDetector(HeadNetwork(image_size, weights), threshold)


def find_head_detector() -> HeadDetector:
    """Return the course's own head detector, trained on drawn scenes; the same object each time.

    Raises:
        CourseError: its weights are not where the course was installed from.
    """
    known = paths.read_reference(REFERENCE)
    return load_head_detector(known["image_size"], "reference", known["threshold"])


def _config(image_size: int) -> object:
    if image_size < COARSEST or image_size % COARSEST:
        raise CourseError(f"image_size={image_size} does not fit; expected a multiple of {COARSEST}.")
    config = get_efficientdet_config("tf_efficientdet_d0")
    config.num_classes, config.image_size = 1, (image_size, image_size)
    return config


def _without_classifier(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return of the weights of an EfficientNet those that compute features."""
    parts = ("conv_head.", "bn2.", "classifier.")
    return {name: tensor for name, tensor in weights.items() if not name.startswith(parts)}
