"""The files that somebody asks about: pictures, moving pictures and clips, one frame at a time."""

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageSequence

from course_utils.data import pictures, video
from course_utils.data.pictures import BadFile, digest, open_rgb, to_rgb
from course_utils.errors import CourseError


@dataclass(frozen=True)
class Source:
    """A file that can be examined.

    Attributes:
        path: where it is.
        sha256: of its bytes, in hexadecimal.
        kind: "picture", "moving picture" (a GIF, say, of several frames) or "clip".
        width: in pixels, as it is seen.
        height: likewise.
        frames: how many it has.
        rate: frames a second; 0 for a picture.
    """

    path: Path
    sha256: str
    kind: str
    width: int
    height: int
    frames: int
    rate: float

    def look(self, numbers: Sequence[int]) -> Iterator[tuple[int, float, np.ndarray]]:
        """Yield these frames, in ascending order, as (number, seconds, H x W x 3 uint8 RGB).

        One is held at a time, however long the clip is.

        Raises:
            BadFile: the file is damaged before the last of them.
        """
        if self.kind == "picture":
            yield 0, 0.0, np.asarray(open_rgb(self.path))
        elif self.kind == "clip":
            for number, frame in video.read_frames(self.path, numbers):
                yield number, number / self.rate, frame
        else:
            with _opened(self.path) as moving:
                for number, frame in enumerate(ImageSequence.Iterator(moving)):
                    if number in numbers:
                        yield number, number / self.rate, np.asarray(to_rgb(frame.copy()))


def find_files(given: Sequence[str]) -> list[Path]:
    """Return the files that are meant by paths of files and folders, folders with all that is in them.

    Of a folder those files are taken whose names end as a picture's or a video's do.

    Raises:
        CourseError: something is the address of a page, or is not there, or a folder holds no such file.
    """
    found = []
    for words in given:
        if re.match(r"[a-z][a-z0-9+.-]+://", words, re.IGNORECASE):
            raise CourseError(
                f"{words} is an address on the network, and nothing is fetched from there: what is examined"
                " must be the very file that is asked about. Save it, and give the path of the file."
            )
        path = Path(words)
        if path.is_dir():
            inside = [file for file in sorted(path.rglob("*")) if file.is_file() and _ends_well(file)]
            if not inside:
                raise CourseError(
                    f"There is no picture and no video in the folder {path}. Their names end in"
                    f" {', '.join(sorted(pictures.EXTENSIONS | video.EXTENSIONS))}."
                )
            found += inside
        elif path.is_file():
            found.append(path)
        else:
            raise CourseError(f"There is no file {path}. Give the paths of pictures, clips or folders.")
    return list(dict.fromkeys(found))


def look_into(path: Path) -> Source:
    """Return what a file is.

    Raises:
        BadFile: it is no picture and no video, or is damaged; the text says which.
    """
    if path.suffix.lower() in video.EXTENSIONS:
        facts, kind, rate = video.describe_video(path), "clip", 0.0
    else:
        facts, kind, rate = pictures.describe(path), "picture", 0.0
        if facts.problem == "not a picture":  # a video may have any name
            as_video = video.describe_video(path)
            facts, kind = (facts, kind) if as_video.problem else (as_video, "clip")
    if facts.problem:
        raise BadFile(facts.problem, facts.error)
    frames = facts.frames
    if kind == "clip":
        rate = video.frame_rate(path)
    else:
        with _opened(path) as opened:
            frames = getattr(opened, "n_frames", 1) if opened.format != "MPO" else 1
            if frames > 1:
                kind, rate = "moving picture", 1000 / (opened.info.get("duration") or 100)
    return Source(path, facts.sha256 or digest(path), kind, facts.width, facts.height, frames, rate)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Image.Image]:
    """Open a picture; what is wrong with one of its frames is a `BadFile`."""
    try:
        with Image.open(path) as opened:
            yield opened
    except Exception as error:  # damaged bytes make decoders raise nearly anything
        raise BadFile("damaged", f"a frame of the picture is damaged ({error})") from error


def _ends_well(file: Path) -> bool:
    return file.suffix.lower() in pictures.EXTENSIONS | video.EXTENSIONS
