"""From videos to square crops of one person's face, in the cache: a restartable unit a video.

A video's crops are written into a folder of their own beside, which gets its name when it is complete: killed
at any moment, what has its name is whole, and what has not is made again. Faces are looked for once a scene,
in its original, and the boxes serve its fakes, which have the same geometry.
"""

import contextlib
import hashlib
import shutil
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial
from pathlib import Path

import cv2
import numpy as np
from pydantic import BaseModel, ValidationError

from course_utils import paths
from course_utils.bars import bar
from course_utils.cluster import one_core_each, work
from course_utils.data.faces import FaceDetector, find_detector, follow, square_crop
from course_utils.data.inventory import Survey
from course_utils.data.layout import read_boxes
from course_utils.data.manifest import Manifest
from course_utils.data.pictures import BadFile, PictureFacts, digest
from course_utils.data.sampling import Sampling
from course_utils.data.video import read_frames

# JPEG at quality 95 with all the colour: a quarter of the size of PNG, written five times as fast, and 48 dB
# from it, where c23 is 42 dB from what was filmed. All are alike, so that no file tells what it shows.
JPEG = [cv2.IMWRITE_JPEG_QUALITY, 95, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
PARAMETERS = {".jpg": JPEG, ".png": []}
RECORD = "crops.json"
SCENES = ".scenes"
ABANDONED = 3600  # seconds after which what is unfinished is nobody's: one video takes far less


Box = tuple[float, float, float, float]


class Crop(BaseModel):
    """One crop: the frame's number, the square (x0, y0, side) and the face's box in pixels of the frame."""

    frame: int
    square: tuple[int, int, int]
    box: Box
    mask: bool


class CropRecord(BaseModel):
    """What `crops.json` tells of a video: SHA-256 of what it was made from, the crops, or the problem.

    `masked` says whether a mask of what was manipulated was there to be cut too, and `looked_at` is the
    number of frames in which a face was wanted.
    """

    video: str
    reference: str
    masked: bool = False
    looked_at: int = 0
    crops: list[Crop] = []
    problem: str = ""


class SceneBoxes(BaseModel):
    """The box of the followed person in each frame that was looked at; None where nobody was found.

    `finder` is the name of the detector, or the path of the file that told the boxes.
    """

    reference: str
    finder: str
    boxes: dict[int, Box | None]


@dataclass(frozen=True)
class Scene:
    """Videos of the same faces in the same places, the one in which faces are looked for first."""

    name: str
    videos: list[tuple[dict, PictureFacts]]


class Cutter:
    """Cuts the videos in `root` into crops in `folder`; `sampling` says which frames are used."""

    def __init__(self, root: Path, folder: Path, sampling: Sampling) -> None:
        self.root = root
        self.folder = folder
        self.sampling = sampling

    @cached_property
    def detector(self) -> FaceDetector:
        """What finds faces; looked for only when a video needs it."""
        return find_detector()

    def cut(self, scene: Scene) -> list[CropRecord]:
        """Return the records of a scene's videos, making what is not there yet.

        Raises:
            CourseError: boxes that the manifest speaks of are not there.
            OSError: the disk is full, or the cache cannot be written.
        """
        columns, facts = scene.videos[0]
        known = self.root / columns["boxes"] if columns["boxes"] else None
        reference = digest(known) if known and known.is_file() else facts.sha256
        records, boxes = [], None
        for columns, facts in scene.videos:
            wanted = CropRecord(video=facts.sha256, reference=reference, masked=bool(columns["mask"]))
            record = _read_record(self.folder / columns["path"], wanted)
            if record is None:
                boxes = boxes or self._boxes(scene, known, reference)
                record = self._cut_video(columns, facts, boxes, wanted)
            records.append(record)
        return records

    def _boxes(self, scene: Scene, known: Path | None, reference: str) -> SceneBoxes:
        """Return the scene's boxes as they were stored, else look for them and store them."""
        name = hashlib.sha256(scene.name.encode()).hexdigest()
        file = self.folder / SCENES / f"{name}.json"
        with contextlib.suppress(OSError, ValidationError):
            stored = SceneBoxes.model_validate_json(file.read_bytes())
            if stored.reference == reference:
                return stored
        columns, facts = scene.videos[0]
        numbers = self.sampling.frames(facts.frames)
        if known:  # a renderer's or a person's, who knows better than a detector who is where
            told = dict(enumerate(read_boxes(known)))
            finder, found = columns["boxes"], [told.get(number) for number in numbers]
        else:
            finder, faces = self.detector.name, []
            with contextlib.suppress(BadFile):  # cutting the same video says what is wrong with it
                for _, picture in read_frames(self.root / columns["path"], numbers):
                    faces.append(self.detector.detect(picture))
            found = follow(faces)
        boxes = zip(numbers, found, strict=False)
        boxes = {number: None if box is None else tuple(map(float, box)) for number, box in boxes}
        stored = SceneBoxes(reference=reference, finder=finder, boxes=boxes)
        paths.write_json(file, stored.model_dump(mode="json"))
        return stored

    def _cut_video(
        self, columns: dict, facts: PictureFacts, scene: SceneBoxes, record: CropRecord
    ) -> CropRecord:
        """Cut one video and complete its `record`."""
        numbers = [number for number in scene.boxes if number < facts.frames]
        boxes = {number: scene.boxes[number] for number in numbers if scene.boxes[number] is not None}
        record.looked_at = len(numbers)
        if not boxes:
            record.problem = f"no face was found in {len(numbers)} frames by {scene.finder}"
        with _unfinished(self.folder) as folder:
            try:
                record.crops = self._write_crops(columns, boxes, folder) if boxes else []
            except BadFile as error:
                record.problem = str(error)
            (folder / RECORD).write_text(record.model_dump_json(), encoding="utf-8")
            _publish(folder, self.folder / columns["path"], record)
        return record

    def _write_crops(self, columns: dict, boxes: dict[int, Box], folder: Path) -> list[Crop]:
        masks = {}
        if columns["mask"]:
            with contextlib.suppress(BadFile):  # some published masks are shorter than their videos
                for number, mask in read_frames(self.root / columns["mask"], list(boxes)):
                    x, y, side = square_crop(boxes[number], mask.shape[1], mask.shape[0])
                    masks[number] = mask[y : y + side, x : x + side, 0]
        crops = []
        for number, picture in read_frames(self.root / columns["path"], list(boxes)):
            x, y, side = square_crop(boxes[number], picture.shape[1], picture.shape[0])
            crop = encode(".jpg", picture[y : y + side, x : x + side])
            (folder / f"{number:05}.jpg").write_bytes(crop)
            if number in masks:
                (folder / f"{number:05}_mask.png").write_bytes(encode(".png", masks[number]))
            crops.append(Crop(frame=number, square=(x, y, side), box=boxes[number], mask=number in masks))
        return crops


def cut_videos(
    manifest: Manifest, found: Survey, folder: Path, jobs: int | None = None, progress: bool = True
) -> Iterator[tuple[dict, CropRecord]]:
    """Yield (columns, record) for each usable video of a data set, cutting those that are not cut yet.

    Args:
        manifest: the data set.
        found: its videos.
        folder: where the crops go: `<folder>/<path of the video>/<number of the frame>.jpg`.
        jobs: threads that work side by side where no cluster is connected; one a processor core if None.
        progress: show a progress bar.

    Raises:
        CourseError: boxes that the manifest speaks of are not there, or the disk is full.
    """
    scenes = _scenes(found)
    _remove_abandoned(folder)
    total = sum(len(scene.videos) for scene in scenes)
    cut = partial(_cut, found.root, folder, manifest.frames)
    try:
        with (
            one_core_each(),
            bar([], progress, total=total, desc=f"Cutting {manifest.name}", unit="video") as shown,
        ):
            # Threads will do: decoding, detecting and encoding leave the interpreter's lock.
            for scene, records in work(cut, scenes, jobs=jobs):
                shown.update(len(scene.videos))
                yield from zip((columns for columns, _ in scene.videos), records, strict=True)
    except OSError as error:
        raise paths.cannot_write(folder, error) from error


def _cut(root: Path, folder: Path, sampling: Sampling, scene: Scene) -> list[CropRecord]:
    return _cutter(root, folder, sampling).cut(scene)


@lru_cache(maxsize=1)  # what finds faces is loaded once a process
def _cutter(root: Path, folder: Path, sampling: Sampling) -> Cutter:
    return Cutter(root, folder, sampling)


def _scenes(found: Survey) -> list[Scene]:
    """Return the usable videos by scene, an original first: it is the one in which faces are looked for."""
    scenes = defaultdict(list)
    for columns, facts in found.pictures:
        if not facts.problem:
            name = f"{columns['scene'] or columns['path']} {facts.width}x{facts.height}"
            scenes[name].append((columns, facts))
    by_label = {"key": lambda video: (video[0]["label"], video[0]["path"])}
    return [Scene(name, sorted(videos, **by_label)) for name, videos in sorted(scenes.items())]


def _read_record(folder: Path, wanted: CropRecord) -> CropRecord | None:
    """Return the record of a video that was cut, if it was cut from the very files that `wanted` names."""
    try:
        record = CropRecord.model_validate_json((folder / RECORD).read_bytes())
    except (OSError, ValidationError):
        return None
    made_of = {"video", "reference", "masked"}
    return record if record.model_dump(include=made_of) == wanted.model_dump(include=made_of) else None


@contextlib.contextmanager
def _unfinished(folder: Path) -> Iterator[Path]:
    """Give a new folder that is removed at the end, unless it got its name by then."""
    (folder / ".unfinished").mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=folder / ".unfinished"))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _publish(made: Path, place: Path, record: CropRecord) -> None:
    """Give a finished folder its name; what another preparation made of the same files meanwhile stays."""
    made.chmod(0o777 & ~paths.umask())
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.exists() and not _read_record(place, record):
        old = place.rename(made.with_suffix(".old"))
        shutil.rmtree(old)
    try:
        made.rename(place)
    except OSError:
        if not _read_record(place, record):
            raise


def _remove_abandoned(folder: Path) -> None:
    for made in [*(folder / ".unfinished").glob("*"), *(folder / SCENES).glob(".*.part")]:
        with contextlib.suppress(OSError):
            if time.time() - made.stat().st_mtime > ABANDONED:
                shutil.rmtree(made) if made.is_dir() else made.unlink()


def encode(extension: str, picture: np.ndarray) -> bytes:
    """Return a crop (H x W x 3 RGB or H x W grey, uint8) as a ".jpg" or ".png" of the course's own kind."""
    stored = picture[..., ::-1] if picture.ndim == 3 else picture
    _, data = cv2.imencode(extension, np.ascontiguousarray(stored), PARAMETERS[extension])
    return data.tobytes()
