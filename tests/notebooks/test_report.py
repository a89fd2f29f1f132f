"""The report stands alone, says what is comparable, shows text as text, and keeps back photographs."""

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import nbformat
import numpy as np
import pytest
from PIL import Image
from small_run import ALTERNATIVE, RESULT, display, notebook, picture, write_run

from course_utils import paths
from course_utils.errors import CourseError
from course_utils.notebooks.catalogue import read_notebooks
from course_utils.notebooks.maths import with_mathml
from course_utils.notebooks.pictures import take_pictures
from course_utils.notebooks.report import LONGER_RESULTS, comparable, write_report
from course_utils.plots.style import NUMBERS_ALONE
from course_utils.published import published_results

RED = base64.b64decode(picture("red"))


@pytest.fixture
def a_run(tmp_path):
    return write_run(tmp_path / "run", ["rendered_fakes"])


class Elements(HTMLParser):
    """The elements of a page, with their attributes."""

    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def of(self, wanted):
        return [attributes for tag, attributes in self.found if tag == wanted]


def bytes_of(site):
    return [file.read_bytes() for file in site.rglob("*") if file.is_file()]


def shows_red(site):
    """Whether the picture of a sample is anywhere in a site, as a file or inside of one."""
    return any(RED in content or base64.b64encode(RED)[:60] in content for content in bytes_of(site))


def test_the_site_asks_nothing_of_the_network(a_run, tmp_path):
    index = write_report(a_run, tmp_path / "site")
    for page in [index, *(tmp_path / "site").rglob("*.html")]:
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//""", text)
        assert "<script" not in text
        assert "@import" not in text
        assert "default-src 'none'" in text
        for link in re.findall(r'<a[^>]* href="([^"#]+)', text):
            assert (page.parent / link).is_file(), link
    assert "url(" not in (tmp_path / "site" / "style.css").read_text()


def test_a_row_says_why_it_is_not_comparable(a_run, tmp_path):
    text = write_report(a_run, tmp_path / "site").read_text(encoding="utf-8")
    assert "0.88" in text
    assert "0.400 to 0.600" in text
    assert "edition public reduction here, course assignment there; profile quick; changed epochs=2" in text


def test_a_longer_run_of_the_same_data_stands_beside_this_one(a_run, tmp_path, monkeypatch):
    longer = {
        "profile": "full",
        "settings": {"epochs": 9},
        "device": "a GPU",
        "date": "2026-11-29",
        "commit": "c",
    }
    row = {"compression": None, **RESULT, "value": 0.75, "interval": [0.7, 0.8125]}
    for dataset, seen in (("another", False), (RESULT["dataset"], True)):
        folder = tmp_path / dataset
        content = {"03_x": {**longer, "results": [{**row, "dataset": dataset}]}}
        paths.write_json(folder / LONGER_RESULTS, content)
        monkeypatch.setattr(paths, "reference_runs", lambda folder=folder: folder)
        text = write_report(a_run, tmp_path / "site").read_text(encoding="utf-8")
        assert ("0.750, 0.700 to 0.812" in text) is seen
        assert ("profile full · epochs=9 · a GPU · 2026-11-29" in text) is seen


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


def test_the_map_has_every_notebook_of_the_course_and_what_became_of_it(a_run, tmp_path):
    text = write_report(a_run, tmp_path / "site").read_text(encoding="utf-8")
    assert '<a href="notebooks/03_x.html">03 · A title</a>' in text
    assert "Is it so?" in text
    assert '<a href="#notebook-02">02</a>' in text
    assert '<td class="failed">failed</td>' in text
    assert read_notebooks(paths.notebooks())[0].about["title"] in text
    assert "not in this run" in text


def test_what_failed_is_shown_as_text(a_run, tmp_path):
    index = write_report(a_run, tmp_path / "site")
    assert "&lt;script&gt;x" in index.read_text(encoding="utf-8")
    assert "&lt;script&gt;y" in (tmp_path / "site" / "notebooks" / "04_y.html").read_text(encoding="utf-8")


def test_pictures_are_files_with_their_alternative_text_and_their_size(a_run, tmp_path):
    write_report(a_run, tmp_path / "site")
    page = tmp_path / "site" / "notebooks" / "03_x.html"
    curve, sample = Elements(page).of("img")
    assert curve["alt"] == ALTERNATIVE
    assert (page.parent / sample["src"]).read_bytes() == RED
    assert (sample["width"], sample["height"]) == ("20", "15")
    assert "base64" not in page.read_text(encoding="utf-8")


