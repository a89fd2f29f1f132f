"""Find the answers in a submission, whatever an editor has done to the notebook."""

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from nbformat import NotebookNode

from course_utils.grading.assignment import Assignment, release_of
from course_utils.grading.blanks import bare, changed_questions, digest, is_stub, known_blanks
from course_utils.grading.cells import (
    MAX_PICTURE_BYTES,
    PNG,
    plain_text,
    read_cells,
)
from course_utils.grading.found import Answer, Found, Submission, defines, imports_of, one_answer
from course_utils.grading.modules import read_modules
from course_utils.grading.names import readable_statements, without_magics
from course_utils.grading.questions import AskedQuestion
from course_utils.notebooks.build import ANSWER_IN_WORDS, CODE_MARK, WORDS_MARK

HELPERS_MARK = re.compile(r"\A# your helpers[ \t]*$", re.MULTILINE)
# The build names cells after their content; an editor draws other ids.
GIVEN_ID = re.compile(r"cell-[0-9a-f]{12}")
# Also of an earlier release, whose text is another, in a notebook that lost its ids.
GIVEN_PROSE = re.compile(r"#{1,3} \d+ · |## Recap|\*\*Question \d+ · ")
MOST_SPLITS = 10  # cells over which one answer may be split
PASTED = re.compile(r"\(data:image/png;base64,(?P<content>[A-Za-z0-9+/=\s]+)\)")


def read_submission(path: Path, assignment: Assignment) -> Submission:
    """Read a notebook, a ``.py`` file, or a folder of ``.py`` files that import one another.

    Nothing of it is run.

    Raises:
        RejectedSubmission: it is too large, or cannot be read at all.
    """
    if path.is_dir() or path.suffix == ".py":
        return read_modules(path, assignment)
    return _read_notebook(path, assignment)


@dataclass
class _Piece:
    """A cell, or the part of a merged cell that belongs to one question."""

    kind: str
    text: str
    question: str | None = None
    found_by: Literal["id", "mark"] | None = None
    marked: bool = False
    given: bool = False
    helpers: bool = False
    attachments: dict[str, Any] = field(default_factory=dict)

    @property
    def own(self) -> bool:
        """Whether the student made this cell, and it is not yet known what for."""
        return not (self.question or self.given or self.helpers)


def _read_notebook(path: Path, assignment: Assignment) -> Submission:
    node = read_cells(path)
    reading = _Reading(assignment, node)
    return Submission(
        file=path,
        notebook=assignment.name,
        version=reading.version,
        answers={question.id: reading.answer(question) for question in assignment.questions},
        helpers="\n\n".join(
            dict.fromkeys(piece.text for piece in reading.pieces if piece.helpers and piece.text)
        ),
        imports=imports_of(
            piece.text for piece in reading.pieces if piece.kind == "code" and not piece.given
        ),
    )


