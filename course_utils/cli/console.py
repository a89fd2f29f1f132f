"""What all commands share: where they print, how, and the options that several of them have."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

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


def plain(text: str) -> str:
    """Return text that rich prints as it is, brackets too."""
    return text.replace("[", r"\[")
