"""Write a student repository: what students need, and nothing that answers a question."""

import hashlib
import json
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jinja2
import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

import course_utils
from course_utils import paths
from course_utils.errors import CourseError
from course_utils.grading.assignment import (
    Assignment,
    assignment_names,
    load_assignment,
    question_texts,
    source_of,
    with_quick_values,
)
from course_utils.grading.blanks import digest
from course_utils.grading.names import Statement, needed, statements
from course_utils.grading.questions import AskedQuestion, read_questions
from course_utils.notebooks.build import read_source, solved, write_notebook
from course_utils.notebooks.catalogue import Notebook, choose, parameters_cell
from course_utils.notebooks.run import commit

MANIFEST = "release.json"
README = "student_readme.md.j2"
FILES = ("LICENSE", "Makefile", "constraints.txt", "environment.yml", "pyproject.toml", ".gitignore")
FOLDERS = ("course_utils", "data_manifests", "reference_runs", "tests")
# Tests of what only the whole repository has: sources and checks, the grader, the benchmarks.
PRIVATE_TESTS = (
    "tests/grading",
    "tests/notebooks/test_build.py",
    "tests/models/test_face_vit.py",
    "tests/test_cli.py",
)
SOLUTION = re.compile(r"BEGIN SOLUTION[^\n]*\n(?P<body>.*?)\n[^\n]*END SOLUTION", re.DOTALL)
TEXT_FILES = {".py", ".ipynb", ".md", ".yaml", ".yml", ".json", ".toml", ".txt", ".j2", ""}
TELLING_LENGTH = 40  # characters; "a number" is a rubric's text too, and stands in many places


def release(
    numbers: list[str],
    out: Path,
    *,
    version: str | None = None,
    private: tuple[Path, ...] = (),
    solutions: Path | None = None,
    question: str | None = None,
) -> list[Path]:
    """Write a student repository, and an archive of it beside it; return what was written.

    Args:
        numbers: notebooks by number or name; all by default.
        out: the repository's folder: new, empty, or that of an earlier release, of which everything else that
            stands there, such as ``.git``, is left alone.
        version: how this release is called; by default the package's version with the commit.
        private: folders like ``instructor/`` which go before it.
        solutions: where the solved notebooks go.
        question: release this question alone, from the one notebook named.

    Raises:
        CourseError: there is something else in `out`, there is no such notebook or question, or a solution or
            rubric would be given away; then nothing is written.
    """
    if not paths.instructor().is_dir():
        raise CourseError("This is a student release. Releases are made in a clone of the whole repository.")
    version = version or "+".join(filter(None, [course_utils.__version__, commit()]))
    assignments = _chosen(numbers, private)
    for folder in private:
        if not folder.is_dir():
            raise CourseError(
                f"--instructor {folder} is no folder. Expected one with sources/ or checks/ in it."
            )
    if question:
        if len(assignments) != 1:
            raise CourseError(
                "--question needs the one notebook that asks it: course release 05 --question ID."
            )
        assignments = [one_question(assignments[0], question)]
    if solutions and (solutions.resolve() == out.resolve() or out.resolve() in solutions.resolve().parents):
        raise CourseError(
            f"--solutions {solutions} is inside the release. Name a folder that students never get."
        )
    earlier = _earlier_files(out)
    files = _public_files() | _notebook_files(assignments, version)
    files["README.md"] = _readme(assignments, version, private).encode()
    if given_away := leaks(files, private):
        raise CourseError("This release would give answers away:\n" + "\n".join(given_away))
    listed = {"version": version, "notebooks": [one.name for one in assignments], "files": sorted(files)}
    out.mkdir(parents=True, exist_ok=True)
    # First, so that a release that was interrupted is known as one.
    paths.write_json(out / MANIFEST, listed)
    for name, content in files.items():
        with paths.atomic_write(out / name) as temporary:
            temporary.write_bytes(content)
    for name in earlier - set(files):
        (out / name).unlink(missing_ok=True)
    archive = out.resolve().with_name(f"{out.resolve().name}.zip")
    _pack(out, [*sorted(files), MANIFEST], archive)
    written = [out, archive]
    if solutions:
        written += _write_solutions(assignments, solutions, private)
    return written


def _chosen(numbers: list[str], private: tuple[Path, ...]) -> list[Assignment]:
    names = assignment_names(*private)
    there = [Notebook(Path(f"{name}.ipynb"), nbformat.v4.new_notebook()) for name in names]
    return [load_assignment(one.name, *private) for one in choose(there, numbers)]


