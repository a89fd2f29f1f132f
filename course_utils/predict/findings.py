"""What was found in a file, as plain data, and the sentence that it begins with."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict

from course_utils.predict.card import Card

# ENFSI, "Guideline for Evaluative Reporting in Forensic Science" (2015), table 2: from which ratio on.
SUPPORT = {2: "weak", 10: "moderate", 100: "moderately strong", 1000: "strong", 10_000: "very strong"}


class _Plain(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Moment(_Plain):
    """A frame of a clip and what a detector gave it."""

    frame: int
    seconds: float
    score: float


class Opinion(_Plain):
    """What one detector says of one face.

    Attributes:
        detector: its title.
        outside: in what the face is outside of what the detector was tested on; then there is no number.
        ratio: log10 likelihood ratio of fake against real; null outside.
        at_limit: whether the ratio is one beyond which the calibration does not carry.
        probability: of fake, from the ratio and the prior that was given; null without one.
        moments: of a clip, the score of each frame that was looked at.
        explanation: file of the picture that shows what decided it (see `TestedDetector.explain`), or null.
    """

    detector: str
    outside: list[str]
    ratio: float | None = None
    at_limit: bool = False
    probability: float | None = None
    moments: list[Moment] = []
    explanation: str | None = None

    @property
    def weightless(self) -> bool:
        """Whether the detector has no number but 0, because its test gave its scores no weight."""
        return self.at_limit and self.ratio == 0


class Person(_Plain):
    """A face of a picture, or one person's faces in a clip.

    Attributes:
        box: x0 y0 x1 y1 in pixels, in the frame of which the crop is.
        frame: that frame's number.
        frames: in how many of the frames that were looked at the face was found.
        crop: file of the crop.
        opinions: one a detector.
    """

    box: list[float]
    frame: int
    frames: int
    crop: str
    opinions: list[Opinion]


class Similar(_Plain):
    """A picture of the pool that is like the file, and how alike (cosine similarity)."""

    path: str
    dataset: str
    label: str
    similarity: float


class Examined(_Plain):
    """A file, and what was found in it."""

    path: str
    sha256: str | None
    kind: str | None
    width: int = 0
    height: int = 0
    frames: int = 0
    looked_at: int = 0
    problem: str | None = None
    drawn: str | None = None
    people: list[Person] = []
    similar: list[Similar] = []

    @property
    def inside(self) -> list[Opinion]:
        """The opinions that count."""
        return [opinion for person in self.people for opinion in person.opinions if not opinion.outside]

    def first_line(self) -> str:
        """Return the sentence that stands before all numbers."""
        if self.problem:
            return f"Not examined: {self.problem}."
        if not self.people:
            return "No face was found, so that nothing was examined."
        if not self.inside:
            opinions = [opinion for person in self.people for opinion in person.opinions]
            reasons = list(dict.fromkeys(reason for opinion in opinions for reason in opinion.outside))
            more = f" (and {len(reasons) - 2} more)" if len(reasons) > 2 else ""
            return f"Outside what was tested: {'; '.join(reasons[:2])}{more}. No number is given."
        telling = [opinion for opinion in self.inside if not opinion.weightless]
        asked = ", ".join(dict.fromkeys(opinion.detector for opinion in telling or self.inside))
        if not telling:
            return f"Inside what was tested, where {asked} did no better than chance: nothing can be said."
        strongest = max(telling, key=lambda opinion: opinion.ratio)
        rest = sum(all(opinion.outside for opinion in person.opinions) for person in self.people)
        told = f" {rest} of {len(self.people)} faces are outside what was tested." if rest else ""
        if support := support_of(strongest.ratio):
            return f"Inside what was tested: {support}, by {strongest.detector}.{told}"
        return f"Inside what was tested: no sign of forgery found by {asked}.{told}"


class Report(_Plain):
    """An answer to a question about files.

    Attributes:
        course: the version of what gave it.
        versions: of the libraries that it rests on.
        date: when.
        device: on which device.
        faces: what found the faces.
        prior: the probability of a fake that was given, or null.
        cards: of the detectors that were asked.
        files: what was found in each.
    """

    course: str
    versions: dict[str, str]
    date: str
    device: str
    faces: str
    prior: float | None
    cards: list[Card]
    files: list[Examined]


def support_of(ratio: float) -> str:
    """Return in words how much a log10 likelihood ratio speaks for a fake; nothing under two to one."""
    times = 10**ratio
    words = [word for bound, word in SUPPORT.items() if times >= bound]
    if not words:
        return ""
    return f"{words[-1]} support for forgery ({times:.3g} times likelier of a forged picture than of another)"


def rows(files: Sequence[Examined]) -> list[dict]:
    """Return a row a file, face and detector, for a table; one for a file without a face."""
    table = []
    for file in files:
        about = {"path": file.path, "sha256": file.sha256, "kind": file.kind, "first_line": file.first_line()}
        for number, person in enumerate(file.people):
            for opinion in person.opinions:
                table.append(
                    about
                    | {"face": number, "detector": opinion.detector, "outside": "; ".join(opinion.outside)}
                    | {"log10_likelihood_ratio": opinion.ratio, "probability": opinion.probability}
                )
        if not file.people:
            table.append(about)
    return table
