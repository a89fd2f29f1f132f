"""How fast clips are loaded from crops in the cache, and how fast chosen frames are read from a video."""

import time
from collections.abc import Callable
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from benchmarks.simplenet import gain
from course_utils.data.clips import ClipDataset
from course_utils.data.crops import JPEG
from course_utils.data.datasets import batches
from course_utils.data.pictures import fit_square
from course_utils.data.samples import sample_table
from course_utils.data.sampling import Sampling
from course_utils.data.video import read_frames, write_video

TURNS = 3
VIDEOS, FRAMES = 3, 256
SIZE, FACE = 320, 200  # pixels a side: of a video, and of the square around the face in its middle
CLIP_SIZE = 112
MIDDLE = slice((SIZE - FACE) // 2, (SIZE + FACE) // 2)


class FilmedClips(Dataset):
    """The clips of `clips`, whose frames are decoded from the videos each time."""

    def __init__(self, clips: ClipDataset, root: Path) -> None:
        self.samples, self.frames, self.root = clips.samples, clips.frames, root

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        clip = self.samples.iloc[index]
        numbers = range(clip["frame"], clip["frame"] + self.frames)
        faces = [
            np.array(fit_square(Image.fromarray(picture[MIDDLE, MIDDLE]), CLIP_SIZE))
            for _, picture in read_frames(self.root / f"{clip['video']}.mp4", numbers)
        ]
        return torch.from_numpy(np.stack(faces)).permute(3, 0, 1, 2).contiguous(), int(clip["label"])


def measure(folder: Path) -> tuple[list[dict], str]:
    """Return the lines of bench.json, and what they are of."""
    samples = sample_table([row for number in range(VIDEOS) for row in _film(folder, str(number))])
    cached = ClipDataset(samples, folder, CLIP_SIZE, clips="chunks", memory_limit_mb=0)
    lines = [
        _in_turns(
            "clip_loading",
            "clips/s",
            lambda: sum(len(labels) for _, labels in batches(cached, 8, shuffle=True, seed=0)),
            lambda: sum(
                len(labels) for _, labels in batches(FilmedClips(cached, folder), 8, shuffle=True, seed=0)
            ),
        )
    ]
    for words in ("first 100", "evenly 32", "evenly 4"):
        numbers = Sampling.model_validate(words).frames(FRAMES)
        lines.append(
            _in_turns(
                f"sequential_reading_{words.replace(' ', '_')}",
                "frames/s",
                lambda numbers=numbers: len(list(read_frames(folder / "0.mp4", numbers))),
                lambda numbers=numbers: len(_seek_frames(folder / "0.mp4", numbers)),
            )
        )
    title = f"{VIDEOS} videos of {FRAMES} frames, {SIZE} pixels a side; clips of 16 x {CLIP_SIZE}²; cpu"
    return lines, title


def _film(folder: Path, video: str) -> list[dict]:
    """Write a video of drifting shapes and grain, and crops of all its frames; return their rows."""
    random = np.random.default_rng(int(video))
    coarse = Image.fromarray(random.integers(0, 255, (8, 8, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((SIZE, SIZE), Image.Resampling.BICUBIC)).astype(np.int16)
    grain = random.normal(0, 4, (SIZE, SIZE, 1)).astype(np.int16)
    pictures = [
        np.roll(smooth, number, axis=1) + np.roll(grain, 3 * number, axis=0) for number in range(FRAMES)
    ]
    write_video(folder / f"{video}.mp4", np.clip(pictures, 0, 255).astype(np.uint8))
    common = {"dataset": "benchmark", "label": int(video) % 2, "method": "drawn", "video": video}
    common |= {"group": video, "split": "test", "width": FACE, "height": FACE}
    (folder / video).mkdir()
    rows = []
    for number, picture in read_frames(folder / f"{video}.mp4", range(FRAMES)):
        path = f"{video}/{number:05}.jpg"
        cv2.imwrite(str(folder / path), np.ascontiguousarray(picture[MIDDLE, MIDDLE, ::-1]), JPEG)
        rows.append({**common, "path": path, "frame": number})
    return rows


def _seek_frames(path: Path, numbers: list[int]) -> list[np.ndarray]:
    """Return the same frames as `read_frames`, each looked for from the key frame before it."""
    pictures = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1
        for number in numbers:
            moment = round(number / (stream.average_rate * stream.time_base))
            container.seek(moment, stream=stream)
            frame = next(frame for frame in container.decode(stream) if frame.pts >= moment)
            pictures.append(frame.to_ndarray(format="rgb24"))
    return pictures


def _in_turns(name: str, unit: str, ours: Callable[[], int], theirs: Callable[[], int]) -> dict:
    """Return the line of two ways to do the same pieces of work, which meet the same disturbances."""
    turns, pieces = [], ours()  # once before, so that files are in the system's memory
    for _ in range(TURNS):
        turns.append({"ours": _seconds(ours), "theirs": _seconds(theirs)})
    seconds = pd.DataFrame(turns)
    return {
        "name": name,
        "value": pieces / seconds["ours"].mean(),
        "unit": unit,
        "baseline": pieces / seconds["theirs"].mean(),
        **gain(seconds["theirs"], seconds["ours"]),
    }


def _seconds(work: Callable[[], int]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
