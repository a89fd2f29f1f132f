"""The predictions table, and every number that is computed from it.

A row is one picture (or, after `per_video`, one video): the sample's key columns, the model and run that
scored it, and its score. Higher means more fake, or more anomalous. Rates are fractions from 0 to 1, except
``tcr``, which its paper prints in percent. A score *at or above* a threshold is called fake.
"""

from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd
from sklearn.metrics import precision_recall_fscore_support, roc_auc_score, roc_curve

from course_utils.data.samples import SAMPLE_COLUMNS
from course_utils.errors import CourseError
from course_utils.paths import atomic_write

_KEYS = "path dataset label method compression video frame target source group split"
KEY_COLUMNS = {column: SAMPLE_COLUMNS[column] for column in _KEYS.split()}
PREDICTION_COLUMNS = KEY_COLUMNS | {
    "model": "string",
    "run": "string",
    "score": "float64",
    "score_kind": "string",
}
SAMPLE = ["dataset", "path", "video", "frame", "label"]  # what tells one sample from another
SCORE_KINDS = ("probability", "anomaly")
# A probability of 0 or 1 counts as this far from it, as in scikit-learn: being wrong costs 36 nats at most.
CLIP = float(np.finfo(np.float64).eps)


def predictions_table(
    samples: pd.DataFrame, scores: np.ndarray, *, model: str, run: str, score_kind: str = "probability"
) -> pd.DataFrame:
    """Put the scores of one model beside the samples that it scored.

    Args:
        samples: n rows of a sample table, in the order in which they were scored.
        scores: n numbers; higher means more fake. Probabilities lie in [0, 1].
        model: the model's name.
        run: what tells this training from others of the same model.
        score_kind: "probability", or "anomaly" for a score that only ranks.

    Returns:
        A table of n rows with `PREDICTION_COLUMNS`.

    Raises:
        CourseError: the numbers do not fit the samples, or are not what `score_kind` says.
    """
    scores = np.asarray(scores, dtype=np.float64)
    if scores.shape != (len(samples),):
        raise CourseError(
            f"{len(samples)} samples need {len(samples)} scores, one each; these scores have the shape"
            f" {scores.shape}. Give P(fake) alone, that is the second column of the softmax."
        )
    keys = samples[[column for column in KEY_COLUMNS if column in samples]].reset_index(drop=True)
    return _checked(
        keys.assign(model=model, run=run, score=scores, score_kind=score_kind), f"the predictions of {model}"
    )


def write_predictions(path: Path, table: pd.DataFrame) -> None:
    """Write a predictions table as Parquet, atomically."""
    with atomic_write(path) as temporary:
        _checked(table, str(path)).to_parquet(temporary, index=False)


def read_predictions(path: Path) -> pd.DataFrame:
    """Read a predictions table that `write_predictions` wrote.

    Raises:
        CourseError: there is no such file, it is not Parquet, or a column is missing or holds nonsense.
    """
    try:
        table = pd.read_parquet(path)
    except FileNotFoundError as error:
        raise CourseError(
            f"{path} does not exist. Run the notebook that trains this model first: it writes the file."
        ) from error
    except (OSError, ValueError) as error:
        raise CourseError(
            f"{path} is no Parquet table ({error}). Delete it, and run the notebook that writes it again."
        ) from error
    return _checked(table, str(path))


def _checked(table: pd.DataFrame, where: str) -> pd.DataFrame:
    """Return `table` with its columns in order, or say what is wrong with it."""
    problems = [f"no column {column!r}" for column in PREDICTION_COLUMNS if column not in table]
    if not problems:
        kinds = set(table["score_kind"])
        scores = pd.to_numeric(table["score"], errors="coerce").to_numpy(np.float64)
        if len(table) == 0:
            problems.append("no rows")
        if not set(table["label"].dropna()) <= {0, 1} or table["label"].isna().any():
            problems.append("column 'label' holds something other than 0 (real) and 1 (fake)")
        if (table["group"].fillna("") == "").any():
            problems.append("column 'group' has empty cells; without a group a row needs its own, its path")
        if not kinds <= set(SCORE_KINDS) or len(kinds) > 1:
            problems.append(f"column 'score_kind' must be one of {', '.join(SCORE_KINDS)} in every row")
        if not np.isfinite(scores).all():
            problems.append(
                f"column 'score' has {np.sum(~np.isfinite(scores))} values that are no finite number"
            )
        elif kinds == {"probability"} and ((scores < 0) | (scores > 1)).any():
            problems.append(
                f"column 'score' runs from {scores.min():.3g} to {scores.max():.3g}, and probabilities lie in"
                " 0 to 1. These look like logits: apply softmax over the classes first"
            )
    if problems:
        raise CourseError(f"{where} cannot be used: {'; '.join(problems)}.")
    return table[list(PREDICTION_COLUMNS)].astype(PREDICTION_COLUMNS)


