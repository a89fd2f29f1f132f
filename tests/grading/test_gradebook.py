"""The gradebook lists everybody, keeps what people decided, and says what a regrade changed."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from graded_term import QUESTIONS, grade_code, hand_in_words, keep_answer, term
from typer.testing import CliRunner

from course_utils import paths
from course_utils.cli import app
from course_utils.errors import CourseError
from course_utils.grading.assignment import load_assignment
from course_utils.grading.marks import export_answers, without_blank, write_marks
from course_utils.grading.results import Result, result_file, write_result


@pytest.fixture
def graded(tmp_path):
    return term(tmp_path / "graded")


def mark(folder, **options):
    return write_marks(folder, QUESTIONS, **{"roster_file": folder / "roster.csv"} | options)


def rows_of(file, key="id"):
    with file.open(encoding="utf-8-sig", newline="") as lines:
        return {row[key]: row for row in csv.DictReader(lines)}


def override(folder, *rows):
    lines = ["student;question;points;reason;by", *rows]
    (folder / "overrides.csv").write_text("\r\n".join(lines), encoding="utf-8-sig")


def bytes_of(folder):
    files = ["gradebook.csv", "gradebook.json", "feedback.zip", "overview.html"]
    return {name: (folder / name).read_bytes() for name in files}


def test_everybody_is_listed_and_words_wait(graded):
    summary = mark(graded)
    book = rows_of(graded / "gradebook.csv")
    assert list(book) == ["0012", "0034", "0056", "0057", "77", "0099"]
    assert book["0012"]["q3 train"] == "4"
    assert book["0012"]["q201 which-bug"] == book["0012"]["q7 curves"] == ""
    assert (book["0012"]["total"], book["0012"]["possible"], book["0012"]["waiting"]) == ("4", "15", "2")
    assert book["77"]["q201 which-bug"] == "0"
    assert book["0099"]["note"] == "nothing handed in"
    assert book["0099"]["q3 train"] == ""
    assert summary.waiting == 9


def test_a_group_is_graded_once_and_marked_to_all(graded):
    mark(graded)
    book = rows_of(graded / "gradebook.csv")
    assert book["0056"]["q3 train"] == book["0057"]["q3 train"] == "1"
    grade_code(graded, "0057", 1.0)
    summary = mark(graded)
    book = rows_of(graded / "gradebook.csv")
    assert (book["0056"]["q3 train"], book["0057"]["q3 train"]) == ("1", "4")
    assert any("group G1, 02_trainer: handed in several times (0057, G1)" in text for text in summary.notices)


def test_work_that_is_not_graded_yet_waits_and_is_not_called_missing(graded):
    entries = paths.read_json(graded / "submissions.json", [])
    more = [{"student": "0099", "notebook": name, "handed_in": "2026-12-01T11:00:00"} for name in QUESTIONS]
    paths.write_json(graded / "submissions.json", [*entries, *more])
    mark(graded)
    row = rows_of(graded / "gradebook.csv")["0099"]
    assert (row["waiting"], row["note"], row["q3 train"]) == ("3", "", "")
    for file in graded.glob("results/*/03_simplenet/*.json"):
        file.unlink()
    mark(graded)
    assert rows_of(graded / "gradebook.csv")["0012"]["waiting"] == "2"


def test_a_lab_test_has_a_column_for_its_question_alone(graded):
    for file in graded.glob("results/*/*/*.json"):
        if file.stem != "train":
            file.unlink()
    paths.write_json(graded / "submissions.json", [])
    summary = mark(graded)
    row = rows_of(graded / "gradebook.csv")["0012"]
    assert (row["total"], row["possible"], row["waiting"]) == ("4", "4", "0")
    assert "Nothing is graded of 02_trainer, which-bug: no column in the gradebook." in summary.notices


def test_lateness_is_a_column_and_takes_nothing_off(graded):
    mark(graded)
    book = rows_of(graded / "gradebook.csv")
    assert (book["77"]["late_by"], book["77"]["total"]) == ("22.5", "4")
    assert book["0012"]["late_by"] == ""


def test_who_is_in_no_roster_is_kept_and_named(graded):
    grade_code(graded, "stranger", 1.0)
    summary = mark(graded)
    assert rows_of(graded / "gradebook.csv")["stranger"]["section"] == "not in the roster"
    assert "stranger: handed in, and is not in the roster." in summary.notices


def test_a_roster_that_lost_its_zeros_gives_the_same_gradebook(graded):
    mark(graded)
    before = (graded / "gradebook.csv").read_bytes()
    file = graded / "roster.csv"
    text = file.read_text(encoding="utf-8")
    for identity in ("0012", "0034"):
        text = text.replace(identity, identity.lstrip("0"))
    file.write_text(text.replace(",", ";"), encoding="utf-8-sig")
    mark(graded)
    assert (graded / "gradebook.csv").read_bytes() == before


def test_without_a_roster_those_who_handed_in_are_listed(graded):
    mark(graded, roster_file=None)
    assert list(rows_of(graded / "gradebook.csv")) == ["0012", "0034", "77", "G1"]


def test_an_override_survives_a_regrade_and_is_shown(graded):
    mark(graded)
    override(graded, "12;train;2,5;appeal;Dr Lee", "34;q7;5;read again;Dr Lee")
    mark(graded)
    book = rows_of(graded / "gradebook.csv")
    assert book["0012"]["q3 train"] == "2.5"
    assert book["0012"]["overrides"] == "train 2.5 by Dr Lee: appeal"
    assert (book["0034"]["q7 curves"], book["0034"]["waiting"]) == ("5", "1")
    grade_code(graded, "0012", 0.0)
    mark(graded)
    assert rows_of(graded / "gradebook.csv")["0012"]["q3 train"] == "2.5"


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("13;train;1;why;who", "'13' is nobody's id"),
        ("12;tran;1;why;who", "'tran' is no question here"),
        ("12;train;5;why;who", "'5' points; expected 0 to 4"),
        ("12;train;-1;why;who", "'-1' points; expected 0 to 4"),
        ("12;train;;why;who", "'' points"),
        ("12;train;1;;who", "expected a reason, and by whom"),
        ("77;train;1;why;who", "77 has another row for train"),
    ],
)
def test_an_override_that_does_not_fit_stops_everything(graded, row, says):
    mark(graded)
    before = bytes_of(graded)
    grade_code(graded, "0034", 1.0)
    override(graded, "77;train;0;why;who", row)
    with pytest.raises(CourseError, match="nothing was written") as caught:
        mark(graded)
    assert f"row 3: {says}" in str(caught.value)
    assert bytes_of(graded) == before


def test_a_regrade_says_what_changed_and_why(graded):
    mark(graded)
    assert not (graded / "changes.csv").exists()
    grade_code(graded, "0034", 1.0)
    override(graded, "12;train;0;copied;Dr Lee")
    assert mark(graded).changes == 2
    changes = rows_of(graded / "changes.csv", key="student")
    assert (changes["0034"]["old"], changes["0034"]["new"]) == ("2.5", "4")
    assert changes["0034"]["why"] == "graded: passed (before: graded: failed)"
    assert changes["0012"]["why"] == "override by Dr Lee: copied (before: graded: passed)"
    assert changes["0012"]["regrade"] == "1"
    assert mark(graded).changes == 0
    grade_code(graded, "0034", 0.5)
    mark(graded)
    with (graded / "changes.csv").open(encoding="utf-8-sig") as lines:
        assert [(row["regrade"], row["student"]) for row in csv.DictReader(lines)] == [
            ("1", "0012"),
            ("1", "0034"),
            ("2", "0034"),
        ]


def test_a_grade_that_differs_with_the_same_state_says_what_differs(graded):
    mark(graded)
    grade_code(graded, "0034", 0.25)
    mark(graded)
    assert "graded again: the answer, its checks" in rows_of(graded / "changes.csv", "student")["0034"]["why"]


def test_a_regrade_that_died_before_its_gradebook_lists_changes_once(graded):
    mark(graded)
    state = (graded / "gradebook.json").read_bytes()
    grade_code(graded, "0034", 1.0)
    mark(graded)
    changes = (graded / "changes.csv").read_bytes()
    (graded / "gradebook.json").write_bytes(state)
    mark(graded)
    assert (graded / "changes.csv").read_bytes() == changes


def test_the_same_inputs_give_the_same_bytes(graded, tmp_path):
    mark(graded)
    before = bytes_of(graded)
    mark(graded)
    assert bytes_of(graded) == before
    other = term(tmp_path / "other")
    mark(other)
    assert bytes_of(other) == before


KILLED = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from graded_term import QUESTIONS
from course_utils.grading.assignment import load_assignment
from course_utils.grading.marks import write_marks
folder = Path(sys.argv[1])
print("started", flush=True)
while True:
    write_marks(folder, QUESTIONS, roster_file=folder / "roster.csv")
"""


