"""Find the answers in a submission, whatever an editor has done to the notebook."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Answer:
    """One question's answer as a student handed it in.

    Attributes:
        question: the question's id.
        kind: code or words.
        text: the answer: source without the mark's line, or Markdown below its mark. Empty where missing.
        state: `missing` is an untouched blank or nothing at all; `duplicate` two different answers.
        found_by: what led to it, in this order of trust.
        flags: sentences for the feedback: how it was found where not by its id, what was odd.
        pictures: PNG files pasted into an answer in words (attachments), by name.
    """

    question: str
    kind: Literal["code", "words"]
    text: str
    state: Literal["answered", "missing", "duplicate"]
    found_by: Literal["id", "mark", "name", "position", "below"] | None = None
    flags: tuple[str, ...] = ()
    pictures: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True)
class Submission:
    """What one file, or one folder of ``.py`` files, of a student holds.

    Attributes:
        file: where it came from.
        notebook: the notebook's name, such as ``03_simplenet``.
        version: of the release it began as, or None.
        answers: by question, in the order of the questions; every question is there.
        helpers: source of the "your helpers" cells.
        imports: the import statements of all of the student's cells, one a line, without doubles.
        modules: for a folder of ``.py`` files: source by module name.
    """

    file: Path
    notebook: str
    version: str | None
    answers: dict[str, Answer]
    helpers: str
    imports: str
    modules: tuple[tuple[str, str], ...] = ()
