"""Build notebooks from their sources.

``instructor/sources/NN_topic.py`` (jupytext py:percent, solutions inside) is the only form that is edited by
hand. From it come the blank student notebook in ``notebooks/``, and the solved one in ``build/solutions/``.
"""

import hashlib
import re
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from course_utils import paths
from course_utils.errors import CourseError
from course_utils.notebooks.catalogue import Notebook, choose, profile_values, set_parameters

ANSWER_IN_WORDS = "*Write your answer here.*"
CODE_MARK = re.compile(r"^# Question (?P<number>\d+) · (?P<id>[a-z0-9-]+)$", re.MULTILINE)
WORDS_MARK = re.compile(r"^\*\*Answer (?P<number>\d+) · (?P<id>[a-z0-9-]+)\*\*", re.MULTILINE)


def source_files() -> list[Path]:
    """Return the sources in order of their numbers.

    Raises:
        CourseError: this is a student release, which has none.
    """
    folder = paths.instructor() / "sources"
    if not folder.is_dir():
        raise CourseError(
            f"There are no notebook sources in {folder}. A student release has ready-made notebooks and needs"
            " no build; authors work in a clone of the whole repository."
        )
    return sorted(folder.glob("[0-9][0-9]_*.py"))


def read_source(path: Path) -> NotebookNode:
    """Read a source into a notebook with solutions, full parameter values and stable cell ids."""
    import jupytext

    node = jupytext.read(path, fmt="py:percent")
    node.metadata = nbformat.from_dict(
        {
            "course": node.metadata.get("course", {}),
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    node.nbformat, node.nbformat_minor = 4, 5
    _give_stable_ids(node, path)
    return node


def _give_stable_ids(node: NotebookNode, path: Path) -> None:
    # jupytext draws new ids at every read. An answer keeps its question's id for ever, so that a student's
    # answer can be found in a corrected release; any other cell is named after its content, so that a cell
    # put in between changes no other cell's id.
    taken: set[str] = set()
    for cell in node.cells:
        question = cell.metadata.get("question")
        if question:
            identity = f"question-{question}"
            if identity in taken:
                raise CourseError(
                    f"{path.name}: the question {question!r} has two answer cells; expected one."
                )
        else:
            digest = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()
            identity = next(
                candidate
                for start in range(len(digest) - 12)
                if (candidate := f"cell-{digest[start : start + 12]}") not in taken
            )
        taken.add(identity)
        cell.id = identity


def question_of(cell: NotebookNode) -> tuple[int, str] | None:
    """Return number and id of the question that an answer cell answers, read from its text, or None."""
    mark = (CODE_MARK if cell.cell_type == "code" else WORDS_MARK).search(cell.source)
    return (int(mark["number"]), mark["id"]) if mark else None


def blank(node: NotebookNode, path: Path) -> NotebookNode:
    """Return a copy of a solved notebook with each solution replaced by a stub.

    A code stub raises ``NotImplementedError`` with a sentence, and only when it is called.

    Raises:
        CourseError: an answer cell is not marked as one in both its metadata and its text, a marker is left
            open, or a solution stands outside an answer cell.
    """
    from nbgrader.preprocessors import ClearSolutions
    from traitlets.config import Config

    node = nbformat.from_dict(node)
    for cell in node.cells:
        question = cell.metadata.get("question")
        marked = question_of(cell)
        if (question or marked) and (marked is None or marked[1] != question):
            raise CourseError(
                f"{path.name}: the answer cell of {question or marked[1]!r} needs the same id in its metadata"
                f' (question="…") and in its text ("# Question N · id", or "**Answer N · id**").'
            )
        if "BEGIN SOLUTION" not in cell.source:
            if question:
                raise CourseError(f"{path.name}: the answer cell of {question!r} holds no BEGIN SOLUTION.")
            continue
        if not question:
            raise CourseError(f"{path.name}: a solution stands outside an answer cell: {cell.source[:80]!r}")
        sentence = f"Question {marked[0]} · {marked[1]}: this part is still to be written."
        clear = ClearSolutions(
            config=Config(
                {
                    "ClearSolutions": {
                        "code_stub": {"python": f'raise NotImplementedError("{sentence}")'},
                        "text_stub": ANSWER_IN_WORDS,
                        "enforce_metadata": False,
                    }
                }
            )
        )
        try:
            clear.preprocess_cell(cell, {"language": "python"}, 0)
        except RuntimeError as error:
            raise CourseError(f"{path.name}, question {question!r}: {error}.") from error
    return node


def solved(node: NotebookNode) -> NotebookNode:
    """Return a copy of a solved notebook without the solution markers."""
    node = nbformat.from_dict(node)
    for cell in node.cells:
        lines = cell.source.split("\n")
        cell.source = "\n".join(line for line in lines if not re.search(r"(BEGIN|END) SOLUTION", line))
    return node


def write_notebook(node: NotebookNode, path: Path) -> None:
    """Write a notebook so that the same content gives the same bytes."""
    nbformat.validate(node)
    with paths.atomic_write(path) as temporary:
        temporary.write_text(nbformat.writes(node, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def build(numbers: list[str], profile: str | None = None, out: Path | None = None) -> list[Path]:
    """Build notebooks and return the files written.

    Without a profile: the blank student notebooks with the quick values, into ``notebooks/``, and the solved
    ones with the full values, into ``build/solutions/``, which is what papermill runs. With a profile: the
    solved ones with that profile's values written in, into ``build/<profile>/`` (or `out`), for tools such as
    nbval that cannot pass parameters.
    """
    written = []
    sources = [Notebook(file.with_suffix(".ipynb"), read_source(file)) for file in source_files()]
    for source in choose(sources, numbers):
        if profile:
            node = solved(source.node)
            set_parameters(node, source.path, profile_values(profile, source))
            written.append((out or paths.build() / profile) / source.path.name)
            write_notebook(node, written[-1])
            continue
        student = blank(source.node, source.path)
        set_parameters(student, source.path, profile_values("quick", source))
        written += [
            (out or paths.notebooks()) / source.path.name,
            (out / "solutions" if out else paths.solutions()) / source.path.name,
        ]
        write_notebook(student, written[-2])
        write_notebook(solved(source.node), written[-1])
    return written
