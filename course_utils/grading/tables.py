"""Read and write the tables that people edit in a spreadsheet, whatever that did to the file.

Excel and LibreOffice save with a byte-order mark or in Windows' own encoding, with semicolons or tabs, with
decimal commas, with line breaks in cells, without the zeros in front of an id, and people sort rows and add
columns. All of that is read. What cannot be read is listed, and nothing is taken from that file.
"""

import csv
import io
import math
import re
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from course_utils import paths
from course_utils.errors import CourseError

DELIMITERS = ",;\t"
# A spreadsheet takes a cell that begins so for a formula and runs it; an Asian one, wide signs too.
FORMULA = re.compile(r"'*[=+\-@＝＋－＠\t\r\n].", re.DOTALL)


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Attributes:
        number: as a spreadsheet counts it; the header is row 1.
        cells: text by column; the names of columns are in lower case, with single spaces.
    """

    number: int
    cells: dict[str, str]

    def __getitem__(self, column: str) -> str:
        """Return a cell's text without spaces around it; empty where the table lacks the column."""
        return self.cells.get(column, "")


def read_table(file: Path, columns: Collection[str]) -> list[Row]:
    """Read a table with at least `columns`, in any order; rows without any text are left out.

    Raises:
        CourseError: the file is missing, is no table, lacks a column or has a row longer than its header.
    """
    text = _text(file)
    first, _, rest = text.partition("\n")
    if re.fullmatch(r"\s*sep=.\s*", first):
        text = rest
    delimiter = next((mark for mark in DELIMITERS if set(columns) <= set(_header(text, mark))), None)
    if delimiter is None:
        found = text.partition("\n")[0].strip() or "nothing"
        raise CourseError(f"{file}, row 1: expected the columns {', '.join(columns)}; found {found}.")
    header = _header(text, delimiter)
    try:
        lines = list(_reader(text, delimiter))
    except csv.Error as error:
        raise CourseError(f"{file} is no table ({error}): is a quotation mark left open?") from error
    twice = sorted({name for name in header if name and header.count(name) > 1})
    too_long = [
        number
        for number, cells in enumerate(lines, start=1)
        if any(cell.strip() for cell in cells[len(header) :])
    ]
    refuse(file, [f"row 1: the column {name!r} stands twice" for name in twice])
    refuse(
        file,
        [
            f"row {number}: more cells than the header has (a {delimiter!r} in a cell needs quotation marks)"
            for number in too_long
        ],
    )
    return [
        Row(number, {name: _cell(cell) for name, cell in zip(header, cells, strict=False) if name})
        for number, cells in enumerate(lines[1:], start=2)
        if any(cell.strip() for cell in cells)
    ]


def write_table(
    file: Path, columns: list[str], rows: Iterable[Mapping[str, object]], byte_order_mark: bool = True
) -> None:
    """Write a table atomically; numbers have a decimal point, None is an empty cell.

    A text that a spreadsheet would run as a formula gets an apostrophe in front, which `read_table` takes
    off.

    Args:
        file: where to.
        columns: the header, in order.
        rows: each with some of the columns.
        byte_order_mark: what Excel knows UTF-8 by.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([_written(row.get(column)) for column in columns] for row in rows)
    with paths.atomic_write(file) as temporary:
        temporary.write_text(
            text.getvalue(), encoding="utf-8-sig" if byte_order_mark else "utf-8", newline=""
        )


def refuse(file: Path, problems: list[str]) -> None:
    """Raise a `CourseError` that lists `problems`, if there are any."""
    if problems:
        listing = "\n".join(f"  {problem}" for problem in problems)
        raise CourseError(f"{file}: nothing of it was taken over, and nothing was written.\n{listing}")


def number(text: str) -> float | None:
    """Return the number in a cell, with a decimal point or comma; None for an empty cell.

    Raises:
        ValueError: the cell holds something else.
    """
    if not text:
        return None
    value = float(text.replace(",", "."))
    if not math.isfinite(value):
        raise ValueError(f"{text} is no number of points")
    return value


def as_text(value: float | None) -> str:
    """Return points as people write them: 3, 2.5; empty for None."""
    return "" if value is None else f"{round(value, 4):g}"


def known_id(text: str, known: Collection[str]) -> str | None:
    """Return the one of the `known` ids that `text` means, which may have lost zeros in front; None for none.

    Raises:
        ValueError: it may be several of them.
    """
    if text in known:
        return text
    matches = sorted(candidate for candidate in known if _bare(candidate) == _bare(text))
    if len(matches) > 1:
        raise ValueError(f"{text!r} may be {' or '.join(matches)}")
    return matches[0] if matches else None


def same_text(text: str) -> str:
    """Return text in a form in which it can be compared: macOS writes an é as two characters."""
    return unicodedata.normalize("NFC", text.strip()).casefold()


def _reader(text: str, delimiter: str) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)


def _header(text: str, delimiter: str) -> list[str]:
    try:
        names = next(_reader(text, delimiter), [])
    except csv.Error:  # quotation marks where another delimiter stands
        names = []
    return [" ".join(name.split()).lower() for name in names]


def _bare(text: str) -> str:
    return re.sub(r"^0+(?=.)|\.0+$", "", same_text(text))


def _text(file: Path) -> str:
    try:
        content = file.read_bytes()
    except OSError as error:
        raise CourseError(f"{file} cannot be read: {error.strerror}.") from error
    if content.startswith(b"PK\x03\x04"):
        raise CourseError(f"{file} is a workbook, not a table: save it as CSV UTF-8 from the spreadsheet.")
    encodings = ["utf-16"] if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ["utf-8-sig", "cp1252"]
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise CourseError(f"{file} is not text: save it as CSV UTF-8 from the spreadsheet.")


def _cell(text: str) -> str:
    text = _lines(text).strip().strip("\ufeff\u200b")
    return text[1:] if text.startswith("'") and FORMULA.match(text) else text


def _written(value: object) -> object:
    if isinstance(value, float | None):
        return as_text(value)
    if not isinstance(value, str):
        return value
    text = _lines(value)  # Python 3.11 writes a cell with a return alone as two rows
    return f"'{text}" if FORMULA.match(text) else text


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
