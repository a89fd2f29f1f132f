"""Before anyone trains: can fakes be told from reals by a shortcut, and do splits share what they must not?

It stands beside `intervals`, not in `data`: its intervals are those of predictions, which `data` knows not.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import OneHotEncoder, PolynomialFeatures, StandardScaler

from course_utils.data.cues import read_cues
from course_utils.data.prepare import PreparedDataset
from course_utils.data.splits import SPLITS, leaks, shared_people
from course_utils.intervals import FEWEST_GROUPS, Interval, auroc_interval
from course_utils.predictions import per_video, predictions_table

WARN_ABOVE = 0.55  # the AUROC that the lower end of a shortcut's interval may not exceed
FRAMES = 8  # of each video, evenly spaced: the others look the same
VIDEO = ["method", "compression", "video"]  # what names a video
FOLDS = 5
# Saving a photograph again, halving it or 15 % more light change at most 18 of its 255 bits and leave its
# thumbnail correlated by 0.99. Of the 2.1 million pairs in three sets of aligned faces, four are as close as
# this, and all four are of one photograph.
BITS_APART = 38
CORRELATION = 0.98

ADVICE = {
    "file size": "Bring both classes to one size, and save both with one quality.",
    "JPEG settings": "Save both classes again with one program, in one format and with one quality.",
    "resolution": "Crop both classes by one rule and bring them to one size.",
    "mean colour": "Take both classes from the same scenes and cameras, or vary the colours in training.",
    "thumbnail": (
        "Framing, background or light give the class away: crop both alike, from the same scenes. Where"
        " whole faces are replaced this may be the forgery itself; then say so."
    ),
    "spectrum": (
        "Sharpness, noise or a regular pattern give the class away: resize and save both alike. What is left"
        " then is the forgery's own trace, such as that of upsampling; then say so."
    ),
}


@dataclass(frozen=True)
class Shortcut:
    """How far a cue alone tells fakes from reals: its cross-validated AUROC, with an interval over groups."""

    name: str
    auroc: Interval

    @property
    def found(self) -> bool:
        """Whether the interval's lower end exceeds 0.55; never with too few groups for an interval."""
        return self.auroc.low > WARN_ABOVE

    def __str__(self) -> str:
        return f"{self.name} alone tells fakes from reals: AUROC {self.auroc}. {ADVICE[self.name]}"


@dataclass(frozen=True)
class Leak:
    """What stands in more than one split: "group", "identity" or "near-duplicate", how many, and where."""

    kind: str
    count: int
    message: str

    def __str__(self) -> str:
        return f"{self.kind} across splits ({self.count}): {self.message}"


@dataclass(frozen=True)
class AuditReport:
    """What `audit` found. `unit` is what was counted, "picture" or "video".

    `shortcuts` has an entry a cue, the harmless ones too; it is empty where `note` says why.
    """

    name: str
    unit: str
    units: int
    shortcuts: list[Shortcut]
    leaks: list[Leak]
    note: str

    @property
    def warnings(self) -> list[str]:
        """A sentence a shortcut or leak that was found, naming it."""
        return [str(found) for found in (*(s for s in self.shortcuts if s.found), *self.leaks)]

    def table(self) -> pd.DataFrame:
        """Return a row a cue: shortcut, auroc, low and high (its 95 % interval), groups, found."""
        rows = [
            (cue.name, cue.auroc.value, cue.auroc.low, cue.auroc.high, cue.auroc.groups, cue.found)
            for cue in self.shortcuts
        ]
        return pd.DataFrame(rows, columns=["shortcut", "auroc", "low", "high", "groups", "found"])


def audit(prepared: PreparedDataset, jobs: int | None = None, progress: bool = True) -> AuditReport:
    """Look for shortcuts and leaks in a prepared data set.

    For each cue of `read_cues`, a logistic regression is trained and tested in five folds that no group
    straddles; the scores of held-out pictures (of videos: the mean over 8 frames) give the AUROC. The
    pictures of all splits are taken together. Of a data set with nothing to find, one cue in a few hundred
    is called a shortcut by chance; of one with only 40 pictures, one in forty.

    Args:
        prepared: the data set.
        jobs: threads that decode pictures; one a processor core if None.
        progress: show a progress bar.

    Raises:
        CourseError: a picture is gone or damaged.
    """
    samples = _few_frames(
        prepared.samples.drop_duplicates("path")
    )  # a picture of several faces has several rows
    of_videos = bool((samples["video"] != "").all())
    cues = read_cues(samples, prepared.root, jobs, progress)
    groups = samples.groupby("label")["group"].nunique().reindex([0, 1], fill_value=0)
    note, shortcuts = "", []
    if groups.min() < FEWEST_GROUPS:
        note = (
            f"Shortcuts were not looked for: {groups[0]} groups have real and {groups[1]} have fake pictures,"
            f" and it takes {FEWEST_GROUPS} of each."
        )
    else:
        shortcuts = [Shortcut(name, _auroc(name, cues[name], samples, of_videos)) for name in ADVICE]
    found = [*_shared(samples), *_near_duplicates(samples, cues)]
    return AuditReport(
        name=prepared.name,
        unit="video" if of_videos else "picture",
        units=samples.groupby(VIDEO).ngroups if of_videos else len(samples),
        shortcuts=shortcuts,
        leaks=found,
        note=note,
    )


