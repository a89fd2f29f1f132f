"""How soon `course predict` answers, apart from imports, and how many pictures and frames it examines."""

import time
from pathlib import Path

from course_utils.data.faces import find_detector
from course_utils.data.generate import generate
from course_utils.data.manifest import load_manifest
from course_utils.data.prepare import load_dataset
from course_utils.predict.examine import Examiner
from course_utils.predict.report import predict
from course_utils.predict.tested import load_tested, shipped

PICTURES, CLIPS = 64, 6


def measure(folder: Path) -> tuple[list[dict], str]:
    """Return the lines of bench.json, and what they are of."""
    prepared = load_dataset("rendered_fakes")
    pictures = [prepared.root / path for path in prepared.split("test")["path"][:PICTURES]]
    clips = sorted(generate(load_manifest("rendered")).rglob("*.mp4"))[:CLIPS]
    started = time.perf_counter()
    examiner = Examiner([load_tested(card) for card in shipped()], find_detector(), folder)
    predict(pictures[:1], examiner)
    seconds = {"first": time.perf_counter() - started}
    for kind, files in (("pictures", pictures), ("frames", clips)):
        started = time.perf_counter()
        examined = predict(files, examiner).files
        seconds[kind] = (time.perf_counter() - started) / sum(max(1, file.looked_at) for file in examined)
    lines = [
        _line("predict_first_answer", seconds["first"], "s"),
        _line("predict_pictures", 1 / seconds["pictures"], "pictures/s"),
        _line("predict_frames", 1 / seconds["frames"], "frames/s"),
    ]
    return lines, f"drawn people, the shipped detector, faces found by {examiner.faces.name}; cpu"


def _line(name: str, value: float, unit: str) -> dict:
    return {"name": name, "value": value, "unit": unit, "baseline": None, "ratio": None, "spread": None}
