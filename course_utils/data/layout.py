"""How a path of a data set is read: templates with named fields, and what stands beside the files."""

import json
import re
import string
from collections.abc import Callable
from functools import cached_property
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

from pydantic import BaseModel, ConfigDict, field_validator, model_validator

from course_utils.errors import CourseError

LINE_COLUMNS = ("label", "split", "method", "compression", "video", "target", "source", "group")
FILE_COLUMNS = ("scene", "mask", "boxes")
METADATA_FIELDS = {"label", "original"}
SIDES = ("xmin", "ymin", "xmax", "ymax")  # of a box in Pascal VOC


class LayoutLine(BaseModel):
    """How to read a path: a template with named fields, and what the columns are made of.

    `path` is e.g. ``{split}/{label}/{name}.{extension}``. A field matches within one folder, ``{name:path}``
    also across folders, ``{compression:c23|c40}`` only the words named, and a field named twice must match
    the same text twice. Every other entry is a template over those fields, or a constant; one that is not
    given is the field of its own name. `method` may also be a mapping from the label's word, and `group` is
    the whole path if nothing is said.

    Beside the columns of the sample table, an entry may say where more about a file is told, each a path in
    the data set: `mask`, a picture or video of what was manipulated; `boxes`, where the faces or heads are
    (see `read_boxes`); `metadata`, a JSON file that has an entry under the file's own name, whose `label` and
    `original` (the file itself, if there is none) are fields too. Videos of one `scene` show the same faces
    in the same places: they are looked for once.
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
    scene: str = ""
    mask: str = ""
    boxes: str = ""
    metadata: str = ""

    @field_validator("path", "mask", "boxes", "metadata")
    @classmethod
    def _stays_inside(cls, value: str) -> str:
        return inside(value) if value else value

    @model_validator(mode="after")
    def _templates_name_fields_of_the_path(self) -> "LayoutLine":
        known = self.fields
        for column, template in {**self._templates(), "metadata": self.metadata}.items():
            unknown = set(fields_of(template)) - (
                set(fields_of(self.path)) if column == "metadata" else known
            )
            if unknown:
                raise ValueError(
                    f"{column} names {', '.join(sorted(unknown))}, which is no field of the path {self.path};"
                    f" its fields are {', '.join(sorted(known))}"
                )
        return self

    @property
    def fields(self) -> set[str]:
        """What templates may name: the path's fields and, where there is metadata, what it tells."""
        return set(fields_of(self.path)) | (METADATA_FIELDS if self.metadata else set())

    def _templates(self) -> dict[str, str]:
        named = {column: getattr(self, column) for column in LINE_COLUMNS + FILE_COLUMNS}
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
                expression += f"(?P<{field}>{_matching(field, form)})"
                seen.add(field)
        return re.compile(expression)

    def read(self, path: str, told: Callable[[str], dict] | None = None) -> dict[str, str] | None:
        """Return the columns that `path` (relative, with forward slashes) gives; None if it does not fit.

        `told` returns what the metadata file of a path tells; only lines with `metadata` ask.
        """
        match = self.pattern.fullmatch(path)
        if match is None:
            return None
        fields = match.groupdict()
        if self.metadata:
            entry = told(self.metadata.format_map(fields)).get(PurePosixPath(path).name)
            if not isinstance(entry, dict) or not isinstance(entry.get("label"), str):
                return None
            fields["label"] = entry["label"]
            fields["original"] = str(entry.get("original") or PurePosixPath(path).name)
        columns = {
            column: template.format_map(fields) if template else fields.get(column, "")
            for column, template in self._templates().items()
        }
        if isinstance(self.method, dict):
            columns["method"] = self.method.get(columns["label"], "")
        return {**columns, "path": path, "group": columns["group"] or path}


def read_boxes(path: Path) -> list[list[float] | None]:
    """Return the boxes (x0, y0, x1, y1 in pixels) that a file tells of.

    A ``.json`` is a list with a box, or null, for each frame of a video; a ``.xml``, in the form of Pascal
    VOC, has any number for one picture, none as well.

    Raises:
        CourseError: the file is not there or has not that form, or a box ends before it begins.
    """
    try:
        if path.suffix == ".json":
            boxes = json.loads(path.read_text(encoding="utf-8"))
        else:
            boxes = [[item.findtext(f"bndbox/{side}") for side in SIDES] for item in _objects(path)]
        return [None if box is None else _box(box) for box in boxes]
    except (OSError, ValueError, TypeError, ElementTree.ParseError) as error:
        raise CourseError(f"{path} should tell where the faces are, and cannot be read: {error}.") from error


def read_poses(path: Path) -> list[str]:
    """Return how each head that a file in the form of Pascal VOC tells of is turned, in the order of boxes.

    The words are those of Pascal VOC, "Frontal", "Left", "Right" and "Rear"; "Unspecified" where none stands.

    Raises:
        CourseError: the file is not there or has not that form.
    """
    try:
        return [item.findtext("pose", "Unspecified") for item in _objects(path)]
    except (OSError, ElementTree.ParseError) as error:
        raise CourseError(f"{path} should tell how heads are turned, and cannot be read: {error}.") from error


def fields_of(template: str) -> list[str]:
    """Return the names of a template's fields; ValueError says what is wrong with it."""
    fields = [field for _, field, _, _ in string.Formatter().parse(template) if field is not None]
    odd = [field for field in fields if not field.isidentifier()]
    if odd:
        raise ValueError(f"{{{odd[0]}}} in {template} is not a name")
    return fields


def inside(value: str) -> str:
    """Return `value`, a path relative to the data root; ValueError if it is none or leads out."""
    if not value or value.startswith(("/", "~")) or "\\" in value or re.match("[A-Za-z]:", value):
        raise ValueError(f"{value!r} should be a path relative to the data root, with forward slashes")
    if ".." in PurePosixPath(value).parts:
        raise ValueError(f"{value!r} leads out of the data root with '..'; expected a path inside it")
    return value


def _matching(field: str, form: str) -> str:
    if "|" in form:
        return "|".join(map(re.escape, form.split("|")))
    characters = "." if form == "path" else r"[^/.]" if field == "extension" else "[^/]"
    return f"{characters}+"


def _objects(path: Path) -> list[ElementTree.Element]:
    return [item for item in ElementTree.parse(path).iter("object") if item.find("bndbox") is not None]


def _box(values: list) -> list[float]:
    x0, y0, x1, y1 = map(float, values)
    if not (x0 < x1 and y0 < y1):
        raise ValueError(f"the box from ({x0:g}, {y0:g}) to ({x1:g}, {y1:g}) ends before it begins")
    return [x0, y0, x1, y1]


def read_metadata(path: Path) -> dict:
    """Return what a metadata file tells, by file name.

    Raises:
        CourseError: the file is not there or is no JSON object.
    """
    try:
        entries = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CourseError(
            f"{path} should tell real from fake, and cannot be read: {error}. Put it back beside its videos."
        ) from error
    if not isinstance(entries, dict):
        raise CourseError(f"{path} should hold an entry a video, as {{file: {{label: …}}}}, and holds none.")
    return entries
