"""A term of a small course, as an instructor and twenty students type it: from the release to next year."""

import csv
import datetime
import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from handed_in import answer_cell, by_colab_with_new_ids, by_jupyterlab, by_vscode
from nbformat.v4 import new_code_cell, new_output
from sandboxes import needs_sandbox
from small_course import CHECKS, HUE, MEAN, NAME, SOURCE

from course_utils import paths
from course_utils.grading.results import read_results
from course_utils.grading.tables import read_table

ASKED = "# **Question 9001 · mean** (3 points)"
CORRECTED = f"{ASKED}\n#\n# An empty list does not occur."
TOO_STRICT = CHECKS.replace("TOLERANCE = 1e-6", "TOLERANCE = 1e-12")
NEXT_YEAR = '''
# %% [markdown]
# **Question 9004 · spread** (2 points)

# %% question="spread" tags=["answer"]
# Question 9004 · spread
def spread(values):
    """Return how far the values are apart."""
    ### BEGIN SOLUTION
    unspoken_until_next_year = max(values) - min(values)
    return unspoken_until_next_year
    ### END SOLUTION
'''
NEXT_CHECKS = """
from course_utils.grading.questions import Criterion, Question, Verdict


def draw(random):
    return {"values": random.normal(0, 1, 4).tolist()}


def probe(answer, inputs):
    return {"spread": answer(inputs["values"])}


def judge(inputs, outputs):
    wanted = max(inputs["values"]) - min(inputs["values"])
    return [Verdict(float(abs(outputs["spread"] - wanted) < 1e-9), "The spread.")]


QUESTIONS = [
    Question(
        id="spread", number=9004, title="Spread", points=2, kind="code", answers="spread",
        rubric=(Criterion(points=2, text="the spread is right, whatever the order of the values"),),
        draw=draw, probe=probe, judge=judge,
    )
]
"""
ROSTER = """\
id;name;section;group;due;extra time
1;Ana;A;;02.10.2026 12:00;
0002;Bo;A;;02.10.2026 12:00;
0003;Cy;A;G1;02.10.2026 12:00;
0004;Di;B;G1;02.10.2026 12:00;
5;Eve;B;;02.10.2026 12:00;
6;Fay;B;;02.10.2026 12:00;2 days
0007;Gus;B;;02.10.2026 12:00;
8;Hal;B;;02.10.2026 12:00;
0009;Ida;B;;02.10.2026 12:00;
"""
# Who answers well, in time: twenty with those above.
OTHERS = [f"{number:04}" for number in range(10, 21)]
SAVED_BY = itertools.cycle((by_colab_with_new_ids, by_vscode, by_jupyterlab))
IN_TIME, TOO_LATE = datetime.datetime(2026, 10, 1, 9), datetime.datetime(2026, 10, 3, 9)


