"""Which split a file belongs to, and whether what belongs together stays together."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, Protocol

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, model_validator

from course_utils.errors import CourseError

SPLITS = ("train", "val", "test")
SplitName = Literal["train", "val", "test"]


class BoundRule(Protocol):
    """A split rule that knows all it needs: what `bound` of any rule below returns."""

    def split_of(self, columns: dict[str, str]) -> str | None:
        """Return "train", "val" or "test" for a file with these columns; None if it is in no split."""

    def group_of(self, columns: dict[str, str]) -> str:
        """Return what must never straddle splits."""


class _Rule(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    def bound(self, root: Path, rows: Sequence[dict]) -> BoundRule:
        """Return the rule for the data set in `root`, whose files have the columns `rows`."""
        return self

    def group_of(self, columns: dict[str, str]) -> str:
        """Return the group that the layout gives."""
        return columns["group"]


class _Shares(_Rule):
    """Fractions of the data for train, val and test, which sum to 1."""

    train: float = Field(0.7, ge=0)
    val: float = Field(0.15, ge=0)
    test: float = Field(0.15, ge=0)

    @model_validator(mode="after")
    def _sum_to_one(self) -> "_Shares":
        if abs(self.train + self.val + self.test - 1) > 1e-6:
            raise ValueError(f"train + val + test must be 1, not {self.train + self.val + self.test:g}")
        return self


class FolderSplit(_Rule):
    """The split is the `{split}` field of the file's path; `words` says what each folder name means."""

    kind: Literal["folder"]
    words: dict[str, SplitName] = {name: name for name in SPLITS}

    def split_of(self, columns: dict[str, str]) -> str | None:
        """Return "train", "val" or "test"; None when the folder's name is not among `words`."""
        return self.words.get(columns["split"])


class GivenSplit(_Rule):
    """The split is told with the label: by the annotations, or by the table that the data set is made of."""

    kind: Literal["given"]

    def split_of(self, columns: dict[str, str]) -> str | None:
        """Return "train", "val" or "test"."""
        return columns["split"]


class RatioSplit(_Shares):
    """Groups are dealt out by `train`, `val`, `test` fractions that sum to 1.

    A group's split follows from a hash of its name and of `seed` alone: it is the same on every machine,
    and stays when other groups come or go. The fractions are therefore met only approximately.
    """

    kind: Literal["ratios"]
    seed: int = 0

    def split_of(self, columns: dict[str, str]) -> str | None:
        """Return "train", "val" or "test" for the file's `group`."""
        position = _position(self.seed, columns["group"])
        if position < self.train:
            return "train"
        return "val" if position < self.train + self.val else "test"


class DealtSplit(_Shares):
    """Groups are shuffled and cut by `train`, `val`, `test` fractions that sum to 1, met to within a group.

    Those of each data set, and among them those of reals, of fakes and of both, are cut on their own: a split
    has its share of each. Where groups come or go, one near a cut may change its split.
    """

    kind: Literal["dealt"]
    train: float = Field(0.7, gt=0)
    val: float = Field(0.15, gt=0)
    test: float = Field(0.15, gt=0)
    seed: int = 0

    def bound(self, root: Path, rows: Sequence[dict]) -> BoundRule:
        """Return the rule for the groups among `rows`, which have `dataset`, `label` and `group`."""
        kinds = defaultdict(set)
        for row in rows:
            kinds[row["group"]].add((row["dataset"], row["label"]))
        alike = defaultdict(list)
        for group in sorted(kinds, key=lambda group: _position(self.seed, group)):
            alike[frozenset(kinds[group])].append(group)
        splits = {}
        for groups in alike.values():
            splits |= _cut(groups, self)
        return _ByColumn("group", splits)


class OrderSplit(_Shares):
    """Targets in alphabetical order, cut by fractions, as published (Santoro 2024, section 2.3).

    A fake goes where its target goes, and its source may be anywhere: people leak from split to split. It is
    there to compare with what was published, not to measure skill.
    """

    kind: Literal["order"]

    def bound(self, root: Path, rows: Sequence[dict]) -> BoundRule:
        """Return the rule for the targets among `rows`."""
        return _ByColumn("target", _cut(sorted({row["target"] for row in rows}), self))


class ListSplit(_Rule):
    """Each split is a text file of paths, or of file names without their extension, a line each.

    `files` is their path, with `{split}` in it; with `label_first`, a label stands before each path. A split
    that has no such file is empty. A file on no list is in no split, unless `others` names one.
    """

    kind: Literal["listed"]
    files: str
    label_first: bool = False
    others: SplitName | None = None

    def bound(self, root: Path, rows: Sequence[dict]) -> BoundRule:
        """Return the rule with the lists in `root`.

        Raises:
            CourseError: there is no list at all, one is not UTF-8, or two name the same file.
        """
        lists = {split: root / self.files.format(split=split) for split in SPLITS}
        found = {split: file for split, file in lists.items() if file.is_file()}
        if not found:
            raise CourseError(
                f"{lists['test']} is not there: it says which file belongs to which split. It comes with the"
                " data set; put it back."
            )
        entries = {}
        for split, file in found.items():
            try:
                lines = file.read_text(encoding="utf-8").splitlines()
            except UnicodeDecodeError as error:
                raise CourseError(f"{file} is not UTF-8 ({error}). Save it as UTF-8.") from error
            for line in filter(None, map(str.strip, lines)):
                path = line.split(maxsplit=1)[-1] if self.label_first else line
                if entries.setdefault(path, split) != split:
                    other = found[entries[path]].name
                    raise CourseError(f"{file}: {path} is in {other} too; expected each file in one split.")
        return _Listed(entries, self.others)


