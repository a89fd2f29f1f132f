"""Answers in words are read without names, marked in a spreadsheet, and taken over without loss."""

import csv
import json
import re
from collections import Counter
from html.parser import HTMLParser

import pytest
from graded_term import QUESTIONS, grade_code, hand_in_words, keep_answer, keep_run, picture, term
from test_gradebook import mark, rows_of

from course_utils.errors import CourseError
from course_utils.grading.rendering import markdown, png


@pytest.fixture
def graded(tmp_path):
    return term(tmp_path / "graded")


def table_of(folder, marker="reader"):
    return folder / "reading" / marker / "manual.csv"


def fill(file, points, comment="", **dialect):
    """Write `points` (a function of a row, or one number for all) into a table, as a spreadsheet would."""
    with file.open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines))
    for row in rows:
        row["points"] = str(points(row) if callable(points) else points)
        row["comment"] = comment
    write(file, rows, **dialect)
    return file


def write(file, rows, delimiter=",", encoding="utf-8"):
    with file.open("w", encoding=encoding, newline="") as lines:
        writer = csv.DictWriter(lines, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)


def points_in(folder, question="q7 curves"):
    return {name: row[question] for name, row in rows_of(folder / "gradebook.csv").items()}


def test_no_page_and_no_table_says_who_wrote(graded):
    mark(graded)
    folder = graded / "reading" / "reader"
    text = "".join(
        file.read_text(encoding="utf-8") for file in folder.rglob("*") if file.suffix in (".html", ".csv")
    )
    for name in ("0012", "0034", "G1", "López", "Bo_Ek", "5012"):
        assert name not in text
    assert set(re.findall(r"s-[0-9a-f]{6}-q\d+", text)) == set(rows_of(table_of(graded), "key"))


def test_a_page_shows_the_answer_the_own_run_and_the_rubric(graded):
    mark(graded)
    page = (graded / "reading" / "reader" / "03_simplenet-curves.html").read_text(encoding="utf-8")
    assert "<mi>ln</mi>" in page
    assert "against ln 2" in page
    assert "accuracy of &lt;i&gt;mine&lt;/i&gt;" in page
    assert page.count("<figure>") == 8
    for source in re.findall(r'src="([^"]+)"', page):
        assert (graded / "reading" / "reader" / source).is_file()


def test_code_that_nothing_checks_is_read_too(graded):
    for student, text in (("0012", "def train():\n    return '<b>'\n"), ("0034", "pass")):
        grade_code(graded, student, 0.0, state="needs_manual", points=None)
        keep_answer(graded, student, "02_trainer", "train", kind="code", text=text)
    mark(graded)
    page = (graded / "reading" / "reader" / "02_trainer-train.html").read_text(encoding="utf-8")
    assert "def train():\n    return &#39;&lt;b&gt;&#39;" in page
    fill(table_of(graded), 2)
    mark(graded, manual=[table_of(graded)])
    assert points_in(graded, "q3 train")["0012"] == "2"


def test_order_and_pseudonyms_stay_when_others_come(graded):
    mark(graded)
    before = list(rows_of(table_of(graded), "key"))
    hand_in_words(graded, "0099", "03_simplenet", "curves", "Late.")
    mark(graded)
    after = list(rows_of(table_of(graded), "key"))
    assert [key for key in after if key in before] == before
    assert len(after) == len(before) + 1


def test_identical_answers_stand_together_each_with_its_own_run(graded):
    for student in ("0012", "0034"):
        hand_in_words(graded, student, "03_simplenet", "curves", "The same.")
    keep_run(graded, "0012", "03_simplenet", 0.111)
    keep_run(graded, "0034", "03_simplenet", 0.222)
    mark(graded)
    page = (graded / "reading" / "reader" / "03_simplenet-curves.html").read_text(encoding="utf-8")
    assert page.count("The same.") == 1
    assert "2 identical answers" in page
    assert "0.111" in page
    assert "0.222" in page


