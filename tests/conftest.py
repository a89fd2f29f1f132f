"""What all tests share: drawn pictures, a place of their own for everything written, and real photographs."""

import os
from pathlib import Path

import pytest
from drawn import draw_data_root

from course_utils import paths

PHOTOGRAPHS = paths.data_root()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "photographs" in getattr(item, "fixturenames", ()):
            item.add_marker("photographs")


@pytest.fixture(scope="session")
def drawn_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root of drawn pictures. Read-only by agreement: a test that damages files draws its own."""
    return draw_data_root(tmp_path_factory.mktemp("drawn"))


@pytest.fixture
def course_environment(drawn_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The drawn data root, with an empty cache and build folder of this test's own."""
    _set_places(monkeypatch, drawn_data, tmp_path)
    return tmp_path


@pytest.fixture
def photographs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The data root with the real photographs, with an empty cache and build folder of this test's own."""
    if PHOTOGRAPHS is None or not (PHOTOGRAPHS / "synthetic_dataset").is_dir():
        pytest.skip("no real photographs: set COURSE_DATA_ROOT to the folder that has synthetic_dataset")
    _set_places(monkeypatch, PHOTOGRAPHS, tmp_path)
    return PHOTOGRAPHS


def _set_places(monkeypatch: pytest.MonkeyPatch, data_root: Path, folder: Path) -> None:
    monkeypatch.setenv("COURSE_DATA_ROOT", os.fspath(data_root))
    monkeypatch.setenv("COURSE_CACHE", os.fspath(folder / "cache"))
    monkeypatch.setenv("COURSE_BUILD", os.fspath(folder / "build"))
