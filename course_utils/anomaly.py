"""What is unlike the real faces seen before: scores that were learnt from reals alone, higher = stranger.

Training and validation sets hold reals only, and no fake is seen before the test (Santoro 2024, section 2.3).
"""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import pandas as pd
import torch
from sklearn.covariance import LedoitWolf
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler
from torch.utils.data import Dataset

from course_utils.data.datasets import batches
from course_utils.data.prepare import PreparedDataset
from course_utils.data.splits import SPLITS
from course_utils.errors import CourseError
from course_utils.intervals import auroc_interval
from course_utils.models.autoencoder import ConvolutionalAutoencoder
from course_utils.predictions import paired, predictions_table, refuse_test

NEIGHBOURS = 5
EXPLAINED = 0.95  # of the variance of the reals, by the components that are kept
BATCH = 200


def real_only(prepared: PreparedDataset, compression: str | None = None) -> dict[str, pd.DataFrame]:
    """Return the protocol's samples by split: the reals of train and val, and all of test.

    Args:
        prepared: a data set; `load_dataset(name, splits="thesis", frames="first 100")` gives the thesis' own.
        compression: one of the data set's, e.g. "c23"; None uses all.

    Raises:
        CourseError: there is no such compression, or a split has no real sample.
    """
    samples = prepared.samples
    if compression is not None:
        samples = samples[samples["compression"] == compression]
    if samples.empty:
        known = ", ".join(sorted(prepared.samples["compression"].unique()))
        raise CourseError(f"{prepared.name} has nothing of compression {compression!r}; it has {known}.")
    wanted = (samples["label"] == 0) | (samples["split"] == "test")
    tables = {split: samples[wanted & (samples["split"] == split)].reset_index(drop=True) for split in SPLITS}
    for split, table in tables.items():
        if not (table["label"] == 0).any():
            raise CourseError(
                f"The {split} split of {prepared.name} has no real picture: what is real is all that this"
                f" method learns from and is judged by. `course data check {prepared.name}` lists what is"
                " wrong."
            )
    return tables


