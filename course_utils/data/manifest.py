"""What a data set is, in a YAML file: where it lies, how its paths are read, labels, groups and splits."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator

from course_utils import paths
from course_utils.data.annotations import AnnotationForm
from course_utils.data.layout import LayoutLine, fields_of, inside, read_metadata
from course_utils.data.recipes import Recipe
from course_utils.data.sampling import Sampling
from course_utils.data.splits import SPLITS, BoundRule, SplitRule
from course_utils.errors import CourseError

NOT_A_MANIFEST = {"published_results"}  # lies in the same folder
COMPLETE = ".complete.json"  # in the folder of a generated data set
PREPARED = "prepare.json"  # beside a sample table, written last
ALL = "all"  # in an edition's counts: all splits, or all labels of a split


class Edition(BaseModel):
    """What a check counts in one known edition of the data set: `counts[split][label word]`.

    "all" stands for all splits, or for all labels of a split.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    edition: str
    counts: dict[str, dict[str, int]]


class Manifest(BaseModel):
    """A data set. See `data_manifests/` for examples and `LayoutLine` for how paths are read.

    `folder` is relative to the data root; `root`, an absolute path instead, stands only in the manifests
    that `course data prepare --folder` and `course data unpack` write. `may_show` says whether its pictures
    may appear in what others get to see. `frames` says that the data set is one of videos, and which frames
    of each are used. `generate` says that the course makes the data set itself, and how large; it then lies
    in the cache.

    What is what is told by one of four: the `layout` of the paths; `merge`, the names of data sets that this
    one is all of (see `merge.merge_tables`); `crop`, the one whose heads are cut out (see `heads.cut_heads`),
    which a `detector` of faces finds, or the course's own of heads; or `annotations`, what lies beside the
    pictures (see `annotations.read_annotated`).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    title: str
    description: str
    access: str
    terms: str
    may_show: Literal["yes", "no", "unknown"]
    citation: str
    folder: str = "."
    root: Path | None = None
    generate: Recipe | None = None
    layout: tuple[LayoutLine, ...] = ()
    merge: tuple[str, ...] = ()
    crop: str = ""
    detector: Literal["faces", "heads"] = "faces"
    annotations: AnnotationForm | None = None
    labels: dict[str, Literal[0, 1]]
    frames: Sampling | None = None
    splits: dict[str, SplitRule]
    default_split: str
    expects: tuple[Edition, ...] = ()

    @field_validator("may_show", mode="before")
    @classmethod
    def _yaml_reads_yes_as_true(cls, value: object) -> object:
        return {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value

    @field_validator("folder")
    @classmethod
    def _stays_inside(cls, value: str) -> str:
        return inside(value)

    @model_validator(mode="after")
    def _parts_agree(self) -> "Manifest":
        if self.default_split not in self.splits:
            raise ValueError(f"default_split is {self.default_split!r}; splits has {', '.join(self.splits)}")
        if sum(map(bool, (self.layout, self.merge, self.crop, self.annotations))) != 1:
            raise ValueError("expected exactly one of layout, merge, crop and annotations")
        if self.merge and (len(self.merge) < 2 or len(set(self.merge)) < len(self.merge)):
            raise ValueError(
                f"merge names {', '.join(self.merge)}; expected two data sets or more, each once"
            )
        if not self.layout and not self.labels.items() <= {"real": 0, "fake": 1}.items():
            raise ValueError("labels: expected real: 0 and fake: 1, where no layout has other words")
        kinds = {"dealt", "given"} if self.merge else {"given"}
        if not self.layout and (odd := {rule.kind for rule in self.splits.values()} - kinds):
            raise ValueError(f"splits: {min(odd)} needs a layout; expected {' or '.join(sorted(kinds))}")
        for line in self.layout:
            fields = line.fields
            if not line.label and "label" not in fields:
                raise ValueError(f"the layout line {line.path} has neither a {{label}} field nor a label:")
            words = {line.label} if line.label and not fields_of(line.label) else set()
            words |= set(line.method) if isinstance(line.method, dict) else set()
            if words - set(self.labels):
                raise ValueError(f"{', '.join(sorted(words - set(self.labels)))} is not among labels")
            if self.rule.kind == "folder" and not line.split and "split" not in fields:
                raise ValueError(f"the layout line {line.path} has no {{split}} field for the split")
        for edition in self.expects:
            named = set(edition.counts) | {word for labels in edition.counts.values() for word in labels}
            if odd := named - {*SPLITS, *self.labels, ALL}:
                raise ValueError(f"expects, {edition.edition}: {min(odd)} is neither a split nor a label")
        return self

    @property
    def rule(self) -> SplitRule:
        """The rule of the default split."""
        return self.splits[self.default_split]

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of the data sets that this one is made of; none for most."""
        return self.merge or ((self.crop,) if self.crop else ())

    @property
    def made_of(self) -> tuple[str, ...]:
        """The names of the data sets whose pictures it holds: its sources, and the one that it forges."""
        forged = getattr(self.generate, "photographs_of", None)
        return (*self.sources, *([forged] if forged else []))

    def parse(self, path: str, told: Callable[[str], dict] | None = None) -> dict[str, str] | None:
        """Return the columns of a file, all but the split; None if no layout line describes it.

        `told` returns what a metadata file tells (see `LayoutLine`).
        """
        for line in self.layout:
            columns = line.read(path, told)
            if columns is None or columns["label"] not in self.labels:
                continue
            word = columns.pop("label")
            label = self.labels[word]
            method = columns["method"] or ("original" if label == 0 else word)
            return {**columns, "label_word": word, "label": label, "method": method}
        return None

    def read_all(self, files: list[str], root: Path) -> dict[str, dict]:
        """Return the columns of all `files` under `root` that belong to the data set, by path.

        Raises:
            CourseError: lists of splits or metadata that the manifest speaks of are not there or are wrong.
        """
        told = cache(lambda path: read_metadata(root / path))
        parsed = {path: columns for path in files if (columns := self.parse(path, told)) is not None}
        rule = self.rule.bound(root, list(parsed.values()))
        placed = {path: place(columns, rule) for path, columns in parsed.items()}
        return {path: columns for path, columns in placed.items() if columns is not None}

    def choose(self, splits: str | None = None, frames: str | None = None) -> "Manifest":
        """Return the manifest with another of its named splits, or with other frames of its videos.

        Raises:
            CourseError: it has no such split, it has no videos, or `frames` is no `Sampling`.
        """
        if splits is not None and splits not in self.splits:
            raise CourseError(f"{self.name} has no split named {splits!r}; it has {', '.join(self.splits)}.")
        if frames is not None and self.frames is None:
            raise CourseError(f"{self.name} holds pictures, no videos: there are no frames to choose.")
        try:
            sampling = self.frames if frames is None else Sampling.model_validate(frames)
        except ValidationError as error:
            raise CourseError(error.errors()[0]["msg"].removeprefix("Value error, ") + ".") from error
        return self.model_copy(update={"default_split": splits or self.default_split, "frames": sampling})

    def place_in(self, cache_root: Path) -> Path:
        """Return the folder of a cache for the sample table: one a named split and choice of frames."""
        parts = [self.default_split] if len(self.splits) > 1 else []
        parts += [str(self.frames).replace(" ", "_")] if self.frames else []
        return cache_root.joinpath(self.name, *parts)

    def generated_in(self, cache_root: Path) -> Path:
        """Return the folder of a cache for what is generated: another recipe, another folder."""
        return cache_root / "generated" / self.name / self.generate.fingerprint

    def generated(self) -> Path | None:
        """Return the folder of what was generated, in the first cache that has it all; None if none has."""
        places = [self.generated_in(cache) for cache in paths.cache_roots()] if self.generate else []
        return next((place for place in places if (place / COMPLETE).is_file()), None)

    def mark_generated(self) -> None:
        """Say that the folder in the writable cache has all that is to be generated."""
        place = self.generated_in(paths.writable_cache())
        paths.write_json(place / COMPLETE, self.generate.model_dump(mode="json"))

    def made(self) -> Path | None:
        """Return the folder of what was made of other data sets, in the first cache that has it."""
        places = [self.place_in(cache) for cache in paths.cache_roots()] if self.sources else []
        return next((place for place in places if (place / PREPARED).is_file()), None)

    def data_folder(self) -> Path:
        """Return the folder that paths are relative to.

        Raises:
            CourseError: it is not there. Three lines: which data sets exist, how to get this one, what to
                type.
        """
        if self.sources and not (made := self.made()):
            raise CourseError(
                f"{self.name} is not made yet. It is made of {' and '.join(self.sources)}: with them here,"
                f" type `course data prepare {self.name}`."
            )
        if self.sources:
            return made
        if self.generate and not (made := self.generated()):
            raise CourseError(
                f"{self.name} is not generated yet. It needs no download: type `course data prepare"
                f" {self.name}`."
            )
        if self.generate:
            return made
        data_root = paths.data_root()
        folder = self.root or (data_root / self.folder if data_root else None)
        if folder is not None and folder.is_dir():
            return folder
        if folder is None:
            problem = "COURSE_DATA_ROOT, the folder that holds the data sets, is not set."
        else:
            problem = f"The folder {folder} is not there."
        place = "" if self.root else f"COURSE_DATA_ROOT=/folder/that/holds/{self.folder} "
        raise CourseError(
            f"{self.name} was not found: {problem} Data sets: {', '.join(manifest_names())}.\n"
            f"How to get {self.name}: {' '.join(self.access.split())}\n"
            f"Then type: {place}course data prepare {self.name}"
            " (or course data prepare --folder PATH for real/ and fake/ folders of your own)."
        )


