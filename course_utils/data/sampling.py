"""Which frames of a video are used."""

import re
from typing import Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, model_serializer, model_validator


class Sampling(BaseModel):
    """Which frames of a video are used, written in words.

    - ``first 100``: the first 100 frames;
    - ``evenly 32``: 32 frames from the first to the last, equally far apart;
    - ``every 10``: every tenth, from the first on; ``every 10 up to 30``: at most 30 of them.

    The number of frames changes results, so it stands wherever they are reported.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rule: Literal["first", "evenly", "every"]
    count: int | None
    step: int = 1

    @model_validator(mode="before")
    @classmethod
    def _from_words(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        match = re.fullmatch(r"(first|evenly) ([1-9]\d*)|every ([1-9]\d*)(?: up to ([1-9]\d*))?", value)
        if match is None:
            raise ValueError(f"{value!r} should be like 'first 100', 'evenly 32' or 'every 10 up to 30'")
        rule, count, step, at_most = match.groups()
        if rule:
            return {"rule": rule, "count": int(count)}
        return {"rule": "every", "count": at_most and int(at_most), "step": int(step)}

    @model_serializer
    def __str__(self) -> str:
        if self.rule != "every":
            return f"{self.rule} {self.count}"
        return f"every {self.step}" + (f" up to {self.count}" if self.count else "")

    def frames(self, length: int) -> list[int]:
        """Return the numbers of the chosen frames of a video of `length` frames, ascending from 0."""
        if self.rule == "evenly":
            return sorted({int(frame) for frame in np.linspace(0, length - 1, self.count).round()})
        return list(range(0, length, self.step))[: self.count]
