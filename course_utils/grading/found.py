"""What was found in a submission: its answers, each with what led to it, and what they rest on."""

import functools
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from course_utils.grading.blanks import digest
from course_utils.grading.cells import MAX_CELLS
from course_utils.grading.names import readable_statements, statements
from course_utils.grading.questions import AskedQuestion


@dataclass(frozen=True)
class Answer:
    """One question's answer as a student handed it in.

    Attributes:
        question: the question's id.
        kind: code or words.
        text: the answer: source without the mark's line, or Markdown below its mark. Empty where missing; all
            of them, one below the other, where there are several.
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


@dataclass
class Found:
    """A text that may be the answer to a question; see `Answer`."""

    text: str
    found_by: Literal["id", "mark", "name", "position", "below"]
    flags: list[str]
    pictures: dict[str, bytes] = field(default_factory=dict)


def one_answer(question: AskedQuestion, copies: list[Found]) -> Answer:
    """Return the answer to a question of which these copies were found: none, the same again, or several."""
    if not copies:
        return Answer(question.id, question.kind, "", "missing")
    different = {digest(copy.text, question.kind): copy for copy in reversed(copies)}
    pictures = {name: content for copy in copies for name, content in copy.pictures.items()}
    flags = [flag for copy in different.values() for flag in copy.flags]
    if len(copies) > 1:
        flags.append(
            "The answer stood in the notebook more than once, each time the same."
            if len(different) == 1
            else f"There were {len(different)} different answers; keep one and hand the notebook in again."
        )
    first = copies[0]
    answer = Answer(
        question.id,
        question.kind,
        first.text,
        "answered",
        first.found_by,
        tuple(dict.fromkeys(flags)),
        tuple(sorted(pictures.items())),
    )
    if len(different) == 1:
        return answer
    return replace(
        answer, state="duplicate", text="\n\n".join(copy.text for copy in reversed(different.values()))
    )


def defines(text: str, name: str) -> bool:
    """Return whether source defines a name itself."""
    return name in _defined(text)


@functools.lru_cache(MAX_CELLS)  # each question looks for its name in the same cells
def _defined(text: str) -> frozenset[str]:
    # `name = lesson.go_on_with(...)` is the notebook's own line.
    own = [part for part in readable_statements(text) if not part.imports and "lesson" not in part.uses]
    return frozenset(name for part in own for name in part.binds)


def imports_of(sources: Iterable[str]) -> str:
    """Return the import statements of all sources, one a line, without doubles."""
    lines: dict[str, None] = {}
    for source in sources:
        try:
            found = statements(source)
        except SyntaxError:
            continue
        lines |= dict.fromkeys(" ".join(one.text.split()) for one in found if one.imports)
    return "\n".join(lines)
