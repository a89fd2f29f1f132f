"""Which split a file belongs to, and whether what belongs together stays together."""

import hashlib
from typing import Annotated, Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, model_validator

SPLITS = ("train", "val", "test")
SplitName = Literal["train", "val", "test"]


class FolderSplit(BaseModel):
    """The split is the `{split}` field of the file's path; `words` says what each folder name means."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["folder"]
    words: dict[str, SplitName] = {name: name for name in SPLITS}

    def split_of(self, columns: dict[str, str]) -> str | None:
        """Return "train", "val" or "test"; None when the folder's name is not among `words`."""
        return self.words.get(columns["split"])


class RatioSplit(BaseModel):
    """Groups are dealt out by `train`, `val`, `test` fractions that sum to 1.

    A group's split follows from a hash of its name and of `seed` alone: it is the same on every machine,
    and stays when other groups come or go. The fractions are therefore met only approximately.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["ratios"]
    train: float = Field(0.7, ge=0)
    val: float = Field(0.15, ge=0)
    test: float = Field(0.15, ge=0)
    seed: int = 0

    @model_validator(mode="after")
    def _sums_to_one(self) -> "RatioSplit":
        if abs(self.train + self.val + self.test - 1) > 1e-6:
            raise ValueError(f"train + val + test must be 1, not {self.train + self.val + self.test:g}")
        return self

    def split_of(self, columns: dict[str, str]) -> str | None:
        """Return "train", "val" or "test" for the file's `group`."""
        digest = hashlib.sha256(f"{self.seed}:{columns['group']}".encode()).digest()
        position = int.from_bytes(digest[:8], "big") / 2**64  # uniform in [0, 1)
        if position < self.train:
            return "train"
        return "val" if position < self.train + self.val else "test"


SplitRule = Annotated[FolderSplit | RatioSplit, Field(discriminator="kind")]


def leaks(samples: pd.DataFrame) -> pd.DataFrame:
    """Return the groups that stand in more than one split: a row a group, the number of samples a split.

    A model that has seen one of a group (a person, a photo and what was forged from it) knows something
    about the others; a test set that shares groups with the training set measures memory as well as skill.
    """
    counts = pd.crosstab(samples["group"], samples["split"])
    counts = counts.reindex(columns=list(SPLITS), fill_value=0)
    return counts[(counts > 0).sum(axis="columns") > 1]
