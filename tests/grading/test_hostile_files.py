"""Files that attack: each is refused or left out with a sentence, and the class is graded all the same."""

import contextlib
import json
import os
import shutil
import stat
import struct
import subprocess
import tempfile
import time
import zipfile
import zlib
from pathlib import Path

import nbformat
import pytest
from sandboxes import needs_sandbox
from small_course import HUE, MEAN, NAME, hand_in, write_assignment
from test_grade import command

from course_utils.errors import CourseError
from course_utils.grading import cells
from course_utils.grading.answers import read_submission
from course_utils.grading.cells import RejectedSubmission, read_cells
from course_utils.grading.rendering import png
from course_utils.grading.results import read_results
from course_utils.grading.submissions import collect

CELL = {"cell_type": "code", "source": "1", "metadata": {}, "outputs": [], "execution_count": None}
BARE = {"cell_type": "raw", "source": "", "metadata": {}}


def notebook(*cells: object, **fields: object) -> bytes:
    whole = {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": list(cells)}
    return json.dumps(whole | fields).encode()


# What a student's notebook holds, and what the rejection says of it.
REFUSED = {
    "no JSON": (b'{"nbformat": 4, "cells": [', "it is not JSON"),
    "no text": (b"\x80\x81", "not text in UTF-8"),
    "nested": (b'{"a":' * 100_000, "nested too deeply"),
    "a list": (b"[1, 2]", "no notebook"),
    "format 99": (notebook(CELL, nbformat=99), "Unsupported nbformat version 99"),
    "format of words": (notebook(CELL, nbformat=["4"]), "no notebook"),
    "no field of cells": (b'{"nbformat": 4, "nbformat_minor": 4, "metadata": {}}', "missing an expected key"),
    "cells in a number": (notebook(cells=3), "no notebook"),
    "a cell that is none": (notebook(CELL, None), "cell 2 holds something else than text"),
    "a source in a number": (notebook(CELL | {"source": 3}), "cell 1 holds something else than text"),
    "no source": (notebook(CELL | {"source": None}), "cell 1 holds something else than text"),
    "a source in a dictionary": (
        notebook(CELL | {"source": {"def mean": 1}}),
        "cell 1 holds something else than text",
    ),
    "lines of numbers": (notebook(CELL | {"source": ["a", 1]}), "cell 1 holds something else than text"),
    "a hundred thousand cells": (notebook(*[BARE] * 100_000), "100000 cells, more than 2000"),
    "outputs without end": (notebook(CELL | {"outputs": [{}] * 30_000}), "30000 outputs, more than 20000"),
    "lists without end": (notebook(metadata={"a": [[]] * 1_000_000}), "more lists and numbers"),
    "cells of too much": (
        notebook(*[CELL | {"source": "x" * 150_000}] * 8),
        "1200000 characters in its cells",
    ),
}
OLD = {"nbformat": 3, "nbformat_minor": 0, "metadata": {"name": ""}}
# What is read, and the state of its answer.
READ = {
    "no cells": (notebook(), "missing"),
    "format 3": (
        json.dumps(
            OLD
            | {
                "worksheets": [
                    {"cells": [{"cell_type": "code", "input": MEAN, "outputs": [], "language": "python"}]}
                ]
            }
        ).encode(),
        "passed",
    ),
    # Halves of characters, which no file can hold.
    "half a character": (notebook(CELL | {"source": f"{MEAN}\n# \ud800 \udfff"}), "passed"),
}


def write(folder: Path, student: str, content: bytes, name: str = f"{NAME}.ipynb") -> Path:
    file = folder / student / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(content)
    return file


def pack(file: Path, *members: tuple[str | zipfile.ZipInfo, bytes]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return file


def swap(file: Path, before: bytes, after: bytes) -> None:
    """Make an archive say something that no program would write into it."""
    content = file.read_bytes()
    assert before in content
    file.write_bytes(content.replace(before, after))


def write_unusual(folder: Path, secret: Path) -> dict[str, str]:
    """Write what is no file, and archives that attack; return what is said of each by student."""
    (folder / "folder" / f"{NAME}.ipynb").mkdir(parents=True)
    (folder / "pipe").mkdir()
    os.mkfifo(folder / "pipe" / f"{NAME}.ipynb")
    for student, target in (("device", "/dev/zero"), ("link", secret), ("loop", folder / "loop")):
        (folder / student).mkdir()
        (folder / student / f"{NAME}.ipynb").symlink_to(target)
    link = zipfile.ZipInfo(f"{NAME}.ipynb")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    pack(folder / "zip of a link" / "a.zip", (link, str(secret).encode()))
    for student, name in (
        ("zip of dots", "../../../escaped.ipynb"),
        ("zip of a root", "/tmp/escaped.ipynb"),
        ("zip of a drive", "C:\\escaped.ipynb"),
        ("zip of backslashes", "..\\..\\escaped.ipynb"),
    ):
        pack(folder / student / "a.zip", (name, notebook(CELL)))
    pack(folder / "zip of long names" / "a.zip", (f"{'a/' * 3000}{NAME}.ipynb", notebook(CELL)))
    bomb = pack(folder / "zip that grows" / "a.zip", (f"{NAME}.ipynb", bytes(2**28)))
    swap(bomb, struct.pack("<L", 2**28), struct.pack("<L", 100))
    pack(folder / "zip that is large" / "a.zip", *[(f"{number}.ipynb", bytes(2**25)) for number in range(9)])
    many = [(f"{number}.ipynb", b"") for number in range(30_000)]
    inner = pack(folder / "zip of many" / "a.zip", *many).read_bytes()
    pack(folder / "zip in a zip" / "a.zip", (f"{NAME}.ipynb", notebook()), ("b.zip", inner))
    odd = pack(folder / "zip of no name" / "a.zip", ("a.ipynb", b"{}"), ("é.ipynb", b"{}"))
    swap(odd, "é".encode(), b"\xff\xff")
    (folder / "no zip").mkdir()
    (folder / "no zip" / "a.zip").write_bytes(b"PK\x03\x04 and so on")
    return {
        "folder": "it is a folder, a pipe or a device",
        "pipe": "it is a folder, a pipe or a device",
        **dict.fromkeys(("device", "link", "loop", "zip of a link"), "it is a link"),
        **dict.fromkeys(
            ("zip of dots", "zip of a root", "zip of a drive", "zip of backslashes"),
            "its path leads out of the archive",
        ),
        "zip of long names": "its name is too long",
        "zip that grows": "it cannot be unpacked",
        "zip that is large": "at most 20000 files and 0.25 GB",
        "zip of many": "holds 30000 files",
        "zip of no name": "is a damaged zip file",
        "no zip": "is a damaged zip file",
    }


def contents(folder: Path) -> dict[str, int]:
    return {str(file): file.lstat().st_mtime_ns for file in folder.rglob("*")}


@needs_sandbox
@pytest.mark.slow
def test_a_class_of_hostile_files_is_graded_and_each_is_told_what_was_wrong(tmp_path):
    small = write_assignment(tmp_path / "private")
    folder, out = tmp_path / "in", tmp_path / "out"
    hand_in(folder, small, "tame", mean=MEAN, hue=HUE)
    for name, (content, _) in (REFUSED | READ).items():
        write(folder, name, content)
    with write(folder, "200 MB", b"").open("wb") as large:
        large.truncate(200 * 2**20)
    secret = write(tmp_path, "secret", notebook(CELL | {"source": f"# secret\n{MEAN}"}))
    left_out = write_unusual(folder, secret)
    before = contents(tmp_path)

    done = subprocess.run(command(tmp_path), capture_output=True, text=True, check=False, timeout=240)

    assert "Traceback" not in done.stderr
    assert done.returncode == 0, done.stderr
    found = {(one.student, one.question): one for one in read_results(out)}
    assert {found["tame", question].state for question in ("mean", "hue")} == {"passed"}
    said = REFUSED | {"200 MB": (b"", "has 200 MB, more than 50")}
    for name, (_, reason) in said.items():
        result = found[name, "mean"]
        assert (name, result.state) == (name, "rejected")
        assert reason in result.message
    assert {name: found[name, "mean"].state for name in READ} == {
        name: state for name, (_, state) in READ.items()
    }
    lines = [line for line in done.stdout.splitlines() if line.startswith("left out: ")]
    for student, reason in left_out.items():
        assert [line for line in lines if f" {student}/" in line and reason in line], student
    graded = {student for student, _ in found}
    assert graded == {"tame", "200 MB", "zip in a zip", *REFUSED, *READ}
    # Nothing is written anywhere else, and little here.
    assert {
        file: time for file, time in contents(tmp_path).items() if not Path(file).is_relative_to(out)
    } == before
    assert not list(Path("/tmp").glob("escaped*"))
    assert sum(file.stat().st_size for file in out.rglob("*") if file.is_file()) < 2**28
    assert not any("secret" in file.read_text() for file in out.rglob("*.json"))


@pytest.mark.parametrize("name", ["a hundred thousand cells", "outputs without end", "lists without end"])
def test_what_is_too_much_is_refused_before_it_is_converted(tmp_path, monkeypatch, name):
    file = write(tmp_path, "a", REFUSED[name][0])
    monkeypatch.setattr(cells.nbformat, "convert", None)
    with pytest.raises(RejectedSubmission, match=REFUSED[name][1]):
        read_cells(file)


def test_what_has_too_many_bytes_or_parts_is_refused_before_it_is_parsed(tmp_path, monkeypatch):
    monkeypatch.setattr(cells.json, "loads", None)
    with pytest.raises(RejectedSubmission, match="more lists and numbers"):
        read_cells(write(tmp_path, "a", REFUSED["lists without end"][0]))
    monkeypatch.setattr(cells, "MAX_BYTES", 100)
    monkeypatch.setattr(Path, "read_text", None)
    with pytest.raises(RejectedSubmission, match="more than 0"):
        read_cells(write(tmp_path, "b", b"x" * 200))


@pytest.mark.parametrize("minor", [4, 5])
def test_half_a_character_becomes_a_question_mark_and_a_whole_one_stays(tmp_path, minor):
    cell = CELL | {"source": "a\ud800b \ud83d\ude00 \\\\ud800"}
    content = notebook(cell, nbformat_minor=minor).replace(b"\\ud83d\\ude00", "😀".encode())
    assert read_cells(write(tmp_path, "a", content)).cells[0].source == "a?b 😀 \\\\ud800"
    pair = notebook(CELL | {"source": "😀"})
    assert b"ud83d" in pair
    assert read_cells(write(tmp_path, "a", pair)).cells[0].source == "😀"


def test_a_thousand_cells_below_a_blank_are_read_in_seconds(tmp_path):
    small = write_assignment(tmp_path / "private")
    node = nbformat.from_dict(small.blank)
    place = next(at for at, cell in enumerate(node.cells) if cell.metadata.get("question") == "mean")
    own = [nbformat.v4.new_code_cell("x = y.a.b.c + f(1, 2)\n" * 20) for _ in range(1500)]
    node.cells[place + 1 : place + 1] = own
    file = write(tmp_path, "a", json.dumps(node).encode())
    started = time.monotonic()
    assert read_submission(file, small).answers["mean"].state == "missing"
    assert time.monotonic() - started < 30  # it took an hour


@pytest.mark.parametrize("damage", range(4))
def test_an_archive_that_is_damaged_anywhere_ends_with_a_sentence(tmp_path, damage):
    """Each byte of the list at its end in turn: names, sizes, methods, offsets."""
    small = write_assignment(tmp_path / "private")
    archive = pack(tmp_path / "in.zip", (f"ada/{NAME}é.ipynb", notebook(CELL)), ("bob/a.py", b"x = 1"))
    content = bytearray(archive.read_bytes())
    for place in range(content.index(b"PK\x01\x02") + damage, len(content), 4):
        for value in (0, 0x7F, 0xFF):
            hurt = bytearray(content)
            hurt[place] = value
            archive.write_bytes(hurt)
            shutil.rmtree(tmp_path / "kept", ignore_errors=True)
            with contextlib.suppress(CourseError):
                collect(archive, [small], tmp_path / "kept")
    outside = {file for file in tmp_path.rglob("*.ipynb") if not file.is_relative_to(tmp_path / "kept")}
    assert not outside


def test_folders_that_no_result_can_be_named_after_are_left_out(tmp_path):
    small = write_assignment(tmp_path / "private")
    hand_in(tmp_path / "in", small, "ada", mean=MEAN)
    hand_in(tmp_path / "in", small, "b" * 230, mean=MEAN)
    strange = Path(os.fsdecode(b"\xff"))
    hand_in(tmp_path / "in", small, str(strange), mean=MEAN)
    write(tmp_path / "in", "ada", b"", f"{strange}.ipynb")
    collected = collect(tmp_path / "in", [small], tmp_path / "kept")
    assert [(one.student, len(one.versions)) for one in collected.handed] == [("ada", 1)]
    assert sorted(reason for _, reason in collected.left_out) == [
        "its name is not text in UTF-8",
        *["its name is too long, or not text in UTF-8"] * 2,
    ]
    assert "".join(file for file, _ in collected.left_out).isprintable()


def test_a_file_of_a_year_beyond_all_calendars_is_late():
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:  # other file systems know no such year
        small = write_assignment(Path(folder) / "private")
        os.utime(hand_in(Path(folder) / "in", small, "ada", mean=MEAN), (10**13, 10**13))
        [handed] = collect(Path(folder) / "in", [small], Path(folder) / "kept").handed
    assert handed.chosen.modified.year > 9000


def test_of_a_folder_of_modules_only_files_are_read(tmp_path):
    small = write_assignment(tmp_path / "private")
    folder = tmp_path / "in" / "ada"
    write(folder, "work", MEAN.encode(), "means.py")
    write(folder, "work", b"", "__init__.py")
    secret = write(tmp_path, "secret", b"SECRET = 1", "checks.py")
    (folder / "work" / "checks.py").symlink_to(secret)
    (folder / "elsewhere").symlink_to(secret.parent)
    (folder / "work" / "folder.py").mkdir()
    os.mkfifo(folder / "work" / "pipe.py")
    [handed] = collect(tmp_path / "in", [small], tmp_path / "kept").handed
    submission = read_submission(handed.chosen.path, small)
    assert submission.answers["mean"].text == MEAN
    assert "SECRET" not in str(submission)


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">L", len(content)) + kind + content + struct.pack(">L", zlib.crc32(kind + content))


@pytest.mark.parametrize("colours", [0, 2, 3, 4, 6])
@pytest.mark.parametrize(
    "before", [b"", chunk(b"tRNS", b"\1\2"), chunk(b"PLTE", b"\1"), chunk(b"iCCP", b"a")]
)
def test_a_picture_that_no_program_would_write_is_shown_or_not(colours, before):
    header = chunk(b"IHDR", struct.pack(">LLBBBBB", 2, 2, 8, colours, 0, 0, 0))
    lines = chunk(b"IDAT", zlib.compress(bytes(20)))
    written = png(cells.PNG + header + before + lines + chunk(b"IEND", b""))
    assert written is None or written.startswith(cells.PNG)
