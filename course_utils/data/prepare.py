"""From a manifest and a folder of files to a sample table in the cache."""

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from pydantic import BaseModel, ValidationError

from course_utils import paths
from course_utils.data import used
from course_utils.data.annotations import TABLE
from course_utils.data.crops import CropRecord, cut_videos
from course_utils.data.editions import closest_edition, count_by_split
from course_utils.data.faces import find_detector
from course_utils.data.generate import generate
from course_utils.data.heads import cut_heads
from course_utils.data.inventory import STRANGE, Survey, survey
from course_utils.data.layout import read_boxes
from course_utils.data.manifest import PREPARED, Manifest, load_manifest, refuse_rings, write_own
from course_utils.data.merge import link_roots, merge_tables, tell_one_sided
from course_utils.data.pictures import PictureFacts
from course_utils.data.samples import class_balance, read_samples, sample_table, write_samples
from course_utils.data.splits import SPLITS, tell_leak
from course_utils.errors import CourseError


class LeftOut(BaseModel):
    """A file or folder that is not in the sample table, and why."""

    path: str
    reason: str


class Preparation(BaseModel):
    """What `prepare.json` holds: what the sample table beside it was made from.

    `opened` is how many files that preparation had to open; the others were known to the inventory.
    """

    manifest_sha256: str
    root: Path
    samples: int
    opened: int
    edition: str | None
    left_out: list[LeftOut]


@dataclass(frozen=True)
class PreparedDataset:
    """A data set that is ready to use: `samples` is its sample table, with paths relative to `root`.

    `root` is the data set's folder; where it holds videos, that of the crops in the cache; where it is made
    of others, that of the table. `edition` is the known edition whose counts it has, None if it has none's.
    """

    name: str
    manifest: Manifest
    root: Path
    samples: pd.DataFrame
    left_out: list[LeftOut]
    opened: int
    edition: str | None

    def split(self, name: str) -> pd.DataFrame:
        """Return the samples of the split "train", "val" or "test".

        Raises:
            CourseError: there is no such split, it is empty, or only one of the data set's classes is in it.
        """
        if name not in SPLITS:
            raise CourseError(f"There is no split {name!r}; expected one of {', '.join(SPLITS)}.")
        samples = self.samples[self.samples["split"] == name].reset_index(drop=True)
        lacking = [w for w, label in self.manifest.labels.items() if label not in set(samples["label"])]
        if samples.empty:
            raise CourseError(f"The {name} split of {self.name} is empty. {self._where_pictures_count()}")
        if lacking:
            raise CourseError(
                f"The {name} split of {self.name} has only one class: none is {' or '.join(lacking)}, and"
                f" nothing can be learnt or measured with the other alone. {self._where_pictures_count()}"
            )
        return samples

    def _where_pictures_count(self) -> str:
        balance = class_balance(self.samples)
        found = "; ".join(f"{row.Index}: {row.real} real, {row.fake} fake" for row in balance.itertuples())
        layout = ", ".join(line.path for line in self.manifest.layout)
        where = f" A picture counts where its path says so: {layout}." if layout else ""
        return (
            f"Found in {self.root}: {found}; left out: {len(self.left_out)}.{where} `course data check"
            f" {self.name}` lists what is wrong; after a repair, type `course data prepare {self.name}`."
        )