def place(columns: dict, rule: BoundRule) -> dict | None:
    """Return `columns` with the split, and the group if the rule knows better; None if it has no split."""
    split = rule.split_of(columns)
    return None if split is None else {**columns, "split": split, "group": rule.group_of(columns)}


def manifest_names() -> list[str]:
    """Return the names of all data sets, the user's own included, in alphabetical order."""
    files = [file for folder in paths.manifests() for file in folder.glob("*.yaml")]
    return sorted({file.stem for file in files} - NOT_A_MANIFEST)


def list_manifests() -> list[Manifest]:
    """Return the manifests of all data sets.

    Raises:
        CourseError: one of them is invalid (see `load_manifest`).
    """
    return [load_manifest(name) for name in manifest_names()]


def load_manifest(name: str) -> Manifest:
    """Return the manifest of the data set `name`.

    Raises:
        CourseError: there is none (the names there are are listed), or it is invalid: the file, the field
            and what was expected.
    """
    if name in manifest_names():
        own, shipped = (folder / f"{name}.yaml" for folder in paths.manifests())
        return read_manifest(own, own=True) if own.is_file() else read_manifest(shipped)
    raise CourseError(
        f"There is no data set {name!r}. There are: {', '.join(manifest_names())}. For pictures of your own,"
        " type `course data prepare --folder PATH`."
    )


