"""The pictures of an executed notebook: taken into files, or left out where they may not be shown."""

import base64
import io
import re
from dataclasses import dataclass, replace
from html.parser import HTMLParser
from pathlib import Path

from nbconvert.filters import markdown2html
from nbformat import NotebookNode
from PIL import Image

from course_utils.notebooks.maths import ATTRIBUTES, MATHML
from course_utils.plots.style import NUMBERS_ALONE

ENDINGS = {"image/svg+xml": "svg", "image/png": "png", "image/jpeg": "jpg"}
"""What a picture's file ends in, by kind; where an output has several kinds, the first is taken."""
TEXT = re.compile(
    "a|abbr|b|blockquote|br|caption|code|col|colgroup|dd|del|details|div|dl|dt|em|h[1-6]|hr|i|kbd|li|ol|p|pre"
    "|s|small|span|strong|style|sub|summary|sup|table|tbody|td|tfoot|th|thead|tr|u|ul"
)
"""The elements of HTML that hold no picture by themselves."""
NAMES = re.compile(
    "align|aria-[a-z]+|border|class|colspan|dir|href|id|lang|open|role|rowspan|scope|scoped|start|style|tabindex|title"
    "|type|valign"
)
"""The attributes that bring no picture in by themselves."""
EMBEDDED = re.compile(r"data:|url\(|image", re.IGNORECASE)
"""What an attribute, or a style, says that brings a picture in."""

HEAVY = 100_000  # bytes of a PNG of photographs; as a JPEG it takes two fifths, and a page is sooner there
JPEG_QUALITY = 93
LEFT_OUT = "A picture was left out here: it may show samples of a data set that may not be shown in public."


@dataclass(frozen=True)
class Picture:
    """A picture that a notebook shows, or one that was left out.

    Attributes:
        notebook: the notebook's name.
        number: counted from 1 within the notebook.
        sentence: its alternative text; empty where it has none.
        file: where it lies, relative to the pages of the notebooks; None where it was left out.
        width: as shown, in pixels of the page; None where that is unknown, as for drawings in SVG.
        height: as `width`.
        numbers: it is a figure that holds no picture of a sample.
    """

    notebook: str
    number: int
    sentence: str = ""
    file: str | None = None
    width: int | None = None
    height: int | None = None
    numbers: bool = False

    @property
    def anchor(self) -> str:
        """The picture's id in the notebook's page."""
        return f"figure-{self.number}"


def take_pictures(node: NotebookNode, name: str, pages: Path, *, numbers_alone: bool) -> list[Picture]:
    """Write the pictures in a notebook's outputs to files, and name each in its output's metadata instead.

    Args:
        node: the executed notebook, which is changed.
        name: the notebook's name; its pictures go into a folder of that name.
        pages: the folder of the notebooks' pages.
        numbers_alone: leave out whatever is, or could hold, a picture and is not marked as a figure of
            numbers alone (see `plots.style.show`): the notebook worked with pictures that may not be shown.
    """
    found: list[Picture] = []
    for cell in node.cells:
        if numbers_alone and cell.cell_type == "markdown" and not _is_words(cell):
            found.append(Picture(name, len(found) + 1))
            cell.source = f'<p class="left-out" id="{found[-1].anchor}">{LEFT_OUT}</p>'
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            kind = next((kind for kind in ENDINGS if kind in data), None)
            about = output.get("metadata", {}).get(kind, {})
            numbers = NUMBERS_ALONE.items() <= about.items()
            picture = Picture(name, len(found) + 1, about.get("alt", ""), numbers=numbers)
            if numbers_alone and not (kind and numbers) and not all(map(_is_text, data, data.values())):
                output.data = {"text/plain": LEFT_OUT}
            elif kind:
                picture = _written(picture, kind, data[kind], about.get("width"), pages)
                output.data = {kind: ""}
            else:
                continue
            found.append(picture)
            output.metadata["picture"] = picture
    return found


def holds_no_picture(page: str) -> bool:
    """Whether a piece of HTML consists of elements that are known to hold text alone, and embeds nothing."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    return reader.text_alone


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.text_alone = True
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        known = TEXT.fullmatch(tag) or MATHML.fullmatch(tag)
        names = [NAMES.fullmatch(name) or ATTRIBUTES.fullmatch(name) for name, _ in attrs]
        embedded = [EMBEDDED.search(value or "") for _, value in attrs]
        if not known or not all(names) or any(embedded):
            self.text_alone = False
        self._in_style = tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._in_style = False

    def handle_data(self, data: str) -> None:
        if self._in_style and EMBEDDED.search(data):
            self.text_alone = False


def _is_words(cell: NotebookNode) -> bool:
    return not cell.get("attachments") and holds_no_picture(markdown2html(cell.source))


def _is_text(kind: str, content: object) -> bool:
    return kind in ("text/plain", "text/latex") or (kind == "text/html" and holds_no_picture(str(content)))


def _written(picture: Picture, kind: str, data: str, width: int | None, pages: Path) -> Picture:
    """Write a picture to its file, and return it with its place and size."""
    file = f"{picture.notebook}/{picture.number:02}.{ENDINGS[kind]}"
    content = data.encode() if kind == "image/svg+xml" else base64.b64decode(data)
    if (
        kind == "image/png"
        and len(content) > HEAVY
        and not picture.numbers
        and (lighter := _as_jpeg(content))
    ):
        file, content = str(Path(file).with_suffix(".jpg")), lighter
    (pages / file).parent.mkdir(exist_ok=True)
    (pages / file).write_bytes(content)
    if kind == "image/svg+xml":
        return replace(picture, file=file)
    with Image.open(io.BytesIO(content)) as shown:
        width = width or shown.width
        return replace(picture, file=file, width=width, height=round(shown.height * width / shown.width))


def _as_jpeg(content: bytes) -> bytes | None:
    """Return a picture as a JPEG with the colours of every pixel; None if one would see through it."""
    with Image.open(io.BytesIO(content)) as picture:
        if picture.has_transparency_data and picture.convert("RGBA").getextrema()[3][0] < 255:
            return None
        encoded = io.BytesIO()
        picture.convert("RGB").save(encoded, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    return encoded.getvalue()
