"""Pictures with any number of heads in them, as a detector is trained on them and measured."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset
from torchvision import tv_tensors
from torchvision.transforms import v2

from course_utils.data.annotations import BOX
from course_utils.data.layout import read_poses
from course_utils.data.pictures import open_prepared

if TYPE_CHECKING:  # preparing a data set may import the head detector, which takes its scenes from here
    from course_utils.data.prepare import PreparedDataset

# Mean and standard deviation of ImageNet, as the published weights of the backbone expect.
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
LEAST_KEPT = 0.35  # of a box's area: of a head that a crop cuts through, less is no head any more
SMALLEST_CROP = 0.35  # of the longer side of a picture


@dataclass(frozen=True)
class Scene:
    """A picture and the heads in it.

    Attributes:
        path: relative to the data set's root.
        group: what must never straddle splits, such as the film.
        boxes: n x 4 float32, x0 y0 x1 y1 in pixels, within the picture.
        poses: n, how each head is turned, see `layout.read_poses`.
    """

    path: str
    group: str
    boxes: np.ndarray
    poses: list[str]


def scenes(prepared: "PreparedDataset", split: str) -> list[Scene]:
    """Return the pictures of a split of a data set of heads; one with nobody in it has no boxes.

    Annotators let a box reach over the border: what is outside is cut off, and what is outside altogether is
    left out.

    Raises:
        CourseError: an annotation is gone since the data set was prepared.
    """
    found = []
    for path, heads in prepared.split(split).groupby("path", sort=True):
        annotated = heads.dropna(subset=BOX)
        told = (prepared.manifest.parse(path) or {}).get("boxes", "")
        poses = ["Unspecified"] * len(annotated)
        if len(annotated) and told.endswith(".xml"):
            poses = read_poses(prepared.root / told)
        extent = heads[["width", "height", "width", "height"]].to_numpy(np.float32)[: len(annotated)]
        boxes = np.clip(annotated[BOX].to_numpy(np.float32), 0, extent)
        inside = (boxes[:, 2:] > boxes[:, :2]).all(axis=1)
        poses = [pose for pose, kept in zip(poses, inside, strict=True) if kept]
        found.append(Scene(path, heads["group"].iloc[0], boxes[inside], poses))
    return found


def fit_into(picture: np.ndarray, side: int) -> tuple[Tensor, float]:
    """Return a picture of any form as the upper left part of a square, the rest in middle grey.

    Args:
        picture: H x W x 3 uint8.
        side: of the square, in pixels.

    Returns:
        3 x side x side uint8, and the scale: pixels of the square over pixels of the picture.
    """
    scale = side / max(picture.shape[:2])
    height, width = (min(side, max(1, round(length * scale))) for length in picture.shape[:2])
    channels_first = torch.tensor(picture).permute(2, 0, 1)  # a copy: what a file gives is often read-only
    small = v2.functional.resize(channels_first, [height, width], antialias=True)
    return v2.functional.pad(small, [0, 0, side - width, side - height], fill=127), scale


class SceneDataset(Dataset):
    """Scenes as squares: item i is (uint8 tensor 3 x side x side, what `encode` makes of its boxes).

    Args:
        prepared: the data set.
        split: which of its splits.
        side: of the squares, in pixels.
        encode: takes boxes (n x 4, x0 y0 x1 y1 in pixels of the square); its tensors must have the same
            shape for any number of boxes.
        augmented: a random square of the scene, also mirrored and in other colours, in place of the whole.

    `batch_transform` turns a uint8 batch B x 3 x side x side, on any device, into normalised float32.
    """

    def __init__(
        self,
        prepared: "PreparedDataset",
        split: str,
        side: int,
        encode: Callable[[Tensor], tuple[Tensor, ...]],
        *,
        augmented: bool = False,
    ) -> None:
        self.scenes = scenes(prepared, split)
        self.root, self.side, self.encode = prepared.root, side, encode
        self.transform = scene_transform(side) if augmented else None
        told = "".join(f"{scene.path} {scene.boxes.tolist()}" for scene in self.scenes)
        self.content = hashlib.sha256(f"{side} {told}".encode()).hexdigest()[:12]
        self.batch_transform = normalised

    def __len__(self) -> int:
        return len(self.scenes)

    def __getitem__(self, index: int) -> tuple[Tensor, ...]:
        """Return one picture and its encoded boxes.

        Raises:
            CourseError: the file is gone or damaged.
        """
        picture, boxes = self.picture(index)
        return picture, *self.encode(boxes)

    def picture(self, index: int) -> tuple[Tensor, Tensor]:
        """Return one picture (3 x side x side uint8) and its boxes (n x 4 float32, in pixels of it)."""
        scene = self.scenes[index]
        picture = np.array(open_prepared(self.root / scene.path))
        if self.transform is None:
            square, scale = fit_into(picture, self.side)
            return square, torch.from_numpy(scene.boxes) * scale
        return random_square(torch.from_numpy(picture).permute(2, 0, 1), scene.boxes, self.transform)


def normalised(batch: Tensor) -> Tensor:
    """Return a uint8 batch B x 3 x H x W as the network takes it: float32, by ImageNet's mean and spread."""
    return v2.functional.normalize(v2.functional.to_dtype(batch, torch.float32, scale=True), *IMAGENET)


def scene_transform(side: int) -> v2.Transform:
    """Return what a random square of a scene goes through: brought to `side`, mirrored, in other colours."""
    return v2.Compose(
        [
            v2.Resize((side, side), antialias=True),
            v2.RandomHorizontalFlip(),
            v2.ColorJitter(brightness=0.4, contrast=0.4, saturation=0.5, hue=0.05),
            v2.RandomGrayscale(0.1),
        ]
    )


def random_square(picture: Tensor, boxes: np.ndarray, transform: v2.Transform) -> tuple[Tensor, Tensor]:
    """Cut a random square out of a scene and transform it, and its boxes with it.

    Its side is between about a third of the scene's longer side and all of it, so that heads come in all
    sizes; beyond the border it is grey. A head of which the square shows too little is no head.

    Args:
        picture: 3 x H x W uint8.
        boxes: n x 4, x0 y0 x1 y1 in pixels.
        transform: what happens to the square.
    """
    height, width = picture.shape[1:]
    side = round(max(height, width) * float(torch.empty(1).uniform_(np.log(SMALLEST_CROP), 0).exp()))
    left, top = (
        int(torch.randint(min(0, length - side), max(0, length - side) + 1, ())) for length in (width, height)
    )
    before = [max(0, -left), max(0, -top), max(0, left + side - width), max(0, top + side - height)]
    padded = v2.functional.pad(picture, before, fill=127)
    square = padded[:, top + before[1] :, left + before[0] :][:, :side, :side]
    shifted = torch.from_numpy(boxes) - torch.tensor([left, top, left, top])
    cut = shifted.clamp(0, side)
    kept = _areas(cut) > LEAST_KEPT * _areas(shifted)
    heads = tv_tensors.BoundingBoxes(cut[kept], format="XYXY", canvas_size=(side, side))
    square, heads = transform(tv_tensors.Image(square), heads)
    return square.as_subclass(Tensor), heads.as_subclass(Tensor)


def _areas(boxes: Tensor) -> Tensor:
    return (boxes[:, 2:] - boxes[:, :2]).prod(dim=1)
