"""Who is on a picture: training a face recogniser on some people, and verifying it on pairs of others."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.metrics import roc_curve
from torchvision.transforms import v2

from course_utils import paths
from course_utils.data.datasets import PictureDataset, train_transform
from course_utils.errors import CourseError
from course_utils.models.face_vit import SIDE, FaceViT
from course_utils.models.pretrained import Origin, load_weights

HELD_OUT = 5  # of so many photographs of a person one is held out
PAIRS_A_FOLD = 600  # half of them of the same person, as in LFW


def reference_recogniser() -> tuple[FaceViT, dict[str, Any]]:
    """Return the course's own small face recogniser, and what is recorded of the run that trained it.

    It was trained on drawn people who are in none of the data sets; ``origin`` of the network says so.

    Raises:
        CourseError: it is not where the course was installed from.
    """
    record = paths.read_reference("10_face_vit")
    network = FaceViT(**record["network"])
    load_weights(paths.reference_runs() / "10_face_vit.safetensors", network)
    network.origin = Origin(
        f"reference run, {record['training_pictures']:,} pictures of"
        f" {record['training_people']:,} drawn people, {record['epochs']} epochs, {record['date']}"
    )
    return network, record


def face_pictures(
    samples: pd.DataFrame, root: Path, *, zoom: float = 1.0, augmented: bool = False
) -> PictureDataset:
    """Return the pictures as the recogniser takes them, 112 x 112.

    Args:
        samples: rows of a sample table.
        root: the folder that their paths are relative to.
        zoom: how many times larger the picture is than the part in its middle that is used; 1 for crops of
            faces, about 1.7 for the photographs of LFW, whose faces fill the middle 110 of 250 pixels.
        augmented: shift by up to 4 pixels and flip at random, to train.
    """
    middle = v2.CenterCrop(SIDE)
    return PictureDataset(
        samples,
        root,
        image_size=round(zoom * SIDE),
        transform=v2.Compose([middle, *train_transform(SIDE).transforms]) if augmented else middle,
    )


def enrol(samples: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Number the people and return the photographs to learn them from, and those held out to validate.

    Of each person, every fifth photograph, but at least one, is held out; who has only one is left out. In
    both tables the `label` is the person's number (column `target`), as a classifier needs it.

    Raises:
        CourseError: fewer than two people have two photographs or more.
    """
    counts = samples.groupby("target")["path"].transform("size")
    known = samples[counts > 1].sort_values(["target", "path"], ignore_index=True)
    if known["target"].nunique() < 2:
        raise CourseError(
            f"{known['target'].nunique()} people have two photographs or more among these {len(samples)}; at"
            " least two people are needed to learn to tell them apart. Use the data set's train split."
        )
    known["label"] = pd.factorize(known["target"])[0]
    held_out = known.groupby("target").cumcount() % HELD_OUT == 0
    return known[~held_out].reset_index(drop=True), known[held_out].reset_index(drop=True)


@dataclass(frozen=True)
class Verification:
    """How well two photographs are told to be of one person or of two.

    Attributes:
        accuracy: 0 to 1, the mean over folds, each judged by a threshold chosen on the others.
        error: the standard error of that mean.
        folds: number of folds; no person is in two.
        pairs: number of pairs.
    """

    accuracy: float
    error: float
    folds: int
    pairs: int

    def __str__(self) -> str:
        return (
            f"{100 * self.accuracy:.1f} % ± {100 * self.error:.1f} (standard error over {self.folds} folds,"
            f" {self.pairs:,} pairs)"
        )


def verification_pairs(samples: pd.DataFrame, folds: int = 10, seed: int = 0) -> pd.DataFrame:
    """Draw pairs of photographs as the protocol of LFW has them (Huang et al. 2007, view 2).

    People are dealt out to folds. In each there are as many pairs of one person as of two, at most 600.

    Args:
        samples: rows of a sample table; `target` says who it is.
        folds: number of folds; fewer where there are not two people for each.
        seed: of the draw.

    Returns:
        A row a pair: `first` and `second`, rows of `samples`, counted from 0; `same`, 0 or 1; `fold`.

    Raises:
        CourseError: there are fewer than four people, or nobody has two photographs.
    """
    random = np.random.default_rng(seed)
    people = random.permutation(samples["target"].unique())
    folds = min(folds, len(people) // 2)
    if folds < 2:
        raise CourseError(f"{len(people)} people are too few: two folds of two people need four.")
    target = samples["target"].to_numpy()
    rows = []
    for fold in range(folds):
        members = np.flatnonzero(np.isin(target, people[fold::folds]))
        first, second = (members[side] for side in np.triu_indices(len(members), k=1))
        same = target[first] == target[second]
        count = min(PAIRS_A_FOLD // 2, same.sum(), (~same).sum())
        for kind in (same, ~same):
            chosen = random.choice(np.flatnonzero(kind), count, replace=False)
            rows.append(
                pd.DataFrame({"first": first[chosen], "second": second[chosen], "same": int(kind is same)})
            )
            rows[-1]["fold"] = fold
    pairs = pd.concat(rows, ignore_index=True)
    if pairs.groupby("fold").size().reindex(range(folds), fill_value=0).min() == 0:
        raise CourseError(
            "In one fold nobody has two photographs, so that there is no pair of one person. Take fewer"
            " folds, or more photographs a person."
        )
    return pairs


def verify(features: np.ndarray, pairs: pd.DataFrame) -> Verification:
    """Verify pairs by the cosine of their features: at or above a threshold it is one person.

    Args:
        features: n x D, of the samples that the pairs were drawn from.
        pairs: of `verification_pairs`.
    """
    directions = features.astype(np.float32)
    directions /= np.linalg.norm(directions, axis=1, keepdims=True).clip(min=1e-12)
    cosines = np.sum(directions[pairs["first"]] * directions[pairs["second"]], axis=1)
    same, fold = pairs["same"].to_numpy(), pairs["fold"].to_numpy()
    accuracies = []
    for tested in np.unique(fold):
        wrong, right, thresholds = roc_curve(same[fold != tested], cosines[fold != tested])
        best = thresholds[np.argmax(right - wrong)]  # as many of one person as of two: the most accurate
        accuracies.append(np.mean((cosines >= best)[fold == tested] == same[fold == tested]))
    error = np.std(accuracies, ddof=1) / np.sqrt(len(accuracies))
    return Verification(float(np.mean(accuracies)), float(error), len(accuracies), len(pairs))
