"""Make a web site of a run: each executed notebook, and its numbers beside the published ones.

The site stands alone: it works from ``file://``, holds no script, and asks nothing of the network.
"""

import functools
import html
import re
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import jinja2
import nbformat
from markupsafe import Markup
from nbconvert import HTMLExporter
from nbconvert.preprocessors.coalescestreams import CoalesceStreamsPreprocessor
from nbformat import NotebookNode

from course_utils import paths
from course_utils.data.manifest import load_manifest, manifest_names, may_show
from course_utils.errors import CourseError
from course_utils.notebooks.catalogue import read_notebooks
from course_utils.notebooks.maths import with_mathml
from course_utils.notebooks.pictures import take_pictures
from course_utils.notebooks.run import read_run
from course_utils.published import PublishedResult, published_results

TEMPLATES = Path(__file__).parent / "templates"
LONGER_RESULTS = "longer_results.json"  # in reference_runs/; instructor/longer_results.py writes it
# What tells one result from another, whatever was changed between two runs.
SAME_RESULT = ("name", "dataset", "edition", "compression", "split")
HEADING = re.compile(r"<h(?P<level>[1-6])>(?P<text>.*?)</h(?P=level)>", re.DOTALL)
TABLE = re.compile(r"<table.*?</table>", re.DOTALL)
HEAD = re.compile(r"<thead>.*?</thead>", re.DOTALL)
# Markdown has no table without a head; the sources leave it empty where a table needs none.
EMPTY_HEAD = re.compile(r"<thead>\s*<tr>(\s*<th>\s*</th>)+\s*</tr>\s*</thead>")
EMPTY = re.compile(r"<th[^>]*>\s*</th>")
UNTOLD = re.compile(r"<th(?=[\s>])(?![^>]* scope=)")
FIRST_CELL = re.compile(r"(<tr>\s*)<td(.*?)</td>", re.DOTALL)


def write_report(run_folder: Path, out: Path, *, public: bool = False) -> Path:
    """Write the site of a run into `out`, in place of an older one, and return its index page.

    Args:
        run_folder: the folder of the run.
        out: the folder of the site.
        public: leave out every picture that may show samples of a data set that may not be shown, and list
            what was left out. Of a notebook that worked with such a data set, or of which nobody knows what
            it worked with, figures of numbers alone stay. Folders of this machine are called by what they are
            for.

    Raises:
        CourseError: `run_folder` is not the folder of a run, or `out` holds notebooks that are no site's.
    """
    run = read_run(run_folder)
    pages, style = out / "notebooks", out / "style.css"
    if pages.exists() and not style.is_file():
        raise CourseError(
            f"{pages} is there already, and {out} is no earlier report. What is in it would be lost: give"
            " another folder with --out."
        )
    shutil.rmtree(pages, ignore_errors=True)
    pages.mkdir(parents=True)
    shutil.copy(TEMPLATES / "site" / "style.css", style)  # first: by it a later report knows this folder
    notebooks = _notebooks(run, run_folder)
    executed = [notebook for notebook in notebooks if notebook["page"]]
    site = _Site(out, run=run, public=public)
    left_out, reasons = [], {}
    for notebook, before, after in zip(executed, [None, *executed], [*executed[1:], None], strict=False):
        name = notebook["name"]
        reasons[name] = _why_not_shown(notebook["datasets"])
        node = nbformat.read(run_folder / f"{name}.ipynb", as_version=4)
        pictures = take_pictures(node, name, pages, numbers_alone=public and bool(reasons[name]))
        notebook["shown"] = [picture for picture in pictures if picture.file]
        left_out += [picture for picture in pictures if not picture.file]
        cells, sections = with_anchors(cells_of(node))
        about = {"notebook": notebook, "before": before, "after": after, "sections": sections}
        site.write(notebook["page"], "notebook.html.j2", cells=Markup(cells), **about)
    printed = published_results()
    longer = paths.read_json(paths.reference_runs() / LONGER_RESULTS, missing={})
    rows = [
        _row(notebook, result, run, printed.get(result.get("published", "")), longer.get(notebook["name"]))
        for notebook in notebooks
        for result in notebook["results"]
    ]
    datasets = _datasets(notebooks)
    site.write("gallery.html", "gallery.html.j2", notebooks=notebooks)
    index = site.write(
        "index.html",
        "index.html.j2",
        notebooks=notebooks,
        rows=rows,
        papers=list(dict.fromkeys(row["published"].paper for row in rows if row["published"])),
        datasets=datasets,
        withheld=[dataset["name"] for dataset in datasets if not dataset["may_show"]],
        left_out=left_out,
        reasons=reasons,
    )
    return index