def _earlier_files(out: Path) -> set[str]:
    if not out.is_dir() or not any(out.iterdir()):
        return set()
    try:
        return set(json.loads((out / MANIFEST).read_text(encoding="utf-8"))["files"])
    except (OSError, ValueError, KeyError) as error:
        raise CourseError(
            f"{out} holds something that is no release (there is no {MANIFEST}). Name a new folder, or"
            " that of an earlier release."
        ) from error


def _public_files() -> dict[str, bytes]:
    """Return the files that every release holds, by their path in it."""
    root = paths.repository()
    wanted = [root / name for name in FILES] + [root / "notebooks" / "profiles.yaml"]
    for folder in FOLDERS:
        wanted += [path for path in sorted((root / folder).rglob("*")) if path.is_file()]
    files = {}
    for path in wanted:
        name = path.relative_to(root).as_posix()
        hidden = "__pycache__" in path.parts or (path.name.startswith(".") and name not in FILES)
        if not hidden and not any(name == one or name.startswith(f"{one}/") for one in PRIVATE_TESTS):
            files[name] = path.read_bytes()
    # Students install nothing that writes or grades notebooks.
    project = files["pyproject.toml"].decode()
    extra = re.search(r"(?:^#[^\n]*\n)?^instructor = \[\n.*?^\]\n", project, re.MULTILINE | re.DOTALL)
    if not extra:
        raise CourseError("pyproject.toml: expected an extra named instructor, which a release leaves out.")
    files["pyproject.toml"] = project.replace(extra[0], "").encode()
    for name in ("Makefile", "environment.yml"):
        files[name] = files[name].replace(b"[instructor,dev]", b"[dev]")
    return files


def _notebook_files(assignments: list[Assignment], version: str) -> dict[str, bytes]:
    return {f"notebooks/{one.name}.ipynb": _bytes(released_notebook(one, version)) for one in assignments}


def _bytes(node: NotebookNode) -> bytes:
    return (nbformat.writes(node, indent=1, sort_keys=True) + "\n").encode()


def released_notebook(assignment: Assignment, version: str) -> NotebookNode:
    """Return the blank notebook with the release's version, and what students may know of each question.

    With it go a hash of the question's text and one of its blank: the first says what a correction changed,
    the second that an answer is untouched, also when the blank has changed since.
    """
    node = nbformat.from_dict(assignment.blank)
    texts = question_texts(node)
    entries = []
    for question in assignment.questions:
        known = question.model_dump(mode="json", include=set(AskedQuestion.model_fields))
        text = digest(texts.get(question.id, ""), "words")
        blank = digest(assignment.answer_cell(question.id).source, question.kind)
        entries.append(known | {"text": text, "blank": blank})
    course = dict(node.metadata.get("course", {}))
    course["release"] = {"name": assignment.name, "version": version, "questions": entries}
    node.metadata["course"] = course
    return nbformat.from_dict(node)


def _readme(assignments: list[Assignment], version: str, private: tuple[Path, ...]) -> str:
    folders = [str(folder) for folder in (*reversed(private), paths.instructor())]
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folders), undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    rows = [
        {
            "number": one.name[:2],
            "name": one.name,
            "points": f"{sum(question.points for question in one.questions):g}",
            **{key: _header(one, key) for key in ("title", "minutes", "hours")},
        }
        for one in assignments
    ]
    return environment.get_template(README).render(version=version, notebooks=rows)


def _header(assignment: Assignment, key: str) -> Any:
    try:
        return assignment.blank.metadata["course"][key]
    except KeyError as error:
        raise CourseError(
            f"{assignment.name}: the header of its source says no {key}. Expected `jupyter:`, `course:`"
            " and below these title, minutes and hours, as in the other sources."
        ) from error


