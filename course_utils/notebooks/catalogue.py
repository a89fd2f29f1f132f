"""Which notebooks there are, which parameters they declare, and what a profile sets them to."""

import ast
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import yaml
from nbformat import NotebookNode

from course_utils import paths
from course_utils.errors import CourseError

DATASET_PARAMETERS = ("dataset", "fakes", "synthetic", "masked", "videos")
"""The parameters whose value is the name of a data set; a run prepares those before it starts."""

PROFILES = ("tiny", "quick", "photographs", "full")


@dataclass(frozen=True)
class Parameter:
    """One line of a notebook's parameters cell: ``epochs = 5  # passes over the training set``."""

    name: str
    value: Any
    text: str
    line: int


@dataclass(frozen=True)
class Notebook:
    """A notebook file of the course and what its metadata says of it."""

    path: Path
    node: NotebookNode

    @property
    def name(self) -> str:
        """The file's name without its ending, such as ``03_simplenet``."""
        return self.path.stem

    @property
    def number(self) -> str:
        """The two digits in front of the name."""
        return self.name[:2]

    @property
    def about(self) -> dict[str, Any]:
        """The ``course`` metadata: title, minutes, hours, needs, after, source of the chapter."""
        return dict(self.node.metadata.get("course", {}))

    @property
    def parameters(self) -> dict[str, Parameter]:
        """The parameters that the notebook declares, by name."""
        return parameters(self.node, self.path)


def parameters_cell(node: NotebookNode) -> NotebookNode | None:
    """Return the cell tagged ``parameters``, or None."""
    return next((cell for cell in node.cells if "parameters" in cell.metadata.get("tags", [])), None)


def parameters(node: NotebookNode, path: Path) -> dict[str, Parameter]:
    """Read the parameters that a notebook declares.

    Raises:
        CourseError: a line of the parameters cell is not ``name = literal``.
    """
    cell = parameters_cell(node)
    if cell is None:
        return {}
    found = {}
    for statement in ast.parse(cell.source).body:
        try:
            (target,) = statement.targets
            name, value = target.id, ast.literal_eval(statement.value)
        except (AttributeError, ValueError) as error:
            raise CourseError(
                f"{path.name}, parameters cell, line {statement.lineno}: expected `name = value` with a plain"
                f" value (number, text, list, None), found `{ast.unparse(statement)}`."
            ) from error
        found[name] = Parameter(name, value, ast.unparse(statement.value), statement.lineno - 1)
    return found


def set_parameters(node: NotebookNode, path: Path, values: dict[str, Any]) -> None:
    """Write `values` into the parameters cell, in place, each with the full value beside it.

    ``epochs = 5  # passes`` becomes ``epochs = 2  # full: 5 · passes``.
    """
    cell = parameters_cell(node)
    if cell is None:
        return
    lines = cell.source.split("\n")
    for parameter in parameters(node, path).values():
        if parameter.name in values and values[parameter.name] != parameter.value:
            _, _, comment = lines[parameter.line].partition("#")
            note = " · ".join(part for part in (f"full: {parameter.text}", comment.strip()) if part)
            lines[parameter.line] = f"{parameter.name} = {values[parameter.name]!r}  # {note}"
    cell.source = "\n".join(lines)


def read_notebooks(folder: Path) -> list[Notebook]:
    """Return the numbered notebooks of a folder, in order."""
    files = sorted(path for path in folder.glob("*.ipynb") if re.match(r"\d\d_", path.name))
    return [Notebook(path, nbformat.read(path, as_version=4)) for path in files]


def choose(notebooks: list[Notebook], numbers: list[str]) -> list[Notebook]:
    """Keep the notebooks that the user named (by number or by name); all of them when none is named.

    Raises:
        CourseError: there is no such notebook; the message lists those there are.
    """
    chosen = []
    for wanted in numbers:
        key = wanted.removesuffix(".ipynb")
        key = f"{int(key):02d}" if key.isdecimal() else key
        matches = [notebook for notebook in notebooks if key in (notebook.number, notebook.name)]
        if not matches:
            there_are = ", ".join(notebook.name for notebook in notebooks) or "none"
            raise CourseError(f"There is no notebook {wanted!r}. There are: {there_are}.")
        chosen += [match for match in matches if match not in chosen]
    return sorted(chosen, key=lambda notebook: notebook.name) if numbers else notebooks


