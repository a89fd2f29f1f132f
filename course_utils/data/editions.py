"""Which known edition of a data set lies on this disk, told by its counts."""

import pandas as pd

from course_utils.data.manifest import ALL, Edition, Manifest
from course_utils.data.splits import SPLITS

Difference = tuple[str, int, int]
"""Where (``split/label word``), how many the edition has, how many were counted."""


def count_by_split(manifest: Manifest, rows: list[dict]) -> pd.DataFrame:
    """Return how many pictures each split (row) has of each label word (column)."""
    table = pd.DataFrame(rows, columns=["split", "label_word"])
    counts = pd.crosstab(table["split"], table["label_word"])
    return counts.reindex(index=list(SPLITS), columns=list(manifest.labels), fill_value=0)


def closest_edition(
    counts: pd.DataFrame, editions: tuple[Edition, ...]
) -> tuple[str | None, list[Difference]]:
    """Return the edition that `counts` come closest to, and the differences, none where it is that edition.

    Where no edition is known, the edition is None and there are no differences.
    """
    differences = {
        edition.edition: [
            (f"{split}/{label}", expected, _counted(counts, split, label))
            for split, labels in edition.counts.items()
            for label, expected in labels.items()
            if _counted(counts, split, label) != expected
        ]
        for edition in editions
    }
    if not differences:
        return None, []
    closest = min(differences, key=lambda name: sum(abs(want - got) for _, want, got in differences[name]))
    return closest, differences[closest]


def _counted(counts: pd.DataFrame, split: str, label: str) -> int:
    rows = counts if split == ALL else counts.loc[[split]]
    return int((rows if label == ALL else rows[[label]]).to_numpy().sum())
