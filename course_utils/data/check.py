"""What is wrong with a data set, or worth knowing about it."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd
from PIL import Image

from course_utils import paths
from course_utils.data.annotations import TABLE
from course_utils.data.editions import Difference, closest_edition, count_by_split
from course_utils.data.inventory import STRANGE, Survey, survey
from course_utils.data.manifest import Manifest
from course_utils.data.pictures import PictureFacts
from course_utils.data.samples import read_samples
from course_utils.data.splits import leaks
from course_utils.data.video import EXTENSIONS as VIDEOS


@dataclass(frozen=True)
class Finding:
    """One thing that was found: an "error" should be put right, a "note" is handled and counted."""

    severity: Literal["error", "note"]
    kind: str
    path: str
    message: str


@dataclass(frozen=True)
class CheckReport:
    """What `check` found. `counts` has a row a split and a column a label word: the usable pictures.

    `edition` is the known edition that the counts agree with, None if none does or none is known.
    """

    name: str
    root: Path
    findings: list[Finding]
    counts: pd.DataFrame
    edition: str | None

    @property
    def ok(self) -> bool:
        """Whether nothing has to be put right."""
        return not any(finding.severity == "error" for finding in self.findings)

    def table(self) -> pd.DataFrame:
        """Return a row a kind of finding, errors first: severity, kind, how many, and the first of them."""
        table = pd.DataFrame(self.findings, columns=["severity", "kind", "path", "message"])
        kinds = table.groupby(["severity", "kind"], as_index=False)
        return kinds.agg(files=("path", "size"), first=("path", "first"), message=("message", "first"))


def check(manifest: Manifest, jobs: int | None = None, progress: bool = True) -> CheckReport:
    """Open every picture of a data set, and report what was found.

    Args:
        manifest: the data set.
        jobs: threads that decode pictures; one a processor core if None.
        progress: show a progress bar.

    Raises:
        CourseError: the data folder is not there or cannot be listed, or the disk is full.
    """
    found = survey(manifest, jobs, progress, trust_inventory=False)
    usable = [(columns, facts) for columns, facts in found.pictures if not facts.problem]
    counts = count_by_split(manifest, [columns for columns, _ in usable])
    edition, differences = closest_edition(counts, manifest.expects)
    unusable = [(columns["path"], facts) for columns, facts in found.pictures if facts.problem]
    findings = [
        *(Finding("error", facts.problem, path, facts.error) for path, facts in unusable),
        *(Finding("error", "cannot be listed", path, reason) for path, reason in found.closed),
        *_gone(manifest, found),
        *_duplicates(usable),
        *_straddling(usable),
        *(_miscounted(edition, difference) for difference in differences),
        *(Finding("note", "not used", path, STRANGE) for path in found.strangers),
        *(note for columns, facts in usable for note in _oddities(columns["path"], facts)),
    ]
    return CheckReport(manifest.name, found.root, findings, counts, None if differences else edition)


def _miscounted(edition: str, difference: Difference) -> Finding:
    where, expected, counted = difference
    message = f"{counted} usable pictures; the closest edition, {edition}, has {expected}"
    return Finding("error", "count", where, message)


def _gone(manifest: Manifest, found: Survey) -> list[Finding]:
    """Find what was prepared from this folder and is not there any more."""
    table = manifest.place_in(paths.writable_cache()) / TABLE
    if not table.is_file():
        return []
    there = {columns["path"] for columns, _ in found.pictures}
    prepared = read_samples(table)["path"]
    if manifest.frames:  # a crop's folder has its video's name
        prepared = prepared.str.rpartition("/")[0]
    gone = sorted(set(prepared) - there)
    return [Finding("error", "missing", path, "it was there when the data set was prepared") for path in gone]


def _duplicates(usable: list[tuple[dict, PictureFacts]]) -> list[Finding]:
    """Find pictures with the same bytes: an error across splits or labels, else a note."""
    alike = defaultdict(list)
    for columns, facts in usable:
        alike[facts.sha256].append(columns)
    findings = []
    for first, *others in (group for group in alike.values() if len(group) > 1):
        for other in others:
            across = [c for c in ("split", "label") if other[c] != first[c]]
            kind = f"duplicate across {' and '.join(f'{c}s' for c in across)}" if across else "duplicate"
            message = f"same bytes as {first['path']}"
            findings.append(Finding("error" if across else "note", kind, other["path"], message))
    return findings


def _straddling(usable: list[tuple[dict, PictureFacts]]) -> list[Finding]:
    table = pd.DataFrame([columns for columns, _ in usable], columns=["group", "split"])
    return [
        Finding("error", "group across splits", group, f"in {', '.join(counts.index[counts > 0])}")
        for group, counts in leaks(table).iterrows()
    ]


def _oddities(path: str, facts: PictureFacts) -> list[Finding]:
    """Return what is unusual about a usable picture; all of it is handled when it is read."""
    modes = {
        "L": "grey",
        "1": "grey",
        "LA": "grey with alpha",
        "RGBA": "alpha",
        "P": "palette",
        "CMYK": "CMYK",
    }
    notes = []
    if facts.mode != "RGB":
        kind = "16-bit" if facts.mode.startswith("I") else modes.get(facts.mode, f"mode {facts.mode}")
        notes.append(Finding("note", kind, path, f"stored as {facts.mode}, read as RGB"))
    if facts.orientation != 1:
        kind = "rotated" if Path(path).suffix.lower() in VIDEOS else "EXIF-rotated"
        notes.append(Finding("note", kind, path, "turned upright when it is read"))
    promised = Image.registered_extensions().get(Path(path).suffix.lower())
    stored = "JPEG" if facts.format == "MPO" else facts.format  # what some cameras write as .jpg
    if promised and promised != stored:
        notes.append(Finding("note", "wrong extension", path, f"a {stored} file, whatever its name says"))
    return notes
