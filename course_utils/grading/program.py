"""The program that puts one answer to the test: a small notebook of nothing but what the answer rests on.

Its cells, each tagged with its part: *preamble* (what the pristine notebook imports, sets as parameters and
defines), *imports*, *helpers* (the student's, as far as the answer uses them), *needs* (the course's version
of the questions that this one needs), *answer*, and *tail* (what calls the answer). What a cell defines goes
in, what it does stays out: a demonstration below a function, or a helper of another answer, costs nothing.
"""

import ast
import textwrap

import nbformat
from nbformat import NotebookNode

from course_utils.grading.assignment import Assignment
from course_utils.grading.found import Submission
from course_utils.grading.names import BUILTINS, Statement, needed, statements, undefined
from course_utils.grading.questions import AskedQuestion

MODULES = """\
from pathlib import Path as _Path
import sys as _sys
for _name, _source in {modules!r}:
    _file = _Path(*_name.split(".")).with_suffix(".py")
    _file.parent.mkdir(parents=True, exist_ok=True)
    _file.write_text(_source, encoding="utf-8")
_sys.path.insert(0, str(_Path.cwd()))"""


def program(assignment: Assignment, submission: Submission, question_id: str, tail: str) -> NotebookNode:
    """Return the notebook that runs one code question's answer.

    Args:
        assignment: the notebook as the course knows it.
        submission: what the student handed in.
        question_id: a code question of it.
        tail: source of the last cell, which calls the answer by its name, `Question.answers`.

    The same answer gives the same notebook, ids included. An answer that is not Python goes in as it is, and
    its cell fails.
    """
    question = assignment.question(question_id)
    own = _Own(submission, question)
    defined = [one for one in assignment.given if one.defines]
    calls = needed(defined, {name for one in statements(tail) for name in one.uses})
    # An answer that calls the course's version is none. A visible check may compare with it.
    hidden = assignment.course_versions - {name for one in calls for name in one.binds}
    parts = {
        "preamble": preamble(assignment, question.without, hidden),
        "imports": _join(own.modules, own.imports),
        "helpers": own.helpers,
        "needs": _join(*(assignment.solutions[need] for need in question.needs)),
        "answer": own.answer,
        "tail": tail,
    }
    if own.unreadable_helpers and own.undefined(_known(assignment, question)):
        # Then a helper is what the answer lacks, and the helpers' own error says why.
        parts["helpers"] = own.unreadable_helpers
    node = nbformat.v4.new_notebook(metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}})
    node.metadata["kernelspec"]["language"] = "python"
    for part, source in parts.items():
        if source:
            node.cells.append(nbformat.v4.new_code_cell(source, id=part, metadata={"tags": [part]}))
    return node


def undefined_names(assignment: Assignment, submission: Submission, question_id: str) -> list[str]:
    """Return the names that an answer uses and that its program does not define.

    Raises:
        SyntaxError: the answer is not Python.
    """
    question = assignment.question(question_id)
    own = _Own(submission, question)
    if own.error:
        raise own.error
    return own.undefined(_known(assignment, question))


def barred_modules(assignment: Assignment, submission: Submission, question_id: str) -> list[str]:
    """Return the modules in the question's `without` that an answer imports or takes from the notebook."""
    question = assignment.question(question_id)
    own = _Own(submission, question)
    lacking = own.undefined(_known(assignment, question))
    imported = {name for part in own.parts for node in ast.walk(part.node) for name, _ in _imported(node)}
    given = [pair for part in assignment.given if part.imports for pair in _imported(part.node)]
    imported |= {name for name, bound in given if bound in lacking}
    return sorted(name for name in imported if _is_in(name, question.without))


def _imported(node: ast.AST) -> list[tuple[str, str]]:
    """Return what a statement imports, each with the name that it then has."""
    if isinstance(node, ast.Import):
        return [(one.name, one.asname or one.name.partition(".")[0]) for one in node.names]
    if isinstance(node, ast.ImportFrom) and node.module:
        return [(f"{node.module}.{one.name}", one.asname or one.name) for one in node.names]
    return []


def preamble(assignment: Assignment, without: tuple[str, ...], hidden: frozenset[str] = frozenset()) -> str:
    """Return what the pristine notebook imports, sets as parameters and defines.

    The modules `without` are left out, and the functions and classes that are `hidden`.
    A function or class is left out if something that it takes at once (a base class, a default) is not there.
    """
    # What imports one of `without` itself cannot be imported either; whether it does, only trying tells.
    wrap = _if_there if without else str
    given = _preamble(assignment, without, hidden)
    return _join(*(wrap(statement.text) if statement.imports else statement.text for statement in given))


def _if_there(source: str) -> str:
    return f"try:\n{textwrap.indent(source, '    ')}\nexcept ImportError:\n    pass"


def _preamble(assignment: Assignment, without: tuple[str, ...], hidden: frozenset[str]) -> list[Statement]:
    given = [one for one in assignment.given if not (one.defines and one.binds & hidden)]
    imports = [reduced for one in given if one.imports and (reduced := _minus(one, without))]
    kept = imports + statements(assignment.parameters())
    there = set(BUILTINS) | {name for one in kept for name in one.binds}
    for one in given:
        if (one.defines or one.names_a_thing) and one.uses_at_once <= there:
            kept.append(one)
            there |= one.binds
    return kept


def _minus(statement: Statement, without: tuple[str, ...]) -> Statement | None:
    node = statement.node
    prefix = f"{node.module}." if isinstance(node, ast.ImportFrom) and node.module else ""
    kept = [one for one in node.names if not _is_in(prefix + one.name, without)]
    if len(kept) == len(node.names):
        return statement
    if not kept:
        return None
    (reduced,) = statements(
        ast.unparse(ast.ImportFrom(node.module, kept, node.level) if prefix else ast.Import(kept))
    )
    return reduced


def _is_in(module: str, without: tuple[str, ...]) -> bool:
    return any(module == one or module.startswith(f"{one}.") for one in without)


def _known(assignment: Assignment, question: AskedQuestion) -> set[str]:
    known = {
        name
        for one in _preamble(assignment, question.without, assignment.course_versions)
        for name in one.binds
    }
    return known | {assignment.question(need).answers for need in question.needs}


def _join(*sources: str) -> str:
    return "\n".join(source for source in sources if source)


class _Own:
    """What of a submission goes into the program of one question.

    Attributes:
        parts: the statements that its answer rests on.
        error: where the answer is not Python: why.
    """

    def __init__(self, submission: Submission, question: AskedQuestion):
        text = submission.answers[question.id].text
        imports, self.unreadable_helpers = statements(submission.imports), ""
        try:
            helpers = statements(submission.helpers)
        except SyntaxError:
            helpers, self.unreadable_helpers = [], submission.helpers
        self.error: SyntaxError | None = None
        try:
            answer = needed(statements(text), {question.answers}) or statements(text)
        except SyntaxError as error:
            self.error, self.parts = error, []
            self.answer, self.imports, self.helpers = text, "", ""
        else:
            wanted = {name for one in answer for name in one.uses}
            own = needed([*imports, *helpers], wanted)
            self.parts: list[Statement] = [*own, *answer]
            self.imports = _join(*(one.text for one in own if one in imports))
            self.helpers = _join(*(one.text for one in own if one in helpers))
            self.answer = _join(*(one.text for one in answer))
        self.modules = MODULES.format(modules=submission.modules) if submission.modules else ""

    def undefined(self, known: set[str]) -> list[str]:
        """Return the names that it uses and that neither it nor `known` defines."""
        return undefined(self.parts, known)
