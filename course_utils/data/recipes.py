"""The sizes of the data sets that the course generates: what stands under `generate:` in a manifest."""

import hashlib
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt

from course_utils.data.splits import SplitName

# Raised whenever the same recipe gives other pictures than before, so that nobody goes on with the old ones.
EDITION = 2


class _Recipe(BaseModel):
    """What all recipes have: the `seed`. The same recipe gives the same pictures."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int = Field(0, ge=0)

    @property
    def fingerprint(self) -> str:
        """What changes when anything that is generated changes."""
        return hashlib.sha256(f"{EDITION} {self.model_dump_json()}".encode()).hexdigest()[:12]


class _Drawn(_Recipe):
    """A recipe for drawn people; `size` is the side of the pictures in pixels.

    No two people of one data set are alike; data sets of different seeds have no person in common.
    """

    size: int = Field(ge=64, multiple_of=4)

    def person(self, number: int) -> int:
        """Return the seed of the data set's person `number`."""
        return 100_000 * self.seed + number


class TalkingHeads(_Drawn):
    """Videos in the layout of FaceForensics++: `pairs` of people a split, each forged with the other.

    `frames` a video at `rate` frames a second, at each of `compressions` (the folder's name and the constant
    rate factor of H.264).
    """

    kind: Literal["talking_heads"]
    pairs: dict[SplitName, PositiveInt]
    frames: PositiveInt
    rate: float = Field(25, gt=0)
    compressions: dict[str, int] = {"c23": 23, "c40": 40}


class ForgedPictures(_Drawn):
    """`photographs` of each of so many `pairs` of people a split, and as many forged with the other."""

    kind: Literal["forged_pictures"]
    pairs: dict[SplitName, PositiveInt]
    photographs: PositiveInt


class DecodedPictures(_Drawn):
    """`photographs` of each of so many `people` a split; every other person's are decoded by a network."""

    kind: Literal["decoded_pictures"]
    people: dict[SplitName, PositiveInt]
    photographs: PositiveInt


class Identities(_Drawn):
    """`photographs` of each of so many `people`, each in another light, pose and place."""

    kind: Literal["identities"]
    people: PositiveInt
    photographs: PositiveInt


class Scenes(_Drawn):
    """Pictures of several people in the layout of HollywoodHeads: `films` a split, `pictures` of each.

    `size` is the height; they are 16:9.
    """

    kind: Literal["scenes"]
    films: dict[SplitName, PositiveInt]
    pictures: PositiveInt


class ForgedPhotographs(_Recipe):
    """`photographs` of each person of another data set, and as many forged; swaps are between pairs.

    `photographs_of` names that data set, in the layout of Labeled Faces in the Wild; `album` is how many of a
    person's photographs are used at most.
    """

    kind: Literal["forged_photographs"]
    photographs_of: str
    photographs: PositiveInt
    album: int = Field(8, ge=3)


Recipe = Annotated[
    TalkingHeads | ForgedPictures | DecodedPictures | Identities | Scenes | ForgedPhotographs,
    Field(discriminator="kind"),
]
