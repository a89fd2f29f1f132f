"""Read a student's file as cells: checked, limited in size, and refused with a sentence where it is none."""

import json
import re
import warnings
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

from course_utils.errors import CourseError

MAX_BYTES = 50 * 2**20
MAX_PARTS = 300_000
MAX_CELLS = 2000
MAX_OUTPUTS = 20_000
MAX_CELL_CHARACTERS = 200_000
MAX_CHARACTERS = 1_000_000
MAX_PICTURE_BYTES = 5 * 2**20
PNG = b"\x89PNG\r\n\x1a\n"
# One of the two halves as which JSON can name a character.
HALF = re.compile(r"\\u[dD][89a-fA-F]")


class RejectedSubmission(CourseError):
    """A file that was not read: too large, or not what its name says. The message is one for the student."""


def read_text(path: Path) -> str:
    """Return the text of a student's file.

    Raises:
        RejectedSubmission: it is no file, too large, empty, or not UTF-8.
    """
    if not path.is_file():
        raise RejectedSubmission(f"{path.name} is no file. Name a notebook.")
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
    _refuse_many_parts(path, text)
    try:
        text = whole_characters(text)
        _refuse_many_cells(path, json.loads(text))
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
    except RejectedSubmission:
        raise
    except json.JSONDecodeError as error:
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
    for number, cell in enumerate(node.cells, start=1):
        if len(cell.source) > MAX_CELL_CHARACTERS:
            raise RejectedSubmission(
                f"{path.name}, cell {number}, has {len(cell.source)} characters, more than"
                f" {MAX_CELL_CHARACTERS}. Take what is pasted there out and hand the notebook in again."
            )
    if (total := sum(len(cell.source) for cell in node.cells)) > MAX_CHARACTERS:
        raise RejectedSubmission(
            f"{path.name} has {total} characters in its cells, more than {MAX_CHARACTERS}. Take what is"
            " pasted there out and hand the notebook in again."
        )
    return node


def whole_characters(text: str) -> str:
    """Return JSON without halves of characters that stand alone: no file and no page can hold them.

    Raises:
        ValueError: it is no JSON.
        RecursionError: it is nested too deeply.
    """
    if not HALF.search(text):
        return text
    return json.dumps(json.loads(text), ensure_ascii=False).encode(errors="replace").decode()


def plain_text(source: Any) -> str:
    """Return the source of a cell, text or lines of it, without what stands at the ends of lines."""
    text = source if isinstance(source, str) else "".join(source)
    return "\n".join(line.rstrip() for line in text.splitlines())


def _refuse_many_parts(path: Path, text: str) -> None:
    # Counted before anything is parsed: an empty list takes three bytes of a file, and sixty of memory.
    if text.count("{") + text.count("[") > MAX_PARTS or text.count(",") > 10 * MAX_PARTS:
        raise RejectedSubmission(
            f"{path.name} has more lists and numbers in it than a notebook of {MAX_CELLS} cells. Clear the"
            " outputs of large cells and hand it in again."
        )


def _refuse_many_cells(path: Path, content: Any) -> None:
    # Before nbformat converts and checks each of them.
    if not isinstance(content, dict):
        raise TypeError("it is a list or a value")
    sheets = [content, *content.get("worksheets", ())]  # formats 1 to 3 have those
    cells = [cell for sheet in sheets for cell in sheet.get("cells", ())]
    if len(cells) > MAX_CELLS:
        raise RejectedSubmission(f"{path.name} has {len(cells)} cells, more than {MAX_CELLS}.")
    for number, cell in enumerate(cells, start=1):
        source = cell.get("source", cell.get("input", "")) if isinstance(cell, dict) else None
        lines = source if isinstance(source, list) else [source]
        if not all(isinstance(line, str) for line in lines):
            raise TypeError(f"cell {number} holds something else than text")
    outputs = sum(len(cell.get("outputs") or ()) for cell in cells)
    if outputs > MAX_OUTPUTS:
        raise RejectedSubmission(
            f"{path.name} has {outputs} outputs, more than {MAX_OUTPUTS}. Clear them and hand it in again."
        )
