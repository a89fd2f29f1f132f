"""The folder of a run of two small notebooks, as `course run` leaves it, without running anything."""

import base64
import io
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from PIL import Image

from course_utils import paths
from course_utils.plots.style import NUMBERS_ALONE

ALTERNATIVE = 'A curve <b>that</b> rises & says "so".'
TEXT = """\
# 03 · A title

Loss $\\ln 2$ and `$HOME`, 5 $ and 6 $.

| | |
|---|---|
| you | four hours |

<details><summary>Hint</summary>

Look again.

</details>

## 1 · Train

$$\\frac{a}{b}$$

## 2 · Train"""
TABLE = """\
<div><style scoped>.dataframe th { text-align: right; }</style>
<table border="1" class="dataframe"><thead><tr style="text-align: right;"><th></th><th>auroc</th></tr></thead>
<tbody><tr><th>0</th><td>0.5</td></tr></tbody></table></div>"""
RESULT = {
    "name": "SimpleNet on composites, accuracy",
    "value": 0.5,
    "published": "curtis_simplenet_fakes_test_accuracy",
    "dataset": "assignment_fakes",
    "edition": "public reduction",
    "split": "test",
    "metric": "accuracy",
    "interval": [0.4, 0.6],
    "groups": 187,
}


def picture(colour: str) -> str:
    """Return a picture of one colour, as a notebook holds it."""
    content = io.BytesIO()
    Image.new("RGB", (40, 30), colour).save(content, "PNG")
    return base64.b64encode(content.getvalue()).decode()


def display(data: dict[str, Any], **metadata: Any) -> NotebookNode:
    """Return an output of a cell."""
    return nbformat.v4.new_output("display_data", data, metadata=metadata)


def notebook() -> NotebookNode:
    """Return an executed notebook: a curve, a picture of a sample, a table, a formula and an answer."""
    curve = display({"image/png": picture("white")}, **{"image/png": {"alt": ALTERNATIVE, **NUMBERS_ALONE}})
    sample = display({"image/png": picture("red")}, **{"image/png": {"alt": "One real face.", "width": 20}})
    code = "def auroc(scores):  # of a 'model'\n    return 0.5"
    shown = nbformat.v4.new_code_cell(code, outputs=[curve, sample, display({"text/html": TABLE})])
    said = nbformat.v4.new_output("stream", text="loss 0.69\n")
    wrong = nbformat.v4.new_output(
        "error", ename="E", evalue="e", traceback=["\x1b[0;31mValueError\x1b[0m: <script>y"]
    )
    answer = nbformat.v4.new_code_cell("auroc([0.1])", outputs=[said, wrong], metadata={"tags": ["answer"]})
    course = {"title": "A title", "question": "Is it so?", "needs": ["02"], "hours": 4}
    return nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_markdown_cell(TEXT), shown, answer], metadata={"course": course}
    )


def write_run(folder: Path, datasets: list[str] | None, other: NotebookNode | None = None) -> Path:
    """Write a run whose first notebook worked with `datasets`, and whose last failed; return its folder."""
    entry = {"name": "03_x", "state": "completed", "seconds": 1.0, "peak_memory_mb": 9, "error": None}
    bad = {"name": "04_y", "state": "failed", "seconds": 1.0, "peak_memory_mb": None, "error": "<script>x"}
    head = {"run": "r", "profile": "quick", "device": "cpu", "precision": "float32", "commit": "c"}
    head |= {"started": "now", "settings": {"epochs": 2}}
    head |= {"notebooks": [entry | {"datasets": datasets}, bad | {"datasets": None}]}
    paths.write_json(folder / "run.json", head)
    paths.write_json(folder / "03_x" / "results.json", {"results": [RESULT], "device": "cpu"})
    nbformat.write(notebook(), folder / "03_x.ipynb")
    nbformat.write(other or notebook(), folder / "04_y.ipynb")
    return folder
