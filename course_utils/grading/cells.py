"""Read a student's file as cells: checked, limited in size, and refused with a sentence where it is none."""

import json
import warnings
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from course_utils.errors import CourseError

MAX_BYTES = 50 * 2**20
MAX_CELLS = 2000
MAX_CELL_CHARACTERS = 200_000
MAX_PICTURE_BYTES = 5 * 2**20
PNG = b"\x89PNG\r\n\x1a\n"


class RejectedSubmission(CourseError):
    """A file that was not read: too large, or not what its name says. The message is one for the student."""


def read_text(path: Path) -> str:
    """Return the text of a student's file.

    Raises:
        RejectedSubmission: it is too large, empty, or not UTF-8.
    """
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise RejectedSubmission(
            f"{path.name} has {size / 2**20:.0f} MB, more than {MAX_BYTES / 2**20:.0f}. Clear the outputs of"
            " large cells, or make pasted pictures smaller, and hand it in again."
        )
    if not size:
        raise RejectedSubmission(f"{path.name} is empty. Save the notebook and hand it in again.")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise RejectedSubmission(f"{path.name} is not text in UTF-8 (byte {error.start} is not).") from error


def read_cells(path: Path) -> NotebookNode:
    """Read a notebook of any format that editors write, checked as far as its cells are used.

    Raises:
        RejectedSubmission: it is too large, or no notebook.
    """
    text = read_text(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            node = nbformat.convert(nbformat.reader.reads(text), 4)
        for cell in node.cells:
            cell.source = plain_text(cell.source)
            cell.metadata = nbformat.from_dict(dict(cell.get("metadata", {})))
            cell.attachments = nbformat.from_dict(dict(cell.get("attachments", {})))
            cell.id = str(cell.get("id", ""))
            if not isinstance(cell.cell_type, str):
                raise TypeError("a cell has no type")
        node.metadata = nbformat.from_dict(dict(node.get("metadata", {})))
    except (nbformat.reader.NotJSONError, json.JSONDecodeError) as error:
        raise RejectedSubmission(
            f"{path.name} is no notebook: it is not JSON. It may be damaged, or another kind of file under a"
            " notebook's name; download the notebook again (.ipynb) and hand it in."
        ) from error
    except RecursionError as error:
        raise RejectedSubmission(f"{path.name} is nested too deeply to be a notebook.") from error
    except Exception as error:  # nbformat's own conversions raise whatever a made-up file leads them to
        raise RejectedSubmission(
            f"{path.name} is JSON, but no notebook ({type(error).__name__}: {error})."
        ) from error
    if len(node.cells) > MAX_CELLS:
        raise RejectedSubmission(f"{path.name} has {len(node.cells)} cells, more than {MAX_CELLS}.")
    for number, cell in enumerate(node.cells, start=1):
        if len(cell.source) > MAX_CELL_CHARACTERS:
            raise RejectedSubmission(
                f"{path.name}, cell {number}, has {len(cell.source)} characters, more than"
                f" {MAX_CELL_CHARACTERS}. Take what is pasted there out and hand the notebook in again."
            )
    return node


def plain_text(source: Any) -> str:
    """Return the source of a cell, text or lines of it, without what stands at the ends of lines."""
    text = source if isinstance(source, str) else "".join(source)
    return "\n".join(line.rstrip() for line in text.splitlines())