def _pack(folder: Path, names: list[str], archive: Path) -> None:
    with (
        paths.atomic_write(archive) as temporary,
        zipfile.ZipFile(temporary, "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in names:
            # The date is always that of 1980: the same release gives the same bytes.
            entry = zipfile.ZipInfo(f"{folder.resolve().name}/{name}")
            entry.external_attr = 0o644 << 16
            packed.writestr(entry, (folder / name).read_bytes(), zipfile.ZIP_DEFLATED)


def _write_solutions(assignments: list[Assignment], folder: Path, private: tuple[Path, ...]) -> list[Path]:
    written = []
    for assignment in assignments:
        file = source_of(assignment.name, *private)
        written.append(folder / f"{assignment.name}.ipynb")
        write_notebook(with_quick_values(solved(read_source(file)), file), written[-1])
    return written


def one_question(assignment: Assignment, identity: str) -> Assignment:
    """Return an assignment of one code question alone: its text, its blank, and what these rest on.

    Raises:
        CourseError: there is no such question, or it is in words, and asks about the notebook's figures.
    """
    question = assignment.question(identity)
    goes_on = assignment.goes_on(identity)
    if question.kind == "words" or not goes_on:
        raise CourseError(
            f"Question {identity!r} asks about what the whole notebook shows. Release the notebook, or a"
            " question that is marked by checks."
        )
    answers = {one.answers for one in assignment.questions}
    given = [one for one in assignment.given if one.defines or not one.binds & answers]
    wanted = {"lesson"} | {name for one in statements(assignment.solutions[identity]) for name in one.uses}
    aliases = []
    for need in question.needs:
        (alias,) = statements(f"{assignment.question(need).answers} = {assignment.goes_on(need)[1]}")
        aliases.append(alias)
        wanted |= alias.uses
    setup = needed(given, wanted)
    check, version = goes_on
    call = f"lesson.go_on_with({identity!r}, {question.answers}, {check}, {version})"
    go_on = f"{question.answers} = {call}"
    uses = {name for one in statements(go_on) for name in one.uses}
    below = [one for one in needed(given, uses) if one not in setup]
    node = nbformat.from_dict(assignment.blank)
    title = f"# {assignment.name[:2]} · {_header(assignment, 'title')}: question {question.number}"
    helpers = next(cell for cell in node.cells if "helpers" in cell.metadata.get("tags", []))
    cells = [
        new_markdown_cell(title),
        parameters_cell(node),
        new_code_cell(_source([*setup, *aliases])),
        new_markdown_cell(question_texts(node)[identity]),
        new_markdown_cell("### Your helpers\nFunctions and imports that your answer uses go into this cell."),
        helpers,
        next(cell for cell in node.cells if cell.metadata.get("question") == identity),
        new_code_cell(f"{_source(below)}\n\n\n{go_on}".lstrip()),
    ]
    node.cells = [cell for cell in cells if cell is not None]
    for cell in node.cells:
        if not cell.metadata:
            cell.id = f"cell-{hashlib.sha256(cell.source.encode()).hexdigest()[:12]}"
    alone = question.model_copy(update={"needs": ()})
    return Assignment(assignment.name, node, (alone,), {identity: assignment.solutions[identity]})


def _source(parts: list[Statement]) -> str:
    lines = []
    for before, part in zip([None, *parts], parts, strict=False):
        apart = part.defines or (before is not None and before.defines)
        lines.append(f"\n\n{part.text}" if apart and lines else part.text)
    return "\n".join(lines)


def leaks(files: dict[str, bytes], private: tuple[Path, ...] = ()) -> list[str]:
    """Return a sentence for each solution body and rubric text that stands in `files`, given by name.

    Every notebook's are looked for, whichever are released. Of answers in words each long sentence is; a
    rubric that says what its notebook says gives nothing away.
    """
    secrets = dict(secret for folder in (paths.instructor(), *private) for secret in _secrets(folder))
    found = []
    for name, content in files.items():
        if Path(name).suffix in TEXT_FILES:
            text = _flat(_cells_of(content) if name.endswith(".ipynb") else content.decode(errors="replace"))
            given_away = [secret for secret in secrets if secret in text]
            found += [f"{name}: {secrets[secret]}: {secret[:60]} …" for secret in given_away]
    return found


def _cells_of(content: bytes) -> str:
    return "\n".join(cell.source for cell in nbformat.reads(content.decode(), as_version=4).cells)


def _flat(text: str) -> str:
    return " ".join(text.split())


def _secrets(folder: Path) -> Iterator[tuple[str, str]]:
    said = {}
    for file in sorted((folder / "sources").glob("[0-9][0-9]_*.py")):
        node = read_source(file)
        said[file.stem] = _flat(
            "\n".join(cell.source for cell in node.cells if "question" not in cell.metadata)
        )
        for cell in node.cells:
            for match in SOLUTION.finditer(cell.source):
                body = _flat(match["body"])
                parts = [body] if cell.cell_type == "code" else [body, *re.split(r"(?<=[.:;?]) ", body)]
                where = f"the solution of {cell.metadata.get('question')} in {file.stem}"
                yield from ((part, where) for part in parts if len(part) >= TELLING_LENGTH)
    for name, questions in read_questions(folder / "checks").items():
        for question in questions:
            for text in [_flat(criterion.text) for criterion in question.rubric]:
                if len(text) >= TELLING_LENGTH and text not in said.get(name, ""):
                    yield text, f"the rubric of {question.id} in {name}"
