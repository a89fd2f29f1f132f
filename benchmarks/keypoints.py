"""How fast pictures are described by SIFT, beside a plain loop."""

import os
from itertools import count
from pathlib import Path
from unittest.mock import patch

import cv2
import pandas as pd

from benchmarks.pictures import training_pictures
from benchmarks.steps import in_turns
from course_utils.keypoints import KEYPOINTS, sift_descriptors


def measure(folder: Path) -> tuple[list[dict], str]:
    """Return the line of bench.json, and what it is of."""
    pictures = training_pictures(folder)
    samples = pd.concat(pictures.samples.values(), ignore_index=True)
    turn = count()

    def ours() -> None:
        # A cache of its own each time, or the second would read what the first has computed.
        with patch.dict(os.environ, COURSE_CACHE=str(folder / f"cache{next(turn)}")):
            sift_descriptors(samples, pictures.root, progress=False)

    def plain() -> None:
        for path in samples["path"]:
            grey = cv2.imread(str(pictures.root / path), cv2.IMREAD_GRAYSCALE)
            cv2.SIFT_create(nfeatures=KEYPOINTS).detectAndCompute(grey, None)

    return [in_turns("sift_extraction", len(samples), ours, plain)], f"{pictures.origin}; cpu"
