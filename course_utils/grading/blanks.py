"""Tell an answer from a blank that nobody filled in, and a question from an earlier release's."""

import ast
import hashlib
import re
from typing import Any, Literal

from nbformat import NotebookNode

from course_utils.grading.assignment import Assignment, question_texts, release_of
from course_utils.grading.names import readable_statements
from course_utils.notebooks.build import ANSWER_IN_WORDS, CODE_MARK, WORDS_MARK

STUB = re.compile(
    r"^raise NotImplementedError\(.Question \d+ · [a-z0-9-]+: this part is still to be written\."
)


def bare(text: str, kind: Literal["code", "words"]) -> str:
    """Return the lines of an answer that say something: no mark, placeholder, blank line or comment line."""
    text = (
        CODE_MARK.sub("", text) if kind == "code" else WORDS_MARK.sub("", text).replace(ANSWER_IN_WORDS, "")
    )
    lines = [line.rstrip() for line in text.splitlines()]
    return "\n".join(
        line for line in lines if line and not (kind == "code" and line.lstrip().startswith("#"))
    )


def digest(text: str, kind: Literal["code", "words"]) -> str:
    """Return a hash of an answer or a blank, the same whatever its comments and blank lines."""
    return hashlib.sha256(bare(text, kind).encode()).hexdigest()[:16]


def known_blanks(assignment: Assignment, node: NotebookNode) -> dict[str, set[str]]:
    """Return the digests of each question's blank: this release's, and the one the notebook began as."""
    known = {
        question.id: {digest(assignment.answer_cell(question.id).source, question.kind)}
        for question in assignment.questions
    }
    for identity, entry in _entries(node).items():
        if identity in known and isinstance(entry.get("blank"), str):
            known[identity].add(entry["blank"])
    return known


def _entries(node: NotebookNode) -> dict[str, dict[str, Any]]:
    """Return what the release that a notebook began as says of its questions; empty where that was lost."""
    entries = release_of(node).get("questions")
    entries = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    return {entry["id"]: entry for entry in entries if isinstance(entry.get("id"), str)}


def changed_questions(node: NotebookNode, assignment: Assignment) -> list[str]:
    """Return the questions that a notebook does not ask, or asks in another text, as far as that can be told.

    The hashes that a release wrote decide; where an editor lost them, the text that stands in the notebook.
    """
    entries, before, now = _entries(node), question_texts(node), question_texts(assignment.blank)
    changed = []
    for question in assignment.questions:
        text = now.get(question.id, "")
        if entries:
            same = entries.get(question.id, {}).get("text") == digest(text, "words")
        else:
            # An answer may have been typed into the cell of its question.
            same = bare(before.get(question.id, text), "words").startswith(bare(text, "words"))
        if not same:
            changed.append(question.id)
    return changed


def is_stub(text: str, blank: str) -> bool:
    """Return whether text is a blank but for its signatures and docstrings."""
    found, given = _bodies(text), _bodies(blank)
    stubs = [line for line in given if STUB.search(line)]
    return bool(stubs) and [line for line in found if STUB.search(line)] == stubs and set(found) <= set(given)


def _bodies(text: str) -> list[str]:
    """Return what the functions in a source do, a line for each statement, without docstrings."""
    functions = [
        node
        for part in readable_statements(text)
        for node in ast.walk(part.node)
        if isinstance(node, ast.FunctionDef)
    ]
    done = [statement for function in functions for statement in function.body]
    return [ast.unparse(one) for one in done if not isinstance(getattr(one, "value", None), ast.Constant)]