def test_kill_minus_nine_leaves_nothing_that_the_next_run_does_not_put_right(graded, tmp_path):
    undisturbed = term(tmp_path / "undisturbed")
    for folder in (graded, undisturbed):
        mark(folder)
        grade_code(folder, "0034", 1.0)
    mark(undisturbed)
    for delay in (0.02, 0.2):
        command = [sys.executable, "-c", KILLED, str(graded), str(Path(__file__).parent)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            time.sleep(delay)
            os.kill(process.pid, signal.SIGKILL)
    mark(graded)
    assert bytes_of(graded) == bytes_of(undisturbed)
    assert (graded / "changes.csv").read_bytes() == (undisturbed / "changes.csv").read_bytes()


def test_moodle_and_canvas_get_totals_only_where_nothing_waits(graded):
    override(graded, "77;curves;5;oral;Dr Lee")
    mark(graded, system="moodle")
    moodle = rows_of(graded / "gradebook_moodle.csv", "ID number")
    assert (moodle["77"]["Grade"], moodle["77"]["02_trainer"], moodle["77"]["03_simplenet"]) == (
        "9",
        "4",
        "5",
    )
    assert moodle["0012"]["Grade"] == ""
    assert moodle["0012"]["Identifier"] == "Participant 5012"
    mark(graded, system="canvas")
    text = (graded / "gradebook_canvas.csv").read_text(encoding="utf-8")
    assert text.splitlines()[0] == "Student,ID,SIS User ID,SIS Login ID,Section,02_trainer,03_simplenet"
    assert text.splitlines()[1] == "    Points Possible,,,,,10,5"
    assert rows_of(graded / "gradebook_canvas.csv", "SIS User ID")["77"]["03_simplenet"] == "5"


def test_a_name_runs_no_formula(graded):
    with (graded / "roster.csv").open("a", encoding="utf-8") as file:
        file.write("x1,=cmd|'/c calc'!A1,B,,,,\n")
    mark(graded, system="canvas")
    assert rows_of(graded / "gradebook.csv")["x1"]["name"].startswith("'=cmd")
    assert "\n'=cmd" in (graded / "gradebook_canvas.csv").read_text(encoding="utf-8")


def test_results_of_a_question_that_is_not_listed_are_an_error(graded):
    with pytest.raises(CourseError, match=r"03_simplenet, curves.*--instructor"):
        write_marks(graded, {"02_trainer": QUESTIONS["02_trainer"]})


def test_nothing_graded_is_said(tmp_path):
    with pytest.raises(CourseError, match="grade first"):
        write_marks(tmp_path, QUESTIONS)


def test_half_graded_work_waits(graded):
    result_file(graded, "0012", "02_trainer", "which-bug").unlink()
    mark(graded)
    assert rows_of(graded / "gradebook.csv")["0012"]["waiting"] == "2"
    assert "not graded yet" in (graded / "feedback" / "0012" / "feedback.html").read_text(encoding="utf-8")


BLANK = '# Question 3 · train\ndef train():\n    """Train."""\n    raise NotImplementedError("x")\n'


def test_exported_answers_hold_the_students_lines_alone(graded, tmp_path):
    answer = graded / "answers" / "0034" / "02_trainer" / "train.json"
    content = json.loads(answer.read_text(encoding="utf-8"))
    content["text"] = 'import math\n\ndef train():\n    """Train."""\n    x = math.pi\n    return x\n'
    paths.write_json(answer, content)
    blanks = {("02_trainer", "train"): BLANK}
    out = tmp_path / "plain"
    assert export_answers(graded, QUESTIONS, blanks, out) == 11
    files = sorted(file.relative_to(out).as_posix() for file in out.rglob("*.*"))
    assert "02_trainer-train/0034.py" in files
    assert "02_trainer-which-bug/77.md" not in files
    compile((out / "02_trainer-train" / "0034.py").read_text(encoding="utf-8"), "answer", "exec")
    assert '"""Train."""' not in (out / "02_trainer-train" / "0034.py").read_text(encoding="utf-8")


def test_what_is_left_of_code_is_still_code():
    assert without_blank('def train():\n    """Train."""\n    a = 1\n    b = 2\n', BLANK) == "a = 1\nb = 2\n"
    nested = "def train():\n    a = 1\n\nb = 2\n"
    assert without_blank(nested, BLANK) == nested
    assert without_blank("*Write here.*\n\nMine.", "*Write here.*", words=True) == "Mine.\n"


def everything_said(folder):
    files = [file for file in folder.rglob("*") if file.is_file() and file.suffix not in (".png", ".zip")]
    names = " ".join(str(file.relative_to(folder)) for file in folder.rglob("*"))
    return names + "\n".join(file.read_text(encoding="utf-8") for file in files if file.name != "roster.csv")


def test_forgetting_removes_a_student_everywhere(graded):
    grade_code(graded, "zz-forget-me", 1.0)
    hand_in_words(graded, "zz-forget-me", "03_simplenet", "curves", "Only mine: 0.1234567.")
    override(graded, "zz-forget-me;train;1;why;who", "12;train;1;why;who")
    mark(graded, markers=["a", "b"], system="canvas")
    grade_code(graded, "0034", 1.0)
    mark(graded, system="canvas")
    assert "zz-forget-me" in everything_said(graded)
    mark(graded, forget_student="zz-forget-me")
    assert "zz-forget-me" not in everything_said(graded)
    assert "0.1234567" not in everything_said(graded)
    book = rows_of(graded / "gradebook.csv")
    assert book["0012"]["q3 train"] == "1"
    with pytest.raises(CourseError, match="nobody of that id"):
        mark(graded, forget_student="zz-forget-me")


def test_forgetting_finds_an_id_that_lost_its_zeros_in_a_spreadsheet(graded):
    override(graded, "34;train;1;why;who", "12;train;1;why;who")
    mark(graded)
    mark(graded, forget_student="0034")
    assert list(rows_of(graded / "overrides.csv", "student")) == ["12"]


def test_what_somebody_made_of_a_table_is_said_before_anything_is_written(graded):
    mark(graded)
    grade_code(graded, "0034", 1.0)
    mark(graded)
    before = bytes_of(graded)
    changes = graded / "changes.csv"
    whole = changes.read_bytes()
    grade_code(graded, "0034", 0.5)
    changes.write_bytes(whole.replace(b"\n1,", b"\nfirst,"))
    with pytest.raises(CourseError, match=r"changes\.csv.*\n.*row 2: 'first' is no number of a regrade"):
        mark(graded)
    changes.write_bytes(whole)
    (manual,) = graded.glob("reading/*/manual.csv")
    manual.write_text("no table")
    for forgotten in (None, "0034"):
        with pytest.raises(CourseError, match=r"manual\.csv, row 1: expected the columns key, points"):
            mark(graded, forget_student=forgotten)
    assert bytes_of(graded) == before
    assert (graded / "results" / "0034").is_dir()


def test_forgetting_one_known_by_moodles_name(graded):
    name = "Zoe Forget_4711"
    grade_code(graded, name, 1.0)
    place = graded / "unpacked" / "all" / f"{name}_assignsubmission_file_" / "02_trainer.ipynb"
    place.parent.mkdir(parents=True)
    place.write_text("hers")
    entries = json.loads((graded / "submissions.json").read_text(encoding="utf-8"))
    entry = {"student": name, "notebook": "02_trainer", "handed_in": "2026-12-01T11:30:00"}
    paths.write_json(graded / "submissions.json", [*entries, entry | {"versions": [{"file": str(place)}]}])
    with (graded / "roster.csv").open("a", encoding="utf-8") as file:
        file.write("z9,Zoe Forget,B,,,,\n")
    mark(graded)
    assert rows_of(graded / "gradebook.csv")["z9"]["q3 train"] == "4"
    mark(graded, forget_student="z9")
    said = everything_said(graded)
    assert "Forget" not in said
    assert "z9" not in rows_of(graded / "gradebook.csv")
    assert "hers" not in said


def test_forgetting_leaves_whose_name_only_begins_alike(graded):
    grade_code(graded, "zz", 1.0)
    work = {
        name: graded / "unpacked" / name / "train.py" for name in ("zz", "zz_03_simplenet", "zz_top", "zzz")
    }
    for file in work.values():
        file.parent.mkdir(parents=True)
        file.write_text("x")
    mark(graded, forget_student="zz")
    assert {name for name, file in work.items() if file.exists()} == {"zz_top", "zzz"}


def test_forgetting_the_only_one_leaves_nothing(tmp_path):
    hand_in_words(tmp_path, "zz-only", "03_simplenet", "curves", "Only mine.", ("a.png", b"no picture"))
    mark(tmp_path, roster_file=None, system="moodle")
    with pytest.raises(CourseError, match="grade first"):
        mark(tmp_path, roster_file=None, forget_student="zz-only")
    assert "zz-only" not in everything_said(tmp_path)
    assert not (tmp_path / "feedback.zip").exists()


def test_a_file_that_somebody_broke_is_named(graded):
    mark(graded)
    for name in ("gradebook.json", "manual.json", "secret.json", "submissions.json", "reading/shares.json"):
        whole = (graded / name).read_bytes()
        (graded / name).write_bytes(whole[:-5])
        with pytest.raises(CourseError, match=name):
            mark(graded)
        (graded / name).write_bytes(whole)
    mark(graded)


def test_forgetting_one_of_a_group_keeps_the_others_marks(graded):
    for kind in ("results", "answers", "figures"):
        (graded / kind / "G1").rename(graded / kind / "0056")
    for file in (graded / "results" / "0056").rglob("*.json"):
        content = json.loads(file.read_text(encoding="utf-8"))
        paths.write_json(file, content | {"student": "0056"})
    mark(graded)
    table = graded / "reading" / "reader" / "manual.csv"
    text = table.read_text(encoding="utf-8-sig").replace("the curves,,5,,", "the curves,3,5,,")
    table.write_text(text, encoding="utf-8")
    mark(graded, manual=[table])
    mark(graded, forget_student="0056")
    book = rows_of(graded / "gradebook.csv")
    assert "0056" not in book
    assert (book["0057"]["q3 train"], book["0057"]["q7 curves"]) == ("1", "3")
    assert not (graded / "results" / "0056").exists()


def test_the_command_marks_a_notebook_of_the_course(tmp_path):
    folder, notebook = tmp_path / "graded", "02_write_an_abstract_trainer"
    asked = load_assignment(notebook)
    for question in asked.questions:
        text = asked.answer_cell(question.id).source + "\nMy own line."
        words = question.kind == "words"
        write_result(
            folder,
            Result(
                student="0012",
                notebook=notebook,
                question=question.id,
                key="k",
                state="needs_manual" if words else "passed",
                points=None if words else question.points,
                possible=question.points,
            ),
        )
        keep_answer(folder, "0012", notebook, question.id, kind=question.kind, text=text)
    options = ["--markers", "a, b", "--format", "moodle", "--export-answers", tmp_path / "plain"]
    done = CliRunner().invoke(app, ["marks", str(folder), *map(str, options)])
    assert done.exit_code == 0, done.output
    assert "0 points changed; 1 marks wait for a person." in done.output
    plain = tmp_path / "plain" / f"{notebook}-which-bug" / "0012.md"
    assert plain.read_text(encoding="utf-8") == "My own line.\n"
    for options, says in (
        ([folder, "--roster", folder / "none.csv"], "none.csv cannot be read"),
        ([folder, "--format", "blackboard"], "expected moodle or canvas"),
        ([tmp_path / "empty"], "grade first"),
    ):
        done = CliRunner().invoke(app, ["marks", *map(str, options)])
        assert isinstance(done.exception, CourseError)
        assert says in str(done.exception)
