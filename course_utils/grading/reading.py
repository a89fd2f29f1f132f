"""What people read and mark: the pages to read, and the table to mark in.

Every answer has a key such as ``s-3f9c12-q16``: a pseudonym and the question's number. Nobody who reads
learns who wrote, and no spreadsheet takes it for a number. A page shows answers in random order, identical
ones once, each with the figures and numbers of that student's own run, and the rubric beside them.
"""

import base64
import hashlib
import json
import re
import secrets
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

from markupsafe import Markup

from course_utils import paths
from course_utils.errors import CourseError
from course_utils.grading.questions import Question
from course_utils.grading.rendering import markdown, png, write_page
from course_utils.grading.results import Result
from course_utils.grading.tables import read_table, write_table

OVERLAP = 0.1
"""The share of answers that two markers read, when there are several."""

ONE_READER = "reader"
COLUMNS = ["key", "title", "points", "possible", "comment", "marker", "answer", "notebook", "question"]
LARGEST_RECORD = 2**20
PICTURE = re.compile(r'src="pictures/([0-9a-f]+\.png)"')


@dataclass(frozen=True)
class Reading:
    """One answer that a person has to read.

    Attributes:
        key: what its row in ``manual.csv`` is matched by.
        student: whose it is; on no page.
        pictures: what was pasted into it, by name.
        flags: what grading says of how it was found.
    """

    key: str
    student: str
    notebook: str
    question: Question
    text: str
    pictures: tuple[tuple[str, bytes], ...] = ()
    flags: tuple[str, ...] = ()

    @cached_property
    def fingerprint(self) -> str:
        """What the answer is known by; a mark counts for the answer that was read, not for a later one."""
        digest = hashlib.sha256(self.text.encode())
        for name, content in self.pictures:
            digest.update(f"\n{name}\n".encode() + content)
        return f"a-{digest.hexdigest()[:10]}"


class Keys:
    """The keys of all answers under a folder of results, drawn from that folder's secret."""

    def __init__(self, folder: Path, students: Iterable[str], questions: dict[str, list[Question]]):
        self.file = folder / "secret.json"
        if not self.file.is_file():
            paths.write_json(self.file, {"secret": secrets.token_hex(16), "kept": {}})
        content = paths.read_json(self.file, {})
        self.secret: str = content["secret"]
        self.kept: dict[str, str] = content["kept"]
        self.students = {student: self.kept[student] for student in students if student in self.kept}
        for student in sorted(set(students) - set(self.kept)):
            attempt = 0
            while (name := f"s-{self.draw(student, str(attempt))[:6]}") in self.students.values():
                attempt += 1
            self.students[student] = name
        every = [(notebook, question) for notebook, asked in sorted(questions.items()) for question in asked]
        self.known = {
            self.of(student, question): (student, notebook, question)
            for student in self.students
            for notebook, question in every
        }
        if len(self.known) < len(every) * len(self.students):
            raise CourseError("Two questions have the same number: give each a number of its own.")

    def draw(self, *parts: str) -> str:
        """Return hexadecimal digits that nobody can foretell without the secret, always the same ones."""
        return hashlib.sha256("\n".join((self.secret, *parts)).encode()).hexdigest()

    def rename(self, student: str, name: str) -> None:
        """Keep a student's pseudonym for the work that goes on under another name."""
        if name not in self.students and student in self.students:
            self.kept[name] = self.students[student]
        paths.write_json(self.file, {"secret": self.secret, "kept": self.kept})

    def of(self, student: str, question: Question) -> str:
        """Return the key of a student's answer."""
        return f"{self.students[student]}-q{question.number}"


def to_read(folder: Path, results: Iterable[Result], keys: Keys) -> list[Reading]:
    """Return the answers that need a reader, question by question, in random order.

    Those are the answers in words, and code that nothing checks.

    Raises:
        CourseError: an answer's file is missing or is none.
    """
    by_place = {
        (student, notebook, question.id): question for student, notebook, question in keys.known.values()
    }
    readings = []
    for result in results:
        question = by_place.get((result.student, result.notebook, result.question))
        if question is None or result.points is not None:
            continue
        text, pictures = read_answer(folder, result)
        key = keys.of(result.student, question)
        place = (result.student, result.notebook, question)
        readings.append(Reading(key, *place, text, pictures, result.flags))
    return sorted(
        readings,
        key=lambda reading: (
            reading.notebook,
            reading.question.number,
            keys.draw(reading.question.id, reading.fingerprint),
            keys.draw(reading.key),
        ),
    )


