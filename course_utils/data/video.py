"""Read chosen frames of any video, describe a video file, and write H.264 that is the same at every run."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from course_utils.data.pictures import SMALLEST, BadFile, PictureFacts, digest
from course_utils.errors import CourseError

# What a video's name may end in; any other file is none of a data set's videos.
EXTENSIONS = {".avi", ".m4v", ".mkv", ".mov", ".mp4", ".webm"}


def describe_video(path: Path) -> PictureFacts:
    """Look into the video at `path`; what is no usable video is described by `problem`, never raised.

    `frames` is how many there are. Nothing is decoded: a file that ends early is told by the packets that it
    lacks, one that is damaged inside shows it when its frames are read.
    """
    try:
        sha256 = digest(path)
    except FileNotFoundError:
        return PictureFacts(problem="missing", error="the file is gone, or the link leads nowhere")
    except OSError as error:
        return PictureFacts(problem="unreadable", error=f"cannot be read: {error.strerror}")
    try:
        with _open(path) as container:
            stream = container.streams.video[0]
            claimed, here = stream.frames, _count_packets(container)
            if here < claimed:
                raise BadFile("truncated", f"the video is truncated: it has {here} of {claimed} frames")
            if here == 0:
                raise BadFile("empty", "the video has no frames")
            first = next(_decoded(path), None)
            if first is None:
                raise BadFile("damaged", "none of the video's frames can be decoded")
    except BadFile as error:
        return PictureFacts(sha256=sha256, problem=error.problem, error=str(error))
    height, width, _ = first[0].shape
    tiny = min(width, height) < SMALLEST
    return PictureFacts(
        width=width,
        height=height,
        mode="RGB",
        format=stream.codec_context.name,
        orientation=first[1] % 360 or 1,
        frames=here,
        sha256=sha256,
        problem="tiny" if tiny else "",
        error=f"{width} x {height} pixels, under {SMALLEST} a side" if tiny else "",
    )


def frame_rate(path: Path) -> float:
    """Return how many frames a second the video at `path` shows on average; 25 where it does not say.

    Raises:
        BadFile: the file is no video.
    """
    with _open(path) as container:
        return float(container.streams.video[0].average_rate or 25)


def read_frames(path: Path, frames: Sequence[int]) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (number, picture H x W x 3 uint8 RGB) for the chosen `frames` (ascending), upright.

    Frames are counted as they are shown, whatever the rate. Decoding starts at the first and goes on in
    order: seeking is slower, and inexact in many files.

    Raises:
        BadFile: the file is no video, or ends or is damaged before the last of `frames`.
    """
    wanted = set(frames)
    last = max(wanted, default=-1)
    number = -1
    if last < 0:
        return
    for number, (picture, _) in enumerate(_decoded(path, wanted)):
        if number in wanted:
            yield number, picture
        if number == last:
            return
    raise BadFile("truncated", f"the video is truncated: frame {last} is asked for and {number} is its last")


def write_video(
    path: Path, frames: np.ndarray, fps: Fraction | float = 25, crf: int = 23, note: str = ""
) -> None:
    """Write H.264 (yuv420p) that is bit for bit the same for the same frames; the folder must be there.

    The file is written under its own name: whoever needs it whole or not at all uses `paths.atomic_write`.

    Args:
        path: the file, ending in .mp4.
        frames: N x H x W x 3 uint8 RGB, or N x H x W grey; H and W even, for colour has half the resolution.
        fps: frames a second.
        crf: constant rate factor: 23 and 40 are FaceForensics++'s "c23" and "c40"; 0 loses nothing of grey.
        note: a comment in the file's metadata, e.g. that its faces are forged.

    Raises:
        CourseError: there are no frames, or their sides are odd.
    """
    frames = np.asarray(frames)
    pictures = frames.ndim == 3 or (frames.ndim == 4 and frames.shape[3] == 3)
    if not pictures or not frames.size or frames.shape[1] % 2 or frames.shape[2] % 2:
        raise CourseError(
            f"{path}: frames of shape {frames.shape} cannot be written as H.264; expected N x H x W x 3, or"
            " N x H x W, with at least one frame and even H and W."
        )
    with av.open(str(path), "w", format="mp4") as container:
        if note:
            container.metadata["comment"] = note
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        stream.height, stream.width, stream.pix_fmt = *frames.shape[1:3], "yuv420p"
        stream.codec_context.thread_count = 1
        # "veryfast" takes half the time of the default at nearly the same artefacts. mbtree is off because
        # x264's propagation of it differs from run to run on processors with AVX-512. Where nothing is lost,
        # all presets give the same pictures.
        preset = "veryfast" if crf else "ultrafast"
        stream.options = {"crf": str(crf), "preset": preset, "x264-params": "mbtree=0"}
        layout = "rgb24" if frames.ndim == 4 else "gray"
        for picture in frames:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format=layout)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def _open(path: Path) -> Any:
    try:
        if path.stat().st_size == 0:
            raise BadFile("empty", "the file is empty (0 bytes)")
        container = av.open(str(path))
    except FileNotFoundError as error:
        raise BadFile("missing", "the file is gone, or the link leads nowhere") from error
    except av.error.FFmpegError as error:
        words = f"it is no video that can be read, or its end is missing ({error.strerror})"
        raise BadFile("damaged", words) from error
    if not container.streams.video:
        container.close()
        raise BadFile("empty", "there is no picture in it, only sound or nothing")
    if container.streams.video[0].codec_context is None:
        container.close()
        raise BadFile("unreadable", "FFmpeg has no decoder for it here: convert it, for example to H.264")
    return container


def _count_packets(container: Any) -> int:
    count = 0
    try:
        for packet in container.demux(container.streams.video[0]):
            count += bool(packet.size) and not packet.is_corrupt
    except av.error.FFmpegError:
        pass  # the rest cannot be read: too few packets say so
    return count


def _decoded(path: Path, wanted: set[int] | None = None) -> Iterator[tuple[np.ndarray | None, int]]:
    """Yield (picture, degrees that it was turned by) for each frame; no picture for those not `wanted`."""
    with _open(path) as container:
        stream = container.streams.video[0]
        stream.codec_context.thread_count = 1  # videos are worked on side by side
        colours = VideoReformatter()  # one for all frames: setting one up takes longer than a small frame
        try:
            for number, frame in enumerate(container.decode(stream)):
                if frame.is_corrupt:  # the decoder painted over what it could not read
                    raise BadFile("damaged", f"the video is damaged at frame {number}")
                turn = round(frame.rotation / 90)
                picture = None
                if wanted is None or number in wanted:
                    # Players turn the picture by the display matrix; `rotation` counts counterclockwise.
                    upright = np.rot90(colours.reformat(frame, format="rgb24").to_ndarray(), turn)
                    picture = np.ascontiguousarray(upright)
                yield picture, 90 * turn
        except av.error.FFmpegError as error:
            raise BadFile("damaged", f"the video is damaged or truncated ({error.strerror})") from error