def read_profiles() -> dict[str, dict[str, Any]]:
    """Read ``notebooks/profiles.yaml``: for each profile, `values` for all notebooks, or for one by number.

    What a profile does not set, it has from the one that it `extends`.

    Raises:
        CourseError: the file is missing or is not of that form.
    """
    file = paths.notebooks() / "profiles.yaml"
    if not file.is_file():
        raise CourseError(
            f"{file} is missing: work in a clone of the course (or a release), where notebooks/ stands."
        )
    profiles = yaml.safe_load(file.read_text(encoding="utf-8"))
    if not isinstance(profiles, dict) or set(profiles) != set(PROFILES):
        raise CourseError(f"{file}: expected the profiles {', '.join(PROFILES)} at the top level.")
    return {name: _extended(profile, profiles) for name, profile in profiles.items()}


def _extended(profile: dict[str, Any], profiles: dict[str, dict[str, Any]]) -> dict[str, Any]:
    if "extends" not in profile:
        return profile
    base = profiles[profile["extends"]]
    both = [part.get("notebooks") or {} for part in (base, profile)]
    notebooks = {
        number: {name: value for part in both for name, value in part.get(number, {}).items()}
        for number in {**both[0], **both[1]}
    }
    values = (base.get("values") or {}) | (profile.get("values") or {})
    return base | profile | {"values": values, "notebooks": notebooks}


def profile_values(profile: str, notebook: Notebook) -> dict[str, Any]:
    """Return what a profile sets in one notebook: its general values, then those under its number."""
    profiles = read_profiles()
    if profile not in profiles:
        raise CourseError(f"There is no profile {profile!r}. There are: {', '.join(profiles)}.")
    values = profiles[profile].get("values") or {}
    own = (profiles[profile].get("notebooks") or {}).get(notebook.number) or {}
    unknown = set(own) - set(notebook.parameters)
    if unknown:
        raise CourseError(
            f"notebooks/profiles.yaml, {profile}, notebook {notebook.number}: {', '.join(sorted(unknown))} is"
            f" no parameter of {notebook.name}. It has: {', '.join(notebook.parameters)}."
        )
    return {name: value for name, value in values.items() if name in notebook.parameters} | own


def settings_for(
    notebooks: list[Notebook], profile: str, settings: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    """Return the parameter values of each notebook of a run: the profile's, then the user's ``--set``.

    Raises:
        CourseError: a name in `settings` is declared by none of the notebooks (lists the names there are), or
            its value is of another kind than the notebook's own.
    """
    declared = {name for notebook in notebooks for name in notebook.parameters}
    unknown = sorted(set(settings) - declared)
    if unknown:
        listing = "; ".join(f"{notebook.name}: {', '.join(notebook.parameters)}" for notebook in notebooks)
        raise CourseError(
            f"No notebook of this run has the parameter {', '.join(unknown)}. There are: {listing}."
        )
    for notebook in notebooks:
        for name in settings.keys() & notebook.parameters.keys():
            _same_kind(notebook, name, settings[name])
    return {
        notebook.name: profile_values(profile, notebook)
        | {name: value for name, value in settings.items() if name in notebook.parameters}
        for notebook in notebooks
    }


def _same_kind(notebook: Notebook, name: str, value: Any) -> None:
    default = notebook.parameters[name].value
    number = isinstance(default, int | float) and isinstance(value, int | float)
    whole = not isinstance(default, int) or not isinstance(value, float)
    if default is None or value is None or type(value) is type(default) or (number and whole):
        return
    expected = "whole number" if isinstance(default, int) else type(default).__name__
    raise CourseError(f"{name}={value!r}: {notebook.name} expects a {expected}, such as {default!r}.")
