"""Open any picture file as RGB, and say what is unusual about it."""

import hashlib
import io
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from pydantic import BaseModel

ORIENTATION = 0x0112  # the EXIF tag that says how the camera was held; 1 is upright


class PictureFacts(BaseModel):
    """What opening a file told about it; `error` is empty for a picture that can be used.

    `width` and `height` are in pixels and as the picture is seen, that is after the EXIF rotation.
    """

    width: int = 0
    height: int = 0
    mode: str = ""
    format: str = ""
    orientation: int = 1
    sha256: str = ""
    error: str = ""


def open_rgb(path: Path) -> Image.Image:
    """Return the picture in `path` upright and in RGB, 8 bits a channel, whatever it was stored as.

    Raises:
        OSError: the file is missing, empty, truncated or no picture; the text says which.
    """
    return to_rgb(ImageOps.exif_transpose(_decode(path.read_bytes())))


def to_rgb(picture: Image.Image) -> Image.Image:
    """Return `picture` in RGB: 16 bits are reduced to their upper 8, an alpha channel is dropped."""
    if picture.mode.startswith("I"):  # Pillow's own conversion clips 16 bits at 255: a white picture
        picture = Image.fromarray((np.asarray(picture).astype(np.uint32) >> 8).astype(np.uint8))
    elif picture.mode == "P":
        picture = picture.convert("RGBA")
    return picture.convert("RGB")


def describe(path: Path) -> PictureFacts:
    """Open and decode `path`; a file that is no usable picture is described by `error`, never raised."""
    try:
        data = path.read_bytes()
    except OSError as error:
        return PictureFacts(error=f"cannot be read: {error.strerror}")
    sha256 = hashlib.sha256(data).hexdigest()
    try:
        picture = _decode(data)
    except OSError as error:
        return PictureFacts(sha256=sha256, error=str(error))
    orientation = picture.getexif().get(ORIENTATION, 1)
    width, height = picture.size if orientation < 5 else picture.size[::-1]
    return PictureFacts(
        width=width,
        height=height,
        mode=picture.mode,
        format=picture.format,
        orientation=orientation,
        sha256=sha256,
    )


def _decode(data: bytes) -> Image.Image:
    if not data:
        raise OSError("the file is empty (0 bytes)")
    try:
        picture = Image.open(io.BytesIO(data))
        picture.load()
    except Image.UnidentifiedImageError as error:
        raise OSError("the file is not a picture, whatever its name says") from error
    except Exception as error:  # damaged bytes make decoders raise nearly anything
        raise OSError(f"the picture is damaged: {error}") from error
    return picture
