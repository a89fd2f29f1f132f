"""Open pages in a real browser, and say what ran and what was asked of the network."""

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or "chromium"
# On CI a browser that is missing is a failure, not a reason to skip.
needs_chromium = pytest.mark.skipif(
    os.environ.get("CI") != "true" and shutil.which(CHROMIUM) is None, reason="no Chromium here"
)
RUN = "document.documentElement.setAttribute('ran','yes')"
"""What a script of a test does, so that it can be seen."""

OWN = re.compile(r"google(apis)?\.com")
"""Hosts that Chromium asks of itself."""


@contextmanager
def recorded() -> Iterator[tuple[int, list[str]]]:
    """Give the port of a server and proxy that notes every request, and the requests."""
    asked = []

    class Recorder(BaseHTTPRequestHandler):
        def do_GET(self):
            if not OWN.search(self.path):
                asked.append(self.path)
            self.send_error(404)

        do_POST = do_HEAD = do_CONNECT = do_OPTIONS = do_GET

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Recorder) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], asked
        server.shutdown()


def opened(page: Path, port: int, profile: Path) -> str:
    """Open a page and return what became of it; all its requests, whatever the host, go to the port."""
    options = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions"]
    options += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    options += [f"--proxy-server=127.0.0.1:{port}", "--proxy-bypass-list=<-loopback>"]
    options += [f"--user-data-dir={profile}", "--virtual-time-budget=3000", "--dump-dom"]
    command = [CHROMIUM, *options, page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "</html>" in done.stdout
    return done.stdout


def ran(page: str) -> bool:
    """Return whether a script that does `RUN` ran in a page."""
    return bool(re.search(r"<html[^>]* ran=", page))
