"""One archive of a prepared data set, its pictures and its table, for an instructor to hand out.

A pack is an uncompressed zip (pictures are compressed already): `pack.json`, a `PackList`; `samples.parquet`,
the sample table; and `pictures/`, whatever the table names. What is in one counts only when all is verified.
"""

import hashlib
import io
import re
import zipfile
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ValidationError

from course_utils import paths
from course_utils.bars import bar
from course_utils.data.annotations import TABLE, WORDS
from course_utils.data.manifest import Manifest
from course_utils.data.pictures import EXTENSIONS, describe
from course_utils.data.prepare import PreparedDataset, adopt
from course_utils.data.samples import SAMPLE_COLUMNS, read_samples, write_samples
from course_utils.data.splits import GivenSplit
from course_utils.errors import CourseError

LIST, PICTURES = "pack.json", "pictures"


class PackList(BaseModel):
    """What `pack.json` holds: the data set's manifest, and the SHA-256 of every other member by name."""

    manifest: Manifest
    sha256: dict[str, str]


def pack(prepared: PreparedDataset, archive: Path, progress: bool = True) -> str:
    """Write a prepared data set, masks included, to the zip file `archive`, and verify what was written.

    The same data set gives the same bytes.

    Args:
        prepared: the data set.
        archive: the file to write.
        progress: show a progress bar.

    Returns:
        The archive's SHA-256, in hexadecimal.

    Raises:
        CourseError: the manifest does not say that the pictures may be shown to others, or a picture was
            damaged since it was prepared.
        RunError: the disk is full, or the folder cannot be written.
    """
    manifest = prepared.manifest
    if manifest.may_show != "yes":
        raise CourseError(
            f"{prepared.name} is not packed: its manifest says `may_show: {manifest.may_show}`, not `yes`,"
            f" and its terms are: {' '.join(manifest.terms.split())}\n"
            f"Everybody has to get it from its owners: {' '.join(manifest.access.split())}"
        )
    # Those who get it have the table, and nothing to read from paths or lists, to cut, or to split anew.
    alone = {
        "root": None,
        "generate": None,
        "frames": None,
        "layout": (),
        "merge": (),
        "crop": "",
        "annotations": "table",
        "labels": {word: label for label, word in enumerate(WORDS) if label in manifest.labels.values()},
        "splits": {"given": GivenSplit(kind="given")},
        "default_split": "given",
        "expects": (),
    }
    listed = PackList(manifest=manifest.model_copy(update=alone), sha256={})
    pictures = sorted({*prepared.samples["path"], *prepared.samples["mask"].dropna()})
    with paths.atomic_write(archive) as temporary:
        with zipfile.ZipFile(temporary, "w") as file:
            for path in bar(pictures, progress, desc=f"Packing {prepared.name}", unit="picture"):
                facts = describe(prepared.root / path)
                if facts.problem:
                    raise CourseError(
                        f"{prepared.root / path} cannot be packed: {facts.error}. Type `course data prepare"
                        f" {prepared.name}` to leave it out, or put it back."
                    )
                listed.sha256[f"{PICTURES}/{path}"] = facts.sha256
                _add(file, f"{PICTURES}/{path}", (prepared.root / path).read_bytes())
            table = io.BytesIO()
            prepared.samples[list(SAMPLE_COLUMNS)].to_parquet(table, index=False)
            listed.sha256[TABLE] = hashlib.sha256(table.getvalue()).hexdigest()
            _add(file, TABLE, table.getvalue())
            _add(file, LIST, listed.model_dump_json(indent=1, exclude_defaults=True).encode())
        with zipfile.ZipFile(temporary) as file:
            _verify(file, archive)
        with temporary.open("rb") as written:
            return hashlib.file_digest(written, "sha256").hexdigest()


def unpack(archive: Path, progress: bool = True) -> PreparedDataset:
    """Verify a pack, copy it into the cache, and let its data set's name mean it from now on.

    Args:
        archive: a file that `pack` wrote.
        progress: show a progress bar.

    Raises:
        CourseError: there is no such file, it is no pack, it is damaged, or it would write elsewhere. Nothing
            of it counts then.
        RunError: the disk is full, or the cache cannot be written.
    """
    try:
        with zipfile.ZipFile(archive) as file:
            listed = _verify(file, archive)
            name, digest = listed.manifest.name, hashlib.sha256(file.read(LIST)).hexdigest()
            folder = paths.writable_cache() / name / f"pack-{digest[:12]}"
            members = bar(file.infolist(), progress, desc=f"Unpacking {name}", unit="file")
            for member in members:
                with paths.atomic_write(folder / member.filename) as temporary:
                    temporary.write_bytes(file.read(member))
    except FileNotFoundError as error:
        raise CourseError(f"{archive} is not there. Name a file that `course data pack` wrote.") from error
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
        raise _refused(archive, f"it is no zip file, or only part of one ({error})") from error
    samples = read_samples(folder / TABLE)
    write_samples(folder / PICTURES / TABLE, samples)  # no path says what a picture is
    lacking = {f"{PICTURES}/{path}" for path in (*samples["path"], *samples["mask"].dropna())} - set(
        listed.sha256
    )
    if lacking:
        raise _refused(archive, f"its table names {min(lacking)}, which it does not hold")
    access = f"Unpacked from {archive.name}; to repair it, unpack that again."
    return adopt(listed.manifest.model_copy(update={"root": folder / PICTURES, "access": access}), samples)


def _add(file: zipfile.ZipFile, name: str, data: bytes) -> None:
    file.writestr(zipfile.ZipInfo(name), data)  # its date is always 1980: same content, same bytes


def _verify(file: zipfile.ZipFile, archive: Path) -> PackList:
    """Return the list of a pack whose members are all there, whole, and inside the folder they go to."""
    names = file.namelist()
    if LIST not in names:
        raise _refused(archive, f"it holds no {LIST}")
    try:
        listed = PackList.model_validate_json(file.read(LIST))
    except ValidationError as error:
        raise _refused(archive, f"its {LIST} does not say what it should: {error}") from error
    if not re.fullmatch(r"[A-Za-z0-9]\w*", listed.manifest.name):
        raise _refused(archive, f"{listed.manifest.name!r} is no name for a data set")
    if sorted(names) != sorted([LIST, TABLE, *(name for name in listed.sha256 if name != TABLE)]):
        raise _refused(archive, f"it does not hold exactly what its {LIST} names")
    for member in file.infolist():
        name = member.filename
        if name not in (LIST, TABLE) and not _is_picture_inside(name):
            raise _refused(archive, f"{name!r} is no path of a picture below {PICTURES}/")
        # Only what is stored as it is: a few bytes cannot swell to fill the disk.
        if member.compress_type != zipfile.ZIP_STORED:
            raise _refused(archive, f"{name} is compressed")
        if name != LIST and hashlib.sha256(file.read(member)).hexdigest() != listed.sha256[name]:
            raise _refused(archive, f"{name} is not what was packed")
    return listed


def _is_picture_inside(name: str) -> bool:
    path = PurePosixPath(name)
    plain = str(path) == name and name.isprintable() and not set(name) & set('\\:*?"<>|')
    inside = path.parts[0] == PICTURES and ".." not in path.parts
    return plain and inside and path.suffix.lower() in EXTENSIONS


def _refused(archive: Path, reason: str) -> CourseError:
    return CourseError(f"{archive} is not used: {reason}. Get it again from where it came from.")