class _Reading:
    """One notebook of a student, cut into pieces, beside the pristine one."""

    def __init__(self, assignment: Assignment, node: NotebookNode):
        self.assignment = assignment
        self.kinds = {question.id: question.kind for question in assignment.questions}
        self.pristine = [cell for cell in assignment.blank.cells if not _is_answer(cell)]
        self.given_texts = {plain_text(cell.source) for cell in self.pristine}
        self.helper_ids = {cell.id for cell in self.pristine if _has_tag(cell, "helpers")}
        self.blanks = known_blanks(assignment, node)
        self.changed = changed_questions(node, assignment)
        version = release_of(node).get("version")
        self.version = version if isinstance(version, str) else None
        self.pieces = [piece for cell in node.cells for piece in self._cut(cell)]

    def _cut(self, cell: NotebookNode) -> list[_Piece]:
        """Cut a cell at its marks; whatever stands above the first belongs to it."""
        identity = self._identity(cell)
        marks = self._marks(cell.source)
        attachments, kind = dict(cell.attachments), cell.cell_type
        if not marks:
            piece = _Piece(kind, cell.source, identity, "id" if identity else None, attachments=attachments)
            if not identity:
                piece.helpers = self._is_helpers(cell)
                piece.given = not piece.helpers and self._is_given(cell)
            pieces = [piece]
        else:
            ends = [mark.start() for mark in marks[1:]] + [len(cell.source)]
            pieces = []
            for mark, end in zip(marks, ends, strict=True):
                above = cell.source[: mark.start()] if mark is marks[0] else ""
                text = above + cell.source[mark.end() : end]
                found_by = "id" if mark["id"] == identity else "mark"
                pieces.append(_Piece(kind, text, mark["id"], found_by, marked=True, attachments=attachments))
        for piece in pieces:
            if piece.helpers:
                piece.text = HELPERS_MARK.sub("", piece.text)
            code = self.kinds.get(piece.question, kind) == "code"
            piece.text = without_magics(piece.text) if code else piece.text.replace(ANSWER_IN_WORDS, "")
            piece.text = piece.text.strip("\n")
        return pieces

    def _identity(self, cell: NotebookNode) -> str | None:
        # Colab keeps a cell's id in its metadata.
        for identity in (cell.metadata.get("question"), cell.id, cell.metadata.get("id")):
            question = identity.removeprefix("question-") if isinstance(identity, str) else None
            if question in self.kinds:
                return question
        return None

    def _marks(self, source: str) -> list[re.Match]:
        marks = [mark for mark in CODE_MARK.finditer(source) if self.kinds.get(mark["id"]) == "code"]
        marks += [mark for mark in WORDS_MARK.finditer(source) if self.kinds.get(mark["id"]) == "words"]
        return sorted(marks, key=lambda mark: mark.start())

    def _is_helpers(self, cell: NotebookNode) -> bool:
        if cell.cell_type != "code":
            return False
        known = _has_tag(cell, "helpers") or cell.id in self.helper_ids
        return known or bool(HELPERS_MARK.search(cell.source))

    def _is_given(self, cell: NotebookNode) -> bool:
        of_the_course = cell.cell_type == "markdown" and GIVEN_PROSE.match(cell.source)
        return cell.source in self.given_texts or bool(GIVEN_ID.fullmatch(cell.id) or of_the_course)

    def answer(self, question: AskedQuestion) -> Answer:
        """Return the answer to a question, looking first where it should be."""
        find = self._code_answer if question.kind == "code" else self._words_answer
        answer = find(question)
        if answer.state == "missing" or question.id not in self.changed:
            return answer
        notebook = f"the notebook, which is of release {self.version}" if self.version else "the notebook"
        flag = f"The text of this question is not the one in {notebook}: it was changed in a later release."
        return replace(answer, flags=(*answer.flags, flag))

    # ---- code

    def _code_answer(self, question: AskedQuestion) -> Answer:
        copies, below_blank = [], []
        for pieces, below in self._places(question):
            code = [piece.text for piece in below if piece.kind == "code" and piece.text]
            text, flags = "\n".join(piece.text for piece in pieces), []
            if self._is_blank(question, text):
                found = _up_to(code, lambda joined: defines(joined, question.answers))
                if found is not None and not self._is_blank(question, found):
                    below_blank.append(found)
                continue
            if not defines(text, question.answers):
                joined = _up_to([text, *code], lambda joined: defines(joined, question.answers))
                if joined is not None:
                    text, code = joined, []
                    flags.append("The answer was split over several cells.")
            again = [
                one for one in code if defines(one, question.answers) and not self._is_blank(question, one)
            ]
            copies += [Found(text, pieces[0].found_by, flags)]
            copies += [Found(one, "below", []) for one in again]
        if any(piece.kind != "code" for piece in self.pieces if piece.question == question.id) and copies:
            copies[0].flags.append("The answer stood in a cell that is not a code cell.")
        if not copies and below_blank:
            flag = "The answer stood in the cell below the one meant for it."
            copies = [Found(text, "below", [flag]) for text in below_blank]
        if not copies:
            flag = f"The answer was found by its name, `{question.answers}`, not in the cell meant for it."
            elsewhere = [
                piece.text
                for piece in self.pieces
                if piece.kind == "code" and not piece.question and defines(piece.text, question.answers)
            ]
            copies = [Found(text, "name", [flag]) for text in elsewhere if not self._is_blank(question, text)]
        if not copies and not any(piece.question == question.id for piece in self.pieces):
            between = [piece.text for piece in self._between(question) if piece.kind == "code"]
            text = "\n".join(text for text in between if readable_statements(text))
            if text and not self._is_blank(question, text):
                flag = f"The answer was found by its place; it does not define `{question.answers}`."
                copies = [Found(text, "position", [flag])]
        return one_answer(question, copies)

    # ---- words

    def _words_answer(self, question: AskedQuestion) -> Answer:
        copies = []
        for pieces, below in self._places(question):
            own = [
                piece for piece in pieces if piece.text.strip() and not self._is_blank(question, piece.text)
            ]
            prose = [piece for piece in below if piece.kind != "code" and piece.text.strip()]
            if own:
                flags = ["The answer goes on in the cell below."] if prose else []
                copies.append(_in_words([*own, *prose], pieces[0].found_by, flags))
            elif prose:
                flag = "The answer stood in the cell below the one meant for it."
                copies.append(_in_words(prose, "below", [flag]))
            elif in_code := [piece for piece in below if piece.kind == "code" and _is_prose(piece.text)]:
                flag = "The answer stood in a code cell below the one meant for it."
                copies.append(_in_words(in_code, "below", [flag]))
        if not copies:
            flag = "The answer was found by its place: its cell had lost its mark."
            between = (
                [] if any(piece.question == question.id for piece in self.pieces) else self._between(question)
            )
            prose = [piece for piece in between if piece.kind != "code" and piece.text.strip()]
            if prose:
                copies.append(_in_words(prose, "position", [flag]))
        return one_answer(question, copies)

    # ---- places

    def _places(self, question: AskedQuestion) -> list[tuple[list[_Piece], list[_Piece]]]:
        """Return each copy of an answer's cell (with what was split off it), and the cells added below."""
        copies: list[tuple[list[_Piece], list[_Piece]]] = []
        near = False
        for piece in self.pieces:
            if piece.question == question.id:
                if near and not piece.marked:
                    # Splitting a cell copies its metadata, but the mark stays in the upper half.
                    copies[-1][0].append(piece)
                else:
                    copies.append(([piece], []))
                near = True
            elif near and piece.own:
                copies[-1][1].append(piece)
            else:
                near = False
        return copies

    def _between(self, question: AskedQuestion) -> list[_Piece]:
        """Return the student's cells that stand where the answer's cell has been, between its neighbours."""
        cells = self.assignment.blank.cells
        place = next(i for i, cell in enumerate(cells) if cell.metadata.get("question") == question.id)
        above = next((at for cell in reversed(cells[:place]) if (at := self._find(cell)) is not None), -1)
        below = (at for cell in cells[place + 1 :] if (at := self._find(cell)) is not None and at > above)
        return [piece for piece in self.pieces[above + 1 : next(below, len(self.pieces))] if piece.own]

    def _find(self, cell: NotebookNode) -> int | None:
        for at, piece in enumerate(self.pieces):
            if _is_answer(cell):
                same = piece.question == cell.metadata["question"]
            elif _has_tag(cell, "helpers"):
                same = piece.helpers
            else:
                same = piece.given and piece.text.strip() == plain_text(cell.source).strip()
            if same:
                return at
        return None

    def _is_blank(self, question: AskedQuestion, text: str) -> bool:
        if not bare(text, question.kind) or digest(text, question.kind) in self.blanks[question.id]:
            return True
        # The blank of an earlier release in a notebook whose metadata an editor lost.
        return question.kind == "code" and is_stub(text, self.assignment.answer_cell(question.id).source)