def score_vectors(method: str, reals: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    """Return how strange each of `vectors` (m x D) is to one who knows `reals` (n x D).

    Args:
        method: one of `METHODS`: "mahalanobis", the distance from the mean in units of the reals' covariance,
            shrunk as Ledoit & Wolf 2004 do (Lee et al., NeurIPS 2018, without classes); "knn", the distance
            to the fifth nearest real (Sun et al., ICML 2022); "pca", the squared error of what the components
            with 95 % of the reals' variance leave. All on columns scaled to the reals' unit variance.
        reals: what to learn from; a column each number.
        vectors: what to score.

    Raises:
        CourseError: there is no such method, the reals are too few, or the columns differ.
    """
    if method not in METHODS:
        raise CourseError(
            f"There is no method {method!r} to score vectors by; there are {', '.join(METHODS)}."
        )
    if len(reals) <= NEIGHBOURS:
        raise CourseError(
            f"{len(reals)} reals are too few to learn from: at least {NEIGHBOURS + 1} are needed."
        )
    if reals.shape[1] != vectors.shape[1]:
        raise CourseError(f"The reals have {reals.shape[1]} numbers each and the others {vectors.shape[1]}.")
    reals, vectors = (stored.astype(np.float64) for stored in (reals, vectors))  # sums of halves overflow
    scaler = StandardScaler().fit(reals)
    return METHODS[method](scaler.transform(reals), scaler.transform(vectors))


def _mahalanobis(reals: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    return np.sqrt(LedoitWolf().fit(reals).mahalanobis(vectors))


def _nearest(reals: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    return NearestNeighbors(n_neighbors=NEIGHBOURS).fit(reals).kneighbors(vectors)[0][:, -1]


def _unexplained(reals: np.ndarray, vectors: np.ndarray) -> np.ndarray:
    if np.allclose(reals, 0):  # they are all alike, and no component has any variance
        return np.square(vectors).mean(axis=1)
    components = PCA(EXPLAINED, svd_solver="full").fit(reals)
    return np.square(vectors - components.inverse_transform(components.transform(vectors))).mean(axis=1)


METHODS: Mapping[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "mahalanobis": _mahalanobis,
    "knn": _nearest,
    "pca": _unexplained,
}


def anomaly_tables(
    samples: Mapping[str, pd.DataFrame], scores: Mapping[str, np.ndarray], *, model: str, run: str
) -> dict[str, pd.DataFrame]:
    """Return a predictions table a split, of anomaly scores.

    Args:
        samples: of `real_only`.
        scores: by split, of those that were scored, in the order of their samples.
        model: what scored, e.g. "attention CAE".
        run: what tells this training from others.
    """
    return {
        split: predictions_table(samples[split], values, model=model, run=run, score_kind="anomaly")
        for split, values in scores.items()
    }


@torch.inference_mode()
def latents(model: ConvolutionalAutoencoder, dataset: Dataset) -> np.ndarray:
    """Return what the autoencoder's encoder makes of each item, n x 512 float32, in order."""
    device = next(model.parameters()).device
    model.eval()
    loader = batches(dataset, BATCH, shuffle=False, seed=0)
    encoded = [model.encode(dataset.batch_transform(inputs.to(device))) for inputs, _ in loader]
    return torch.cat(encoded).float().cpu().numpy()


def threshold_on_reals(validation: pd.DataFrame, false_alarms: float = 0.05) -> float:
    """Return the lowest threshold that calls at most this share of the validation reals fake.

    Where no fake is at hand to weigh misses against false alarms, the share of false alarms alone decides.

    Args:
        validation: a predictions table of reals of the validation split.
        false_alarms: 0 to 1; 0.05 is the 95th percentile of the reals.

    Raises:
        CourseError: the table is of the test split, or holds a fake.
    """
    refuse_test(validation, "threshold")
    if validation["label"].any():
        raise CourseError(
            f"{int(validation['label'].sum())} of these predictions are of fakes. This threshold is chosen on"
            " reals alone; with fakes at hand, `predictions.choose_threshold` weighs both kinds of error."
        )
    highest_first = -np.sort(-validation["score"].to_numpy())
    first_spared = highest_first[int(false_alarms * len(highest_first))]
    return float(np.nextafter(first_spared, np.inf))


def ensemble(
    members: Sequence[Mapping[str, pd.DataFrame]], *, model: str = "ensemble", run: str
) -> dict[str, pd.DataFrame]:
    """Return the mean score of several detectors, each in standard deviations of its own validation reals.

    Args:
        members: of each detector, the predictions of "val", reals alone, and of "test", on the same samples.
        model: the name of the whole.
        run: what tells it from others.

    Raises:
        CourseError: there is none, the members scored other samples, or validation holds a fake or fewer than
            two samples.
    """
    scores = {split: paired([member[split] for member in members]) for split in ("val", "test")}
    if members[0]["val"]["label"].any() or len(scores["val"]) < 2:
        raise CourseError(
            "The unit of a score is its spread over reals of validation, two or more of them and no fake;"
            f" these are {len(scores['val'])}, {int(members[0]['val']['label'].sum())} of them fake."
        )
    means, deviations = scores["val"].mean(axis=0), scores["val"].std(axis=0, ddof=1)
    units = np.where(deviations == 0, 1, deviations)
    return {
        split: predictions_table(
            members[0][split],
            ((scores[split] - means) / units).mean(axis=1),
            model=model,
            run=run,
            score_kind="anomaly",
        )
        for split in scores
    }


def by_forgery(tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
    """Return a row a detector: its AUROC, with interval, on each forgery against all reals, and on "all".

    Args:
        tables: predictions by the detector's name, each of the same kind of rows (frames, or videos of
            `predictions.per_video`).

    Returns:
        Cells are `intervals.Interval`; columns are the forgeries in alphabetical order, then "all".
    """
    rows = {}
    for name, table in tables.items():
        real = table["label"] == 0
        forgeries = sorted(set(table["method"][~real]))
        parts = {forgery: table[real | (table["method"] == forgery)] for forgery in forgeries}
        rows[name] = {forgery: auroc_interval(part) for forgery, part in (parts | {"all": table}).items()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("detector")
