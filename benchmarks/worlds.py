"""How fast people are drawn, forged and cropped, and how much detecting forgeries of one video cost."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from course_utils.data.crops import Cutter, Scene, cut_videos
from course_utils.data.faces import Face, Haar
from course_utils.data.forgery import FORGERIES
from course_utils.data.inventory import Survey
from course_utils.data.manifest import Manifest, load_manifest
from course_utils.data.recipes import TalkingHeads
from course_utils.data.rendered import world
from course_utils.data.rendered.clip import Clip, render_clip
from course_utils.data.rendered.identity import draw_identity
from course_utils.data.rendered.motion import talking
from course_utils.data.video import describe_video

RECIPE = TalkingHeads(
    kind="talking_heads", pairs={"train": 1}, frames=48, size=192, compressions={"c23": 23}, seed=9
)
TURNS = 3


class Counting(Haar):
    """A detector that counts the frames it looks at."""

    def __init__(self) -> None:
        super().__init__()
        self.looked_at = 0

    def detect(self, picture: np.ndarray) -> list[Face]:
        self.looked_at += 1
        return super().detect(picture)


def measure(folder: Path) -> list[dict]:
    """Draw, forge and cut a few people in `folder` and return the lines of bench.json."""
    clips = [_draw(person) for person in range(2)]
    for unit in world.units(RECIPE):
        world.make(RECIPE, unit, folder)
    manifest = load_manifest("rendered")
    videos = _videos(manifest, folder)
    return [
        _rate("rendered_frames", "frames/s", lambda turn: len(_draw(turn).frames)),
        _rate("forged_frames", "frames/s", lambda _: sum(len(f(*clips)[0]) for f in FORGERIES.values())),
        _rate("crops", "crops/s", lambda turn: _cut(manifest, videos, folder, folder / f"cut{turn}")),
        _detection(manifest, videos, folder),
    ]


def _draw(person: int) -> Clip:
    motion = talking(person, RECIPE.frames, RECIPE.rate)
    return render_clip(draw_identity(person), motion, RECIPE.size, person)


def _videos(manifest: Manifest, folder: Path) -> list[tuple[dict, object]]:
    """Return the columns and facts of all videos in `folder`."""
    files = [file.relative_to(folder).as_posix() for file in sorted(folder.rglob("*.mp4"))]
    read = {file: columns for file in files if (columns := manifest.parse(file)) is not None}
    return [(columns, describe_video(folder / file)) for file, columns in read.items()]


def _cut(manifest: Manifest, videos: list, root: Path, folder: Path) -> int:
    """Return how many crops were cut: of each video as many as `rendered` has, in boxes that are known."""
    survey = Survey(root, videos, strangers=[], closed=[], opened=0)
    return sum(len(record.crops) for _, record in cut_videos(manifest, survey, folder, progress=False))


def _detection(manifest: Manifest, videos: list, root: Path) -> dict:
    """Count the frames that a detector looks at for originals and five forgeries, and for originals alone.

    The baseline is the originals' count, and the ratio says how many times as many all six classes take:
    here less is better.
    """
    unknown = [({**columns, "boxes": None}, facts) for columns, facts in videos]
    counts = {}
    for name in sorted({columns["scene"] for columns, _ in unknown}):
        scene = [video for video in unknown if video[0]["scene"] == name]
        scene.sort(key=lambda video: video[0]["label"])
        for classes, chosen in (("one", scene[:1]), ("six", scene)):
            cutter = Cutter(root, root / f"{classes} {name}", manifest.frames)
            cutter.detector = Counting()
            cutter.cut(Scene(name, chosen))
            counts.setdefault(classes, []).append(cutter.detector.looked_at)
    one, six = np.array(counts["one"]), np.array(counts["six"])
    return {
        "name": "detection_six_classes",
        "value": float(six.sum()),
        "unit": "frames",
        "baseline": float(one.sum()),
        "ratio": float(six.sum() / one.sum()),
        "spread": [float((six / one).min()), float((six / one).max())],
    }


def _rate(name: str, unit: str, work: Callable[[int], int]) -> dict:
    """Return the line of what does `work(turn)` pieces of work in each of a few turns."""
    pieces, seconds = [], []
    for turn in range(TURNS):
        started = time.perf_counter()
        pieces.append(work(turn))
        seconds.append(time.perf_counter() - started)
    rates = np.array(pieces) / seconds
    return {
        "name": name,
        "value": float(sum(pieces) / sum(seconds)),
        "unit": unit,
        "baseline": None,
        "ratio": None,
        "spread": [float(rates.min()), float(rates.max())],
    }
