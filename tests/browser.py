"""Open pages in a real browser, and say what ran and what was asked of the network."""

import itertools
import json
import os
import re
import shutil
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import websocket

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome") or "chromium"
# On CI a browser that is missing is a failure, not a reason to skip.
needs_chromium = pytest.mark.skipif(
    os.environ.get("CI") != "true" and shutil.which(CHROMIUM) is None, reason="no Chromium here"
)
RUN = "document.documentElement.setAttribute('ran','yes')"
"""What a script of a test does, so that it can be seen."""

OWN = re.compile(r"google(apis)?\.com")
"""Hosts that Chromium asks of itself."""


OPTIONS = ["--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-extensions"]
OPTIONS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]


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
    options = [f"--proxy-server=127.0.0.1:{port}", "--proxy-bypass-list=<-loopback>"]
    options += [f"--user-data-dir={profile}", "--virtual-time-budget=3000", "--dump-dom"]
    command = [CHROMIUM, *OPTIONS, *options, page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "</html>" in done.stdout
    return done.stdout


def ran(page: str) -> bool:
    """Return whether a script that does `RUN` ran in a page."""
    return bool(re.search(r"<html[^>]* ran=", page))


class Tab:
    """A tab of a running Chromium, driven by the DevTools protocol: what a page cannot forbid.

    Attributes:
        asked: the address of everything that was requested since the page was opened, itself included.
        complaints: what stands in the console, and errors of scripts and of requests.
    """

    def __init__(self, socket: websocket.WebSocket) -> None:
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self._socket = socket
        self._numbers = itertools.count(1)
        self._loaded: set[str] = set()
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.command(f"{domain}.enable")
        self.command("Page.setLifecycleEventsEnabled", enabled=True)

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Do something and return what DevTools answers; what happens meanwhile is noted."""
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while (message := json.loads(self._socket.recv())).get("id") != number:
            self._note(message)
        assert "error" not in message, (method, message["error"])
        return message["result"]

    def open(self, page: Path, scheme: str = "light", medium: str = "screen") -> None:
        """Open a page in a colour scheme and for a medium, and wait until it is there, lazy pictures too."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.command("Emulation.setEmulatedMedia", media=medium, features=features)
        self.asked.clear()
        self.complaints.clear()
        document = self.command("Page.navigate", url=page.as_uri())["loaderId"]
        while document not in self._loaded:
            self._note(json.loads(self._socket.recv()))
        self.run("for (const image of document.images) image.loading = 'eager'")
        while not self.run("[...document.images].every(image => image.complete)"):
            time.sleep(0.02)

    def run(self, script: str) -> Any:
        """Return the value of a JavaScript expression, or of its promise, whatever the page's policy."""
        done = self.command("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in done, done["exceptionDetails"]
        return done["result"].get("value")

    def press(self, key: str) -> None:
        """Press and release a key, such as ``Tab``."""
        codes = {"Tab": 9, "Enter": 13}
        for kind in ("rawKeyDown", *(["char"] if key == "Enter" else []), "keyUp"):
            told = {"type": kind, "key": key, "code": key, "windowsVirtualKeyCode": codes[key]}
            self.command("Input.dispatchKeyEvent", **told, **({"text": "\r"} if key == "Enter" else {}))

    def _note(self, message: dict[str, Any]) -> None:
        told = message.get("params", {})
        match message.get("method"):
            case "Page.lifecycleEvent" if told["name"] == "load":
                self._loaded.add(told["loaderId"])
            case "Network.requestWillBeSent":
                self.asked.append(told["request"]["url"])
            case "Network.loadingFailed":
                self.complaints.append(f"{told['type']}: {told['errorText']}")
            case "Runtime.consoleAPICalled":
                self.complaints.append(str(told["args"]))
            case "Runtime.exceptionThrown":
                self.complaints.append(told["exceptionDetails"]["text"])
            case "Log.entryAdded":
                self.complaints.append(told["entry"]["text"])


@contextmanager
def tab(profile: Path) -> Iterator[Tab]:
    """Give a tab of a Chromium that is started for it, and ended after."""
    options = [f"--user-data-dir={profile}", "--remote-debugging-port=0", "--remote-allow-origins=*"]
    process = subprocess.Popen([CHROMIUM, *OPTIONS, *options, "about:blank"], stderr=subprocess.DEVNULL)
    try:
        port = _port(profile / "DevToolsActivePort", process)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list") as answer:
            target = next(one for one in json.load(answer) if one["type"] == "page")
        socket = websocket.create_connection(target["webSocketDebuggerUrl"], timeout=60)
        yield Tab(socket)
        socket.close()
    finally:
        process.terminate()
        process.wait()


def _port(file: Path, process: subprocess.Popen) -> str:
    """Return the port that Chromium writes once it listens."""
    while not (file.is_file() and (lines := file.read_text().split("\n"))[1:]):
        assert process.poll() is None
        time.sleep(0.05)
    return lines[0]
