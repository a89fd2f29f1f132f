"""Which names a piece of source binds and uses, found without running it."""

import ast
import builtins
import re
import symtable
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

BUILTINS = frozenset(dir(builtins)) | {
    "__name__",
    "__file__",
    "__doc__",
    "get_ipython",
    "display",
    "In",
    "Out",
}
# What the parser raises for source that is wrong, holds null bytes, or is nested too deeply.
UNREADABLE = (SyntaxError, ValueError, RecursionError, MemoryError)
COMPREHENSIONS = {"listcomp", "setcomp", "dictcomp", "genexpr"}
CONSTANT_PARTS = (
    *(ast.Constant, ast.Name, ast.Attribute, ast.Tuple, ast.List, ast.Dict, ast.UnaryOp, ast.BinOp),
    *(ast.expr_context, ast.unaryop, ast.operator),
)
CELL_MAGIC = re.compile(r"\A\s*%%[^\n]*")
LINE_MAGIC = re.compile(r"^([ \t]*)[%!?][^\n]*", re.MULTILINE)


@dataclass(frozen=True)
class Statement:
    """A statement at the top of a cell or file.

    Attributes:
        node: its syntax tree.
        text: its source, decorators included.
        binds: the names that it defines, assigns or imports; with ``Model.fit = fit`` also the changed one.
        uses: the names of the surrounding module that it uses, at once or when what it defines is called.
        uses_at_once: those that must be there when it runs.
    """

    node: ast.stmt
    text: str
    binds: frozenset[str]
    uses: frozenset[str]
    uses_at_once: frozenset[str]

    @property
    def defines(self) -> bool:
        """Whether it is a function or a class."""
        return isinstance(self.node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)

    @property
    def names_a_thing(self) -> bool:
        """Whether it gives a name to a constant, or another name to something there is."""
        if not isinstance(self.node, ast.Assign):
            return False
        parts = ast.walk(self.node.value)
        return all(isinstance(one, CONSTANT_PARTS) for one in parts)

    @property
    def imports(self) -> bool:
        """Whether it is an import."""
        return isinstance(self.node, ast.Import | ast.ImportFrom)


def without_magics(source: str) -> str:
    """Return source as plain Python: without IPython's ``%``, ``%%`` and ``!`` lines, if it has any."""
    try:
        ast.parse(source)
    except UNREADABLE:
        return LINE_MAGIC.sub(r"\1pass", CELL_MAGIC.sub("", source))
    return source


def statements(source: str) -> list[Statement]:
    """Split source into its top-level statements.

    Raises:
        SyntaxError: it is not Python, or nested too deeply to be read.
    """
    try:
        lines = source.split("\n")
        return [_statement(node, lines) for node in ast.parse(source).body]
    except (ValueError, RecursionError, MemoryError) as error:
        raise SyntaxError(f"this cannot be read as Python ({error or type(error).__name__})") from error


def readable_statements(source: str) -> list[Statement]:
    """Return the top-level statements of a source, and none where it is not Python."""
    try:
        return statements(source)
    except SyntaxError:
        return []


def _statement(node: ast.stmt, lines: list[str]) -> Statement:
    first = min([node.lineno, *(one.lineno for one in getattr(node, "decorator_list", []))])
    table = symtable.symtable(ast.unparse(node), "statement", "exec")
    binds = {
        symbol.get_name() for symbol in table.get_symbols() if symbol.is_assigned() or symbol.is_imported()
    }
    uses = {symbol.get_name() for symbol in table.get_symbols() if symbol.is_referenced()}
    at_once = set(uses)
    for inner, immediate in _inner_tables(table, immediate=True):
        for symbol in inner.get_symbols():
            if symbol.is_global() and symbol.is_referenced():
                uses.add(symbol.get_name())
                if immediate:
                    at_once.add(symbol.get_name())
            if symbol.is_declared_global() and symbol.is_assigned():
                binds.add(symbol.get_name())
    binds |= _changed(node)
    before = lines[first - 1].encode()[: node.col_offset].strip() if first == node.lineno else b""
    after = lines[node.end_lineno - 1].encode()[node.end_col_offset :].strip()
    alone = not before and not after.startswith(b";")
    text = "\n".join(lines[first - 1 : node.end_lineno]) if alone else ast.unparse(node)
    return Statement(node, text, frozenset(binds), frozenset(uses), frozenset(at_once))


def _inner_tables(
    table: symtable.SymbolTable, immediate: bool
) -> Iterator[tuple[symtable.SymbolTable, bool]]:
    for child in table.get_children():
        at_once = immediate and (child.get_type() == "class" or child.get_name() in COMPREHENSIONS)
        yield child, at_once
        yield from _inner_tables(child, at_once)


def _changed(node: ast.stmt) -> set[str]:
    # `Model.fit = fit` and `table["a"] = 1` change what a name stands for, and so does `table.append(1)`.
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign):
        targets = [one for one in node.targets if isinstance(one, ast.Attribute | ast.Subscript)]
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        targets = [node.value.func] if isinstance(node.value.func, ast.Attribute) else []
    roots = set()
    for target in targets:
        root = target
        while isinstance(root, ast.Attribute | ast.Subscript):
            root = root.value
        if isinstance(root, ast.Name):
            roots.add(root.id)
    return roots


def needed(parts: list[Statement], wanted: Iterable[str]) -> list[Statement]:
    """Keep those statements that `wanted` names rest on, in their order; star imports are kept always.

    A call such as ``plt.show()`` changes nothing that an answer rests on, unlike ``table.append(1)``: calls
    of a module's functions are left out.
    """
    wanted = set(wanted)
    modules = {name for part in parts if part.imports for name in part.binds}
    kept: set[int] = set()
    while True:
        more = {
            place
            for place, part in enumerate(parts)
            if place not in kept and (_is_star(part) or _serves(part, wanted, modules))
        }
        if not more:
            return [parts[place] for place in sorted(kept)]
        kept |= more
        wanted |= {name for place in more for name in parts[place].uses}


def _serves(part: Statement, wanted: set[str], modules: set[str]) -> bool:
    if isinstance(part.node, ast.If) and "__name__" in part.uses_at_once:
        return False
    changes_a_module = isinstance(part.node, ast.Expr) and part.binds <= modules
    return bool(part.binds & wanted) and not changes_a_module


def _is_star(part: Statement) -> bool:
    return part.imports and any(alias.name == "*" for alias in part.node.names)


def undefined(parts: list[Statement], known: Iterable[str]) -> list[str]:
    """Return the names that `parts` use and that neither they, nor Python, nor `known` define, in order.

    With a star import nothing can be said, and nothing is.
    """
    if any(_is_star(part) for part in parts):
        return []
    there = BUILTINS | set(known) | {name for part in parts for name in part.binds}
    return sorted({name for part in parts for name in part.uses} - there)
