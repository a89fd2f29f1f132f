"""Clips for networks that see time: some frames of a video, from among those that a sample table has."""

import copy
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms.v2 import functional

from course_utils.data.datasets import NORMALISE, PictureDataset
from course_utils.errors import CourseError

RULES = ("random", "chunks", "middle")
ORDERS = ("as filmed", "shuffled", "still")
CROPS = {"top left": 0, "centre": 0.5, "bottom right": 1}  # share of the room that lies above and left
VIDEO = ["dataset", "compression", "method", "video"]  # what tells one video's frames from another's


class ClipDataset(Dataset):
    """Clips of videos: item i is (uint8 tensor 3 x T x H x W, label 0 or 1).

    Strides and chunks count the frames that the sample table has of a video, in order: with every frame in it
    (``load_dataset(name, frames="every 1")``) they are the video's own, and a frame without a face is passed
    over. Which clips a video gives, `clips` says:

    - "random", to learn from: one, which begins anywhere, drawn each time from torch's generator;
    - "chunks", the 3D ResNets' test (Das et al. 2021, section V.A): the video is cut into chunks of `chunk`
      frames, and a chunk into clips one after the other. What does not fill a clip at the end of a chunk,
      or of the video, is left out. The video's score is the mean of its chunks', and a chunk's that of its
      clips: ``per_video(predictions, chunks=clips.samples["chunk"])``;
    - "middle", TimeSformer's test (the same): the one in the middle of the video, three times, cut out of its
      frames at the top left, in the centre and at the bottom right. The video's score is the mean of the
      three: ``per_video(predictions)``. How large the frames are that it is cut from the paper does not say.

    A video that is too short for a clip at `stride`, or whose chunks are, gets the longest stride at which
    one fits; one with fewer frames than a clip starts again from its first until the clip is full.

    Args:
        samples: rows of a sample table, which are frames of videos.
        root: the folder that `path` is relative to.
        image_size: side of a clip's frames, H and W, in pixels.
        frames: how many a clip has, T.
        stride: how far apart they are: 1 takes each frame, 32 every 32nd.
        clips: "random", "chunks" or "middle".
        transform: what happens to a clip, T x 3 x H x W: whatever is drawn is the same for all its frames,
            e.g. with `train_transform`. None leaves it as it is.
        read_size: side to which frames are brought before a clip is cut out of them; `image_size` if None.
            Of a random clip the transform cuts, e.g. ``train_transform(image_size, padding=0)``; else, and
            where there is none, it is cut out in the centre.
        chunk: frames a chunk.
        side_by_side: an original and the fakes made of it (the same target and compression) follow one
            another in shuffled batches, with the same frames and the same augmentation, as Shiohara &
            Yamasaki 2022 do: what they have in common then teaches nothing, and what differs is learnt
            sooner.
        pad: a video with fewer frames than a clip is not looped, but filled up with black frames; items are
            then (clip, label, number of the frames that are the video's own).
        order: "as filmed"; "shuffled", the same frames in an order drawn from torch's generator; or "still",
            the middle one all the time. A model that uses time does worse on the latter two.
        normalise: mean and standard deviation for `batch_transform`.
        memory_limit_mb: decoded frames are kept up to this much (shared out among the workers).

    Attributes:
        samples: a row a clip: that of its first frame (of a random clip: the video's first), and beside it
            the ``stride`` that it got, the number of its ``chunk`` in the video from 0, its ``crop``, and
            whether it is ``looped``.
        labels: the clips' (n).
        together: with `side_by_side`, the number of the original that each clip is of or made of (n).

    Raises:
        CourseError: a frame belongs to no video, a setting is unknown or out of range, a chunk is shorter
            than a clip, or three crops would be the same.
    """

    def __init__(
        self,
        samples: pd.DataFrame,
        root: Path,
        image_size: int,
        frames: int = 16,
        stride: int = 1,
        *,
        clips: str = "random",
        transform: Callable[[Tensor], Tensor] | None = None,
        read_size: int | None = None,
        chunk: int = 250,
        side_by_side: bool = False,
        pad: bool = False,
        order: str = "as filmed",
        normalise: tuple[Sequence[float], Sequence[float]] = NORMALISE,
        memory_limit_mb: float = 1024,
    ) -> None:
        self.image_size = image_size
        self.read_size = read_size or image_size
        self.frames = frames
        self.stride = stride
        self.clips = clips
        self.transform = transform
        self.chunk = chunk
        self.pad = pad
        self.order = order
        self._check(samples)
        self._pictures = PictureDataset(
            samples, root, self.read_size, normalise=normalise, memory_limit_mb=memory_limit_mb
        )
        self._videos = _rows_of_videos(self._pictures.samples)
        self.samples, self._places = self._all_clips()
        self.labels = self.samples["label"].to_numpy(np.int64)
        self.together = None
        if side_by_side:
            self.together = self.samples.groupby(["compression", "target"], dropna=False).ngroup().to_numpy()

    @property
    def content(self) -> str:
        """What the clips are, in words, for a run's configuration."""
        return (
            f"{self.frames} of {len(self._pictures)} frames at stride {self.stride}, clips {self.clips},"
            f" chunks of {self.chunk}, {self.order}, {self.image_size} of {self.read_size} pixels"
            f"{', side by side' if self.together is not None else ''}{', filled up' if self.pad else ''}"
        )

    def reordered(self, order: str) -> Self:
        """Return the same clips with their frames in another `order`; what is decoded is not decoded again.

        Raises:
            CourseError: there is no such order.
        """
        other = copy.copy(self)
        other.order = order
        other._check_rules()
        return other

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Tensor, int] | tuple[Tensor, int, int]:
        """Return one clip and its label, and with `pad` the number of its own frames.

        Raises:
            CourseError: a frame's file is gone or damaged.
        """
        video, start, stride = self._places[index]
        rows = self._videos[video]
        if self.clips == "random":
            start = int(torch.randint(1 + max(0, len(rows) - self._span(stride)), ()))
        own = min(self.frames, len(rows)) if self.pad else self.frames
        chosen = rows[(start + stride * np.arange(own)) % len(rows)]
        clip = torch.stack([self._pictures[row][0] for row in chosen.tolist()])
        if self.clips != "random" or self.transform is None:
            clip = self._cut(clip, self.samples["crop"][index])
        if self.transform is not None:
            clip = self.transform(clip)
        # Last, so that the same seed gives the same frames with the same augmentation in any order.
        clip = self._ordered(clip).transpose(0, 1)
        if not self.pad:
            return clip.contiguous(), int(self.labels[index])
        filled = torch.nn.functional.pad(clip, (0, 0, 0, 0, 0, self.frames - clip.shape[1]))  # black
        return filled, int(self.labels[index]), own

    def batch_transform(self, batch: Tensor) -> Tensor:
        """Return a uint8 batch B x 3 x T x H x W, on any device, as normalised float32."""
        return self._pictures.batch_transform(batch.transpose(1, 2)).transpose(1, 2)

    def _check(self, samples: pd.DataFrame) -> None:
        alone = int((samples["video"].fillna("") == "").sum())
        if alone:
            raise CourseError(
                f"Clips are cut from videos, and {alone} of {len(samples)} samples belong to none (column"
                " 'video' is empty). Choose a data set of videos: its manifest has `frames`."
            )
        self._check_rules()
        if min(self.frames, self.stride) < 1:
            raise CourseError(
                f"A clip has at least one frame, and strides are at least 1; not frames={self.frames} and"
                f" stride={self.stride}."
            )
        if self.clips == "chunks" and self.chunk < self.frames:
            raise CourseError(
                f"No clip of {self.frames} frames fits into a chunk of {self.chunk}: give `chunk` more."
            )
        if self.read_size < self.image_size + (self.clips == "middle"):
            raise CourseError(
                f"Clips of {self.image_size} pixels a side cannot be cut out of frames of {self.read_size},"
                " and three crops as large as the frames are the same: give `read_size` more, e.g. 256 for"
                " 224."
            )

    def _check_rules(self) -> None:
        for name, known in (("clips", RULES), ("order", ORDERS)):
            if (value := getattr(self, name)) not in known:
                raise CourseError(f"{name}={value!r} is not known. Use one of {', '.join(known)}.")

    def _all_clips(self) -> tuple[pd.DataFrame, list[tuple[int, int, int]]]:
        """Return the clip table, and of each clip its video's number, first frame and stride."""
        places, told = [], []
        for video, rows in enumerate(self._videos):
            stride = self._fitting_stride(len(rows))
            looped = len(rows) < self.frames and not self.pad
            for chunk, start in self._starts(len(rows), stride):
                for crop in CROPS if self.clips == "middle" else ["centre"]:
                    places.append((video, start, stride))
                    told.append({"stride": stride, "chunk": chunk, "crop": crop, "looped": looped})
        first = [self._videos[video][start] for video, start, _ in places]
        table = self._pictures.samples.iloc[first].reset_index(drop=True)
        return table.join(pd.DataFrame(told)), places

    def _fitting_stride(self, there: int) -> int:
        room = min(there, self.chunk) if self.clips == "chunks" else there
        return max(1, min(self.stride, (room - 1) // max(1, self.frames - 1)))

    def _starts(self, there: int, stride: int) -> list[tuple[int, int]]:
        """Return (chunk, position of the first frame) of each clip of a video that has `there` frames."""
        span = self._span(stride)
        if self.clips != "chunks":
            return [(0, max(0, there - span) // 2 if self.clips == "middle" else 0)]
        starts = []
        for number, begin in enumerate(range(0, there, self.chunk)):
            end = min(begin + self.chunk, there)
            starts += [(number, start) for start in range(begin, end - span + 1, self.frames * stride)]
        return starts or [(0, 0)]  # with fewer frames than a clip

    def _span(self, stride: int) -> int:
        return (self.frames - 1) * stride + 1

    def _cut(self, clip: Tensor, crop: str) -> Tensor:
        corner = int(CROPS[crop] * (self.read_size - self.image_size))
        return functional.crop(clip, corner, corner, self.image_size, self.image_size)

    def _ordered(self, clip: Tensor) -> Tensor:
        if self.order == "shuffled":
            return clip[torch.randperm(len(clip))]
        if self.order == "still":
            return clip[len(clip) // 2].expand_as(clip)
        return clip


def _rows_of_videos(samples: pd.DataFrame) -> list[np.ndarray]:
    """Return the numbers of each video's rows, by frame; videos in the order in which they begin."""
    by_frame = samples.sort_values("frame", kind="stable")
    videos = by_frame.groupby(VIDEO, sort=False, dropna=False).indices.values()
    rows = [by_frame.index.to_numpy()[positions] for positions in videos]
    return sorted(rows, key=np.min)