def read_answer(folder: Path, result: Result) -> tuple[str, tuple[tuple[str, bytes], ...]]:
    """Return text and pictures of the answer that a result judges, as grading kept it under ``answers/``.

    Raises:
        CourseError: it is missing, or is no answer.
    """
    file = folder / "answers" / result.student / result.notebook / f"{result.question}.json"
    try:
        answer = json.loads(file.read_text(encoding="utf-8"))
        pictures = dict(answer.get("pictures", ()))
        return str(answer["text"]), tuple((name, base64.b64decode(data)) for name, data in pictures.items())
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise CourseError(
            f"{file}: expected the answer of {result.student} ({error}). Delete"
            f" {folder / 'results' / result.student / result.notebook} and grade again."
        ) from error


class Shares:
    """Which markers read which answers; once dealt, an answer stays with its markers.

    Answers of the same text go to the same marker. A tenth of them, and at least one for each question, is
    read by two.
    """

    def __init__(self, markers: list[str], answers: dict[str, list[str]]):
        self.markers = markers
        self.answers = answers

    @classmethod
    def load(cls, folder: Path, markers: list[str] | None = None) -> Self:
        """Read what was dealt before; with `markers`, answers of others are dealt again.

        Raises:
            CourseError: a marker's name cannot be the name of a folder, or stands twice.
        """
        kept = paths.read_json(folder / "reading" / "shares.json", {})
        markers = markers or kept.get("markers", [ONE_READER])
        bad = [name for name in markers if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name)]
        if bad or len({name.casefold() for name in markers}) < len(markers):
            raise CourseError(
                f"--markers {','.join(markers)}: expected different names of letters, such as a,b,c."
            )
        dealt = kept.get("answers", {})
        answers = {key: names for key, names in dealt.items() if set(names) <= set(markers)}
        return cls(markers, answers)

    def deal(self, readings: list[Reading]) -> None:
        """Give every answer that has none its marker, or its two."""
        groups: dict[tuple[str, str], list[Reading]] = defaultdict(list)
        for reading in readings:
            groups[reading.question.id, reading.fingerprint].append(reading)
        by_question: dict[str, list[list[Reading]]] = defaultdict(list)
        for (question, _), group in groups.items():
            by_question[question].append(group)
        for asked in by_question.values():
            self._deal_question(asked)

    def _deal_question(self, groups: list[list[Reading]]) -> None:
        dealt = [names for group in groups for reading in group if (names := self.answers.get(reading.key))]
        load = {marker: sum(marker in names for names in dealt) for marker in self.markers}
        start = groups[0][0].question.number % len(self.markers)
        order = self.markers[start:] + self.markers[:start]  # not always the same one gets one more
        twice = sum(len(names) > 1 for names in dealt)
        wanted = OVERLAP * sum(map(len, groups))
        for group in groups:
            new = [reading.key for reading in group if reading.key not in self.answers]
            names = next((self.answers[reading.key] for reading in group if reading.key not in new), None)
            if names is None:
                names = sorted(order, key=load.__getitem__)[: 2 if twice < wanted else 1]
            twice += len(new) * (len(names) > 1)
            for key in new:
                self.answers[key] = names
                for name in names:
                    load[name] += 1

    def read_twice(self, readings: list[Reading]) -> int:
        """Return how many answers two markers read."""
        return sum(len(self.answers[reading.key]) > 1 for reading in readings)

    def forget(self, keys: Collection[str]) -> None:
        """Drop some answers."""
        self.answers = {key: names for key, names in self.answers.items() if key not in keys}

    def save(self, folder: Path) -> None:
        """Write who reads what, before any page."""
        content = {"markers": self.markers, "answers": dict(sorted(self.answers.items()))}
        paths.write_json(folder / "reading" / "shares.json", content)


