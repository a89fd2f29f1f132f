"""The sample table: a row a picture or video frame, from whatever data set it comes."""

from pathlib import Path, PurePosixPath

import pandas as pd

from course_utils.data.splits import SPLITS
from course_utils.errors import CourseError
from course_utils.paths import atomic_write

# `path` is relative to the data set's root, with forward slashes; `label` is 0 real, 1 fake; `target` and
# `source` are identities (equal for an original, empty if unknown); `group` is what must never straddle
# splits; `width` and `height` are pixels as seen (EXIF rotation applied); x0 y0 x1 y1 is the face's box in
# pixels, NaN if unknown; `mask` is a path like `path`, or null.
SAMPLE_COLUMNS = {
    "path": "string",
    "dataset": "string",
    "label": "int64",
    "method": "string",
    "compression": "string",
    "video": "string",
    "frame": "int64",
    "target": "string",
    "source": "string",
    "group": "string",
    "split": "string",
    "width": "int64",
    "height": "int64",
    "x0": "float64",
    "y0": "float64",
    "x1": "float64",
    "y1": "float64",
    "mask": "string",
}


def sample_table(rows: list[dict]) -> pd.DataFrame:
    """Return `rows` as a sample table, sorted by path; columns that a row does not name are unknown."""
    unknown = {"compression": "", "video": "", "frame": 0, "target": "", "source": ""}
    table = pd.DataFrame([{**unknown, **row} for row in rows], columns=list(SAMPLE_COLUMNS))
    return table.astype(SAMPLE_COLUMNS).sort_values("path", ignore_index=True)


def write_samples(path: Path, samples: pd.DataFrame) -> None:
    """Write a sample table as Parquet, atomically.

    Raises:
        CourseError: the table is not a valid sample table, or the disk is full.
    """
    _validate(samples, path)
    with atomic_write(path) as temporary:
        samples[list(SAMPLE_COLUMNS)].to_parquet(temporary, index=False)


def read_samples(path: Path) -> pd.DataFrame:
    """Read a sample table that `write_samples` wrote.

    Raises:
        CourseError: the file is missing, is no Parquet, or a column is missing or holds what it may not.
    """
    try:
        samples = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise CourseError(
            f"{path} is not a readable sample table: {error}. Delete it and type `course data prepare`"
            " with the data set's name."
        ) from error
    missing = [column for column in SAMPLE_COLUMNS if column not in samples]
    if missing:
        raise CourseError(f"{path} lacks the column(s) {', '.join(missing)} of a sample table.")
    try:
        samples = samples[list(SAMPLE_COLUMNS)].astype(SAMPLE_COLUMNS)
    except (TypeError, ValueError) as error:
        raise CourseError(f"{path} holds a value of the wrong type: {error}.") from error
    _validate(samples, path)
    return samples


def class_balance(samples: pd.DataFrame) -> pd.DataFrame:
    """Return how many samples are real and how many fake in each split, and the share of fakes in percent."""
    counts = pd.crosstab(samples["split"], samples["label"])
    counts = counts.reindex(index=list(SPLITS), columns=[0, 1], fill_value=0)
    counts.columns = ["real", "fake"]
    counts.index.name = "split"
    counts["fake_percent"] = (100 * counts["fake"] / counts[["real", "fake"]].sum(axis="columns")).round(1)
    return counts


def _validate(samples: pd.DataFrame, where: Path) -> None:
    allowed = {"label": (0, 1), "split": SPLITS}
    for column, values in allowed.items():
        wrong = samples.loc[~samples[column].isin(values), column]
        if len(wrong):
            raise CourseError(
                f"{where}, column {column}, row {wrong.index[0]}: {wrong.iloc[0]!r}; expected one of"
                f" {', '.join(map(str, values))}."
            )
    for row, path in samples["path"].items():
        if path.startswith("/") or ".." in PurePosixPath(path).parts:
            raise CourseError(
                f"{where}, column path, row {row}: {path!r} leads out of the data set; expected a path"
                " relative to its root."
            )
