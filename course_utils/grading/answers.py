"""Find the answers in a submission, whatever an editor has done to the notebook."""

import base64
import binascii
import functools
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from nbformat import NotebookNode

from course_utils.grading.assignment import Assignment, release_of
from course_utils.grading.blanks import bare, changed_questions, digest, is_stub, known_blanks
from course_utils.grading.cells import (
    MAX_CELL_CHARACTERS,
    MAX_CELLS,
    MAX_PICTURE_BYTES,
    PNG,
    RejectedSubmission,
    plain_text,
    read_cells,
    read_text,
)
from course_utils.grading.names import needed, readable_statements, statements, without_magics
from course_utils.grading.questions import AskedQuestion
from course_utils.notebooks.build import ANSWER_IN_WORDS, CODE_MARK, WORDS_MARK

HELPERS_MARK = re.compile(r"\A# your helpers[ \t]*$", re.MULTILINE)
# The build names cells after their content; an editor draws other ids.
GIVEN_ID = re.compile(r"cell-[0-9a-f]{12}")
# Also of an earlier release, whose text is another, in a notebook that lost its ids.
GIVEN_PROSE = re.compile(r"#{1,3} \d+ · |## Recap|\*\*Question \d+ · ")
MOST_SPLITS = 10  # cells over which one answer may be split
PASTED = re.compile(r"\(data:image/png;base64,(?P<content>[A-Za-z0-9+/=\s]+)\)")
# Folders of a student's repository that hold no answers.
NO_ANSWERS = {"course_utils", "tests", "instructor", "node_modules", "site-packages"}


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


def read_submission(path: Path, assignment: Assignment) -> Submission:
    """Read a notebook, a ``.py`` file, or a folder of ``.py`` files that import one another.

    Nothing of it is run.

    Raises:
        RejectedSubmission: it is too large, or cannot be read at all.
    """
    if path.is_dir() or path.suffix == ".py":
        return _read_modules(path, assignment)
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
        imports=_imports(piece.text for piece in reading.pieces if piece.kind == "code" and not piece.given),
    )


def _imports(sources: Any) -> str:
    lines: dict[str, None] = {}
    for source in sources:
        try:
            found = statements(source)
        except SyntaxError:
            continue
        lines |= dict.fromkeys(" ".join(one.text.split()) for one in found if one.imports)
    return "\n".join(lines)


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
                found = _up_to(code, lambda joined: _defines(joined, question.answers))
                if found is not None and not self._is_blank(question, found):
                    below_blank.append(found)
                continue
            if not _defines(text, question.answers):
                joined = _up_to([text, *code], lambda joined: _defines(joined, question.answers))
                if joined is not None:
                    text, code = joined, []
                    flags.append("The answer was split over several cells.")
            again = [
                one for one in code if _defines(one, question.answers) and not self._is_blank(question, one)
            ]
            copies += [_Found(text, pieces[0].found_by, flags)]
            copies += [_Found(one, "below", []) for one in again]
        if any(piece.kind != "code" for piece in self.pieces if piece.question == question.id) and copies:
            copies[0].flags.append("The answer stood in a cell that is not a code cell.")
        if not copies and below_blank:
            flag = "The answer stood in the cell below the one meant for it."
            copies = [_Found(text, "below", [flag]) for text in below_blank]
        if not copies:
            flag = f"The answer was found by its name, `{question.answers}`, not in the cell meant for it."
            elsewhere = [
                piece.text
                for piece in self.pieces
                if piece.kind == "code" and not piece.question and _defines(piece.text, question.answers)
            ]
            copies = [
                _Found(text, "name", [flag]) for text in elsewhere if not self._is_blank(question, text)
            ]
        if not copies and not any(piece.question == question.id for piece in self.pieces):
            between = [piece.text for piece in self._between(question) if piece.kind == "code"]
            text = "\n".join(text for text in between if readable_statements(text))
            if text and not self._is_blank(question, text):
                flag = f"The answer was found by its place; it does not define `{question.answers}`."
                copies = [_Found(text, "position", [flag])]
        return _one(question, copies)

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
        return _one(question, copies)

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


@dataclass
class _Found:
    text: str
    found_by: Literal["id", "mark", "name", "position", "below"]
    flags: list[str]
    pictures: dict[str, bytes] = field(default_factory=dict)


