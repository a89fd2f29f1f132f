"""The roster, and every table that people edit, survive what a spreadsheet does to them."""

from datetime import datetime, timedelta

import pytest

from course_utils.errors import CourseError
from course_utils.grading.roster import group_members, read_roster, roster_of
from course_utils.grading.tables import known_id, number, read_table, write_table

PLAIN = """id,name,section,group,due,extra time
0123,Ana López,A,,2026-12-01 23:59,
0456,Bo Ek,A,G1,2026-12-01 23:59,2 days
789,Cy,B,G1,2026-12-01,36 h
"""


def saved(folder, text, encoding="utf-8", name="roster.csv"):
    file = folder / name
    file.write_bytes(text.encode(encoding))
    return file


def test_a_plain_roster(tmp_path):
    ana, bo, cy = read_roster(saved(tmp_path, PLAIN))
    assert (ana.id, ana.name, ana.section) == ("0123", "Ana López", "A")
    assert bo.extra_time == timedelta(days=2)
    assert cy.due == datetime(2026, 12, 1, 23, 59)
    assert group_members([ana, bo, cy]) == {"G1": [bo, cy]}


def test_late_by_counts_extra_time(tmp_path):
    ana, bo, _ = read_roster(saved(tmp_path, PLAIN))
    moment = datetime(2026, 12, 3, 0, 59)
    assert ana.late_by(moment) == timedelta(days=1, hours=1)
    assert bo.late_by(moment) == timedelta(0)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_a_roster_saved_by_a_spreadsheet_is_the_same(tmp_path, encoding, delimiter, line_end):
    """Sorted anew, columns moved and added, zeros lost, a line break in a cell, rows of empty cells."""
    rows = [
        ["Section", "NAME", "id", "Due", "Extra  time", "notes", "group"],
        ["B", "Cy", "789", "01.12.2026", "36 h", "3,5", "G1"],
        ["A", '"Ana\n López"', "123", "01.12.2026 23:59", "", "", ""],
        ["A", "Bo Ek", "456", "2026-12-01 23:59:00", "2 days", '"says ""hi"""', "G1"],
        [""] * 7,
    ]
    if delimiter == ",":
        rows[1][5] = '"3,5"'
    text = line_end.join(delimiter.join(row) for row in rows) + line_end
    again = read_roster(saved(tmp_path, text, encoding), submissions=["0123", "0456"])
    plain = read_roster(saved(tmp_path, PLAIN, name="plain.csv"), submissions=["0123", "0456"])
    assert sorted(again, key=lambda student: student.id) == plain


def test_ids_that_no_submission_bears_keep_their_zeros_too(tmp_path):
    table = saved(tmp_path, "id;name\n7;Ana\n0008;Bo\n9.0;Cy\n")
    ids = [student.id for student in read_roster(table, listed=["0007", "8", "009"])]
    assert ids == ["0007", "0008", "009"]


def test_excel_puts_the_separator_in_a_line_of_its_own(tmp_path):
    assert read_roster(saved(tmp_path, "sep=;\nid;name\n1;Ana\n"))[0].name == "Ana"


def test_all_bad_rows_are_listed_at_once(tmp_path):
    text = "id,name,due,extra time\n1,A,soon,\n2,B,,3 weeks\n../3,C,,\n4,D,03/04/2026,\n1,E,,\n1,F,,\n"
    with pytest.raises(CourseError) as caught:
        read_roster(saved(tmp_path, text))
    message = str(caught.value)
    for part in ("row 2: due 'soon'", "row 3: extra time '3 weeks'", "row 4: '../3' is no id"):
        assert part in message
    assert "row 5: due '03/04/2026' may be two days" in message
    assert "row 7: the id '1' stands twice" in message
    with pytest.raises(CourseError, match="row 2: a spreadsheet has rounded the id"):
        read_roster(saved(tmp_path, "id;name\n1,23457E+11;A\n"))