def _in_words(pieces: list[_Piece], found_by: str, flags: list[str]) -> Found:
    found = Found("", found_by, flags)
    for piece in pieces:
        for name, bundle in piece.attachments.items():
            content = bundle.get("image/png") if isinstance(bundle, dict) else None
            _keep_picture(found, str(name), content)

        def keep_inline(match: re.Match) -> str:
            # Colab writes a pasted picture into the text.
            name = f"pasted-{len(found.pictures) + 1}.png"
            _keep_picture(found, name, match["content"])
            return f"(attachment:{name})"

        text = PASTED.sub(keep_inline, piece.text)
        found.text = "\n\n".join(part for part in (found.text, text.strip()) if part)
    return found


def _keep_picture(found: Found, name: str, content: Any) -> None:
    text = content if isinstance(content, str) else ""
    try:
        picture = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        picture = b""
    if picture.startswith(PNG) and len(picture) <= MAX_PICTURE_BYTES:
        found.pictures[name] = picture
    else:
        found.flags.append(f"The pasted picture {name!r} is no PNG file of at most 5 MB, and is not shown.")


def _up_to(texts: list[str], enough: Callable[[str], bool]) -> str | None:
    """Return the shortest join of the first texts that is enough, or None."""
    for count in range(1, min(len(texts), MOST_SPLITS) + 1):
        if enough(joined := "\n".join(texts[:count])):
            return joined
    return None


def _is_prose(text: str) -> bool:
    return bool(text.strip()) and not readable_statements(text)


def _is_answer(cell: NotebookNode) -> bool:
    return "question" in cell.metadata


def _has_tag(cell: NotebookNode, tag: str) -> bool:
    tags = cell.metadata.get("tags", [])
    return isinstance(tags, list) and tag in tags


def question_ids(node: NotebookNode) -> set[str]:
    """Return the ids of the questions that a notebook's cells answer, by their ids and marks."""
    found = set()
    for cell in node.cells:
        identities = (cell.metadata.get("question"), cell.id, cell.metadata.get("id"))
        found |= {one.removeprefix("question-") for one in identities if isinstance(one, str)}
        found |= {mark["id"] for marks in (CODE_MARK, WORDS_MARK) for mark in marks.finditer(cell.source)}
    return found