def cells_of(node: NotebookNode) -> str:
    """Return the cells of an executed notebook as HTML, with formulas as MathML.

    Its pictures were taken out before, see `take_pictures`.
    """
    node = nbformat.from_dict(node)
    for cell in node.cells:
        if cell.cell_type == "markdown":
            cell.source = with_mathml(cell.source)
    return TABLE.sub(_readable_table, _exporter().from_notebook_node(node)[0])


def with_anchors(page: str) -> tuple[str, list[dict[str, str]]]:
    """Give each heading an id, and return the page with the headings of the second level: anchor and text."""
    sections: list[dict[str, str]] = []
    taken: set[str] = set()

    def anchored(match: re.Match) -> str:
        text = html.unescape(re.sub(r"<[^>]+>", "", match["text"])).strip()
        word = re.sub(r"\W+", "-", text.lower()).strip("-") or "section"
        anchor = next(name for name in (word, *(f"{word}-{n}" for n in range(2, 1000))) if name not in taken)
        taken.add(anchor)
        if match["level"] == "2":
            sections.append({"anchor": anchor, "text": text})
        return f'<h{match["level"]} id="{anchor}">{match["text"]}</h{match["level"]}>'

    return HEADING.sub(anchored, page), sections


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


@functools.cache
def _exporter() -> HTMLExporter:
    return HTMLExporter(
        template_name="course",
        extra_template_basedirs=[str(TEMPLATES)],
        exclude_anchor_links=True,
        preprocessors=[CoalesceStreamsPreprocessor],
    )


@functools.cache
def _templates() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(TEMPLATES / "site")
    return jinja2.Environment(loader=loader, autoescape=True, undefined=jinja2.StrictUndefined)


class _Site:
    """The folder of a site, and what all its pages know."""

    def __init__(self, folder: Path, **known: Any) -> None:
        self.folder = folder
        self.known = known

    def write(self, page: str, template: str, **content: Any) -> Path:
        """Write a page, named relative to the folder; all text in it is escaped."""
        top = "../" * page.count("/")
        text = _templates().get_template(template).render(top=top, **self.known, **content)
        if self.known["public"]:
            text = _without_folders(text)
        (self.folder / page).write_text(text, encoding="utf-8")
        return self.folder / page


def _without_folders(text: str) -> str:
    """Call the folders of this machine, whose names may tell of its owner, by what they are for."""
    folders = {paths.build(): "BUILD", paths.repository(): "COURSE", Path.home(): "HOME"}
    folders |= {root: "CACHE" for root in paths.cache_roots()}
    if root := paths.data_root():
        folders[root] = "COURSE_DATA_ROOT"
    for folder in sorted(folders, key=lambda one: len(one.parts), reverse=True):  # the inner ones first
        if folder != Path(folder.anchor):
            text = re.sub(rf"{re.escape(html.escape(str(folder)))}(?![\w-])", folders[folder], text)
    return text


