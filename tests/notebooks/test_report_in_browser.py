"""The report in a real browser: nothing is missing, nothing is asked of the network, anybody can use it."""

import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from browser import needs_chromium, tab
from small_run import write_run

from course_utils.notebooks.report import write_report

SERIOUS = ("serious", "critical")
# Without `preload`, axe reads no style sheet, which the pages' policy would forbid it.
LOOK_THROUGH = "axe.run({preload: false, resultTypes: ['violations']})"


@pytest.fixture(scope="module")
def axe():
    """The script of axe-core, which looks for what keeps people out of a page."""
    if os.environ.get("CI") != "true":
        pytest.importorskip("axe_core_python", reason="axe-core-python is not installed: make install")
    import axe_core_python

    return Path(axe_core_python.__file__).with_name("axe.min.js").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with tab(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    write_report(write_run(folder / "run", ["assignment_fakes"]), folder / "site", public=True)
    return folder / "site"


def pages(site):
    found = sorted(site.rglob("*.html"))
    assert len(found) > 2
    return found


def look_through(browser, axe, page, scheme):
    """Return what axe-core calls serious or critical in a page, with the elements."""
    browser.open(page, scheme)
    browser.run(f"{axe}; 0")
    violations = browser.run(LOOK_THROUGH)["violations"]
    return [
        (one["id"], [node["html"] for node in one["nodes"]]) for one in violations if one["impact"] in SERIOUS
    ]


def missing(browser):
    """Return the links of the open page that lead nowhere, and its pictures that are not there."""
    wrong = browser.run("[...document.images].filter(image => !image.naturalWidth).map(image => image.src)")
    for address in browser.run("[...document.links].map(link => link.href)"):
        parts = urlsplit(address)
        file = Path(unquote(parts.path))
        leads = parts.scheme == "file" and file.is_file()
        if leads and parts.fragment:
            leads = f'id="{unquote(parts.fragment)}"' in file.read_text(encoding="utf-8")
        if not leads:
            wrong.append(address)
    return wrong


@needs_chromium
def test_every_page_is_whole_and_asks_nobody_for_anything(browser, site):
    for page in pages(site):
        browser.open(page)
        assert browser.complaints == []
        assert [address for address in browser.asked if not address.startswith(("file:", "data:"))] == []
        assert missing(browser) == []


@needs_chromium
def test_nothing_in_a_page_keeps_anybody_out(browser, site, axe):
    for page in pages(site):
        for scheme in ("light", "dark"):
            assert look_through(browser, axe, page, scheme) == []


@needs_chromium
def test_a_page_is_as_dark_as_its_reader_likes_and_is_printed_on_white(browser, site):
    background = "getComputedStyle(document.body).backgroundColor"
    page = site / "notebooks" / "03_x.html"
    browser.open(page, "dark")
    assert browser.run(background) == "rgb(22, 24, 27)"
    assert browser.run("getComputedStyle(document.images[0]).backgroundColor") == "rgb(255, 255, 255)"
    browser.open(page, "dark", medium="print")
    assert browser.run(background) == "rgb(255, 255, 255)"
    assert browser.run("getComputedStyle(document.querySelector('header')).display") == "none"


@needs_chromium
def test_the_keyboard_leads_past_the_navigation_and_the_focus_is_seen(browser, site):
    browser.open(site / "index.html")
    focused = "document.activeElement"
    browser.press("Tab")
    assert browser.run(f"{focused}.textContent") == "Skip to the content"
    assert browser.run(f"{focused}.getBoundingClientRect().top") >= 0
    browser.press("Enter")
    browser.press("Tab")
    assert browser.run(f"{focused}.closest('main') !== null")
    assert browser.run(f"getComputedStyle({focused}).outlineStyle") == "solid"
