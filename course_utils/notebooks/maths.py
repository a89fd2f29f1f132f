"""Formulas as MathML, which browsers draw without a script and screen readers read."""

import html
import re
from typing import Literal
from xml.etree.ElementTree import tostring

import latex2mathml.converter

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
        kept = {
            name: html.unescape(value) for name, value in element.attrib.items() if ATTRIBUTES.fullmatch(name)
        }
        element.attrib.clear()
        element.attrib.update(kept)
        element.text = html.unescape(element.text) if element.text else None
    return FUNCTION.sub(r'\1<mspace width="0.17em"/>', tostring(root, encoding="unicode"))
