"""Pictures as bags of visual words: SIFT keypoints, and how often each word of a codebook occurs among them.

The pipeline of Govi, Poppi & Marinelli, section 5.2, before its classifier: Csurka et al., "Visual
Categorization with Bags of Keypoints", ECCV workshops 2004, with Lowe's descriptors (IJCV 2004). What
classifies the histograms is scikit-learn's: an `SVC` or a `RandomForestClassifier`.
"""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.cluster import MiniBatchKMeans
from sklearn.utils.validation import check_is_fitted
from torch import Tensor

from course_utils.bars import bar
from course_utils.cluster import one_core_each, work
from course_utils.data.pictures import open_prepared
from course_utils.data.units import read_unit, units_of, write_unit
from course_utils.errors import CourseError

KEYPOINTS = 200  # a picture, at most: the strongest
WIDTH = 128  # numbers a descriptor: 4 x 4 histograms of 8 directions
WORDS = 256
LARGEST_UNIT = 64  # pictures: a second or two of work
SAMPLED = 200_000  # descriptors that a codebook is made of, at most: those of a thousand pictures
COUNTED = 512  # pictures whose words are looked up at a time, in 50 MB


def describe_keypoints(grey: np.ndarray) -> np.ndarray:
    """Return the SIFT descriptors of a picture, k x 128 uint8 of at most 200 keypoints; k is 0 if it is flat.

    Args:
        grey: H x W, uint8.
    """
    _, descriptors = cv2.SIFT_create(nfeatures=KEYPOINTS).detectAndCompute(grey, None)
    if descriptors is None:
        return np.empty((0, WIDTH), np.uint8)
    # OpenCV keeps all that are as strong as the weakest it keeps, and writes whole numbers up to 255.
    return descriptors[:KEYPOINTS].astype(np.uint8)


def sift_descriptors(samples: pd.DataFrame, root: Path, *, progress: bool = True) -> list[np.ndarray]:
    """Return what `describe_keypoints` makes of each of the n pictures, from the cache or computed now.

    Killed at any moment, it goes on from where it stopped when it is called again.

    Args:
        samples: rows of a sample table.
        root: the folder that their paths are relative to.
        progress: show a progress bar.

    Raises:
        CourseError: a picture is gone or damaged, or the disk is full.
    """
    units = units_of(samples, Path(root), f"SIFT {KEYPOINTS} {cv2.__version__}", LARGEST_UNIT)
    found = {unit: read_unit(_place(unit)) for unit in units}
    files = [Path(root) / path for path in samples["path"]]
    missing = [(unit, [files[row] for row in units[unit]]) for unit in units if found[unit] is None]
    with one_core_each():
        # Threads will do: decoding and describing leave the interpreter's lock.
        done = work(_describe_unit, missing) if missing else []
        for (unit, _), content in bar(done, progress, total=len(missing), desc="SIFT", unit="folder"):
            found[unit] = content
    descriptors = [np.empty((0, WIDTH), np.uint8)] * len(samples)
    for unit, rows in units.items():
        ends = found[unit]["counts"].cumsum(0)[:-1]
        parts = np.split(found[unit]["descriptors"].numpy(), ends.numpy())
        for row, part in zip(rows, parts, strict=True):
            descriptors[row] = part
    return descriptors


class Codebook(TransformerMixin, BaseEstimator):
    """Visual words: the centres of k-means on descriptors, and the histogram of a picture's nearest words.

    Fit it once, on the pictures of train alone, and give grid search the histograms: in a pipeline whose
    settings are searched, k-means would run again for each of them.

    Args:
        words: number of centres; 256 in the report.
        seed: of the descriptors that are drawn, and of k-means.
    """

    def __init__(self, words: int = WORDS, seed: int = 0) -> None:
        self.words = words
        self.seed = seed

    def fit(self, descriptors: Sequence[np.ndarray], y: object = None) -> "Codebook":
        """Find the words, ``words_`` (words x 128), among the descriptors of pictures, each k x 128.

        Of more than 200,000 descriptors as many are drawn.

        Raises:
            CourseError: there are fewer descriptors than words.
        """
        count = sum(map(len, descriptors))
        if count < self.words:
            raise CourseError(
                f"{len(descriptors)} pictures have {count} keypoints, too few for {self.words} words. Use"
                " more or larger pictures, or fewer words."
            )
        together = np.concatenate(descriptors)
        if count > SAMPLED:
            rows = np.random.default_rng(self.seed).choice(count, SAMPLED, replace=False)
            together = together[np.sort(rows)]
        self.kmeans_ = MiniBatchKMeans(self.words, batch_size=4096, random_state=self.seed)
        self.kmeans_.fit(together.astype(np.float32))
        self.words_ = self.kmeans_.cluster_centers_
        return self

    def transform(self, descriptors: Sequence[np.ndarray]) -> np.ndarray:
        """Return a histogram a picture, n x words float32: the share of its keypoints that each word has.

        A row sums to 1, however many keypoints there are. A picture without any has a row of zeros:
        ``(histograms.sum(axis=1) == 0).sum()`` counts them.
        """
        check_is_fitted(self)
        histograms = np.zeros((len(descriptors), self.words), np.float32)
        for start in range(0, len(descriptors), COUNTED):
            part = descriptors[start : start + COUNTED]
            pictures = np.repeat(np.arange(len(part)), list(map(len, part)))
            if len(pictures):
                words = self.kmeans_.predict(np.concatenate(part).astype(np.float32))
                counts = np.bincount(pictures * self.words + words, minlength=len(part) * self.words)
                histograms[start : start + COUNTED] = counts.reshape(len(part), -1)
        return histograms / histograms.sum(axis=1, keepdims=True).clip(min=1)


def _describe_unit(unit: tuple[str, list[Path]]) -> dict[str, Tensor]:
    name, files = unit
    found = [describe_keypoints(np.asarray(open_prepared(file).convert("L"))) for file in files]
    content = {
        "descriptors": torch.from_numpy(np.concatenate(found)),
        "counts": torch.tensor([len(descriptors) for descriptors in found]),
    }
    write_unit(_place(name), content)
    return content


def _place(unit: str) -> Path:
    return Path("keypoints") / f"{unit}.safetensors"
