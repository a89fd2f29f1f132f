"""What a data set is, in a YAML file: where it lies, how its paths are read, labels, groups and splits."""

import re
import string
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, field_validator, model_validator

from course_utils import paths
from course_utils.data.splits import SPLITS, SplitRule
from course_utils.errors import CourseError

NOT_A_MANIFEST = {"published_results"}  # lies in the same folder
ALL = "all"  # in an edition's counts: all splits, or all labels of a split
LINE_COLUMNS = ("label", "split", "method", "compression", "video", "target", "source", "group")


class LayoutLine(BaseModel):
    """How to read a path: a template with named fields, and what the columns are made of.

    `path` is e.g. ``{split}/{label}/{name}.{extension}``. A field matches within one folder, ``{name:path}``
    also across folders, and a field named twice must match the same text twice. Every other entry is a
    template over those fields, or a constant; one that is not given is the field of its own name.
    `method` may also be a mapping from the label's word, and `group` is the whole path if nothing is said.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: str
    label: str = ""
    split: str = ""
    method: str | dict[str, str] = ""
    compression: str = ""
    video: str = ""
    target: str = ""
    source: str = ""
    group: str = ""

    @field_validator("path")
    @classmethod
    def _stays_inside(cls, value: str) -> str:
        return _inside(value)

    @model_validator(mode="after")
    def _templates_name_fields_of_the_path(self) -> "LayoutLine":
        known = set(_fields(self.path))
        for column, template in self._templates().items():
            unknown = set(_fields(template)) - known
            if unknown:
                raise ValueError(
                    f"{column} names {', '.join(sorted(unknown))}, which is no field of the path {self.path};"
                    f" its fields are {', '.join(sorted(known))}"
                )
        return self

    def _templates(self) -> dict[str, str]:
        named = {column: getattr(self, column) for column in LINE_COLUMNS}
        return {column: template for column, template in named.items() if isinstance(template, str)}

    @cached_property
    def pattern(self) -> re.Pattern:
        """The path template as a regular expression with one group a field."""
        expression, seen = "", set()
        for text, field, form, _ in string.Formatter().parse(self.path):
            expression += re.escape(text)
            if field in seen:
                expression += f"(?P={field})"
            elif field is not None:
                characters = "." if form == "path" else r"[^/.]" if field == "extension" else "[^/]"
                expression += f"(?P<{field}>{characters}+)"
                seen.add(field)
        return re.compile(expression)

    def read(self, path: str) -> dict[str, str] | None:
        """Return the columns that `path` (relative, with forward slashes) gives; None if it does not fit."""
        match = self.pattern.fullmatch(path)
        if match is None:
            return None
        fields = match.groupdict()
        columns = {
            column: template.format_map(fields) if template else fields.get(column, "")
            for column, template in self._templates().items()
        }
        if isinstance(self.method, dict):
            columns["method"] = self.method.get(columns["label"], "")
        return {**columns, "path": path, "group": columns["group"] or path}


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
    that `course data prepare --folder` writes. `may_show` says whether its pictures may appear in what
    others get to see.
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
    layout: tuple[LayoutLine, ...]
    labels: dict[str, Literal[0, 1]]
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
        return _inside(value)

    @model_validator(mode="after")
    def _parts_agree(self) -> "Manifest":
        if self.default_split not in self.splits:
            raise ValueError(f"default_split is {self.default_split!r}; splits has {', '.join(self.splits)}")
        for line in self.layout:
            fields = _fields(line.path)
            if not line.label and "label" not in fields:
                raise ValueError(f"the layout line {line.path} has neither a {{label}} field nor a label:")
            words = {line.label} if line.label and not _fields(line.label) else set()
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

    def read(self, path: str) -> dict[str, str] | None:
        """Return the columns of a file, `label_word` and a split among them; None if no line describes it."""
        for line in self.layout:
            columns = line.read(path)
            if columns is None or columns["label"] not in self.labels:
                continue
            split = self.rule.split_of(columns)
            if split is None:
                continue
            word = columns.pop("label")
            label = self.labels[word]
            method = columns["method"] or ("original" if label == 0 else word)
            return {**columns, "label_word": word, "label": label, "method": method, "split": split}
        return None

    def data_folder(self) -> Path:
        """Return the folder that the layout's paths are relative to.

        Raises:
            CourseError: it is not there. Three lines: which data sets exist, how to get this one, what to
                type.
        """
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


def _explain(file: Path, problem: dict) -> str:
    field = ".".join(str(part) for part in problem["loc"]) or "the whole"
    if problem["type"] == "extra_forbidden":
        known = LayoutLine if problem["loc"][0] == "layout" else Manifest
        expected = f"unknown; expected one of {', '.join(known.model_fields)}"
    else:
        expected = problem["msg"].removeprefix("Value error, ")
    return f"{file}, field {field}: {expected}."


def _fields(template: str) -> list[str]:
    """Return the names of a template's fields; ValueError says what is wrong with it."""
    fields = [field for _, field, _, _ in string.Formatter().parse(template) if field is not None]
    odd = [field for field in fields if not field.isidentifier()]
    if odd:
        raise ValueError(f"{{{odd[0]}}} in {template} is not a name")
    return fields


def _inside(value: str) -> str:
    if not value or value.startswith(("/", "~")) or "\\" in value or re.match("[A-Za-z]:", value):
        raise ValueError(f"{value!r} should be a path relative to the data root, with forward slashes")
    if ".." in PurePosixPath(value).parts:
        raise ValueError(f"{value!r} leads out of the data root with '..'; expected a path inside it")
    return value
