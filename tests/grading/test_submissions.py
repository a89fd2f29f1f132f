"""What an LMS, an operating system and a student make of a folder of notebooks."""

import datetime
import json
import os
import stat
import zipfile

import nbformat
import pytest
from handed_in import by_vscode, solved

from course_utils.errors import CourseError
from course_utils.grading import submissions
from course_utils.grading.assignment import load_assignment
from course_utils.grading.submissions import collect

TRAINER, SIMPLENET = "02_write_an_abstract_trainer", "03_simplenet"


@pytest.fixture(scope="module")
def assignments():
    return [load_assignment(TRAINER), load_assignment(SIMPLENET)]


@pytest.fixture(scope="module")
def text(assignments):
    return json.dumps(solved(assignments[0]))


@pytest.fixture(scope="module")
def blank(assignments):
    return json.dumps(assignments[0].blank)


def put(file, text, hour=12):
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    os.utime(file, (moment(hour).timestamp(),) * 2)
    return file


def moment(hour):
    return datetime.datetime(2026, 10, 1, hour, tzinfo=datetime.UTC)


def pack(file, members):
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file


def who(collected):
    return [(one.student, one.notebook, one.chosen.path.name) for one in collected.handed]


def test_a_folder_of_student_folders(assignments, text, tmp_path):
    put(tmp_path / "in/ada/work/02_write_an_abstract_trainer.ipynb", text)
    put(tmp_path / "in/ada/Copy of 03_simplenet.ipynb", json.dumps(solved(assignments[1])))
    put(tmp_path / "in/bob/my trainer.ipynb", text)
    put(tmp_path / "in/bob/holiday.ipynb", json.dumps(nbformat.v4.new_notebook()))
    put(tmp_path / "in/bob/report.pdf", "")
    collected = collect(tmp_path / "in", assignments, tmp_path / "kept")
    assert who(collected) == [
        ("ada", TRAINER, "02_write_an_abstract_trainer.ipynb"),
        ("ada", SIMPLENET, "Copy of 03_simplenet.ipynb"),
        ("bob", TRAINER, "my trainer.ipynb"),
    ]
    assert [file for file, _ in collected.left_out] == ["bob/holiday.ipynb"]


def test_a_folder_of_notebooks(assignments, text, tmp_path):
    put(tmp_path / "in/02_write_an_abstract_trainer_ada.ipynb", text)
    put(tmp_path / "in/bob-02_write_an_abstract_trainer (1).ipynb", text)
    put(tmp_path / "in/s0123.ipynb", text)
    collected = collect(tmp_path / "in", assignments, tmp_path / "kept")
    assert [one.student for one in collected.handed] == ["ada", "bob", "s0123"]


def test_moodles_archive(assignments, text, tmp_path):
    archive = pack(
        tmp_path / "all.zip",
        {
            "Ada Lovelace_12345_assignsubmission_file_/02_write_an_abstract_trainer.ipynb": text,
            "Zoë Müller_7_assignsubmission_file_/sub/02_write_an_abstract_trainer.ipynb": text,
            "__MACOSX/Ada Lovelace_12345_assignsubmission_file_/._02_write.ipynb": "junk",
            "Ada Lovelace_12345_assignsubmission_file_/.ipynb_checkpoints/02-checkpoint.ipynb": text,
            "Ada Lovelace_12345_assignsubmission_file_/._02_write_an_abstract_trainer.ipynb": "junk",
        },
    )
    collected = collect(archive, assignments, tmp_path / "kept")
    assert [one.student for one in collected.handed] == ["Ada Lovelace_12345", "Zoë Müller_7"]
    assert all(len(one.versions) == 1 for one in collected.handed)
    assert not collected.left_out


def test_canvas_archive(assignments, text, tmp_path):
    archive = pack(
        tmp_path / "submissions.zip",
        {
            "lovelaceada_1234_56789_02_write_an_abstract_trainer-1.ipynb": text,
            "turingalan_LATE_22_56790_trainer.ipynb": text,
        },
    )
    collected = collect(archive, assignments, tmp_path / "kept")
    assert [(one.student, one.chosen.late) for one in collected.handed] == [
        ("lovelaceada_1234", False),
        ("turingalan_22", True),
    ]


def test_a_folder_around_the_student_folders_and_a_zip_in_one_of_them(assignments, text, tmp_path):
    inner = pack(tmp_path / "work.zip", {"work/02_write_an_abstract_trainer.ipynb": text}).read_bytes()
    archive = pack(tmp_path / "all.zip", {"all/ada/work.zip": inner, "all/bob/02_x.ipynb": text})
    collected = collect(archive, assignments, tmp_path / "kept")
    assert [one.student for one in collected.handed] == ["ada", "bob"]


def test_the_last_version_before_the_due_time_counts_and_all_are_kept(assignments, text, blank, tmp_path):
    folder = tmp_path / "in/ada"
    put(folder / f"{TRAINER}.ipynb", text, hour=8)
    put(folder / f"{TRAINER} (1).ipynb", text, hour=10)
    put(folder / f"{TRAINER} (2).ipynb", text, hour=14)
    put(folder / "notebooks" / f"{TRAINER}.ipynb", blank, hour=11)

    def chosen(due):
        (one,) = collect(
            tmp_path / "in", assignments, tmp_path / "kept", lambda students: dict.fromkeys(students, due)
        ).handed
        assert len(one.versions) == 4
        return one.chosen.path.name

    assert chosen(None) == f"{TRAINER} (2).ipynb"
    assert chosen(moment(12)) == f"{TRAINER} (1).ipynb"
    assert chosen(moment(9)) == f"{TRAINER}.ipynb"
    assert chosen(moment(7)) == f"{TRAINER} (2).ipynb"