def _few_frames(samples: pd.DataFrame) -> pd.DataFrame:
    """Keep 8 evenly spaced frames of each video, and every picture that is of no video."""
    frames = samples.groupby(VIDEO)["frame"]
    position = frames.rank(method="first").astype(int) - 1
    count = frames.transform("size")
    kept = position * FRAMES // count != (position - 1) * FRAMES // count
    return samples[kept | (samples["video"] == "")].reset_index(drop=True)


def _classifier(columns: int) -> BaseEstimator:
    """Return the cheap classifier for a cue of so many numbers.

    Three or fewer are also squared and multiplied, so that "both smaller and larger" is seen, and a value
    that is frequent, such as one width among several, counts on its own. Many are held back more.
    """
    if columns > 3:
        features, strength = StandardScaler(), 0.01
    else:
        curved = make_pipeline(StandardScaler(), PolynomialFeatures(2, include_bias=False))
        frequent = OneHotEncoder(
            min_frequency=0.02, handle_unknown="infrequent_if_exist", sparse_output=False
        )
        features, strength = make_union(curved, frequent), 1
    return make_pipeline(features, LogisticRegression(C=strength, class_weight="balanced", max_iter=1000))


def _auroc(name: str, cue: np.ndarray, samples: pd.DataFrame, of_videos: bool) -> Interval:
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=0)
    scores = cross_val_predict(
        _classifier(cue.shape[1]),
        cue,
        samples["label"],
        groups=samples["group"],
        cv=folds,
        method="decision_function",
    )
    table = predictions_table(samples, scores, model=name, run="audit", score_kind="anomaly")
    return auroc_interval(per_video(table) if of_videos else table)


def _shared(samples: pd.DataFrame) -> Iterator[Leak]:
    """Find groups in several splits, and people, whether as the target or as the source of a fake."""
    for kind, straddling in (("group", leaks(samples)), ("identity", shared_people(samples))):
        if straddling.empty:
            continue
        first, test = straddling.iloc[0], samples[samples["split"] == "test"]
        columns = ["group"] if kind == "group" else ["target", "source"]
        known = test[columns].isin(straddling.index).any(axis=1).mean() if len(test) else 0
        where = f"e.g. {first.name} in {', '.join(first.index[first > 0])}"
        yield Leak(kind, len(straddling), f"{where}; {known:.0%} of the test pictures are of one of them.")


def _near_duplicates(samples: pd.DataFrame, cues: dict[str, np.ndarray]) -> list[Leak]:
    """Find pictures whose like, saved again, resized or a little brighter, stands in an earlier split."""
    bits = cues["fingerprint"].astype(np.float32)  # squared distance of two rows: the bits that differ
    centred = cues["thumbnail"] - cues["thumbnail"].mean(axis=1, keepdims=True)
    unit = centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6)
    path, alike = samples["path"], {}
    for one, other in combinations(SPLITS, 2):
        earlier, later = (np.flatnonzero(samples["split"] == split) for split in (one, other))
        if not len(earlier) or not len(later):
            continue
        known = NearestNeighbors(radius=math.sqrt(BITS_APART + 0.5), algorithm="brute").fit(bits[earlier])
        for row, close in zip(later, known.radius_neighbors(bits[later], return_distance=False), strict=True):
            same = earlier[close[unit[earlier[close]] @ unit[row] >= CORRELATION]]
            if len(same):
                alike.setdefault(path[row], path[same[0]])
    if not alike:
        return []
    shown = "; ".join(f"{later} is nearly {earlier}" for later, earlier in list(alike.items())[:3])
    return [Leak("near-duplicate", len(alike), f"{shown}.")]