def _notebooks(run: dict[str, Any], run_folder: Path) -> list[dict[str, Any]]:
    """Return the notebooks of the course, and what became of each in this run, in order."""
    course = {notebook.name: notebook.about for notebook in read_notebooks(paths.notebooks())}
    course |= {notebook.name: notebook.about for notebook in read_notebooks(run_folder)}
    entries = {entry["name"]: entry for entry in run["notebooks"]}
    notebooks = []
    for name in sorted(course | entries):
        about, entry = course.get(name, {}), entries.get(name, {})
        results = paths.read_json(run_folder / name / "results.json", {}) if entry else {}
        executed = bool(entry) and (run_folder / f"{name}.ipynb").is_file()
        notebooks.append(
            {
                "name": name,
                "number": name[:2],
                **{key: about.get(key, "") for key in ("title", "question", "chapter", "hours")},
                "needs": about.get("needs", []),
                **{
                    key: entry.get(key) for key in ("state", "seconds", "peak_memory_mb", "error", "datasets")
                },
                "page": f"notebooks/{name}.html" if executed else None,
                "shown": [],
                "results": results.get("results", []),
                "device": results.get("device"),
                "course_versions_used": results.get("course_versions_used", []),
            }
        )
    return notebooks


def _why_not_shown(datasets: list[str] | None) -> str:
    """Return why pictures of a notebook that worked with `datasets` may not be shown; empty if they may."""
    if datasets is None:
        return "the notebook did not complete: nobody knows what it worked with"
    kept_back = [name for name in datasets if not may_show(name)]
    return f"the notebook worked with {', '.join(kept_back)}" if kept_back else ""


def _datasets(notebooks: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the data sets that notebooks worked with: what to cite, their terms, and where they are used."""
    used_in: dict[str, list[str]] = {}
    for notebook in notebooks:
        for name in notebook["datasets"] or []:
            used_in.setdefault(name, []).append(notebook["number"])
    datasets = []
    for name, numbers in sorted(used_in.items()):
        known = load_manifest(name).model_dump() if name in manifest_names() else {}
        told = {key: known.get(key, "unknown by now") for key in ("title", "citation", "terms")}
        datasets.append({"name": name, "numbers": numbers, "may_show": may_show(name), **told})
    return datasets


def _row(
    notebook: dict[str, Any],
    result: dict[str, Any],
    run: dict[str, Any],
    published: PublishedResult | None,
    longer: dict[str, Any] | None,
) -> dict[str, Any]:
    measured = [result.get(key) for key in ("dataset", "edition", "compression", "split", "metric")]
    if result.get("groups"):
        measured.append(f"{result['groups']} test groups")
    how = [result.get("model"), result.get("weights"), f"profile {run['profile']}", notebook["device"]]
    how += [f"{key} {result[key]}" for key in ("precision", "seed") if result.get(key) is not None]
    return {
        "name": result["name"],
        "notebook": notebook["name"],
        "page": notebook["page"],
        "value": result["value"],
        "published": published,
        "interval": _interval(result),
        "longer": _longer(result, longer) if longer else None,
        "measured_on": " · ".join(part for part in measured if part),
        "how": " · ".join(part for part in how if part),
        "comparable": comparable(published, result, run),
    }


def _longer(result: dict[str, Any], longer: dict[str, Any]) -> dict[str, Any] | None:
    """Return what a longer run of our own gave for the same result of the same data; None for nothing."""
    for row in longer["results"]:
        if all(row[key] == result.get(key) for key in SAME_RESULT):
            changed = [f"{name}={value}" for name, value in longer["settings"].items()]
            how = [f"profile {longer['profile']}", *changed, longer["device"], longer["date"]]
            return {"value": row["value"], "interval": _interval(row), "how": " · ".join(how)}
    return None


def _interval(result: dict[str, Any]) -> str:
    return "{:.3f} to {:.3f}".format(*result["interval"]) if result.get("interval") else "–"


def _readable_table(match: re.Match) -> str:
    """Say of which cells each head is, and let a table that is too wide be moved by the keyboard."""
    table = match[0]
    if EMPTY_HEAD.search(table):
        table = FIRST_CELL.sub(r'\1<th scope="row"\2</th>', EMPTY_HEAD.sub("", table))
    table = HEAD.sub(lambda head: UNTOLD.sub('<th scope="col"', EMPTY.sub("<td></td>", head[0])), table)
    table = UNTOLD.sub('<th scope="row"', table)
    return f'<div class="wide" role="group" aria-label="Table" tabindex="0">{table}</div>'
