"""Show what students wrote: text, formulas and pictures, and nothing that runs or asks the network."""

import functools
import html
import io
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jinja2
from markupsafe import Markup
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from PIL import Image

from course_utils import paths
from course_utils.grading.tables import as_text
from course_utils.notebooks.maths import mathml

TEMPLATES = Path(__file__).parent / "templates"
LONGEST_TEXT = 20_000
LONGEST_FORMULA = 2_000
LARGEST_PICTURE = 16 * 2**20
MOST_PIXELS = 25_000_000
# A few lines of macros can stand for more text than there is memory.
MACRO = re.compile(r"\\(?:re|provide)?newcommand|\\def\b")


def markdown(text: str, pictures: Mapping[str, str]) -> Markup:
    """Return an answer's Markdown as HTML.

    HTML in it is shown as text, a link as text with its address, and of pictures only those pasted into the
    answer.

    Args:
        text: Markdown with formulas, as a notebook's cell holds it.
        pictures: the pictures that may be shown: their place, by the name they have in the text.
    """
    shown = text[:LONGEST_TEXT]
    try:
        page = MarkdownWithMath(renderer=_Renderer(pictures), plugins=_plugins()).render(shown)
    except RecursionError:  # a thousand quotation marks within one another
        page = f"<pre>{html.escape(shown)}</pre>"
    if len(text) > LONGEST_TEXT:
        page += f"<p><em>Cut off here: the answer has {len(text):,} characters.</em></p>"
    return Markup(page)


def png(content: bytes) -> bytes | None:
    """Return a PNG picture written anew, so that it holds pixels alone; None for anything else."""
    if len(content) > LARGEST_PICTURE or not content.startswith(b"\x89PNG\r\n\x1a\n"):
        return None
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as picture:
            if picture.width * picture.height > MOST_PIXELS:
                return None
            colours = picture.convert("RGBA" if picture.has_transparency_data else "RGB")
    except Exception:  # Pillow raises whatever a made-up file leads it to
        return None
    written = io.BytesIO()
    Image.frombytes(colours.mode, colours.size, colours.tobytes()).save(written, "PNG")
    return written.getvalue()


def write_page(file: Path, template: str, **content: Any) -> None:
    """Write a page of one of the templates, atomically; all text in it is escaped."""
    page = _environment().get_template(template).render(**content)
    with paths.atomic_write(file) as temporary:
        temporary.write_text(page, encoding="utf-8", newline="\n")


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["points"] = as_text
    return environment


def _plugins() -> list[Any]:
    from mistune import import_plugin

    return [import_plugin(name) for name in ("strikethrough", "table")]


class _Renderer(IPythonRenderer):
    def __init__(self, pictures: Mapping[str, str]):
        super().__init__(escape=True, allow_harmful_protocols=False, exclude_anchor_links=True)
        self.pictures = pictures

    def heading(self, text: str, level: int, **attributes: Any) -> str:
        return f"<p><strong>{text}</strong></p>\n"  # the page has headings of its own

    def block_code(self, code: str, info: str | None = None) -> str:
        return f"<pre><code>{html.escape(code)}</code></pre>\n"

    def link(self, text: str, url: str, title: str | None = None) -> str:
        address = html.escape(html.unescape(url))
        return text if text in (url, address) else f"{text} ({address})"

    def image(self, text: str, url: str, title: str | None = None) -> str:
        name = unquote(url.removeprefix("attachment:"))
        place = self.pictures.get(name)
        if not url.startswith("attachment:") or place is None:
            return f"<em>[picture not shown: {html.escape(name[:200])}]</em>"
        alternative = html.escape(text or "pasted picture")
        return f'<img src="{html.escape(place)}" alt="{alternative}" decoding="async">'

    def inline_math(self, body: str) -> str:
        return _formula(body, "inline")

    def block_math(self, body: str) -> str:
        return _formula(body, "block")

    def latex_environment(self, name: str, body: str) -> str:
        return _formula(rf"\begin{{{name}}}{body}\end{{{name}}}", "block")


def _formula(latex: str, display: Any) -> str:
    if len(latex) <= LONGEST_FORMULA and not MACRO.search(latex):
        try:
            return mathml(latex, display)
        except Exception:  # the library raises whatever a formula that is none leads to
            pass
    return f"<code>{html.escape(latex)}</code>"