def may_show(name: str) -> bool:
    """Whether a data set's pictures may appear in public: it, and what it is made of, says ``may_show: yes``.

    Those of a data set that nobody knows any more may not.
    """
    if name not in manifest_names():
        return False
    manifest = load_manifest(name)
    return manifest.may_show == "yes" and all(map(may_show, manifest.made_of))


def refuse_rings(manifest: Manifest, above: tuple[str, ...] = ()) -> None:
    """Raise a CourseError if a data set is made of itself, or of one that is made of it, or of an unknown."""
    if manifest.name in above:
        ring = ", which is made of ".join((*above[above.index(manifest.name) :], manifest.name))
        raise CourseError(f"{ring}: no data set is made of itself. Change `merge` or `crop` in a manifest.")
    for name in manifest.sources:
        refuse_rings(load_manifest(name), (*above, manifest.name))


def read_manifest(file: Path, own: bool = False) -> Manifest:
    """Read and validate a manifest; only a user's `own` may name a `root` outside the data root.

    Raises:
        CourseError: naming file, field and what was expected.
    """
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise CourseError(f"{file} cannot be read as YAML: {error}") from error
    if not isinstance(content, dict):
        raise CourseError(f"{file} should hold fields like `name:` and `layout:`, and holds none.")
    try:
        manifest = Manifest.model_validate(content)
    except ValidationError as error:
        raise CourseError("\n".join(_explain(file, problem) for problem in error.errors())) from error
    if manifest.name != file.stem:
        raise CourseError(f"{file}, field name: {manifest.name!r}; expected the file's own, {file.stem!r}.")
    if manifest.root is not None and not own:
        raise CourseError(
            f"{file}, field root: only `course data prepare --folder` writes it; expected `folder`, a path"
            " relative to the data root."
        )
    return manifest


def write_own(manifest: Manifest) -> None:
    """Write a manifest to the user's cache: from then on the data set has its name.

    Raises:
        RunError: the disk is full, or the cache cannot be written.
    """
    with paths.atomic_write(paths.manifests()[0] / f"{manifest.name}.yaml") as temporary:
        content = manifest.model_dump(mode="json", exclude_defaults=True)
        temporary.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), encoding="utf-8")


def _explain(file: Path, problem: dict) -> str:
    field = ".".join(str(part) for part in problem["loc"]) or "the whole"
    if problem["type"] == "extra_forbidden":
        known = LayoutLine if problem["loc"][0] == "layout" else Manifest
        expected = f"unknown; expected one of {', '.join(known.model_fields)}"
    else:
        expected = problem["msg"].removeprefix("Value error, ")
    return f"{file}, field {field}: {expected}."