def test_times_come_from_the_archive(assignments, text, tmp_path):
    with zipfile.ZipFile(tmp_path / "all.zip", "w") as archive:
        for name, hour in (("late", 20), ("early", 6)):
            entry = zipfile.ZipInfo(f"ada/{name} {TRAINER}.ipynb", (2026, 10, 1, hour, 0, 0))
            archive.writestr(entry, text)
    (one,) = collect(tmp_path / "all.zip", assignments, tmp_path / "kept").handed
    assert [version.modified.hour for version in one.versions] == [6, 20]
    assert one.chosen.path.name.startswith("late")


def test_a_notebook_is_known_by_its_release_then_its_name_then_its_questions(assignments, tmp_path):
    node = by_vscode(solved(assignments[0]))
    put(tmp_path / "in/by_questions/x.ipynb", json.dumps(node))
    put(tmp_path / "in/by_name/03_simplenet.ipynb", "damaged")
    node.metadata["course"] = {"release": {"name": SIMPLENET}}
    put(tmp_path / "in/by_release/x.ipynb", json.dumps(node))
    handed = collect(tmp_path / "in", assignments, tmp_path / "kept").handed
    assert [(one.student, one.notebook) for one in handed] == [
        ("by_name", SIMPLENET),
        ("by_questions", TRAINER),
        ("by_release", SIMPLENET),
    ]


def test_modules_count_where_there_is_no_notebook(assignments, text, tmp_path):
    source = assignments[0].solutions["train-one-epoch"]
    put(tmp_path / "in/ada/loops.py", source)
    put(tmp_path / "in/ada/sums.py", "x = 1")
    put(tmp_path / "in/bob/trainer.py", source)
    put(tmp_path / "in/eve/trainer.py", source)
    put(tmp_path / "in/eve" / f"{TRAINER}.ipynb", text)
    put(tmp_path / "in/zoe/other.py", "x = 1")
    collected = collect(tmp_path / "in", assignments, tmp_path / "kept")
    assert who(collected) == [
        ("ada", TRAINER, "ada"),
        ("bob", TRAINER, "trainer.py"),
        ("eve", TRAINER, f"{TRAINER}.ipynb"),
    ]


def test_a_hostile_entry_is_left_out_and_the_others_are_graded(assignments, text, tmp_path, monkeypatch):
    monkeypatch.setattr(submissions, "MAX_BYTES", 2**20)
    link = zipfile.ZipInfo("eve/link.ipynb")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    members = {
        "ada/02_write_an_abstract_trainer.ipynb": text,
        "../../escaped.ipynb": text,
        "/tmp/absolute.ipynb": text,
        "eve/..\\..\\windows.ipynb": text,
        "C:/drive.ipynb": text,
        "eve/large.ipynb": "0" * 2**21,
        f"eve/{'long' * 100}.ipynb": text,
        f"ada/{TRAINER}.ipynb/below.ipynb": text,
        link: "/etc/passwd",
    }
    collected = collect(pack(tmp_path / "in.zip", members), assignments, tmp_path / "a/b/kept")
    assert [one.student for one in collected.handed] == ["ada"]
    assert len(collected.left_out) == len(members) - 1
    written = {file.name for file in tmp_path.rglob("*.ipynb")}
    assert written == {"02_write_an_abstract_trainer.ipynb"}


def test_links_in_a_folder_are_left_out(assignments, text, tmp_path):
    secret = put(tmp_path / "secret" / f"{TRAINER}.ipynb", text)
    put(tmp_path / "in/ada" / f"{TRAINER}.ipynb", text)
    (tmp_path / "in/ada/again.ipynb").symlink_to(secret)
    (tmp_path / "in/bob").symlink_to(secret.parent)
    collected = collect(tmp_path / "in", assignments, tmp_path / "kept")
    assert [(one.student, len(one.versions)) for one in collected.handed] == [("ada", 1)]
    assert {reason for _, reason in collected.left_out} == {"it is a link"}


def test_an_archive_that_is_too_large_or_damaged_is_refused(assignments, text, tmp_path, monkeypatch):
    archive = pack(tmp_path / "in.zip", {"ada/02_write_an_abstract_trainer.ipynb": text})
    content = bytearray(archive.read_bytes())
    content[60:90] = bytes(30)
    (tmp_path / "damaged.zip").write_bytes(content)
    with pytest.raises(CourseError, match="no notebook to grade"):
        collect(tmp_path / "damaged.zip", assignments, tmp_path / "kept")
    monkeypatch.setattr(submissions, "MAX_TOTAL_BYTES", 1000)
    with pytest.raises(CourseError, match="Unpack it yourself"):
        collect(archive, assignments, tmp_path / "kept")


def test_a_folder_without_notebooks_is_refused_with_what_was_expected(assignments, tmp_path):
    with pytest.raises(CourseError, match=r"02_write_an_abstract_trainer\.ipynb"):
        collect(tmp_path, assignments, tmp_path / "kept")
    with pytest.raises(CourseError, match="neither a folder nor a zip"):
        collect(tmp_path / "nowhere", assignments, tmp_path / "kept")
