"""Open any picture file as RGB, and say what is unusual about it."""

import hashlib
import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from pydantic import BaseModel

from course_utils.errors import CourseError

ORIENTATION = 0x0112  # the EXIF tag that says how the camera was held; 1 is upright


# What a picture's name may end in; any other file is none of a data set's pictures.
EXTENSIONS = {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}
SMALLEST = 16  # pixels a side; less is no picture of a face


class PictureFacts(BaseModel):
    """What opening a picture or video told about it.

    `problem` is empty for a file that can be used, else "missing", "unreadable", "empty",
    "not a picture", "truncated", "damaged" or "tiny", and `error` says it in words. `width` and `height` are
    in pixels and as the picture is seen, that is after the rotation that EXIF or a video's display matrix
    asks for: `orientation` is the EXIF tag, or the degrees that a video is turned by; 1 is upright.
    """

    width: int = 0
    height: int = 0
    mode: str = ""
    format: str = ""
    orientation: int = 1
    frames: int = 1
    sha256: str = ""
    problem: str = ""
    error: str = ""


class BadFile(OSError):
    """A file that cannot be used, with the `problem` (see `PictureFacts`) beside the words."""

    def __init__(self, problem: str, words: str) -> None:
        super().__init__(words)
        self.problem = problem


def open_rgb(path: Path) -> Image.Image:
    """Return the picture in `path` upright and in RGB, 8 bits a channel, whatever it was stored as.

    Raises:
        OSError: the file is missing, empty, truncated or no picture; the text says which.
    """
    return to_rgb(_decode(path.read_bytes())[0])


def open_prepared(path: Path) -> Image.Image:
    """Return the picture in `path`, as `open_rgb` does, which could be opened when it was prepared.

    Raises:
        CourseError: the file is gone or damaged since.
    """
    try:
        return open_rgb(path)
    except OSError as error:
        raise CourseError(
            f"{path} was a picture when its dataset was prepared and cannot be opened now: {error}."
            " Put the file back, or type `course data prepare` with the dataset's name to leave it out."
        ) from error


def fit_square(
    picture: Image.Image, side: int, method: Image.Resampling = Image.Resampling.BILINEAR
) -> Image.Image:
    """Return the middle square of `picture`, as large as it can be, brought to `side` x `side` pixels."""
    return ImageOps.fit(picture, (side, side), method)


def to_rgb(picture: Image.Image) -> Image.Image:
    """Return `picture` in RGB: 16 bits are reduced to their upper 8, an alpha channel is dropped."""
    if picture.mode.startswith("I"):  # Pillow's own conversion clips 16 bits at 255: a white picture
        picture = Image.fromarray((np.asarray(picture).astype(np.uint32) >> 8).astype(np.uint8))
    elif picture.mode == "P":
        picture = picture.convert("RGBA")
    return picture.convert("RGB")


def describe(path: Path) -> PictureFacts:
    """Open and decode `path`; a file that is no usable picture is described by `problem`, never raised."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return PictureFacts(problem="missing", error="the file is gone, or the link leads nowhere")
    except OSError as error:
        return PictureFacts(problem="unreadable", error=f"cannot be read: {error.strerror}")
    sha256 = hashlib.sha256(data).hexdigest()
    try:
        picture, orientation = _decode(data)
    except BadFile as error:
        return PictureFacts(sha256=sha256, problem=error.problem, error=str(error))
    width, height = picture.size
    tiny = min(width, height) < SMALLEST
    return PictureFacts(
        width=width,
        height=height,
        mode=picture.mode,
        format=picture.format,
        orientation=orientation,
        sha256=sha256,
        problem="tiny" if tiny else "",
        error=f"{width} x {height} pixels, under {SMALLEST} a side" if tiny else "",
    )


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, however large, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _decode(data: bytes) -> tuple[Image.Image, int]:
    """Return the picture upright, and how EXIF says that the camera was held."""
    if not data:
        raise BadFile("empty", "the file is empty (0 bytes)")
    try:
        picture = Image.open(io.BytesIO(data))
        picture.load()
        orientation = picture.getexif().get(ORIENTATION, 1)
        upright = ImageOps.exif_transpose(picture)
    except Image.UnidentifiedImageError as error:
        raise BadFile("not a picture", "it is not a picture, whatever its name says") from error
    except Exception as error:  # damaged bytes make decoders raise nearly anything
        problem = "truncated" if "truncated" in str(error) or "end of" in str(error) else "damaged"
        raise BadFile(problem, f"the picture is {problem} ({error})") from error
    upright.format = picture.format  # which turning forgets
    return upright, orientation
