"""Names and texts that attack: no page runs them or asks for anything, and no table and no terminal obeys."""

import base64
import csv
import json
import re
import subprocess
import zipfile
from html.parser import HTMLParser

import pytest
from browser import RUN, needs_chromium, opened, ran, recorded
from graded_term import picture
from rich.console import Console
from sandboxes import needs_sandbox
from small_course import NAME, hand_in, write_assignment
from test_grade import command

from course_utils.cli.console import plain
from course_utils.grading.tables import read_table

HOST = "http://track.er"
COMMANDING = r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]"
# Hidden folders are a system's or an editor's.
HIDDEN = ["..%2f..%2f..", "...", ".ssh"]
# Folders of students. None can hold a slash, so what closes an element stands in the roster's names.
FOLDERS = [
    "a 'single' and a \"double\" one",
    "new\nline",
    "tab\tand\rreturn",
    "\u202egnp.exe",
    "=cmd()",
    '=HYPERLINK("evil")',
    "+1",
    "-1",
    "@SUM(A1)",
    "\n=1+1",
    "＝1+1",
    f"<img src=x onerror={RUN}>",
    f'"><svg onload={RUN}>',
    f"' autofocus onfocus={RUN} '",
    "~root",
    "C:\\temp",
    "up\\..\\..\\windows",
    "CON",
    "100%s %n {0} {{7*7}} ${HOME} `id` $(id)",
    "😀👩‍👩‍👧",
    "l" * 200,
    "\x1b]0;title\x07\x1b[2J[bold]",
    "\\[",
]
ROSTER_NAMES = [
    f"</title></bdi><script>{RUN}</script>",
    f"<iframe src={HOST}/roster></iframe>",
    "=cmd|'/c calc'!A1",
    "../../../etc",
    "\u202eevil",
    "\x1b[31mred",
]
ANSWER = rf"""
<script>{RUN}</script> <script src={HOST}/1></script> <img src=x onerror="{RUN}"> <img src={HOST}/2>
<iframe src={HOST}/3></iframe> <svg onload={RUN}> <svg><use href="{HOST}/4"/></svg> <base href={HOST}/5/>
<meta http-equiv=refresh content="0;url={HOST}/6"> <object data={HOST}/7></object>
<details open ontoggle={RUN}>
<form action={HOST}/8><input autofocus onfocus={RUN}></form> <link rel=stylesheet href={HOST}/9>
<a href="javascript:{RUN}" ping={HOST}/10>x</a> <video poster={HOST}/11><source src={HOST}/12></video>
<style>body {{ background: url({HOST}/13) }} @import "{HOST}/14"; </style>
<p style="background:url({HOST}/15)">

[a](javascript:{RUN}) [b](data:text/html,<script>{RUN}</script>) [c]: {HOST}/16 "x" [c] <{HOST}/17>
![d]({HOST}/18.png) ![e](data:image/svg+xml;base64,PHN2Zz4=) ![f](attachment:"onerror="{RUN}.png)
![g](//track.er/19 "t\" onload=\"{RUN}") ![h][c] {HOST}/20

$\href{{javascript:{RUN}}}{{x}}$ $\text{{<img src={HOST}/21 onerror={RUN}>}}$
$\style{{background:url({HOST}/22)}}{{x}}$ $$\includegraphics{{{HOST}/23}} \class{{a" onclick="{RUN}}}{{y}}$$
$$\unicode{{<script>}} </math><script>{RUN}</script>$$
\begin{{equation}}<script>{RUN}</script>\end{{equation}}

| <script>{RUN}</script> | b |
|---|---|
| ![i]({HOST}/24) | ~~<img src={HOST}/25>~~ |

```<script>{RUN}</script>
</code></pre><script>{RUN}</script>
```
</div></main></body></html><script>{RUN}</script><!-- <![CDATA[ {{{{ 7*7 }}}} {{% raw %}}
"""
# What it raises is told in the feedback.
RAISES = f'def mean(values):\n    raise ValueError("<script>{RUN}</script><img src={HOST}/30 onerror={RUN}>")'
SHOWN = f"recorded: <img src={HOST}/31 onerror={RUN}> = 1\nrecorded: =cmd() = 2\n"


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A class of such names, graded and marked at the command line; its folder, and what was printed."""
    folder = tmp_path_factory.mktemp("class")
    small = write_assignment(folder / "private")
    for name in FOLDERS + HIDDEN:
        hand_in(folder / "in", small, name, why=f"Written by {name}")
    for number in range(len(ROSTER_NAMES)):
        hand_in(folder / "in", small, f"s{number}", why="So.")
    file = hand_in(folder / "in", small, "s0", mean=RAISES, why=ANSWER)
    hurt = picture(9) + f"<script>{RUN}</script>".encode()
    content = json.loads(file.read_text())
    cell = next(cell for cell in content["cells"] if cell["cell_type"] == "code")
    cell["outputs"] = [
        {"output_type": "stream", "name": "stdout", "text": SHOWN},
        {
            "output_type": "display_data",
            "metadata": {},
            "data": {
                "image/png": base64.b64encode(hurt).decode(),
                "image/svg+xml": f"<svg onload={RUN}>",
                "text/html": ANSWER,
                "text/plain": SHOWN,
            },
        },
    ]
    # Halves of characters, which no page can hold.
    cell["outputs"][0]["text"] += "recorded: \ud800 = 3\n"
    content["cells"][-1]["source"] += "\n\udfff"
    file.write_text(json.dumps(content))
    with (folder / "roster.csv").open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["id", "name", "section", "group", "participant"])
        for number, name in enumerate(ROSTER_NAMES):
            writer.writerow([f"s{number}", name, f"={name}", "", ""])
        writer.writerow(["CON", "<b>Con</b>", "+A", "", "12"])
    roster = ["--roster", str(folder / "roster.csv")]
    marks = [*command(folder)[:3], "marks", str(folder / "out"), *roster]
    marks += ["--instructor", str(folder / "private"), "--export-answers", str(folder / "plain"), "--format"]
    said = ""
    for words in (command(folder, *roster), [*marks, "moodle"], [*marks, "canvas"]):
        done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=200)
        assert done.returncode == 0, done.stderr
        said += done.stdout + done.stderr
    return folder, said


ADDRESSES = {"href", "src", "srcset", "action", "data", "poster", "ping", "style"}
ACTIVE = {"script", "iframe", "object", "embed", "form", "base", "video", "input", "details"}


class Elements(HTMLParser):
    """Collect the names of all elements, and all that addresses something."""

    def __init__(self):
        super().__init__()
        self.tags, self.addresses, self.handlers = set(), set(), set()

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.addresses |= {
            value for name, value in attrs if name in ("href", "src", "action", "data", "ping")
        }
        self.handlers |= {name for name, _ in attrs if name.startswith("on")}


@needs_sandbox
@needs_chromium
@pytest.mark.slow
def test_no_page_runs_or_asks_for_anything_in_a_browser(graded, tmp_path):
    """Without the policy that forbids it too, which every page has."""
    folder, _ = graded
    pages = sorted((folder / "out").rglob("*.html"))
    assert len(pages) == len(FOLDERS) + len(ROSTER_NAMES) + 3
    policy = re.compile(r'<meta http-equiv="Content-Security-Policy" content="default-src \'none\';[^>]*>')
    control = tmp_path / "control.html"
    control.write_text(f"<html><body><img src={HOST}/control><svg onload={RUN}></svg></body></html>")
    with recorded() as (port, asked):
        assert ran(opened(control, port, tmp_path / "profile"))
        assert asked == [f"{HOST}/control"]
        wrong = {}
        for page in pages:
            asked.clear()
            text, count = policy.subn("", page.read_text(encoding="utf-8"))
            assert count == 1
            open_to_all = page.with_name("open.html")
            open_to_all.write_text(text, encoding="utf-8")
            shown = opened(open_to_all, port, tmp_path / "profile")
            open_to_all.unlink()
            if ran(shown) or asked:
                wrong[page] = list(asked)
            elements = Elements()
            elements.feed(shown)
            assert not elements.handlers
            assert not elements.tags & {
                "script",
                "iframe",
                "object",
                "embed",
                "form",
                "base",
                "video",
                "input",
            }
            own = r"data:,|#[\w-]+|index\.html|[\w-]+\.html|pictures/[0-9a-f]+\.png"
            assert [one for one in elements.addresses if not re.fullmatch(own, one)] == []
    assert not wrong


@needs_sandbox
def test_no_table_runs_anything_and_a_student_stays_one_row(graded):
    folder, _ = graded
    tables = sorted((folder / "out").rglob("*.csv"))
    assert len(tables) == 6
    for file in tables:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = list(csv.reader(lines, strict=True))
        assert {len(row) for row in rows} == {len(rows[0])}
        cells = [cell for row in rows for cell in row]
        assert [cell for cell in cells if re.match(r"\s*[=+\-@＝＋－＠].|[\t\r\n]", cell)] == []
    book = read_table(folder / "out" / "gradebook.csv", ("id", "name"))
    assert {row["id"] for row in book} == {name.replace("\r", "\n") for name in FOLDERS} | {
        f"s{number}" for number in range(len(ROSTER_NAMES))
    }


@needs_sandbox
def test_nothing_is_written_elsewhere_and_archives_unpack_where_they_should(graded, tmp_path):
    folder, _ = graded
    assert {place.name for place in folder.iterdir()} == {"in", "out", "private", "roster.csv", "plain"}
    students = {f"s{number}" for number in range(len(ROSTER_NAMES))}
    assert {place.name for place in (folder / "out" / "results").iterdir()} == {*FOLDERS, *students}
    assert {file.parent.name for file in (folder / "plain").rglob("*.md")} == {f"{NAME}-why"}
    with zipfile.ZipFile(folder / "out" / "feedback.zip") as packed:
        names = packed.namelist()
    assert len(set(names)) == len(names) == len(FOLDERS) + len(ROSTER_NAMES)
    for name in names:
        assert re.fullmatch(r"[\w ]*_[\w%.~-]+_assignsubmission_file_/feedback\.html", name)
        assert len(name.split("/")[0].encode()) < 255


@needs_sandbox
def test_no_name_commands_the_terminal(graded):
    _, said = graded
    assert "Traceback" not in said
    assert not re.search(COMMANDING, said)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[2J", "\\x1b[2J"),
        ("\u202eevil", "\\u202eevil"),
        ("\udcff", "\\udcff"),
        ("\\[/b]", None),
        ("[/]", None),
        ("[red]x[0]", None),
        ("two\nlines", None),
    ],
)
def test_the_console_prints_text_as_it_is(text, shown, capsys):
    Console(width=200).print(plain(text))
    assert capsys.readouterr().out == f"{shown or text}\n"
