"""Numbers that papers printed, to set beside our own."""

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from course_utils.errors import CourseError
from course_utils.paths import manifests

FILE_NAME = "published_results.yaml"


class PublishedResult(BaseModel):
    """One printed number.

    `dataset` and `edition` are the names that the dataset's manifest uses; `method` is the one whose fakes
    were tested, "all" for all of them where they were also tested apart; `metric` is a key of
    `predictions.metrics`, ``auroc_score_real`` for the ranking by P(real), or ``map_50``, the mean average
    precision of detected boxes that overlap by half; rates are fractions, ``tcr`` is in percent.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: str = Field(pattern=r"^[a-z0-9_]+$")
    paper: str
    system: str
    dataset: str
    edition: str | None = None
    method: str | None = None
    compression: str | None = None
    split: str
    metric: str
    value: float
    where: str


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    papers: dict[str, str]
    results: list[PublishedResult]


def published_results() -> dict[str, PublishedResult]:
    """Return the published numbers by id, each with its paper's full citation.

    Raises:
        CourseError: the file has an error; the message names the row and the field.
    """
    path = next((folder / FILE_NAME for folder in manifests() if (folder / FILE_NAME).is_file()), None)
    if path is None:
        raise CourseError(f"No {FILE_NAME} in {' or '.join(map(str, manifests()))}. Get the project afresh.")
    try:
        file = _File.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, ValidationError) as error:
        raise CourseError(f"{path} is not as expected: {error}") from error
    results = {}
    for row in file.results:
        if row.id in results:
            raise CourseError(f"{path}: two rows have the id {row.id!r}. Give each its own.")
        if row.paper not in file.papers:
            raise CourseError(
                f"{path}: row {row.id!r} cites {row.paper!r}, which is not among the papers"
                f" ({', '.join(file.papers)}). Add its citation there."
            )
        results[row.id] = row.model_copy(update={"paper": file.papers[row.paper]})
    return results
