"""Execute one notebook in this process: ``python -m course_utils.notebooks.execute JOB.json``.

`course_utils.notebooks.run` starts one such process a notebook, because parallel papermill runs in one
process can race for kernel ports, and because a process can be killed. Whether the notebook succeeded is
decided by the exception that papermill raises, and by a record that the last cell writes from inside the
kernel: after a time-out or a dead kernel, papermill's own metadata calls every cell completed.
"""

import json
import sys
from pathlib import Path
from typing import Any

import nbformat
import papermill
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError

from course_utils import paths
from course_utils.notebooks import completion

START_ATTEMPTS = 2


def execute(job: dict[str, Any]) -> dict[str, Any]:
    """Execute the notebook of a job and return its state.

    Args:
        job: `input`, `output` and `record` (paths), `parameters`, `cell_timeout` in seconds or None, `folder`
            in which the kernel works.

    Returns:
        ``{"state": completed | failed | timeout | kernel_died, "error": sentence or None, "cell": number of
        the cell or None}``.
    """
    output, record = Path(job["output"]), Path(job["record"])
    record.unlink(missing_ok=True)
    prepared = output.with_suffix(".input.ipynb")
    node = nbformat.read(job["input"], as_version=4)
    last = nbformat.v4.new_code_cell(completion.CELL.format(record=str(record)))
    last.metadata.tags = [completion.TAG]
    node.cells.append(last)
    nbformat.write(node, prepared)
    try:
        return _state(_papermill(job, prepared, output), record)
    finally:
        prepared.unlink(missing_ok=True)
        _remove_completion_cell(output)


def _papermill(job: dict[str, Any], prepared: Path, output: Path) -> BaseException | None:
    for attempt in range(START_ATTEMPTS):
        try:
            papermill.execute_notebook(
                prepared,
                output,
                parameters=job["parameters"],
                kernel_name="python3",
                cwd=job["folder"],
                progress_bar=False,
                execution_timeout=job["cell_timeout"],
                autosave_cell_every=5,
            )
        except RuntimeError as error:
            # The kernel that never answered has run nothing, so it may be started once more.
            never_started = "Kernel died before replying to kernel_info" in str(error)
            if never_started and attempt + 1 < START_ATTEMPTS:
                continue
            return error
        except Exception as error:
            return error
        return None
    return None


def _state(error: BaseException | None, record: Path) -> dict[str, Any]:
    match error:
        case None if record.is_file():
            return {"state": "completed", "error": None, "cell": None}
        case None:
            return {"state": "failed", "error": "the last cell was never reached", "cell": None}
        case PapermillExecutionError():
            return {"state": "failed", "error": f"{error.ename}: {error.evalue}", "cell": error.cell_index}
        case CellTimeoutError():
            return {"state": "timeout", "error": str(error).strip().split("\n")[0], "cell": None}
        case DeadKernelError():
            return {"state": "kernel_died", "error": str(error).strip().split("\n")[0], "cell": None}
        case _:
            return {"state": "failed", "error": f"{type(error).__name__}: {error}", "cell": None}


def _remove_completion_cell(output: Path) -> None:
    if not output.is_file():
        return
    node = nbformat.read(output, as_version=4)
    node.cells = [cell for cell in node.cells if completion.TAG not in cell.metadata.get("tags", [])]
    nbformat.write(node, output)


if __name__ == "__main__":
    job_file = Path(sys.argv[1])
    job = json.loads(job_file.read_text(encoding="utf-8"))
    paths.write_json(Path(job["result"]), execute(job))
