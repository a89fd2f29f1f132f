"""What all commands share: where they print, how, and the options that several of them have."""

import re
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

# Control characters, those that turn the direction of text, and halves of characters.
COMMANDS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

console = Console()
complaints = Console(stderr=True)

Numbers = Annotated[list[str] | None, typer.Argument(help="Notebooks by number or name; all by default.")]
Out = Annotated[Path | None, typer.Option("--out", help="Folder to write into.")]
Jobs = Annotated[int, typer.Option("--jobs", min=1, help="How many to work on side by side.")]

Scheduler = Annotated[
    str | None, typer.Option("--scheduler", help="A dask scheduler's address: its workers do the work.")
]


def table_of(frame: Any, title: str) -> Table:
    """Return a data frame as a table for the terminal."""
    table = Table(*(str(column) for column in frame.columns), title=title)
    for row in frame.itertuples(index=False):
        table.add_row(*(plain(str(value)) for value in row))
    return table


def printable(text: str) -> str:
    """Return text that says what stands in it, and commands no terminal."""
    return COMMANDS.sub(lambda character: ascii(character[0])[1:-1], text)


def plain(text: str) -> str:
    """Return text that rich prints as it is, brackets too."""
    return escape(printable(text))