def paired(tables: Sequence[pd.DataFrame]) -> np.ndarray:
    """Return the scores of several tables of the same samples, in the first one's order: n x tables.

    Raises:
        CourseError: there is no table, one has a sample twice, or has other samples than the first.
    """
    if not tables:
        raise CourseError("There is no predictions table; give one or more.")
    scores = []
    for table in tables:
        name = table["model"].iloc[0]
        if twice := int(table.duplicated(SAMPLE).sum()):
            raise CourseError(
                f"{twice} rows of the predictions of {name} are of samples that stand there already. Give one"
                " run at a time, with a row a sample."
            )
        both = tables[0][SAMPLE].merge(table[[*SAMPLE, "score"]], on=SAMPLE, how="left")
        alone = int(both["score"].isna().sum())
        if alone or len(table) != len(both):
            raise CourseError(
                f"The predictions of {tables[0]['model'].iloc[0]} and of {name} are not of the same samples:"
                f" {len(both)} and {len(table)} rows, {alone} of them without a partner of the same path and"
                " frame. Predict with all models on the same split of the same data set, by video where some"
                " score clips."
            )
        scores.append(both["score"].to_numpy(np.float64))
    return np.stack(scores, axis=1)


def labels_and_scores(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return labels (n, int) and scores (n, float) of a table that holds both classes.

    Raises:
        CourseError: only one class is there, so that no curve or ranking exists.
    """
    labels, scores = table["label"].to_numpy(), table["score"].to_numpy()
    if len(set(labels)) < 2:
        present, missing = ("real", "fake") if not labels.any() else ("fake", "real")
        raise CourseError(
            f"All {len(labels)} predictions are of {present} pictures. How well two classes are told apart"
            f" needs some of each: add {missing} pictures to this split."
        )
    return labels, scores


def metrics(table: pd.DataFrame, threshold: float) -> dict[str, float]:
    """Compute the numbers that one table and one threshold give.

    Args:
        table: a predictions table with both classes.
        threshold: chosen on the validation split (see `choose_threshold`); 0.5 is what argmax does.

    Returns:
        ``accuracy``; ``tcr``, the true classification rate in percent (Das et al. 2021); ``precision_real``,
        ``recall_real``, ``precision_fake``, ``recall_fake`` (NaN where nothing was called that class);
        ``auroc``; ``eer``; ``tpr_at_1_fpr`` and ``tpr_at_5_fpr``, the share of fakes found by the best
        threshold that calls at most 1 % or 5 % of the reals fake; and ``log_loss`` for probabilities.
    """
    labels, scores = labels_and_scores(table)
    called_fake = scores >= threshold
    precision, recall, _, _ = precision_recall_fscore_support(
        labels, called_fake, labels=[0, 1], zero_division=np.nan
    )
    false_alarms, hits, _ = roc_curve(labels, scores, drop_intermediate=False)
    accuracy = float(np.mean(called_fake == labels))
    result = {
        "accuracy": accuracy,
        "tcr": 100 * accuracy,
        "precision_real": float(precision[0]),
        "recall_real": float(recall[0]),
        "precision_fake": float(precision[1]),
        "recall_fake": float(recall[1]),
        "auroc": float(roc_auc_score(labels, scores)),
        "eer": equal_error_rate(table),
        "tpr_at_1_fpr": float(hits[false_alarms <= 0.01].max()),
        "tpr_at_5_fpr": float(hits[false_alarms <= 0.05].max()),
    }
    if table["score_kind"].iloc[0] == "probability":
        result["log_loss"] = float(log_losses(table).mean())
    return result


def probabilities(table: pd.DataFrame) -> np.ndarray:
    """Return the scores of a table (n, 0 to 1) that say how probable a fake is.

    Raises:
        CourseError: they only rank.
    """
    if kinds := set(table["score_kind"]) - {"probability"}:
        raise CourseError(
            f"The scores of {table['model'].iloc[0]} are of the kind {', '.join(kinds)}: they only rank, and"
            " do not say how probable a fake is. What is asked for here needs probabilities."
        )
    return table["score"].to_numpy(np.float64)


def log_losses(table: pd.DataFrame, clip: float = CLIP) -> np.ndarray:
    """Return what each probability costs, -log of that of the true class, in nats (n); their mean is LogLoss.

    A half costs log 2 = 0.693, whatever the label. One that is certain and wrong would cost infinitely much,
    so that probabilities are first moved into [clip, 1 - clip]. With 0.01 a mistake costs 4.6 nats at most.

    Raises:
        CourseError: the scores are no probabilities.
    """
    fake = np.clip(probabilities(table), clip, 1 - clip)
    return -np.log(np.where(table["label"] == 1, fake, 1 - fake))


def equal_error_rate(table: pd.DataFrame) -> float:
    """Return the error rate (0 to 1) at which as many reals are called fake as fakes are called real.

    Between two attainable thresholds the ROC curve is taken as straight.
    """
    false_alarms, hits, _ = roc_curve(*labels_and_scores(table), drop_intermediate=False)
    # misses - false alarms falls from 1 to -1 along the curve; the rate wanted is where it crosses zero.
    excess = (1 - hits) - false_alarms
    after = int(np.argmax(excess <= 0))
    share = excess[after - 1] / (excess[after - 1] - excess[after])
    return float(false_alarms[after - 1] + share * (false_alarms[after] - false_alarms[after - 1]))


def choose_threshold(validation: pd.DataFrame, rule: str = "accuracy") -> float:
    """Choose the threshold on validation predictions; test predictions are refused.

    Args:
        validation: a predictions table of the validation split, with both classes.
        rule: "accuracy", the threshold with the fewest errors, or "eer", the one at which the two kinds of
            error are closest to equally frequent.

    Returns:
        A threshold halfway between two neighbouring scores.
    """
    refuse_test(validation, "threshold")
    labels, scores = labels_and_scores(validation)
    false_alarms, hits, thresholds = roc_curve(labels, scores, drop_intermediate=False)
    fakes = labels.mean()
    costs = {
        "accuracy": (1 - fakes) * false_alarms + fakes * (1 - hits),
        "eer": np.abs(1 - hits - false_alarms),
    }
    if rule not in costs:
        raise CourseError(
            f"There is no rule {rule!r} to choose a threshold by; there are {', '.join(costs)}."
        )
    best = int(np.argmin(costs[rule]))
    if best == 0:  # nothing is called fake: any number above the highest score says so
        return float(np.nextafter(scores.max(), np.inf))
    below = thresholds[best + 1] if best + 1 < len(thresholds) else thresholds[best]
    return float((thresholds[best] + below) / 2)


def refuse_test(validation: pd.DataFrame, chosen: str) -> None:
    """Raise CourseError if the predictions, on which something is `chosen`, are of the test split."""
    if (validation["split"] == "test").any():
        raise CourseError(
            f"These predictions are of the test split. A {chosen} chosen on them would have seen the answers:"
            " choose it on the split 'val'."
        )


def score_for_real(table: pd.DataFrame) -> pd.DataFrame:
    """Return the same predictions scored the other way round, by P(real) = 1 - P(fake).

    Fake stays the positive class, so that the ranking is reversed and the AUROC becomes 1 - AUROC: 0.08 by
    the score "real" is the same knowledge as 0.92 by the score "fake". (Ties aside: a probability under
    1e-16 cannot be told from zero once it is taken from one.)
    """
    _checked(table, "this table")
    if table["score_kind"].iloc[0] != "probability":
        raise CourseError("Only a probability has a complement; an anomaly score has no score for 'real'.")
    return table.assign(score=1 - table["score"])


def per_video(table: pd.DataFrame, chunks: pd.Series | None = None) -> pd.DataFrame:
    """Return a predictions table with a row a video: its score is the mean over its frames or clips.

    A row's `path` is the folder of the video's frames, so that detectors that scored different frames can be
    compared by video.

    Args:
        table: n predictions, of frames or clips of videos.
        chunks: the number of the chunk of its video that each row belongs to (n). A video's score then is the
            mean over its chunks, however many clips each has, and a chunk's the mean over its clips.

    Raises:
        CourseError: a row belongs to no video.
    """
    alone = int((table["video"] == "").sum())
    if alone:
        raise CourseError(
            f"{alone} of {len(table)} predictions belong to no video (column 'video' is"
            " empty): compute their metrics a picture."
        )
    keys = ["dataset", "label", "method", "compression", "video", "split", "model", "run", "score_kind"]
    rest = {column: (column, "first") for column in ("path", "target", "source", "group")}
    if chunks is not None:
        table = table.assign(chunk=np.asarray(chunks))
        table = _mean_scores(table, [*keys, "chunk"], rest)
    videos = _mean_scores(table, keys, rest).assign(frame=0)
    # That of the folder of its frames, which is the same whichever of them were scored.
    videos["path"] = [str(PurePosixPath(path).parent) for path in videos["path"]]
    return _checked(videos, "the mean over frames")


def _mean_scores(table: pd.DataFrame, keys: list[str], rest: dict) -> pd.DataFrame:
    parts = table.groupby(keys, sort=False, dropna=False)
    return parts.agg(**rest, score=("score", "mean")).reset_index()