def test_marks_count_and_comments_reach_the_feedback(graded):
    mark(graded)
    fill(table_of(graded), 2.5, "Look at <b>figure</b> 2.\nThen at 3.")
    mark(graded, manual=[table_of(graded)])
    assert points_in(graded)["0012"] == "2.5"
    feedback = (graded / "feedback" / "0012" / "feedback.html").read_text(encoding="utf-8")
    assert "Look at &lt;b&gt;figure&lt;/b&gt; 2.\nThen at 3." in feedback
    mark(graded)
    assert points_in(graded)["0012"] == "2.5"  # also when the table is not named again


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_a_table_saved_by_a_spreadsheet_means_the_same(graded, encoding, delimiter):
    """Decimal commas, rows sorted anew, columns moved and added, empty rows, line breaks in cells."""
    mark(graded)
    file = table_of(graded)
    with file.open(encoding="utf-8-sig", newline="") as lines:
        rows = list(csv.DictReader(lines))
    for row in rows:
        row["points"] = "2,5"
        row["comment"] = "erste Zeile\r\nzweite: „gut“; 1,5 €"
    columns = ["comment", "mine", *reversed([name for name in rows[0] if name != "comment"])]
    rows = [
        {name: row.get(name, "x") for name in columns} for row in sorted(rows, key=lambda row: row["answer"])
    ]
    rows.insert(1, dict.fromkeys(columns, ""))
    write(file, rows, delimiter, encoding)
    mark(graded, manual=[file])
    assert set(points_in(graded).values()) == {"2.5", ""}
    feedback = (graded / "feedback" / "0012" / "feedback.html").read_text(encoding="utf-8")
    assert "erste Zeile\nzweite: „gut“; 1,5 €" in feedback


@pytest.mark.parametrize(
    ("column", "value", "says"),
    [
        ("key", "s-000000-q7", "s-000000-q7 is the key of no answer here"),
        ("key", "", "no answer here"),
        ("points", "12. Mrz", "'12. Mrz' points; expected 0 to"),
        ("points", "6.5", "'6.5' points; expected 0 to"),
        ("points", "-1", "'-1' points"),
    ],
)
def test_a_row_that_does_not_fit_is_listed_and_nothing_is_written(graded, column, value, says):
    mark(graded)
    file = fill(table_of(graded), 1)
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    rows[1][column] = value
    write(file, rows)
    before = {path: path.read_bytes() for path in graded.rglob("*") if path.is_file()}
    with pytest.raises(CourseError, match="nothing was written") as caught:
        mark(graded, manual=[file])
    assert "row 3: " in str(caught.value)
    assert says in str(caught.value)
    assert {path: path.read_bytes() for path in graded.rglob("*") if path.is_file()} == before


def test_a_mark_counts_for_the_answer_that_was_read(graded):
    mark(graded)
    file = fill(table_of(graded), 3)
    mark(graded, manual=[file])
    hand_in_words(graded, "0012", "03_simplenet", "curves", "Another answer.")
    summary = mark(graded, manual=[file])
    assert points_in(graded)["0012"] == ""
    assert any("the answer has changed since it was read" in notice for notice in summary.notices)
    # The new answer's row stands below, and what was written is untouched.
    rows = [row for row in csv.DictReader(file.open(encoding="utf-8-sig")) if row["points"] == ""]
    assert len(rows) == 1
    assert len(list(csv.DictReader(file.open(encoding="utf-8-sig")))) == 8


def test_a_table_somebody_wrote_in_is_not_touched(graded):
    mark(graded)
    file = fill(table_of(graded), "2,5", delimiter=";", encoding="utf-16")
    before = file.read_bytes()
    mark(graded)
    assert file.read_bytes() == before


def test_an_emptied_cell_takes_nothing_back_and_a_changed_one_is_told(graded):
    mark(graded)
    file = fill(table_of(graded), 3)
    mark(graded, manual=[file])
    fill(file, "", comment="well")
    assert not mark(graded, manual=[file]).notices
    assert points_in(graded)["0012"] == "3"
    fill(file, 1)
    notices = mark(graded, manual=[file]).notices
    assert sum("reader gave 3 before, 1 now" in notice for notice in notices) == 7
    why = [row["why"] for row in csv.DictReader((graded / "changes.csv").open(encoding="utf-8-sig"))]
    assert "read by reader (before: waits for a person: needs_manual)" not in why[-1]


