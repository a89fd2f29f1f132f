"""Feedback says what failed and why, gives nothing away, and goes back through the course's own system."""

import re
import zipfile
from html.parser import HTMLParser

import pytest
from graded_term import QUESTIONS, grade_code, term
from test_gradebook import mark, override

from course_utils.grading.feedback import distributions
from course_utils.grading.gradebook import make_gradebook
from course_utils.grading.results import read_results
from course_utils.grading.roster import read_roster


@pytest.fixture
def graded(tmp_path):
    return term(tmp_path / "graded")


def feedback_of(folder, student):
    return (folder / "feedback" / student / "feedback.html").read_text(encoding="utf-8")


def test_it_says_what_failed_and_why_and_keeps_the_expectation(graded):
    mark(graded)
    page = feedback_of(graded, "0034")
    assert "One criterion is not met." in page
    assert "&lt;b&gt;moved&lt;/b&gt;" in page
    assert "2.5 of 4" in page
    assert "HIDDEN" not in page
    mark(graded, show_hidden=True)
    assert "HIDDEN 0.25" in feedback_of(graded, "0034")
    mark(graded)
    assert "HIDDEN" not in feedback_of(graded, "0034")


def test_rubrics_of_words_are_not_given_away(graded):
    mark(graded, show_hidden=True)
    for student in ("0012", "0099"):
        assert "the bug is named" not in feedback_of(graded, student)


def test_everybody_gets_a_page_and_an_override_is_shown(graded):
    override(graded, "12;train;2,5;appeal: <i>heard</i>;Dr Lee")
    mark(graded)
    assert "Nothing was handed in." in feedback_of(graded, "0099")
    assert "group G1, marked together" in feedback_of(graded, "0056")
    assert "Handed in 22.5 hours after the due time" in feedback_of(graded, "77")
    page = feedback_of(graded, "0012")
    assert "Set by hand to 2.5" in page
    assert "appeal: &lt;i&gt;heard&lt;/i&gt;" in page
    assert "Ana &lt;b&gt;López&lt;/b&gt;" in page


def test_states_are_words_and_every_state_has_some(graded):
    states = ["error", "timeout", "resource_limit", "kernel_died", "missing", "duplicate", "rejected"]
    for number, state in enumerate(states):
        grade_code(graded, f"s{number}", 0.0, state, points=0.0, message=f"<script>{state}</script>")
    mark(graded, roster_file=None)
    for number, state in enumerate(states):
        page = feedback_of(graded, f"s{number}")
        assert f"&lt;script&gt;{state}" in page
        assert "<script" not in page


def test_the_zip_is_named_as_moodle_takes_it_back(graded):
    summary = mark(graded, system="moodle")
    with zipfile.ZipFile(graded / "feedback.zip") as packed:
        names = packed.namelist()
        assert "Ana b López b_5012_assignsubmission_file_/feedback.html" in names
        assert "Bo Ek_5034_assignsubmission_file_/feedback.html" in names
        text = packed.read("Bo Ek_5034_assignsubmission_file_/feedback.html").decode()
    assert text == feedback_of(graded, "0034")
    # 77 may be another participant's number.
    assert "Eve_id-77_assignsubmission_file_/feedback.html" in names
    assert any("will not recognise the feedback of 77" in notice for notice in summary.notices)
    assert all(len(name.split("/")[0].split("_")) == 5 for name in names)


def test_pages_stand_alone_and_are_well_formed(graded):
    mark(graded)
    pages = [*graded.glob("feedback/*/*.html"), graded / "overview.html", *graded.glob("reading/*/*.html")]
    assert len(pages) > 8
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//""", text)
        assert "<script" not in text
        assert '<html lang="en">' in text
        checker = Checker()
        checker.feed(text)
        assert not checker.open, (page, checker.open)
        assert len(checker.ids) == len(set(checker.ids))
        for target in re.findall(r'href="#([^"]+)"', text):
            assert target in checker.ids
        for image in re.findall(r"<img[^>]*>", text):
            assert 'alt="' in image


class Checker(HTMLParser):
    """Follow opening and closing tags."""

    ALONE = frozenset({"meta", "link", "img", "br", "rect", "line", "mspace", "mi"})

    def __init__(self):
        super().__init__()
        self.open, self.ids = [], []

    def handle_starttag(self, tag, attrs):
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in self.ALONE:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in self.ALONE:
            assert self.open
            assert self.open.pop() == tag


def test_the_overview_counts_students_once_each(graded):
    results = read_results(graded)
    roster = read_roster(graded / "roster.csv", {result.student for result in results})
    book = make_gradebook(results, QUESTIONS, roster, {}, {})
    train, bug, _ = distributions(book)
    assert train.bins == [0, 2, 0, 1, 2]
    assert train.full == 2
    assert train.mean == pytest.approx((1 + 0.625 + 0.25 + 0.25 + 1) / 5)
    assert bug.waiting == 4
    assert bug.states == {"needs_manual": 4, "missing": 1}


def test_the_overview_shows_what_is_slow_what_failed_and_who_is_missing(graded):
    grade_code(graded, "0034", 0.0, "timeout", seconds=61.25)
    mark(graded)
    page = (graded / "overview.html").read_text(encoding="utf-8")
    assert "61.2" in page
    assert "the code took too long" in page
    assert "0099 (Nobody Came)" in page
    assert "without a sandbox" not in page
    grade_code(graded, "0034", 0.0, "timeout", sandboxed=False)
    mark(graded)
    assert "Results found without a sandbox: 1." in (graded / "overview.html").read_text(encoding="utf-8")


def test_feedback_of_somebody_who_left_goes(graded):
    mark(graded)
    roster = graded / "roster.csv"
    roster.write_text(
        "".join(line for line in roster.open(encoding="utf-8") if not line.startswith("0099")),
        encoding="utf-8",
    )
    mark(graded)
    assert not (graded / "feedback" / "0099").exists()