def prepare(manifest: Manifest, jobs: int | None = None, progress: bool = True) -> PreparedDataset:
    """Find, open and list the pictures of a data set in `samples.parquet` in the cache.

    What the course generates itself is generated first where it is not there yet, see `generate.generate`.
    Of videos, the chosen frames of each are cut to square crops of the face first, and these are listed: see
    `crops.cut_videos`. Where heads or faces are annotated in pictures, each has a row of its own.

    What is made of other data sets takes their sample tables as they are, and prepares those of them that are
    not prepared: see `merge.merge_tables` and `heads.cut_heads`.

    Killed at any moment, it goes on from where it stopped when it is called again. A file that cannot be used
    is left out and listed with the reason. A split that lets people leak is used, and says so.

    Args:
        manifest: the data set.
        jobs: threads that decode pictures, and processes that generate them; one a processor core if None.
        progress: show a progress bar.

    Raises:
        CourseError: there is no data, no file fits the layout, none is usable, or the disk is full; or see
            `annotations.read_annotated`, `merge.merge_tables` and `heads.cut_heads`.
    """
    if manifest.sources:
        return _derive(manifest, load_sources(manifest, jobs, progress), jobs, progress)
    if manifest.generate:
        generate(manifest, jobs, progress)
    found = survey(manifest, jobs, progress)
    if not found.pictures:
        raise _nothing_fits(manifest, found)
    left_out = [LeftOut(path=c["path"], reason=facts.error) for c, facts in found.pictures if facts.problem]
    left_out += [LeftOut(path=path, reason=reason) for path, reason in found.closed]
    left_out += [LeftOut(path=path, reason=STRANGE) for path in found.strangers]
    rows = []
    if manifest.frames:
        for columns, record in cut_videos(
            manifest, found, _crops(paths.writable_cache(), manifest), jobs, progress
        ):
            rows += _rows_of_video(columns, record)
            left_out += _left_out_of_video(columns, record)
    else:
        for columns, facts in found.pictures:
            rows += [] if facts.problem else _rows_of_picture(columns, facts, found.root)
    if not rows:
        reasons = Counter(item.reason for item in left_out).most_common(3)
        told = "; ".join(f"{count} x {reason}" for reason, count in reasons)
        raise CourseError(f"None of the {len(left_out)} files in {found.root} can be used: {told}.")
    samples = sample_table([{"dataset": manifest.name, **row} for row in rows])
    counts = count_by_split(manifest, [columns for columns, facts in found.pictures if not facts.problem])
    edition, differences = closest_edition(counts, manifest.expects)
    return _keep(
        manifest,
        samples,
        found.root,
        opened=found.opened,
        edition=None if differences else edition,
        left_out=sorted(left_out, key=lambda item: item.path),
    )


def _keep(
    manifest: Manifest,
    samples: pd.DataFrame,
    root: Path,
    *,
    opened: int = 0,
    edition: str | None = None,
    left_out: Sequence[LeftOut] = (),
    sources: Sequence[PreparedDataset] = (),
) -> PreparedDataset:
    """Write a sample table into the cache, and return the data set; the arguments are `Preparation`'s."""
    folder = manifest.place_in(paths.writable_cache())
    write_samples(folder / TABLE, samples)
    record = Preparation(
        manifest_sha256=_fingerprint(manifest, sources),
        root=root,
        samples=len(samples),
        opened=opened,
        edition=edition,
        left_out=left_out,
    )
    # Written last: only where it names this manifest and folder does the table beside it count.
    paths.write_json(folder / PREPARED, record.model_dump(mode="json"))
    return _prepared(manifest, samples, record, paths.writable_cache())


def _derive(
    manifest: Manifest, sources: list[PreparedDataset], jobs: int | None, progress: bool
) -> PreparedDataset:
    """Make the sample table of a data set that is made of others; its root is the table's own folder."""
    folder, left_out, opened = manifest.place_in(paths.writable_cache()), [], 0
    if manifest.merge:
        tables = {source.name: source.samples for source in sources}
        samples = merge_tables(manifest.name, tables, manifest.rule)
        link_roots(folder, {source.name: source.root for source in sources})
        if told := tell_one_sided(samples):
            print(told)
    else:
        (source,) = sources
        find = find_detector
        if manifest.detector == "heads":  # imported here: torch takes seconds, and most data sets do without
            from course_utils.models.head_detector import find_head_detector as find
        samples, headless, opened = cut_heads(
            source.samples, source.root, folder, find, jobs=jobs, progress=progress
        )
        left_out = [LeftOut(path=path, reason=reason) for path, reason in headless]
    return _keep(manifest, samples, folder, opened=opened, left_out=left_out, sources=sources)


def load_sources(manifest: Manifest, jobs: int | None = None, progress: bool = True) -> list[PreparedDataset]:
    """Return what a data set is made of, prepared (see `prepare`); nothing for most data sets.

    Raises:
        CourseError: there is no such data set, one is made of itself, or see `prepare`.
    """
    refuse_rings(manifest)
    return [_load(load_manifest(name), jobs, progress) for name in manifest.sources]


def load_dataset(name: str, splits: str | None = None, frames: str | None = None) -> PreparedDataset:
    """Return the data set `name` from the first cache that has it; prepare it where none has.

    What was prepared from another manifest or another folder does not count, nor what was made of a data set
    that was prepared anew since, with another table: it is made again. New or changed files are not looked
    for: `course data prepare` does that.

    Args:
        name: the data set's.
        splits: another of the splits that its manifest names, e.g. "thesis"; the default one if None.
        frames: other frames of its videos, e.g. "first 100" (see `Sampling`); the manifest's own if None.

    Raises:
        CourseError: there is no such data set, split or choice of frames, or see `prepare`.
    """
    return _load(load_manifest(name).choose(splits, frames))