def many(folder, count=30):
    for number in range(count):
        student = f"x{number:02d}"
        hand_in_words(
            folder, student, "03_simplenet", "curves", f"Answer {number // 2 if number < 6 else number}."
        )
    return folder


def test_shares_are_even_overlap_and_stay(graded):
    many(graded)
    mark(graded, roster_file=None, markers=["a", "b", "c"])
    dealt = json.loads((graded / "reading" / "shares.json").read_text(encoding="utf-8"))["answers"]
    curves = {key: names for key, names in dealt.items() if key.endswith("-q7")}
    load = Counter(name for names in curves.values() for name in names)
    assert max(load.values()) - min(load.values()) <= 3
    twice = [key for key, names in curves.items() if len(names) == 2]
    assert 3 <= len(twice) <= 6
    for marker in "abc":
        keys = set(rows_of(table_of(graded, marker), "key"))
        assert keys == {key for key, names in dealt.items() if marker in names}
    hand_in_words(graded, "late", "03_simplenet", "curves", "Late.")
    mark(graded, roster_file=None)
    again = json.loads((graded / "reading" / "shares.json").read_text(encoding="utf-8"))["answers"]
    assert {key: again[key] for key in dealt} == dealt
    assert len(again) == len(dealt) + 1


def test_identical_answers_have_the_same_marker(graded):
    many(graded)
    mark(graded, roster_file=None, markers=["a", "b", "c"])
    for marker in "abc":
        page = (graded / "reading" / marker / "03_simplenet-curves.html").read_text(encoding="utf-8")
        for number in range(3):
            assert page.count(f"Answer {number}.") in (0, 1)
        assert "2 identical answers" in page or not any(f"Answer {number}." in page for number in range(3))


def test_markers_who_disagree_are_named_and_the_answer_waits(graded):
    mark(graded, markers=["a", "b"])
    tables = [fill(table_of(graded, "a"), 2), fill(table_of(graded, "b"), 3)]
    summary = mark(graded, manual=tables)
    disagreements = [notice for notice in summary.notices if "readers disagree: a 2, b 3" in notice]
    both = set(rows_of(tables[0], "key")) & set(rows_of(tables[1], "key"))
    assert len(disagreements) == len(both) > 0
    fill(tables[1], 2)
    summary = mark(graded, manual=[tables[1]])
    assert not any("disagree" in notice for notice in summary.notices)
    assert summary.waiting == 0


def test_one_marker_who_contradicts_herself_is_an_error(graded):
    mark(graded)
    first = fill(table_of(graded), 2)
    second = graded / "copy.csv"
    second.write_bytes(first.read_bytes())
    fill(second, 3)
    with pytest.raises(CourseError, match="reader gave something else"):
        mark(graded, manual=[first, second])
    assert json.loads((graded / "manual.json").read_text(encoding="utf-8")) == {}


@pytest.mark.parametrize("names", [["a", "A"], ["../x"], ["a", ""], [".a"]])
def test_a_marker_is_a_name_of_a_folder(graded, names):
    with pytest.raises(CourseError, match="--markers"):
        mark(graded, markers=names)


def test_a_missing_answer_says_what_to_do(graded):
    (graded / "answers" / "0012" / "03_simplenet" / "curves.json").unlink()
    with pytest.raises(CourseError, match="grade again"):
        mark(graded)


FORBIDDEN = {"script", "style", "a", "iframe", "object", "svg", "form", "base", "meta", "link"}
SHOWN_ATTRIBUTES = {
    *("alt", "aria-label", "class", "decoding", "display", "id"),
    *("loading", "scope", "src", "width", "xmlns"),
}