def test_the_gallery_leads_from_each_figure_to_its_place(a_run, tmp_path):
    write_report(a_run, tmp_path / "site")
    gallery = Elements(tmp_path / "site" / "gallery.html")
    assert [one["alt"] for one in gallery.of("img")] == [ALTERNATIVE, "One real face."] * 2
    places = {attributes["href"] for attributes in gallery.of("a") if "#figure" in attributes["href"]}
    assert places == {f"notebooks/{name}.html#figure-{n}" for name in ("03_x", "04_y") for n in (1, 2)}
    anchors = Elements(tmp_path / "site" / "notebooks" / "03_x.html").of("figure")
    assert [one["id"] for one in anchors] == ["figure-1", "figure-2"]


def test_headings_are_listed_and_those_of_one_text_told_apart(a_run, tmp_path):
    nbformat.write(
        nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("# T\n## Same\n## Same\n## `a < b`")]),
        a_run / "04_y.ipynb",
    )
    write_report(a_run, tmp_path / "site")
    page = Elements(tmp_path / "site" / "notebooks" / "04_y.html")
    assert [one["id"] for one in page.of("h2")] == ["same", "same-2", "a-b"]
    assert {"#same", "#same-2", "#a-b"} < {one["href"] for one in page.of("a")}


def test_heads_of_tables_say_what_they_are_the_heads_of(a_run, tmp_path):
    write_report(a_run, tmp_path / "site")
    heads = Elements(tmp_path / "site" / "notebooks" / "03_x.html").of("th")
    assert [one["scope"] for one in heads] == ["row", "col", "row"]


def test_data_sets_are_credited_with_their_terms(a_run, tmp_path):
    text = write_report(a_run, tmp_path / "site").read_text(encoding="utf-8")
    assert "rendered_fakes" in text
    assert "may be shown" in text
    photographs = write_run(tmp_path / "other", ["assignment_fakes"])
    text = write_report(photographs, tmp_path / "site").read_text(encoding="utf-8")
    assert "Yonsei" in text
    assert "for teaching and research, not to be passed on" in text
    assert "not to be shown" in text
    assert "shows pictures of assignment_fakes" in text  # a warning to who might hand the site on


def test_in_public_pictures_of_drawn_people_stay(a_run, tmp_path):
    (a_run / "04_y.ipynb").unlink()
    index = write_report(a_run, tmp_path / "site", public=True)
    assert shows_red(tmp_path / "site")
    assert "every picture may be shown" in index.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "datasets",
    [
        pytest.param(["rendered_fakes", "assignment_fakes"], id="one of them may not be shown"),
        pytest.param(["lfw_forged"], id="forged photographs"),
        pytest.param(["cvcs_cropped_dfd"], id="made of others"),
        pytest.param(["forgotten"], id="a data set that nobody knows any more"),
        pytest.param(None, id="it did not complete"),
    ],
)
def test_in_public_a_picture_that_may_show_a_sample_is_left_out_and_listed(tmp_path, datasets):
    run = write_run(tmp_path / "run", datasets)
    write_report(run, tmp_path / "site")
    assert shows_red(tmp_path / "site")
    index = write_report(run, tmp_path / "site", public=True)  # in place of the one with pictures
    assert not shows_red(tmp_path / "site")
    page = Elements(tmp_path / "site" / "notebooks" / "03_x.html")
    assert [one["alt"] for one in page.of("img")] == [ALTERNATIVE]
    assert len(page.of("table")) == 2
    told = index.read_text(encoding="utf-8")
    assert told.count("One real face.") == 2
    assert 'href="notebooks/03_x.html#figure-2"' in told
    assert "figure-2" in [one.get("id") for one in page.of("p")]


HIDDEN = f"data:image/png;base64,{picture('red')}"


@pytest.mark.parametrize(
    "cell",
    [
        pytest.param(
            display({"image/png": picture("red"), "text/plain": "x"}), id="drawn without the course"
        ),
        pytest.param(display({"image/jpeg": picture("red")}), id="another kind"),
        pytest.param(display({"image/gif": picture("red")}), id="a kind that is not known"),
        pytest.param(display({"image/svg+xml": f'<svg><image href="{HIDDEN}"/></svg>'}), id="in a drawing"),
        pytest.param(display({"text/html": f'<p><img src="{HIDDEN}"></p>'}), id="in HTML"),
        pytest.param(display({"text/html": f'<video src="{HIDDEN}"></video>'}), id="a clip"),
        pytest.param(display({"text/html": f'<p style="background: URL({HIDDEN})">x</p>'}), id="in a style"),
        pytest.param(
            display({"text/html": f"<style>p {{ content: url({HIDDEN}) }}</style>"}), id="in a sheet"
        ),
        pytest.param(display({"text/html": f'<table background="{HIDDEN}"></table>'}), id="behind a table"),
        pytest.param(display({"text/html": f'<a href="{HIDDEN}">x</a>'}), id="behind a link"),
        pytest.param(display({"text/markdown": f"![x]({HIDDEN})"}), id="in Markdown"),
        pytest.param(display({"application/json": {"picture": HIDDEN}}), id="in something else"),
        pytest.param(nbformat.v4.new_markdown_cell(f"![x]({HIDDEN})"), id="in the text"),
        pytest.param(nbformat.v4.new_markdown_cell(f'<img src="{HIDDEN}">'), id="in HTML in the text"),
        pytest.param(
            nbformat.v4.new_markdown_cell(
                "![x](attachment:x.png)", attachments={"x.png": {"image/png": picture("red")}}
            ),
            id="pasted into the text",
        ),
    ],
)
def test_in_public_no_picture_slips_through(tmp_path, cell):
    if "cell_type" not in cell:
        cell = nbformat.v4.new_code_cell("draw()", outputs=[cell])
    run = write_run(tmp_path / "run", ["lfw"], nbformat.v4.new_notebook(cells=[cell]))
    index = write_report(run, tmp_path / "site", public=True)
    assert not shows_red(tmp_path / "site")
    assert 'href="notebooks/04_y.html#figure-1"' in index.read_text(encoding="utf-8")