class PairSplit(_Rule):
    """Official lists of *pairs* of videos, as FaceForensics++ (Rössler et al. 2019) publishes them.

    `files`, with `{split}` in it, is the path of a JSON list of pairs of targets. Of a pair A, B there are
    both fakes A_B and B_A. The pair is the group: both originals and all fakes made of the two stay together,
    so that nobody is in two splits. A fake of people who are no pair is in no split.
    """

    kind: Literal["pairs"]
    files: str = "splits/{split}.json"

    def bound(self, root: Path, rows: Sequence[dict]) -> BoundRule:
        """Return the rule with the lists in `root`.

        Raises:
            CourseError: a list is not there or is none of pairs, or a video is in two pairs.
        """
        pair_of, split_of = {}, {}
        for split in SPLITS:
            file = root / self.files.format(split=split)
            for pair in _read_pairs(file):
                for video in pair:
                    if video in pair_of:
                        raise CourseError(
                            f"{file}: {video} is in two pairs, {pair_of[video]} ({split_of[video]}) and"
                            f" {'_'.join(sorted(pair))} ({split}); expected each video once."
                        )
                    pair_of[video], split_of[video] = "_".join(sorted(pair)), split
        return _Paired(pair_of, split_of)


SplitRule = Annotated[
    FolderSplit | RatioSplit | OrderSplit | ListSplit | PairSplit | DealtSplit | GivenSplit,
    Field(discriminator="kind"),
]


@dataclass(frozen=True)
class _ByColumn:
    column: str
    splits: dict[str, str]

    def split_of(self, columns: dict[str, str]) -> str | None:
        return self.splits[columns[self.column]]

    def group_of(self, columns: dict[str, str]) -> str:
        return columns[self.column]


@dataclass(frozen=True)
class _Listed:
    entries: dict[str, str]
    others: str | None

    def split_of(self, columns: dict[str, str]) -> str | None:
        path = columns["path"]
        name = path.rpartition("/")[2].rpartition(".")[0]
        return self.entries.get(path) or self.entries.get(name) or self.others

    def group_of(self, columns: dict[str, str]) -> str:
        return columns["group"]


@dataclass(frozen=True)
class _Paired:
    pair_of: dict[str, str]
    splits: dict[str, str]

    def split_of(self, columns: dict[str, str]) -> str | None:
        together = self.pair_of.get(columns["target"]) == self.pair_of.get(columns["source"])
        return self.splits.get(columns["target"]) if together else None

    def group_of(self, columns: dict[str, str]) -> str:
        return self.pair_of[columns["target"]]


def _position(seed: int, group: str) -> float:
    """Return where a group stands in a shuffled order, from 0 to 1, the same on every machine."""
    digest = hashlib.sha256(f"{seed}:{group}".encode()).digest()
    return int.from_bytes(digest[:8], "big") / 2**64


def _cut(names: Sequence[str], rule: "OrderSplit | DealtSplit") -> dict[str, str]:
    """Return the split of each name: the first `train` of them, then `val`, then the rest."""
    ends = [round(len(names) * share) for share in (rule.train, rule.train + rule.val)]
    splits = ["train" if n < ends[0] else "val" if n < ends[1] else "test" for n in range(len(names))]
    return dict(zip(names, splits, strict=True))


def _read_pairs(file: Path) -> list[tuple[str, str]]:
    try:
        return [(str(first), str(second)) for first, second in json.loads(file.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        raise CourseError(
            f'{file} should be the official list of pairs, such as [["000", "003"], …], and cannot be read:'
            f" {error}. Get it from where the data set was published (for FaceForensics++:"
            f" github.com/ondyari/FaceForensics, dataset/splits) and put it there."
        ) from error


def leaks(samples: pd.DataFrame) -> pd.DataFrame:
    """Return the groups that stand in more than one split: a row a group, the number of samples a split.

    A model that has seen one of a group (a person, a photo and what was forged from it) knows something
    about the others; a test set that shares groups with the training set measures memory as well as skill.
    """
    counts = pd.crosstab(samples["group"], samples["split"])
    counts = counts.reindex(columns=list(SPLITS), fill_value=0)
    return counts[(counts > 0).sum(axis="columns") > 1]


def shared_people(samples: pd.DataFrame) -> pd.DataFrame:
    """Return the people (targets and sources) who are in more than one split, as `leaks` returns groups."""
    people = pd.concat(
        [samples[["split", who]].set_axis(["split", "group"], axis=1) for who in ("target", "source")]
    )
    return leaks(people[people["group"] != ""])


def tell_leak(samples: pd.DataFrame) -> str:
    """Return a sentence on the people that splits share and the fakes that this touches; "" if none."""
    shared = len(shared_people(samples))
    if not shared:
        return ""
    home = samples[samples["label"] == 0].groupby("target")["split"].first()
    fakes = samples[samples["label"] == 1].drop_duplicates(["target", "source", "method"])
    source = fakes["source"].map(home)
    across = int((source.notna() & (source != fakes["split"])).sum())
    tested = int((fakes["split"] == "test").sum())
    learnt = int(((fakes["split"] == "test") & (source == "train")).sum())
    return (
        f"This split leaks: {shared} people are in more than one split. The source person of {across} of"
        f" {len(fakes)} fakes is in another split; of {tested} test fakes, that of {learnt} is in train."
    )