class Elements(HTMLParser):
    """Collect the names of all elements and attributes, and the sources of pictures."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.sources = set(), set(), []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.sources += [value for name, value in attrs if name == "src"]


HOSTILE = r"""
<script>alert(1)</script> <img src=x onerror=alert(1)> [a](javascript:alert(1)) [b](http://track.er/"x)
![t](http://track.er/x.png)
![u](attachment:pasted%20one.png "t\" onload=\"alert(1)") ![v](attachment:other.png)
$\text{<script>alert(2)</script>}$ $\href{javascript:alert(3)}{x}$ $\style{background:url(http://track.er)}{x}$
<div onclick="alert(4)">text</div> <a href="javascript:1">x</a> <http://track.er> `<b>` &lt;script&gt;

<style>@import url(http://track.er)</style>

```html
<script>alert(5)</script>
```
"""


def test_nothing_that_a_student_wrote_runs_or_asks_the_network(graded):
    hand_in_words(graded, "0012", "03_simplenet", "curves", HOSTILE, ("pasted one.png", picture(9)))
    mark(graded)
    page = (graded / "reading" / "reader" / "03_simplenet-curves.html").read_text(encoding="utf-8")
    found = Elements()
    found.feed(page.partition("<main>")[2])
    assert not found.tags & FORBIDDEN
    assert found.attributes <= SHOWN_ATTRIBUTES
    assert all(re.fullmatch(r"pictures/[0-9a-f]{20}\.png", place) for place in found.sources)
    assert "[picture not shown: other.png]" in page
    assert "default-src 'none'" in page


@pytest.mark.parametrize(
    "formula",
    [
        r"\newcommand{\a}{\b\b}\a",
        r"\def\a{\a\a}\a",
        "{" * 900,
        r"\frac{1}{" * 400,
        r"\left(",
        "x" * 3000,
        "^^",
        "_",
    ],
)
def test_a_formula_that_is_none_is_shown_as_written(formula):
    page = markdown(f"${formula}$ end", {})
    assert "<code>" in page or "<math" in page
    assert "end" in page


def test_long_and_deep_answers_end():
    for text in ("> " * 9000, "[" * 30000, "*a " * 9000, "![" * 9000, "$" * 30000, "- " * 9000):
        assert len(markdown(text, {})) < 400_000


def test_pictures_are_pixels_alone():
    content = picture(7)
    trailing = content + b"<script>alert(1)</script>"
    written = png(trailing)
    assert written == png(content)
    assert b"script" not in written
    assert png(b"<svg onload=alert(1)>") is None
    assert png(b"\x89PNG\r\n\x1a\n" + b"rubbish") is None
    assert png(b"GIF89a" + content) is None


def test_a_picture_of_too_many_pixels_is_refused():
    import struct
    import zlib

    header = struct.pack(">IIBBBBB", 60000, 60000, 8, 2, 0, 0, 0)
    chunk = b"IHDR" + header
    bomb = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + chunk + struct.pack(">I", zlib.crc32(chunk))
    assert png(bomb) is None


@pytest.mark.parametrize(
    "content", ["[1]", "null", '{"results": [{"name": 1}]}', "{", '{"results": 5}', "[" * 5000]
)
def test_recorded_numbers_may_be_anything(graded, content):
    (graded / "figures" / "0012" / "03_simplenet" / "results.json").write_text(content, encoding="utf-8")
    mark(graded)


def test_a_figure_that_is_no_picture_and_a_link_are_not_shown(graded, tmp_path):
    place = graded / "figures" / "0012" / "03_simplenet"
    (place / "02.png").write_text("<html><script>alert(1)</script>")
    secret = tmp_path / "secret.png"
    secret.write_bytes(picture(200))
    (place / "03.png").symlink_to(secret)
    mark(graded)
    page = (graded / "reading" / "reader" / "03_simplenet-curves.html").read_text(encoding="utf-8")
    assert page.count("Not shown: no proper PNG picture.") == 1
    assert page.count("<img") == 8


def test_pages_of_answers_that_are_no_more_go(graded):
    keep_run(graded, "0012", "03_simplenet", 0.1, shades=(99,))
    mark(graded)
    pictures = set((graded / "reading" / "reader" / "pictures").iterdir())
    hand_in_words(graded, "0012", "03_simplenet", "curves", "")
    mark(graded)
    assert len(set((graded / "reading" / "reader" / "pictures").iterdir())) == len(pictures) - 1
    assert len(QUESTIONS) == len(list((graded / "reading" / "reader").glob("0*.html")))
