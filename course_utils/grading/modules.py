"""Find the answers in ``.py`` files, one of them or a folder whose files import one another."""

from pathlib import Path

from course_utils.grading.assignment import Assignment
from course_utils.grading.blanks import digest
from course_utils.grading.cells import MAX_CELL_CHARACTERS, RejectedSubmission, plain_text, read_text
from course_utils.grading.found import Answer, Found, Submission, defines, imports_of, one_answer
from course_utils.grading.names import needed, readable_statements
from course_utils.grading.questions import AskedQuestion

# Folders of a student's repository that hold no answers.
NO_ANSWERS = {"course_utils", "tests", "instructor", "node_modules", "site-packages"}


def read_modules(path: Path, assignment: Assignment) -> Submission:
    """Read a ``.py`` file, or a folder of them; nothing of it is run.

    Raises:
        RejectedSubmission: it is too large, or cannot be read at all.
    """
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
        imports=imports_of(modules.values()),
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
        if defines(source, question.answers):
            rests_on = needed(
                [part for part in readable_statements(source) if not part.imports], {question.answers}
            )
            text = "\n\n\n".join(part.text for part in rests_on)
            if digest(text, "code") != blank:
                copies.append(Found(text, "name", [f"The answer was found in {name}.py."]))
    return one_answer(question, copies)


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
