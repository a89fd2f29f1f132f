"""Examine files one after the other: find faces, crop them, ask detectors, and keep what explains them."""

import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from course_utils.data.faces import Face, FaceDetector, follow, square_crop
from course_utils.data.pictures import SMALLEST, BadFile, fit_square
from course_utils.data.prepare import PreparedDataset
from course_utils.errors import CourseError
from course_utils.likelihood import posterior
from course_utils.paths import atomic_write
from course_utils.plots.maps import overlay
from course_utils.plots.style import CLASS_COLOURS, CLASS_NAMES
from course_utils.predict.card import Card
from course_utils.predict.findings import Examined, Moment, Opinion, Person, Similar
from course_utils.predict.inputs import Source, look_into
from course_utils.predict.tested import TestedDetector
from course_utils.retrieval import Features, find_similar

FRAMES = 48  # of a clip
PEOPLE = 4  # of a clip, who are followed one by one
CROP_SIDE = 256  # pixels at most, of the crops that the page shows
DRAWN_SIDE = 1024  # likewise of the whole picture
SIMILAR = 5  # pictures of the pool


class Examiner:
    """Who examines files.

    Args:
        detectors: who are asked.
        faces: what finds faces.
        out: a folder for the pictures of what was found.
        prior: the probability of a fake before the file was looked at, over 0 and under 1; with it a
            probability is given, without it the likelihood ratio alone.
        frames: how many of a clip are looked at, evenly spread.
        pool: a data set, its features (n x D) and what makes them: pictures like the file are looked for.

    Raises:
        CourseError: no detector is given, one was not measured with `faces`, or `prior` is no probability.
    """

    def __init__(
        self,
        detectors: Sequence[TestedDetector],
        faces: FaceDetector,
        out: Path,
        *,
        prior: float | None = None,
        frames: int = FRAMES,
        pool: tuple[PreparedDataset, np.ndarray, Features] | None = None,
    ) -> None:
        if not detectors:
            raise CourseError("No detector is asked. Give one with its card; notebook 13 writes them.")
        if prior is not None and not 0 < prior < 1:
            raise CourseError(f"The prior is a probability over 0 and under 1, not {prior}.")
        for detector in detectors:
            if faces.name not in detector.card.zoom:
                raise CourseError(
                    f"{detector.card.title} was measured with faces found by {', '.join(detector.card.zoom)},"
                    f" and they are found by {faces.name} here: crops would be others than what was tested."
                )
        self.detectors, self.faces, self.out = detectors, faces, out
        self.prior, self.frames, self.pool = prior, frames, pool

    def examine(self, file: Path, name: str) -> Examined:
        """Return what was found in a file; what cannot be examined says why.

        Args:
            file: a picture or a clip.
            name: what the names of its pictures in the folder begin with.
        """
        found = Examined(path=str(file), sha256=None, kind=None)
        try:
            source = look_into(file)
            about = {"sha256": source.sha256, "kind": source.kind, "frames": source.frames}
            found = found.model_copy(update={**about, "width": source.width, "height": source.height})
            people, drawn, looked_at = self._look(source)
        except BadFile as error:
            return found.model_copy(update={"problem": str(error)})
        return found.model_copy(
            update={
                "looked_at": looked_at,
                "drawn": _keep(self.out, f"{name}.jpg", drawn),
                "people": [
                    self._person(looks, f"{name}_{number}", source) for number, looks in enumerate(people)
                ],
                "similar": self._similar(file) if source.kind == "picture" else [],
            }
        )

    def _look(self, source: Source) -> tuple[list[list["_Look"]], Image.Image, int]:
        """Return each person's faces, a picture with the boxes of all, and how many frames were looked at.

        Of a clip one frame is held at a time, and small crops are kept.
        """
        looks, drawn = [], None
        cards = [detector.card for detector in self.detectors]
        numbers = {
            int(number)
            for card in cards
            for place in card.places(source.frames, self.frames)
            for number in place
        }
        for number, seconds, picture in source.look(sorted(numbers)):
            here = [face for face in self.faces.detect(picture) if _longer(face) >= SMALLEST]
            if source.kind != "picture":  # forty faces in each frame would fill the memory
                here = sorted(here, key=_longer, reverse=True)[:PEOPLE]
            if drawn is None or (here and not any(looks)):
                drawn = _with_boxes(picture, here)
            looks.append([_Look(face, (number, seconds), picture, self.faces.name, cards) for face in here])
        people = [[look] for look in looks[0]] if source.kind == "picture" else _followed(looks)
        return people, drawn, len(looks)

    def _person(self, looks: list["_Look"], name: str, source: Source) -> Person:
        shown = looks[len(looks) // 2]
        return Person(
            box=[round(float(edge), 1) for edge in shown.box],
            frame=shown.frame,
            frames=len(looks),
            crop=_keep(self.out, f"{name}.jpg", Image.fromarray(shown.shown)),
            opinions=[
                self._opinion(detector, number, looks, f"{name}_{number}", source)
                for number, detector in enumerate(self.detectors)
            ],
        )

    def _opinion(
        self, detector: TestedDetector, number: int, looks: list["_Look"], name: str, source: Source
    ) -> Opinion:
        card = detector.card
        opinion = Opinion(detector=card.title, outside=[])
        if card.frames > 1 and source.kind == "picture":
            told = "it is a picture, and what was tested are clips"
            return opinion.model_copy(update={"outside": [told]})
        seen = _seen(looks, card.places(source.frames, self.frames))
        if not seen:
            told = "the face is not to be seen through as many frames as what was tested"
            return opinion.model_copy(update={"outside": [told]})
        told = [look.reasons[number] for looks_of_one in seen for look in looks_of_one]
        # Of a clip most frames decide: one blurred frame says little of the others.
        if 2 * sum(map(bool, told)) > len(told):
            # The same reason differs by its number from frame to frame: one of them stands for all.
            alike = [(reason.partition(" (")[0], reason) for reasons in told for reason in reasons]
            most_often = Counter(kind for kind, _ in alike).most_common(3)
            return opinion.model_copy(update={"outside": [dict(alike)[kind] for kind, _ in most_often]})
        crops = [np.stack([look.crops[number] for look in looks_of_one]) for looks_of_one in seen]
        if card.frames == 1:
            crops = [one for (one,) in crops]
        scores = detector.scores(crops)
        (ratio,) = card.ratio.of([detector.together(scores)])
        found = {"ratio": float(ratio), "at_limit": ratio in (card.ratio.lowest, card.ratio.highest)}
        if self.prior is not None:
            found["probability"] = float(posterior(ratio, self.prior))
        if source.kind != "picture":
            middle = [looks_of_one[len(looks_of_one) // 2] for looks_of_one in seen]
            found["moments"] = [
                Moment(frame=look.frame, seconds=round(look.seconds, 3), score=float(score))
                for look, score in zip(middle, scores, strict=True)
            ]
        found["explanation"] = self._explain(detector, crops[int(scores.argmax())], name)
        return opinion.model_copy(update=found)

    def _explain(self, detector: TestedDetector, crop: np.ndarray, name: str) -> str:
        picture, heat = detector.explain(crop)
        drawn = overlay(picture / 255, heat / max(heat.max(), 1e-12))
        return _keep(self.out, f"{name}_map.jpg", Image.fromarray((255 * drawn).astype(np.uint8)))

    def _similar(self, file: Path) -> list[Similar]:
        if self.pool is None:
            return []
        prepared, known, features = self.pool
        found = find_similar(file, prepared.samples, prepared.root, known, features, k=SIMILAR)
        return [
            Similar(
                path=row["path"],
                dataset=row["dataset"],
                label=CLASS_NAMES[row["label"]],
                similarity=row["score"],
            )
            for row in found.to_dict("records")
        ]


class _Look:
    """A face in a frame: its crop for each detector, and in what these are outside of what was tested."""

    def __init__(
        self,
        face: Face,
        moment: tuple[int, float],
        picture: np.ndarray,
        faces: str,
        cards: Sequence[Card],
    ) -> None:
        self.box, longer = face.box, _longer(face)
        self.frame, self.seconds = moment
        self.crops, self.reasons = [], []
        for card in cards:
            x, y, side = square_crop(face.box, *picture.shape[1::-1], scale=card.scale(faces, longer))
            crop = picture[y : y + side, x : x + side]
            self.reasons.append(card.reasons(faces, crop, longer))
            self.crops.append(np.asarray(fit_square(Image.fromarray(crop), card.image_size)))
        self.shown = np.asarray(fit_square(Image.fromarray(crop), min(side, CROP_SIDE)))


def _longer(face: Face) -> float:
    """Return the longer side of a face's box in pixels."""
    return float(max(face.box[2:] - face.box[:2]))


def _seen(looks: Sequence[_Look], places: Sequence[np.ndarray]) -> list[list[_Look]]:
    """Return the faces of one person at each of `places`, where more than half of its frames show them.

    As in the tests of clip networks, a frame without the face is passed over, and the first are looked at
    again until there are as many as the network takes.
    """
    by_frame = {look.frame: look for look in looks}
    seen = []
    for place in places:
        there = [by_frame[number] for number in place.tolist() if number in by_frame]
        if 2 * len(there) > len(place):
            seen.append([there[index % len(there)] for index in range(len(place))])
    return seen


def _followed(looks: list[list[_Look]]) -> list[list[_Look]]:
    """Return the faces of each of the `PEOPLE` who are seen most."""
    people = []
    while any(looks) and len(people) < PEOPLE:
        boxes = follow([[Face(look.box, 1.0) for look in frame] for frame in looks])
        person = [
            next((look for look in frame if box is not None and np.array_equal(look.box, box)), None)
            for frame, box in zip(looks, boxes, strict=True)
        ]
        people.append([look for look in person if look is not None])
        looks = [
            [look for look in frame if look is not one] for frame, one in zip(looks, person, strict=True)
        ]
    return people


def _with_boxes(picture: np.ndarray, faces: Sequence[Face]) -> Image.Image:
    drawn = Image.fromarray(picture)
    scale = min(1.0, DRAWN_SIDE / max(drawn.size))
    drawn = drawn.resize([max(1, round(scale * side)) for side in drawn.size])
    pen = ImageDraw.Draw(drawn)
    for number, face in enumerate(faces, start=1):
        x0, y0, x1, y1 = scale * face.box
        pen.rectangle((x0, y0, x1, y1), outline=CLASS_COLOURS[1], width=3)
        pen.text((x0 + 5, y0 + 3), str(number), fill="white", stroke_width=2, stroke_fill="black")
    return drawn


def _keep(out: Path, name: str, picture: Image.Image) -> str:
    encoded = io.BytesIO()
    picture.save(encoded, "JPEG", quality=90)
    with atomic_write(out / "pictures" / name) as temporary:
        temporary.write_bytes(encoded.getvalue())
    return f"pictures/{name}"
