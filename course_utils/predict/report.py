"""The report on files: as JSON, as a table, and as a page that stands alone."""

import datetime
import importlib.metadata
from collections.abc import Callable, Sequence
from pathlib import Path

import jinja2
import pandas as pd

import course_utils
from course_utils import doctor
from course_utils.calibration import logits
from course_utils.paths import atomic_write, write_json
from course_utils.predict.examine import Examiner
from course_utils.predict.findings import Examined, Opinion, Report, rows

TEMPLATES = Path(__file__).parent / "templates"
WIDTH, HEIGHT = 640, 90  # of a time line, in its own units
HIGHEST = 8.0  # of its logits; what lies beyond is drawn there
LIBRARIES = ("torch", "torchvision", "timm", "opencv-python-headless", "av", "lir")


def predict(
    files: Sequence[Path], examiner: Examiner, tell: Callable[[Examined], None] = lambda examined: None
) -> Report:
    """Examine files, and write ``report.json``, ``report.csv`` and ``index.html`` beside their pictures.

    Args:
        files: pictures and clips.
        examiner: who examines them, and where to.
        tell: called after each file.
    """
    examined = []
    for number, file in enumerate(files):
        examined.append(examiner.examine(file, f"{number:04}"))
        tell(examined[-1])
    report = Report(
        course=course_utils.__version__,
        versions={name: importlib.metadata.version(name) for name in LIBRARIES},
        date=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        device=doctor.device_name(),
        faces=examiner.faces.name,
        prior=examiner.prior,
        cards=[detector.card for detector in examiner.detectors],
        files=examined,
    )
    write_json(examiner.out / "report.json", report.model_dump(mode="json"))
    with atomic_write(examiner.out / "report.csv") as temporary:
        pd.DataFrame(rows(examined)).to_csv(temporary, index=False)
    with atomic_write(examiner.out / "index.html") as temporary:
        temporary.write_text(_page(report), encoding="utf-8")
    return report


def _page(report: Report) -> str:
    """Return the report as a page; whatever comes from files is escaped, and nothing is fetched."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["line"] = _line
    return environment.get_template("predict.html.j2").render(
        report=report, width=WIDTH, height=HEIGHT, highest=HIGHEST
    )


def _line(opinion: Opinion) -> str:
    """Return the points of a clip's time line for an SVG polyline: time to the right, logit upwards.

    Between .95 and 1, where many scores lie, as much happens as between .05 and .95.
    """
    last = max(moment.seconds for moment in opinion.moments) or 1
    heights = 0.5 - logits([moment.score for moment in opinion.moments]).clip(-HIGHEST, HIGHEST) / 2 / HIGHEST
    return " ".join(
        f"{WIDTH * moment.seconds / last:.1f},{HEIGHT * height:.1f}"
        for moment, height in zip(opinion.moments, heights, strict=True)
    )