def _one(question: AskedQuestion, copies: list[_Found]) -> Answer:
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


def _in_words(pieces: list[_Piece], found_by: str, flags: list[str]) -> _Found:
    found = _Found("", found_by, flags)
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


def _keep_picture(found: _Found, name: str, content: Any) -> None:
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


def _defines(text: str, name: str) -> bool:
    return name in _defined(text)


@functools.lru_cache(MAX_CELLS)  # each question looks for its name in the same cells
def _defined(text: str) -> frozenset[str]:
    # `name = lesson.go_on_with(...)` is the notebook's own line.
    own = [part for part in readable_statements(text) if not part.imports and "lesson" not in part.uses]
    return frozenset(name for part in own for name in part.binds)


def _is_prose(text: str) -> bool:
    return bool(text.strip()) and not readable_statements(text)


def _is_answer(cell: NotebookNode) -> bool:
    return "question" in cell.metadata


def _has_tag(cell: NotebookNode, tag: str) -> bool:
    tags = cell.metadata.get("tags", [])
    return isinstance(tags, list) and tag in tags


def _read_modules(path: Path, assignment: Assignment) -> Submission:
    files = [path] if path.is_file() else module_files(path)
    modules = {_module_name(file, path): plain_text(read_text(file)) for file in files}
    if not modules:
        raise RejectedSubmission(f"{path.name} holds no notebook and no .py file.")
    if sum(map(len, modules.values())) > MAX_CELL_CHARACTERS:
        raise RejectedSubmission(f"{path.name} has more than {MAX_CELL_CHARACTERS} characters of Python.")
    return Submission(
        file=path,
        notebook=assignment.name,
        version=None,
        answers={
            question.id: _module_answer(question, modules, assignment) for question in assignment.questions
        },
        helpers="",
        imports=_imports(modules.values()),
        modules=tuple(modules.items()) if path.is_dir() else (),
    )


def module_files(folder: Path) -> list[Path]:
    """Return the ``.py`` files of a student's folder, without hidden and empty ones and copies of the course.

    A link may lead to anything that whoever grades can read, so none is followed.
    """
    files = []
    for file in sorted(folder.rglob("*.py")):
        parts = file.relative_to(folder).parts
        skipped = any(part in NO_ANSWERS or part.startswith((".", "_")) for part in parts[:-1])
        named = not skipped and not parts[-1].startswith("._") and all(_is_name(part) for part in parts)
        if named and file.is_file() and not file.is_symlink() and file.stat().st_size:
            files.append(file)
    return files


def _is_name(part: str) -> bool:
    return part.removesuffix(".py").isidentifier()


def _module_name(file: Path, root: Path) -> str:
    return ".".join(file.relative_to(root if root.is_dir() else root.parent).with_suffix("").parts)


def _module_answer(question: AskedQuestion, modules: dict[str, str], assignment: Assignment) -> Answer:
    if question.kind == "words":
        return Answer(question.id, question.kind, "", "missing")
    blank = digest(assignment.answer_cell(question.id).source, "code")
    copies = []
    for name, source in modules.items():
        if _defines(source, question.answers):
            rests_on = needed(
                [part for part in readable_statements(source) if not part.imports], {question.answers}
            )
            text = "\n\n\n".join(part.text for part in rests_on)
            if digest(text, "code") != blank:
                copies.append(_Found(text, "name", [f"The answer was found in {name}.py."]))
    return _one(question, copies)


def question_ids(node: NotebookNode) -> set[str]:
    """Return the ids of the questions that a notebook's cells answer, by their ids and marks."""
    found = set()
    for cell in node.cells:
        identities = (cell.metadata.get("question"), cell.id, cell.metadata.get("id"))
        found |= {one.removeprefix("question-") for one in identities if isinstance(one, str)}
        found |= {mark["id"] for marks in (CODE_MARK, WORDS_MARK) for mark in marks.finditer(cell.source)}
    return found


def answers_any(files: list[Path], assignment: Assignment) -> bool:
    """Return whether one of these ``.py`` files defines what a code question of the assignment asks for."""
    names = [question.answers for question in assignment.questions if question.answers]
    for file in files:
        try:
            parts = readable_statements(plain_text(read_text(file)))
        except RejectedSubmission:
            continue
        if any(part.binds & set(names) and not part.imports for part in parts):
            return True
    return False
