"""What marking needs of a submission beside results: its answers, and what the student's own run showed."""

import base64
import json
import re
from pathlib import Path
from typing import Any

from nbformat import NotebookNode

from course_utils import paths
from course_utils.grading.cells import MAX_PICTURE_BYTES, PNG, read_cells
from course_utils.grading.found import Answer

MOST_FIGURES = 60
MOST_TEXT = 100_000  # characters of a cell's output; a recorded number stands in a short one
# What `course_utils.lesson` prints.
RECORDED = re.compile(r"^recorded: (?P<name>.+) = (?P<value>\S+)$", re.MULTILINE)
STOOD_IN = re.compile(
    r"^The notebook goes on with the course's version of (?P<question>[a-z0-9-]+)\.$", re.MULTILINE
)


def keep_answer(folder: Path, answer: Answer) -> None:
    """Keep an answer as ``<question>.json``, its pictures in base64."""
    content = vars(answer) | {
        "pictures": [[name, base64.b64encode(content).decode()] for name, content in answer.pictures]
    }
    text = json.dumps(content, ensure_ascii=False, indent=1)
    _keep(folder / f"{answer.question}.json", text.encode())


def keep_run(folder: Path, file: Path) -> None:
    """Keep what the outputs of a student's notebook show of the own run.

    Pictures become ``<cell>-<number>.png``, nothing but PNG. The numbers that the notebook recorded, and the
    questions whose course's version stood in, become ``results.json``.
    """
    if file.suffix != ".ipynb":
        return
    figures, recorded, stood_in = {}, {}, {}
    for number, cell in enumerate(read_cells(file).cells, start=1):
        for place, content in enumerate(_pictures(cell), start=1):
            figures[f"{number:03}-{place}.png"] = content
        for text in _texts(cell):
            recorded |= {match["name"]: match["value"] for match in RECORDED.finditer(text)}
            stood_in |= {match["question"]: None for match in STOOD_IN.finditer(text)}
    for old in folder.glob("*.png"):
        if old.name not in figures:
            old.unlink()
    for name, content in list(figures.items())[:MOST_FIGURES]:
        _keep(folder / name, content)
    results = [{"name": name, "value": value} for name, value in recorded.items()]
    content = json.dumps({"results": results, "course_versions_used": list(stood_in)}, indent=1)
    _keep(folder / "results.json", content.encode())


def _keep(file: Path, content: bytes) -> None:
    if not file.is_file() or file.read_bytes() != content:
        with paths.atomic_write(file) as temporary:
            temporary.write_bytes(content)


def _outputs(cell: NotebookNode) -> list[dict[str, Any]]:
    # A student's file may hold anything there.
    outputs = cell.get("outputs")
    return [one for one in outputs if isinstance(one, dict)] if isinstance(outputs, list) else []


def _part(output: dict[str, Any], kind: str) -> str:
    data = output.get("data")
    content = data.get(kind, "") if isinstance(data, dict) else ""
    return _joined(content)


def _joined(content: Any) -> str:
    lines = content if isinstance(content, list) else [content]
    return "".join(line for line in lines if isinstance(line, str))


def _pictures(cell: NotebookNode) -> list[bytes]:
    found = []
    for output in _outputs(cell):
        try:
            content = base64.b64decode("".join(_part(output, "image/png").split()), validate=True)
        except ValueError:
            continue
        if content.startswith(PNG) and len(content) <= MAX_PICTURE_BYTES:
            found.append(content)
    return found


def _texts(cell: NotebookNode) -> list[str]:
    texts = [f"{_joined(output.get('text'))}\n{_part(output, 'text/plain')}" for output in _outputs(cell)]
    return [text for text in texts if len(text) <= MOST_TEXT]
