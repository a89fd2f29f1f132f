"""Data sets that a user makes of others: merged, or cropped to heads, with a name from then on."""

from collections.abc import Sequence
from typing import Any, Literal

from course_utils.data.manifest import Manifest, load_manifest, manifest_names, refuse_rings, write_own
from course_utils.data.own import refuse_no_name
from course_utils.data.prepare import PreparedDataset, prepare
from course_utils.data.splits import SPLITS, DealtSplit, GivenSplit
from course_utils.errors import CourseError

LEAST_SHOWN = ("no", "unknown", "yes")


def merge(
    name: str, sources: Sequence[str], rule: DealtSplit, jobs: int | None = None, progress: bool = True
) -> PreparedDataset:
    """Make one data set of all that others hold, their groups dealt out anew.

    Args:
        name: what it is called from now on.
        sources: the names of two data sets or more.
        rule: the shares of train, val and test.
        jobs: see `prepare`, for those that are not prepared yet.
        progress: show a progress bar.

    Raises:
        CourseError: the name is none or taken, a source is unknown, not here or named twice, or see
            `merge.merge_tables`.
    """
    if len(sources) < 2:
        raise CourseError("Name two data sets or more to merge, each with --from.")
    if twice := [source for number, source in enumerate(sources) if source in sources[:number]]:
        raise CourseError(f"{twice[0]} is named twice: a data set is not merged with itself. Name it once.")
    manifest = _manifest(
        name,
        sources,
        title=f"Merged of {_together(sources)}",
        description=f"All of {_together(sources)}, their groups dealt out to train, val and test anew.",
        merge=tuple(sources),
        splits={"shuffled": rule},
    )
    return _make(manifest, jobs, progress)


def crop(
    name: str,
    source: str,
    detector: Literal["faces", "heads"] = "faces",
    jobs: int | None = None,
    progress: bool = True,
) -> PreparedDataset:
    """Make a data set of the heads in the pictures of another, see `heads.cut_heads`.

    Args:
        name: what it is called from now on.
        source: the name of the other data set.
        detector: what finds them: "faces", see `faces.find_detector`, or "heads", the course's own, which
            also sees those that are turned away and was trained on drawn scenes.
        jobs: see `prepare`.
        progress: show a progress bar.

    Raises:
        CourseError: the name is none or taken, the source is unknown or not here, or there is no head in it.
    """
    manifest = _manifest(
        name,
        [source],
        title=f"Heads of {source}",
        description=f"A picture a head in the pictures of {source}; those without a head are left out.",
        crop=source,
        detector=detector,
        splits={"given": GivenSplit(kind="given")},
    )
    return _make(manifest, jobs, progress)


def read_ratios(words: str) -> DealtSplit:
    """Return the rule that ``"0.7,0.15,0.15"`` asks for: the shares of train, val and test.

    Raises:
        CourseError: these are not three numbers above 0 that sum to 1.
    """
    try:
        return DealtSplit(kind="dealt", **dict(zip(SPLITS, words.split(","), strict=True)))
    except ValueError as error:  # pydantic's are among them
        raise CourseError(
            f"{words!r} are no ratios; expected the shares of train, val and test, three numbers above 0 that"
            " sum to 1, such as 0.7,0.15,0.15."
        ) from error


def _manifest(name: str, sources: Sequence[str], splits: dict, **told: Any) -> Manifest:
    refuse_no_name(name)
    if name in sources:
        raise CourseError(f"{name} cannot be made of itself. Choose another name for what is made of it.")
    known = [load_manifest(source) for source in sources]
    return Manifest(
        name=name,
        access=f"Made of {_together(sources)} on your machine: get those, then `course data prepare {name}`.",
        terms="\n".join(f"{source.name}: {source.terms}" for source in known),
        may_show=min((source.may_show for source in known), key=LEAST_SHOWN.index),
        citation="\n".join(source.citation for source in known),
        labels={"real": 0, "fake": 1},
        splits=splits,
        default_split=next(iter(splits)),
        **told,
    )


def _make(manifest: Manifest, jobs: int | None, progress: bool) -> PreparedDataset:
    name = manifest.name
    if name in manifest_names() and load_manifest(name) != manifest:
        raise CourseError(
            f"There is a data set {name} already, and it is another. Choose another name; `course data show"
            f" {name}` says what it is."
        )
    refuse_rings(manifest)
    prepared = prepare(manifest, jobs, progress)
    write_own(manifest)  # last: until then the name means nothing
    return prepared


def _together(sources: Sequence[str]) -> str:
    return f"{', '.join(sources[:-1])} and {sources[-1]}" if len(sources) > 1 else sources[0]
