"""The report stands alone, says what is comparable, and shows what was written as text."""

import re

import nbformat
import pytest

from course_utils import paths
from course_utils.notebooks.report import comparable, notebook_page, with_mathml, write_report
from course_utils.published import published_results

ALTERNATIVE = 'A curve <b>that</b> rises & says "so".'
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


def node_with_picture():
    node = nbformat.v4.new_notebook(metadata={"course": {"title": "A title"}})
    picture = nbformat.v4.new_output(
        "display_data", {"image/png": PIXEL}, metadata={"image/png": {"alt": ALTERNATIVE, "width": 5}}
    )
    node.cells = [
        nbformat.v4.new_markdown_cell("Loss $\\ln 2$ and `$HOME`, 5 $ and 6 $."),
        nbformat.v4.new_code_cell("plot()", outputs=[picture], execution_count=1),
    ]
    return node


@pytest.fixture
def a_run(tmp_path):
    folder = tmp_path / "run"
    result = {
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
    entry = {"name": "03_x", "state": "completed", "seconds": 1.0, "peak_memory_mb": 9, "error": None}
    bad = {"name": "04_y", "state": "failed", "seconds": 1.0, "peak_memory_mb": None, "error": "<script>x"}
    head = {"run": "r", "profile": "quick", "device": "cpu", "precision": "float32", "commit": "c"}
    head |= {"started": "now", "settings": {"epochs": 2}, "notebooks": [entry, bad]}
    paths.write_json(folder / "run.json", head)
    paths.write_json(folder / "03_x" / "results.json", {"results": [result], "device": "cpu"})
    nbformat.write(node_with_picture(), folder / "03_x.ipynb")
    return folder


def test_the_site_asks_nothing_of_the_network(a_run, tmp_path):
    index = write_report(a_run, tmp_path / "site")
    for page in [index, *(tmp_path / "site" / "notebooks").glob("*.html")]:
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//""", text)
        assert "<script" not in text
        assert "@import" not in text
        for link in re.findall(r'<a[^>]* href="([^"#]+)"', text):
            assert (page.parent / link).is_file(), link


def test_a_row_says_why_it_is_not_comparable(a_run, tmp_path):
    text = write_report(a_run, tmp_path / "site").read_text(encoding="utf-8")
    assert "0.88" in text
    assert "0.400 to 0.600" in text
    assert "edition public reduction here, course assignment there; profile quick; changed epochs=2" in text


def test_a_row_is_comparable_when_everything_agrees():
    published = published_results()["curtis_simplenet_fakes_test_accuracy"]
    result = {
        "dataset": "assignment_fakes",
        "edition": "course assignment",
        "split": "test",
        "metric": "accuracy",
    }
    full = {"profile": "full", "settings": {}}
    assert comparable(published, result, full) == "yes"
    assert "split val here, test there" in comparable(published, result | {"split": "val"}, full)
    assert comparable(None, result, full) == "nothing published"


def test_what_failed_is_shown_as_text(a_run, tmp_path):
    text = write_report(a_run, tmp_path / "site").read_text(encoding="utf-8")
    assert "&lt;script&gt;x" in text
    assert 'class="failed"' in text


def test_pictures_keep_their_alternative_text():
    page = notebook_page(node_with_picture(), "03_x", "completed")
    assert "A curve &lt;b&gt;that&lt;/b&gt; rises &amp; says" in page
    assert page.count("<img") == 1


def test_formulas_become_mathml_and_code_stays():
    html = with_mathml("Loss $\\ln 2$, code `$HOME` and\n```sh\necho $A $B\n```\n$$x^2$$ costs 5 $ or 6 $.")
    assert html.count("<math") == 2
    assert '<mi>ln</mi><mspace width="0.17em"/><mn>2</mn>' in html
    assert 'display="block"' in html
    assert "`$HOME`" in html
    assert "echo $A $B" in html
    assert "5 $ or 6 $" in html


def test_an_older_report_leaves_no_page_behind(a_run, tmp_path):
    old = tmp_path / "site" / "notebooks" / "old.html"
    old.parent.mkdir(parents=True)
    old.write_text("old")
    write_report(a_run, tmp_path / "site")
    assert not old.exists()