def write_reading(
    folder: Path,
    readings: list[Reading],
    shares: Shares,
    tell: Callable[[str], None] = lambda message: None,
) -> list[Path]:
    """Write each marker's pages and table, and return the folders: ``reading/<marker>/``.

    A table in which somebody has written keeps all its rows as they are; what is new stands below them.
    """
    shares.deal(readings)
    shares.save(folder)
    written = []
    for marker in shares.markers:
        share = [reading for reading in readings if marker in shares.answers[reading.key]]
        place = folder / "reading" / marker
        _write_manual(place / "manual.csv", share, marker)
        pages = {}
        for name, group in _by(share, lambda reading: f"{reading.notebook}-{reading.question.id}").items():
            tell(f"reading pages of {marker}: {name}")
            _write_question(folder, place / f"{name}.html", group)
            pages[f"{name}.html"] = group
        write_page(place / "index.html", "reading_index.html.j2", marker=marker, pages=pages)
        _clear(place, {*pages, "index.html"})
        written.append(place)
    for place in (folder / "reading").iterdir():
        if place.is_dir() and place.name not in shares.markers:
            _clear(place, set())
    return written


def _clear(place: Path, pages: set[str]) -> None:
    # Pages and pictures of answers that are no more; a table stays, since somebody may have written in it.
    text = "".join((place / page).read_text(encoding="utf-8") for page in pages)
    shown = set(PICTURE.findall(text))
    for file in (*place.glob("*.html"), *place.glob("pictures/*")):
        if file.name not in pages | shown:
            file.unlink()


def _by(items: Iterable[Any], key: Callable[[Any], str]) -> dict[str, list[Any]]:
    groups: dict[str, list[Any]] = {}
    for item in items:
        groups.setdefault(key(item), []).append(item)
    return groups


def _write_question(folder: Path, page: Path, readings: list[Reading]) -> None:
    answers = []
    for group in _by(readings, lambda reading: reading.fingerprint).values():
        pasted = {name: _keep_picture(page, content) for name, content in group[0].pictures}
        own = [(reading.key, reading.flags, *_own_run(folder, page, reading)) for reading in group]
        shown = {name: place for name, place in pasted.items() if place}
        words = readings[0].question.kind == "words"
        text = markdown(group[0].text, shown) if words else Markup("<pre>{}</pre>").format(group[0].text)
        answers.append({"text": text, "own": own})
    write_page(
        page, "reading.html.j2", question=readings[0].question, notebook=readings[0].notebook, answers=answers
    )


def _own_run(
    folder: Path, page: Path, reading: Reading
) -> tuple[list[str | None], list[tuple[str, str]], str]:
    place = folder / "figures" / reading.student / reading.notebook
    files = [file for file in sorted(place.glob("*.png")) if file.is_file() and not file.is_symlink()]
    figures = [_keep_picture(page, file.read_bytes()) for file in files]
    return figures, *_recorded(place / "results.json")


def _recorded(file: Path) -> tuple[list[tuple[str, str]], str]:
    # A student's program wrote this file: it may hold anything.
    if not file.is_file() or file.is_symlink() or file.stat().st_size > LARGEST_RECORD:
        return [], ""
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        numbers = [(str(row["name"])[:200], f"{float(row['value']):.4g}") for row in content["results"]]
        stood_in = content.get("course_versions_used", [])
        return numbers[:100], ", ".join(str(name)[:100] for name in stood_in[:100])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return [], ""


def _keep_picture(page: Path, content: bytes) -> str | None:
    # Named after its content, so that the name says nothing of the student and a picture is written once.
    name = f"pictures/{hashlib.sha256(content).hexdigest()[:20]}.png"
    place = page.parent / name
    if not place.is_file():
        picture = png(content)
        if picture is None:
            return None
        with paths.atomic_write(place) as temporary:
            temporary.write_bytes(picture)
    return name


def _write_manual(file: Path, share: list[Reading], marker: str) -> None:
    rows: list[dict[str, Any]] = [
        {
            "key": reading.key,
            "title": reading.question.title,
            "possible": reading.question.points,
            "marker": marker,
            "answer": reading.fingerprint,
            "notebook": reading.notebook,
            "question": reading.question.id,
        }
        for reading in share
    ]
    columns = COLUMNS
    if file.is_file():
        there = read_table(file, ("key", "points"))
        if any(row["points"] or row["comment"] for row in there):
            known = {(row["key"], row["answer"]) for row in there}
            new = [row for row in rows if (row["key"], row["answer"]) not in known]
            if not new:
                return
            columns = COLUMNS + sorted({column for row in there for column in row.cells} - set(COLUMNS))
            rows = [row.cells for row in there] + new
    write_table(file, columns, rows)
