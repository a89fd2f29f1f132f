"""What can be told of a picture without looking at the face: cheap cues, and a fingerprint.

If cues like these tell fakes from reals, a detector can pass its test without having learnt anything about
forgery. `course_utils.audit` asks each of them how far it gets.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from PIL.JpegImagePlugin import get_sampling
from scipy.fft import dctn, fft2, fftfreq

from course_utils.bars import bar
from course_utils.cluster import processor_cores
from course_utils.data.pictures import open_prepared

THUMBNAIL = 16  # pixels a side
RINGS = 64  # of the spectrum, from the slowest wave to the fastest that pixels can show
WINDOW = 256  # pixels: the spectrum is of a square from the middle, of at most this side


def read_cues(
    samples: pd.DataFrame, root: Path, jobs: int | None = None, progress: bool = True
) -> dict[str, np.ndarray]:
    """Open every picture of `samples` (n rows) once, and return its cues.

    Returns:
        "file size" n x 1, the logarithm of the number of bytes; "JPEG settings" n x 134, see `_settings`;
        "resolution" n x 2, width and height as seen; "mean colour" n x 3, 0 to 255; "thumbnail" n x 768, the
        colours of 16 x 16 pixels; "spectrum" n x 64, see `radial_spectrum`; and "fingerprint" n x 255 bool,
        see `fingerprint`.

    Raises:
        CourseError: a file is gone or damaged.
    """
    with ThreadPoolExecutor(jobs or processor_cores()) as pool:  # decoding leaves the interpreter's lock
        read = pool.map(partial(_cues, Path(root)), samples["path"])
        rows = list(bar(read, progress, total=len(samples), desc="Reading cues", unit="picture"))
    return {name: np.stack([row[name] for row in rows]) for name in rows[0]}


def radial_spectrum(grey: np.ndarray) -> np.ndarray:
    """Return the power of `grey` (H x W) by frequency, whatever the direction: 64 logarithms, slow to fast.

    The azimuthal average of the Fourier spectrum, in which the upsampling of generators shows: Durall et al.,
    "Watch your Up-Convolution", CVPR 2020, section 3.1. Of larger pictures a square of 256 pixels is taken
    from the middle, for shrinking would wipe out the fast waves.
    """
    side = min(*grey.shape, WINDOW)
    top, left = (grey.shape[0] - side) // 2, (grey.shape[1] - side) // 2
    power = radial_power(grey[top : top + side, left : left + side])
    waves = np.arange(1, side // 2 + 1) / (side // 2)  # 1 is the fastest, two pixels a wave
    return np.interp(np.linspace(0, 1, RINGS), waves, np.log(power + 1)).astype(np.float32)


def radial_power(square: np.ndarray) -> np.ndarray:
    """Return the mean power of `square` (n x n) at 1, 2, … n // 2 waves a side, whatever their direction.

    A wave of the Fourier transform counts where its distance from the constant one rounds to.
    """
    power, ring = np.abs(fft2(square, workers=1)) ** 2, _ring_of_each_wave(len(square))
    return (np.bincount(ring, power.ravel()) / np.bincount(ring))[1 : len(square) // 2 + 1]


def fingerprint(grey: Image.Image) -> np.ndarray:
    """Return 255 bits that hardly change when the picture is saved again, resized or made brighter.

    A bit is whether one of the 16 x 16 slowest cosine waves (but the constant one) is stronger than their
    median: the DCT hash of Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions",
    Hagenberg 2010, section 3.2.1, with 16 x 16 waves for its 8 x 8, which aligned faces share too often.
    """
    pixels = np.asarray(grey.resize((64, 64), Image.Resampling.BOX), dtype=np.float32)
    waves = dctn(pixels, norm="ortho")[:16, :16].ravel()[1:]
    return waves > np.median(waves)


def _cues(root: Path, path: str) -> dict[str, np.ndarray]:
    file = root / path
    picture = open_prepared(file)
    with Image.open(file) as stored:
        settings = _settings(stored)
    size = file.stat().st_size
    thumbnail = np.asarray(picture.resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX), dtype=np.float32)
    grey = picture.convert("L")
    return {
        "file size": np.log([size]),
        "JPEG settings": settings,
        "resolution": np.array(picture.size),
        "mean colour": thumbnail.mean(axis=(0, 1)),
        "thumbnail": thumbnail.ravel(),
        "spectrum": radial_spectrum(np.asarray(grey, dtype=np.float32)),
        "fingerprint": fingerprint(grey),
    }


def _settings(stored: Image.Image) -> np.ndarray:
    """Return 134 numbers on how a picture was saved.

    Its two quantisation tables of 64 (zeros where it is no JPEG or has no colour; a third table is passed
    over), whether it is a JPEG, a progressive one, a PNG, how much its colour was thinned out (chroma
    subsampling), its number of channels, and whether it has a palette.
    """
    tables = np.zeros((2, 64))
    for number, table in list(getattr(stored, "quantization", {}).items())[:2]:
        tables[min(number, 1)] = table
    form = [stored.format in ("JPEG", "MPO"), "progressive" in stored.info, stored.format == "PNG"]
    rest = [*form, get_sampling(stored), len(stored.getbands()), stored.mode == "P"]
    return np.concatenate([tables.ravel(), rest])


@lru_cache(maxsize=8)
def _ring_of_each_wave(side: int) -> np.ndarray:
    waves = fftfreq(side, 1 / side)
    return np.hypot(*np.meshgrid(waves, waves)).round().astype(int).ravel()