def _load(manifest: Manifest, jobs: int | None = None, progress: bool = True) -> PreparedDataset:
    sources = load_sources(manifest, jobs, progress)
    root = None
    if not sources:
        root = generate(manifest, jobs, progress) if manifest.generate else manifest.data_folder()
    fingerprint = _fingerprint(manifest, sources)
    for cache in paths.cache_roots():
        folder = manifest.place_in(cache)
        record = _read_record(folder / PREPARED)
        if record and record.manifest_sha256 == fingerprint and record.root == (root or folder):
            return _prepared(manifest, read_samples(folder / TABLE), record, cache)
    return _derive(manifest, sources, jobs, progress) if sources else prepare(manifest, jobs, progress)


def adopt(manifest: Manifest, samples: pd.DataFrame) -> PreparedDataset:
    """Let a data set's name mean `samples` from now on; their paths are relative to the manifest's `root`.

    The manifest is written to the user's cache, where it goes before one of the same name that is shipped.

    Raises:
        CourseError: the user has pictures elsewhere that go by that name, or the table is not valid.
        RunError: the disk is full, or the cache cannot be written.
    """
    cache = paths.writable_cache()
    own = paths.manifests()[0] / f"{manifest.name}.yaml"
    if own.is_file() and (cache / manifest.name) not in (load_manifest(manifest.name).root or own).parents:
        raise CourseError(f"{manifest.name} is a data set of your own already. To give it up, delete {own}.")
    prepared = _keep(manifest, samples, manifest.root)
    write_own(manifest)  # last: until then the name means what it did
    return prepared


def _rows_of_picture(columns: dict, facts: PictureFacts, root: Path) -> list[dict]:
    row = {**columns, "width": facts.width, "height": facts.height}
    boxes = columns["boxes"]  # themselves, or the file that tells them
    if isinstance(boxes, str):
        boxes = read_boxes(root / boxes) if boxes else []
    return [{**row, **dict(zip(("x0", "y0", "x1", "y1"), box, strict=True))} for box in boxes] or [row]


def _rows_of_video(columns: dict, record: CropRecord) -> list[dict]:
    rows = []
    for crop in record.crops:
        stem, side = f"{columns['path']}/{crop.frame:05}", crop.square[2]
        row = {**columns, "path": f"{stem}.jpg", "frame": crop.frame, "width": side, "height": side}
        row.update(zip(("x0", "y0", "x1", "y1"), crop.box, strict=True))
        rows.append({**row, "mask": f"{stem}_mask.png" if crop.mask else None})
    return rows


def _left_out_of_video(columns: dict, record: CropRecord) -> list[LeftOut]:
    missed = record.looked_at - len(record.crops)
    reason = record.problem or f"no face in {missed} of {record.looked_at} frames; the others are used"
    return [LeftOut(path=columns["path"], reason=reason)] if missed else []


def _crops(cache: Path, manifest: Manifest) -> Path:
    return cache / manifest.name / "crops" / str(manifest.frames).replace(" ", "_")


def _prepared(manifest: Manifest, samples: pd.DataFrame, record: Preparation, cache: Path) -> PreparedDataset:
    used.names.add(manifest.name)
    root = _crops(cache, manifest) if manifest.frames else record.root
    if leak := tell_leak(samples):
        print(leak)
    return PreparedDataset(
        manifest.name, manifest, root, samples, record.left_out, record.opened, record.edition
    )


def _nothing_fits(manifest: Manifest, found: Survey) -> CourseError:
    layout = " or ".join(line.path for line in manifest.layout)
    kind = "video" if manifest.frames else "picture"
    seen = f"e.g. {found.strangers[0]}" if found.strangers else f"there is no {kind} in it"
    return CourseError(
        f"No file in {found.root} has the layout of {manifest.name}, {layout}: {seen}"
        + "".join(f"; {path}: {reason}" for path, reason in found.closed[:3])
        + ". Put the files where the layout says, or type `course data prepare --folder PATH` for real/ and"
        " fake/ folders."
    )


def _fingerprint(manifest: Manifest, sources: Sequence[PreparedDataset] = ()) -> str:
    """Return what changes when a manifest does, or where or what the pictures of its sources are."""
    # What was prepared before there was a choice of detectors still counts.
    unsaid = {"detector"} if manifest.detector == "faces" else set()
    made_of = hashlib.sha256(manifest.model_dump_json(exclude=unsaid).encode())
    for source in sources:
        made_of.update(f"{source.name} {source.root}".encode())
        made_of.update(pd.util.hash_pandas_object(source.samples).to_numpy().tobytes())
    return made_of.hexdigest()


def _read_record(file: Path) -> Preparation | None:
    """Return what was prepared, or None if nothing was or the record is not one of this version."""
    try:
        return Preparation.model_validate(json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError):
        return None
