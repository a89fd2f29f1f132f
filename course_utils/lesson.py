"""What every notebook does around its lesson: open, go on after an exercise, record its numbers."""

import html
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from course_utils import doctor, paths
from course_utils.errors import CourseError

Answer = TypeVar("Answer")


class Lesson:
    """A notebook in progress.

    Args:
        name: the notebook's name, such as ``03_simplenet``.

    Attributes:
        folder: where this notebook keeps what it makes (checkpoints, histories, predictions, results). A run
            has its own; a notebook opened by hand keeps it in ``build/interactive``.
    """

    def __init__(self, name: str):
        self.name = name
        self.folder: Path = paths.run_folder() / name
        self._results: list[dict[str, Any]] = []
        self._fallbacks: list[str] = []
        self._write()
        print(doctor.summary())
        print(f"profile {self.profile} · files of this notebook in {self.folder}")

    @property
    def profile(self) -> str:
        """The profile of the run, or ``interactive`` in a notebook opened by hand."""
        return os.environ.get("COURSE_PROFILE", "interactive")

    def go_on_with(
        self, question: str, answer: Answer, check: Callable[[Answer], None], course_version: Answer
    ) -> Answer:
        """Return the student's answer when it passes its check, else the course's version, with a warning.

        Args:
            question: the id of the question.
            answer: the student's function or class.
            check: the visible check; it raises with a message for the student.
            course_version: what the rest of the notebook uses when the check raises.
        """
        from IPython.display import HTML, display

        try:
            check(answer)
        except NotImplementedError as error:
            reason = str(error) or f"{question}: not answered yet."
        except Exception as error:
            reason = f"{question}: {type(error).__name__}: {error}"
        else:
            print(f"✓ {question}: all visible checks passed. The notebook goes on with your version.")
            return answer
        self._fallbacks.append(question)
        self._write()
        message = f"✗ {reason}\nThe notebook goes on with the course's version of {question}."
        style = "border-left:4px solid #b5651d;padding:.3em .8em;white-space:pre-wrap"
        warning = HTML(f'<div role="alert" style="{style}">{html.escape(message)}</div>')
        display({"text/plain": message, "text/html": warning.data}, raw=True)
        return course_version

    def record(self, name: str, value: float, **context: Any) -> None:
        """Print one number, and keep it for the report, which sets it beside the published one.

        Args:
            name: what the number is, unique in the notebook.
            value: the number.
            context: whatever makes it comparable or not, as plain data: `published` (id of a row of
                ``published_results.yaml``), `dataset`, `edition` (which counts of the manifest the files
                match), `compression`, `split`, `metric`, `interval` (low, high; NaN where there were too few
                groups for one), `groups` (number of test groups), `model`, `weights`, `seed`, `precision`.
        """
        row = {"name": name, "value": float(value), **context}
        if any(map(math.isnan, row.get("interval") or ())):
            row["interval"] = None
        before = self._results
        self._results = [known for known in before if known["name"] != name] + [row]
        try:
            self._write()
        except CourseError:  # of this row, which spoils no later one
            self._results = before
            raise
        # Who reads a student's answers finds the numbers of the same run in these lines.
        print(f"recorded: {name} = {row['value']:.6g}")

    def _write(self) -> None:
        content = {
            "notebook": self.name,
            "profile": self.profile,
            "device": doctor.device_name(),
            "course_versions_used": self._fallbacks,
            "results": self._results,
        }
        paths.write_json(self.folder / "results.json", content)