def course(*words, folder: Path | None = None) -> str:
    """Type a command in a repository, the course's own or a release of it, and return what it says."""
    folder = folder or paths.repository()
    done = subprocess.run(
        [sys.executable, "-c", "from course_utils.cli import main; main()", *map(str, words)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(folder), "COLUMNS": "200", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def write(folder: Path, source: str, checks: str) -> Path:
    for kind, text in (("sources", source), ("checks", checks)):
        file = folder / kind / f"{NAME}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return folder


def answered(file: Path, **answers: str) -> nbformat.NotebookNode:
    node = nbformat.read(file, as_version=4)
    for question, text in answers.items():
        cell = answer_cell(node, question)
        lead = cell.source.splitlines()[0]
        cell.source = f"{lead}\n\n{text}" if question == "why" else f"{lead}\n{text}"
    return node


def put(folder: Path, student: str, node: nbformat.NotebookNode, when: datetime.datetime = IN_TIME) -> None:
    file = folder / student / f"{NAME}.ipynb"
    file.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(node, file)
    os.utime(file, (when.timestamp(),) * 2)


def table(file: Path, key: str = "id") -> dict[str, dict[str, str]]:
    return {row[key]: row.cells for row in read_table(file, (key,))}


def give(file: Path, points: str, **by_key: str) -> dict[str, dict[str, str]]:
    """Fill in a reader's table as Excel saves it in Germany."""
    rows = table(file, "key")
    for key, row in rows.items():
        row["points"] = by_key.get(key.replace("-", "_"), points)
        row["comment"] = f"Seen by {row['marker']}; fine."
    with file.open("w", encoding="utf-8-sig", newline="") as lines:
        writer = csv.DictWriter(lines, list(next(iter(rows.values()))), delimiter=";")
        writer.writeheader()
        writer.writerows(rows.values())
    return rows


@pytest.mark.slow
@pytest.mark.timeout(900)
@needs_sandbox
def test_a_term(tmp_path):
    private = write(tmp_path / "private", SOURCE, TOO_STRICT)
    repository, handed, out = tmp_path / "course", tmp_path / "in", tmp_path / "out"
    roster = tmp_path / "roster.csv"
    lines = "".join(f"{student};Student {student};C;;02.10.2026 12:00;\n" for student in OTHERS)
    roster.write_text(ROSTER + lines, encoding="utf-8-sig")
    blank = repository / "notebooks" / f"{NAME}.ipynb"

    # ---- the release, and what is handed in of it
    course("release", "90", "--out", repository, "--version", "v1", "--instructor", private)
    course("start", "90", folder=repository)
    right = {"mean": MEAN, "hue": HUE}
    put(handed, "0001", by_colab_with_new_ids(answered(blank, **right, why="Says Ana.")))
    wrong = MEAN.replace(", len(values)", ", 0")
    put(handed, "0002", by_vscode(answered(blank, mean=wrong, hue=HUE, why="Says Bo.")))
    put(handed, "G1", by_jupyterlab(answered(blank, **right, why="Say both of us.")))
    library = "import colorsys\ndef hue(*rgb):\n    return colorsys.rgb_to_hsv(*rgb)[0]"
    put(handed, "0005", answered(blank, mean=MEAN, hue=library, why="Says Eve."), TOO_LATE)
    nearly = HUE.replace("% 1", "% 1 + 1e-9")
    put(handed, "0006", answered(blank, mean=MEAN, hue=nearly, why="Says Fay."), TOO_LATE)
    put(handed, "0007", nbformat.read(blank, as_version=4))
    for student, saved in zip(OTHERS, SAVED_BY, strict=False):
        put(handed, student, saved(answered(blank, **right, why=f"Says {student}.")))
    mine = repository / "work" / f"{NAME}.ipynb"
    nbformat.write(answered(mine, **right, why="Says Hal."), mine)

    # ---- a correction, which Hal takes over
    write(private, SOURCE.replace(ASKED, CORRECTED), TOO_STRICT)
    course("release", "90", "--out", repository, "--version", "v1.1", "--instructor", private)
    said = course("update", mine, folder=repository)
    assert "now of v1.1" in said
    assert "Carried over: mean, hue, why." in said
    assert "The text of mean changed" in said
    updated = nbformat.read(mine, as_version=4)
    said = "recorded: accuracy of Hal = 0.75\n"
    updated.cells.append(new_code_cell("print()", outputs=[new_output("stream", text=said)]))
    put(handed, "0008", updated)

    # ---- grading
    grade = ["grade", handed, "--out", out, "--roster", roster, "--jobs", 2, "--instructor", private]
    said = course(*grade)
    assert "handed in by release: not known: 10, v1: 7, v1.1: 1" in said
    assert "0 new results" in course(*grade)
    found = {(one.student, one.question): one for one in read_results(out)}
    assert len(found) == (7 + len(OTHERS)) * 3
    flagged = {
        place
        for place, one in found.items()
        if any("changed in a later release" in text for text in one.flags)
    }
    # Gus answered nothing, and Hal the corrected question.
    assert flagged == {(student, "mean") for student in ("0001", "0002", "G1", "0005", "0006", *OTHERS)}
    assert any("which is of release v1:" in text for text in found["G1", "mean"].flags)
    assert found["0006", "hue"].state == "failed"
    assert "colorsys" in found["0005", "hue"].message

    # ---- marking by two
    mark = ["marks", out, "--roster", roster, "--instructor", private]
    course(*mark, "--markers", "ann,ben")
    tables = {name: out / "reading" / name / "manual.csv" for name in ("ann", "ben")}
    shares = {name: set(table(file, "key")) for name, file in tables.items()}
    twice, *_ = sorted(shares["ann"] & shares["ben"])
    assert len(shares["ann"] | shares["ben"]) == 6 + len(OTHERS)
    give(tables["ann"], "1")
    give(tables["ben"], "1", **{twice.replace("-", "_"): "0,5"})
    said = course(*mark, "--manual", tables["ann"], "--manual", tables["ben"])
    assert f"{twice}: readers disagree: ann 1, ben 0.5." in said
    book = table(out / "gradebook.csv")
    assert list(book) == [*(f"{number:04}" for number in range(1, 10)), *OTHERS]
    waiting = [student for student, row in book.items() if row["waiting"] != "0"]
    assert waiting == ["0003", "0004"] or (len(waiting) == 1 and waiting[0] not in ("0007", "0009"))
    give(tables["ben"], "1")
    course(*mark, "--manual", tables["ben"])

    def rows() -> dict[str, list[str]]:
        columns = ("q9001 mean", "q9002 hue", "q9003 why", "total", "late_by", "note")
        return {
            student: [row[one] for one in columns] for student, row in table(out / "gradebook.csv").items()
        }

    graded = {
        "0001": ["3", "2", "1", "6", "", ""],
        "0002": ["2", "2", "1", "5", "", ""],
        "0003": ["3", "2", "1", "6", "", ""],
        "0004": ["3", "2", "1", "6", "", ""],
        "0005": ["3", "0", "1", "4", "21", ""],
        "0006": ["3", "0", "1", "4", "", ""],
        "0007": ["0", "0", "0", "0", "", ""],
        "0008": ["3", "2", "1", "6", "", ""],
        "0009": ["", "", "", "0", "", "nothing handed in"],
        **{student: ["3", "2", "1", "6", "", ""] for student in OTHERS},
    }
    assert rows() == graded
    pages = [file.read_text(encoding="utf-8") for file in (out / "reading").glob("*/*-why.html")]
    assert any("recorded" in page and "accuracy of Hal" in page for page in pages)
    feedback = (out / "feedback" / "0004" / "feedback.html").read_text(encoding="utf-8")
    assert "marked together" in feedback
    assert "changed in a later release" in feedback

    # ---- an appeal
    with (out / "overrides.csv").open("a", encoding="utf-8") as file:
        file.write("2,mean,3,the count was asked unclearly,Dr Lee\n")
    course(*mark)
    appealed = graded | {"0002": ["3", "2", "1", "6", "", ""]}
    assert rows() == appealed

    # ---- a check that was too strict
    write(private, SOURCE.replace(ASKED, CORRECTED), CHECKS)
    assert f"{7 + len(OTHERS)} new results" in course(*grade)
    said = course(*mark)
    assert "1 points changed; 0 marks wait" in said
    assert rows() == appealed | {"0006": ["3", "2", "1", "6", "", ""]}
    assert table(out / "gradebook.csv")["0002"]["overrides"].startswith("mean 3 by Dr Lee")
    *_, appeal, regrade = read_table(out / "changes.csv", ("why",))
    assert [appeal[one] for one in ("student", "question", "old", "new")] == ["0002", "mean", "2", "3"]
    assert "override by Dr Lee" in appeal["why"]
    assert [regrade[one] for one in ("student", "question", "old", "new")] == ["0006", "hue", "0", "2"]
    assert "graded: passed (before: graded: failed)" in regrade["why"]

    # ---- one student alone, by the id as the roster has it
    shutil.rmtree(out / "results" / "G1")
    said = course(*grade, "--student", "4")
    assert "3 new results" in said
    course(*mark)
    assert rows() == appealed | {"0006": ["3", "2", "1", "6", "", ""]}

    # ---- next year, with a question that nobody has seen
    coming = write(tmp_path / "coming", SOURCE.replace(ASKED, CORRECTED) + NEXT_YEAR, NEXT_CHECKS)
    both = ["--instructor", private, "--instructor", coming]
    course("release", "90", "--out", tmp_path / "course-2", "--version", "2028", *both)
    asked = tmp_path / "course-2" / "notebooks" / f"{NAME}.ipynb"
    text = asked.read_text(encoding="utf-8")
    assert "Question 9004" in text
    assert "unspoken" not in text
    assert "whatever the order" not in text
    spread = "def spread(values):\n    return max(values) - min(values)"
    put(tmp_path / "in-2", "0101", answered(asked, **right, spread=spread))
    put(tmp_path / "in-2", "0102", answered(asked, **right, spread=spread.replace("- min", "+ min")))
    course("grade", tmp_path / "in-2", "--out", tmp_path / "out-2", *both)
    course("marks", tmp_path / "out-2", *both)
    found = table(tmp_path / "out-2" / "gradebook.csv")
    marked = {student: (row["q9004 spread"], row["total"], row["possible"]) for student, row in found.items()}
    assert marked == {"0101": ("2", "7", "8"), "0102": ("0", "5", "8")}