def test_in_public_no_folder_of_this_machine_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_DATA_ROOT", str(tmp_path / "owner & co"))
    said = f"data root {paths.data_root()}\nfiles in {paths.build()}/runs/r\n"
    said += f"from {paths.repository()}/course_utils"
    cell = nbformat.v4.new_code_cell("1", outputs=[nbformat.v4.new_output("stream", text=said)])
    run = write_run(tmp_path / "run", [], nbformat.v4.new_notebook(cells=[cell]))
    page = Path("notebooks/04_y.html")
    write_report(run, tmp_path / "own")
    assert "owner &amp; co" in (tmp_path / "own" / page).read_text()
    write_report(run, tmp_path / "public", public=True)
    text = (tmp_path / "public" / page).read_text()
    assert str(paths.repository()) not in text and "owner" not in text
    assert "data root COURSE_DATA_ROOT\nfiles in BUILD/runs/r\nfrom COURSE/course_utils" in text


def test_in_public_text_that_speaks_of_data_stays(tmp_path):
    text = "The data: see [there](#x), `url(x)` and the image <b>itself</b>; $x^2$."
    shown = nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell(text), *notebook().cells])
    write_report(write_run(tmp_path / "run", ["lfw"], shown), tmp_path / "site", public=True)
    page = (tmp_path / "site" / "notebooks" / "04_y.html").read_text(encoding="utf-8")
    assert "the image <b>itself</b>" in page
    assert "four hours" in page


def test_formulas_become_mathml_and_code_stays():
    html = with_mathml("Loss $\\ln 2$, code `$HOME` and\n```sh\necho $A $B\n```\n$$x^2$$ costs 5 $ or 6 $.")
    assert html.count("<math") == 2
    assert '<mi>ln</mi><mspace width="0.17em"/><mn>2</mn>' in html
    assert 'display="block"' in html
    assert "`$HOME`" in html
    assert "echo $A $B" in html
    assert "5 $ or 6 $" in html


def test_an_older_report_leaves_no_page_behind(a_run, tmp_path):
    write_report(a_run, tmp_path / "site")
    old = tmp_path / "site" / "notebooks" / "old.html"
    old.write_text("old")
    write_report(a_run, tmp_path / "site")
    assert not old.exists()


def test_heavy_photographs_are_lighter_and_figures_of_numbers_as_they_are(tmp_path):
    grey = np.random.default_rng(0).normal(128, 20, (400, 400, 1)).clip(0, 255).astype(np.uint8)
    noise = grey.repeat(3, axis=2)
    opaque, through = (Image.fromarray(noise).convert("RGBA") for _ in range(2))
    through.putpixel((0, 0), (0, 0, 0, 0))
    contents = []
    for shown in (opaque, through):
        content = io.BytesIO()
        shown.save(content, "PNG")
        contents.append(base64.b64encode(content.getvalue()).decode())
    numbers = display({"image/png": contents[0]}, **{"image/png": NUMBERS_ALONE})
    outputs = [display({"image/png": contents[0]}), display({"image/png": contents[1]}), numbers]
    node = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x", outputs=outputs)])
    light, *others = take_pictures(node, "n", tmp_path, numbers_alone=False)
    assert light.file == "n/01.jpg"
    with Image.open(tmp_path / light.file) as kept:
        assert (kept.format, kept.size) == ("JPEG", (400, 400))
        assert np.abs(np.asarray(kept).astype(float) - noise).mean() < 3
    assert [(tmp_path / one.file).read_bytes() for one in others] == [
        base64.b64decode(content) for content in contents[::-1]
    ]


def test_a_folder_of_other_notebooks_is_not_made_a_site(a_run, tmp_path):
    kept = tmp_path / "notebooks" / "mine.ipynb"
    kept.parent.mkdir()
    kept.write_text("mine")
    with pytest.raises(CourseError, match="is no earlier report"):
        write_report(a_run, tmp_path)
    assert kept.read_text() == "mine"
