"""Make a web site of a run: each executed notebook, and its numbers beside the published ones.

The site stands alone: it works from ``file://`` and asks nothing of the network.
"""

import html
import json
import re
import shutil
from pathlib import Path
from typing import Any, Literal
from xml.etree.ElementTree import tostring

import jinja2
import latex2mathml.converter
import nbformat
from nbconvert import HTMLExporter
from nbformat import NotebookNode

from course_utils.notebooks.run import read_run
from course_utils.published import PublishedResult, published_results

TEMPLATES = Path(__file__).parent / "templates"
# Code first, so that a dollar sign inside code is left alone; no space just inside the dollars, so that a
# sentence may speak of money.
MATHS = re.compile(
    r"(?P<code>```.*?```|`[^`\n]+`)|\$\$(?P<display>.+?)\$\$|\$(?P<inline>(?! )[^$\n]+?(?<! ))\$(?!\d)",
    re.DOTALL,
)
# MathML leaves no space between a function's name and its argument, as LaTeX does.
FUNCTION = re.compile(r"(<mi>(?:ln|log|exp|max|min)</mi>)(?=<m[in]>)")

MATHML = re.compile(
    "math|menclose|mfrac|mi|mn|mo|mover|mpadded|mphantom|mroot|mrow|mspace|msqrt|mstyle|msub|msubsup|msup"
    "|mtable|mtd|mtext|mtr|munder|munderover"
)
ATTRIBUTES = re.compile(
    "accent|accentunder|columnalign|columnlines|columnspacing|depth|display|displaystyle|fence|form|height"
    "|largeop|linethickness|lspace|mathcolor|mathsize|mathvariant|maxsize|minsize|movablelimits|notation"
    "|rowlines|rowspacing|rspace|scriptlevel|separator|stretchy|symmetric|voffset|width|xmlns"
)


def write_report(run_folder: Path, out: Path) -> Path:
    """Write the site of a run into `out`, in place of an older one, and return its index page.

    Raises:
        CourseError: `run_folder` is not the folder of a run.
    """
    run = read_run(run_folder)
    pages = out / "notebooks"
    shutil.rmtree(pages, ignore_errors=True)
    pages.mkdir(parents=True)
    notebooks, rows = [], []
    for entry in run["notebooks"]:
        results = _results(run_folder / entry["name"] / "results.json")
        rows += [_row(entry, result, run, results) for result in results.get("results", [])]
        executed = run_folder / f"{entry['name']}.ipynb"
        title, page = "", None
        if executed.is_file():
            node = nbformat.read(executed, as_version=4)
            title = node.metadata.get("course", {}).get("title", "")
            page = f"notebooks/{entry['name']}.html"
            state = f"{entry['state']} in {entry['seconds']:.0f} s · profile {run['profile']}"
            (out / page).write_text(notebook_page(node, entry["name"], state), encoding="utf-8")
        fallbacks = results.get("course_versions_used", [])
        notebooks.append(entry | {"title": title, "page": page, "course_versions_used": fallbacks})
    papers = list(dict.fromkeys(row["published"].paper for row in rows if row["published"]))
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True)
    index = out / "index.html"
    template = environment.get_template("report.html.j2")
    index.write_text(
        template.render(run=run, notebooks=notebooks, rows=rows, papers=papers), encoding="utf-8"
    )
    return index


def notebook_page(node: NotebookNode, name: str, state: str) -> str:
    """Return an executed notebook as one HTML page, with formulas as MathML and pictures inside it."""
    node = nbformat.from_dict(node)
    for cell in node.cells:
        if cell.cell_type == "markdown":
            cell.source = with_mathml(cell.source)
    exporter = HTMLExporter(template_name="course", extra_template_basedirs=[str(TEMPLATES)])
    resources = {"metadata": {"name": name}, "course_state": state}
    return exporter.from_notebook_node(node, resources=resources)[0]


def with_mathml(markdown: str) -> str:
    """Replace ``$…$`` and ``$$…$$`` by MathML, which browsers draw without a script; leave code alone."""

    def convert(match: re.Match) -> str:
        if match["code"]:
            return match[0]
        return mathml(match["display"] or match["inline"], "block" if match["display"] else "inline")

    return MATHS.sub(convert, markdown)


def mathml(latex: str, display: Literal["block", "inline"]) -> str:
    r"""Return a formula as MathML that holds nothing but MathML, also where a stranger wrote it.

    ``latex2mathml`` itself passes on what stands in ``\text{…}`` as it is, a ``<script>`` too.
    """
    root = latex2mathml.converter.Converter(display=display).convert_to_element(latex)
    for element in root.iter():
        if not MATHML.fullmatch(element.tag):
            element.tag = "mrow"
        kept = {name: html.unescape(value) for name, value in element.attrib.items() if ATTRIBUTES.fullmatch(name)}
        element.attrib.clear()
        element.attrib.update(kept)
        element.text = html.unescape(element.text) if element.text else None
    return FUNCTION.sub(r'\1<mspace width="0.17em"/>', tostring(root, encoding="unicode"))


def _results(file: Path) -> dict[str, Any]:
    return json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def _row(
    entry: dict[str, Any], result: dict[str, Any], run: dict[str, Any], results: dict[str, Any]
) -> dict[str, Any]:
    published = published_results().get(result.get("published", ""))
    interval = result.get("interval")
    measured = [result.get(key) for key in ("dataset", "edition", "compression", "split", "metric")]
    if result.get("groups"):
        measured.append(f"{result['groups']} test groups")
    how = [result.get("model"), result.get("weights"), f"profile {run['profile']}", results.get("device")]
    how += [f"{key} {result[key]}" for key in ("precision", "seed") if result.get(key) is not None]
    return {
        "name": result["name"],
        "notebook": entry["name"],
        "value": result["value"],
        "published": published,
        "interval": "{:.3f} to {:.3f}".format(*interval) if interval else "–",
        "measured_on": " · ".join(part for part in measured if part),
        "how": " · ".join(part for part in how if part),
        "comparable": comparable(published, result, run),
    }


def comparable(published: PublishedResult | None, result: dict[str, Any], run: dict[str, Any]) -> str:
    """Return "yes", or "not comparable: why", for one of this run's numbers and a published one."""
    if published is None:
        return "nothing published"
    reasons = [
        f"{key} {result.get(key) or 'unknown'} here, {expected} there"
        for key in ("dataset", "edition", "compression", "split", "metric")
        if (expected := getattr(published, key)) and result.get(key) != expected
    ]
    if run["profile"] != "full":
        reasons.append(f"profile {run['profile']}")
    if run["settings"]:
        reasons.append("changed " + ", ".join(f"{name}={value}" for name, value in run["settings"].items()))
    return f"not comparable: {'; '.join(reasons)}" if reasons else "yes"