def test_an_id_that_may_be_two_is_not_guessed(tmp_path):
    with pytest.raises(CourseError, match="row 2: '7' may be 007 or 07"):
        read_roster(saved(tmp_path, "id,name\n7,A\n"), submissions=["007", "07"])
    assert known_id("07", ["007", "07"]) == "07"
    assert known_id("7.0", ["007"]) == "007"
    assert known_id("8", ["007"]) is None


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"PK\x03\x04rest", "is a workbook"),
        (b'id,name\n1,"Ana\n2,Bo\n', "quotation mark left open"),
        (b"id,name\n1,Ana,3,5\n", "row 2: more cells than the header"),
        (b"number,name\n1,Ana\n", "expected the columns id, name; found number,name"),
        (b"id,name,name\n1,Ana,Ana\n", "the column 'name' stands twice"),
        (b"", "found nothing"),
    ],
)
def test_what_is_no_table_says_why(tmp_path, content, says):
    file = tmp_path / "roster.csv"
    file.write_bytes(content)
    with pytest.raises(CourseError, match=says):
        read_roster(file)


NAMED = "id,name,group,participant\n0123,Ana López,,\n456,Bo Ek,,77\n99,Cy,,\n5,Di,,\n"


def test_submissions_are_known_by_the_names_that_moodle_and_canvas_give(tmp_path):
    submissions = ["ana lo\u0301pez_5012", "Someone_77", "cy_0099", "Eve_1"]
    ana, bo, cy, di = read_roster(saved(tmp_path, NAMED), submissions)
    assert (ana.id, ana.submission, ana.participant) == ("0123", submissions[0], "5012")
    assert (bo.submission, bo.participant) == ("Someone_77", "77")
    assert cy.submission == "cy_0099"
    assert di.submission == ""


@pytest.mark.parametrize(
    ("submissions", "says"),
    [
        (["Ana López_1", "Ana López_2"], "row 2: Ana López_1 and Ana López_2 may both be of Ana López"),
        (["0123", "Bo Ek_77", "Bo Ek_99"], "nothing"),
        (["X_123", "0123", "Cy_5"], "row 5: 'Cy_5' may be of 99 or of 5"),
    ],
)
def test_a_submission_that_may_be_of_two_is_not_guessed(tmp_path, submissions, says):
    if says == "nothing":
        assert read_roster(saved(tmp_path, NAMED), submissions)[1].submission == "Bo Ek_77"
        return
    with pytest.raises(CourseError, match=says):
        read_roster(saved(tmp_path, NAMED), submissions)


def test_without_a_roster_names_and_numbers_come_from_the_submissions():
    ada, plain = roster_of(["Ada Lovelace_12345", "0012"])[::-1]
    assert (ada.id, ada.name, ada.participant) == ("Ada Lovelace_12345", "Ada Lovelace", "12345")
    assert (plain.id, plain.name, plain.participant) == ("0012", "", "")


def test_a_missing_roster_says_so(tmp_path):
    with pytest.raises(CourseError, match="cannot be read"):
        read_roster(tmp_path / "none.csv")


def test_a_written_table_runs_no_formula_and_reads_back(tmp_path):
    file = tmp_path / "table.csv"
    texts = ["=cmd|'/c calc'!A1", "+1", "-2", "@x", "'=1", "'quoted'", "two\nlines", 'a "b"; c, d', "Łoś"]
    write_table(file, ["key", "text"], [{"key": f"k{i}", "text": text} for i, text in enumerate(texts)])
    assert not any(
        cell[:1] in "=+-@" for cell in file.read_text("utf-8-sig").replace('"', "").split(",") if cell
    )
    assert [row["text"] for row in read_table(file, ("key", "text"))] == texts


def test_numbers_have_a_point_or_a_comma():
    assert [number("3,5"), number("3.5"), number("0"), number("")] == [3.5, 3.5, 0.0, None]
    for text in ("12. Mrz", "1.234,5", "nan", "inf", "three"):
        with pytest.raises(ValueError):
            number(text)
