"""A folder of results made by hand: two notebooks, a few students, answers in words with figures."""

import base64
import io
from pathlib import Path

from PIL import Image

from course_utils import paths
from course_utils.grading.questions import Criterion, Question
from course_utils.grading.results import CriterionResult, Result, write_result

QUESTIONS = {
    "02_trainer": [
        Question(
            id="train",
            number=3,
            title="Train for one epoch",
            points=4,
            kind="code",
            rubric=(Criterion(points=3, text="weights move"), Criterion(points=1, text="percent")),
        ),
        Question(
            id="which-bug",
            number=201,
            title="Which bug?",
            points=6,
            kind="words",
            rubric=(Criterion(points=6, text="the bug is named"),),
        ),
    ],
    "03_simplenet": [
        Question(
            id="curves",
            number=7,
            title="Read the curves",
            points=5,
            kind="words",
            rubric=(Criterion(points=2, text="against ln 2"), Criterion(points=3, text="what to change")),
        ),
    ],
}


def picture(shade: int) -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (8, 6), (shade, 0, 0)).save(content, "PNG")
    return content.getvalue()


def grade_code(folder: Path, student: str, earned: float, state: str = "failed", **more) -> None:
    criteria = (
        CriterionResult(
            text="weights move", points=3, earned=earned, reason="<b>moved</b>", hidden="HIDDEN 0.25"
        ),
        CriterionResult(text="percent", points=1, earned=1, reason="in percent"),
    )
    points = 3 * earned + 1
    state = "passed" if points == 4 else state
    result = {
        "student": student,
        "notebook": "02_trainer",
        "question": "train",
        "key": f"key-{earned}",
        "state": state,
        "points": points,
        "possible": 4,
        "criteria": criteria,
        "message": "One criterion is not met." if points < 4 else "",
        "seconds": 3.5,
    }
    write_result(folder, Result(**(result | more)))
    keep_answer(folder, student, "02_trainer", "train", kind="code", text="def train():\n    return 1\n")


def hand_in_words(folder, student, notebook, question, text, *pictures) -> None:
    asked = next(one for one in QUESTIONS[notebook] if one.id == question)
    result = Result(
        student=student,
        notebook=notebook,
        question=question,
        key=f"key-{text[:20]}",
        state="needs_manual" if text else "missing",
        points=None if text else 0,
        possible=asked.points,
    )
    write_result(folder, result)
    keep_answer(folder, student, notebook, question, kind="words", text=text, pictures=pictures)


def keep_answer(folder, student, notebook, question, *, kind, text, pictures=()) -> None:
    answer = {
        "question": question,
        "kind": kind,
        "text": text,
        "state": "answered" if text else "missing",
        "found_by": "id",
        "flags": [],
        "pictures": [[name, base64.b64encode(content).decode()] for name, content in pictures],
    }
    paths.write_json(folder / "answers" / student / notebook / f"{question}.json", answer)


def keep_run(folder: Path, student: str, notebook: str, value: float, shades=(1, 2)) -> None:
    place = folder / "figures" / student / notebook
    results = {"results": [{"name": "accuracy of <i>mine</i>", "value": value}], "course_versions_used": []}
    paths.write_json(place / "results.json", results)
    for number, shade in enumerate(shades):
        (place / f"{number:02d}.png").write_bytes(picture(shade))


def term(folder: Path) -> Path:
    """Four who handed in: 0012 and 0034 alone, G1 as a group, 77 late; their results under `folder`."""
    for student, earned in (("0012", 1.0), ("0034", 0.5), ("G1", 0.0), ("77", 1.0)):
        grade_code(folder, student, earned)
        hand_in_words(folder, student, "02_trainer", "which-bug", "B is it." if student != "77" else "")
        hand_in_words(folder, student, "03_simplenet", "curves", f"Above $\\ln 2$, says {student[-1]}.")
        keep_run(folder, student, "03_simplenet", int(earned * 100) / 100)
    (folder / "roster.csv").write_text(
        "id,name,section,group,due,extra time,participant\n"
        "0012,Ana <b>López</b>,A,,2026-12-01 12:00,,5012\n"
        "0034,Bo_Ek,A,,2026-12-01 12:00,,5034\n"
        "0056,Cy,B,G1,2026-12-01 12:00,,5056\n"
        "0057,Di,B,G1,2026-12-01 12:00,,5057\n"
        "77,Eve,B,,2026-12-01 12:00,1 h,\n"
        "0099,Nobody Came,B,,2026-12-01 12:00,,5099\n",
        encoding="utf-8",
    )
    entries = [
        {
            "student": student,
            "notebook": notebook,
            "handed_in": f"2026-12-0{2 if student == '77' else 1}T11:30:00",
        }
        for student in ("0012", "0034", "G1", "77")
        for notebook in QUESTIONS
    ]
    paths.write_json(folder / "submissions.json", entries)
    return folder
