"""A class of two hundred with hostile answers among them, two workers against one, and what follows.

Measured: submissions a minute, the grader's memory while it grades (a figure), and preparing videos with
one worker and with two. Computed: how long classes and published data sets take on 1, 8 and 64 workers.
"""

import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import psutil
from distributed import LocalCluster

from benchmarks.grading import JOBS, NOTEBOOK, hand_in, solved
from benchmarks.simplenet import gain
from course_utils import paths
from course_utils.cluster import connected, one_core_each
from course_utils.data.crops import Cutter, Scene
from course_utils.data.manifest import load_manifest
from course_utils.data.prepare import prepare
from course_utils.data.rendered.clip import render_clip
from course_utils.data.rendered.identity import draw_identity
from course_utils.data.rendered.motion import talking
from course_utils.data.video import describe_video, write_video
from course_utils.grading.assignment import load_assignment
from course_utils.grading.grade import grade
from course_utils.grading.kernels import Limits
from course_utils.grading.results import read_results

SUBMISSIONS = 200
HOSTILE_EACH = 10  # of so many submissions one is hostile
TAME = 20
LIMITS = Limits(seconds=30)
# What hostile submissions have as the first line of a right answer.
ATTACKS = (
    "while True: pass",
    "import os; [os.fork() for _ in iter(int, 1)]",
    "held = [bytearray(2**28) for _ in iter(int, 1)]",
    "[print('x' * 10**6) for _ in iter(int, 1)]",
    "import os; os._exit(0)",
    "import os; os.kill(-1, 9)",
    "import shutil; shutil.rmtree('/', ignore_errors=True); raise SystemExit",
    "open('large', 'wb').write(bytes(2**31))",
    "import socket; socket.create_connection(('127.0.0.1', 22))",
    "import builtins; builtins.open = builtins.print = None",
)
FIRST_LINE = "    self.model.train()\n"
TURNS = 2
WORKERS = (1, 8, 64)
HANDING = 0.005  # seconds of dask's for an item
# Videos of the published sizes: pixels, frames, how many share a scene's faces, how many scenes.
PUBLISHED = {
    "FaceForensics++, 1000 x 6 videos": ("faceforensics", (1280, 720), 480, 6, 1000),
    "DFDC, 124,000 clips": ("dfdc", (1920, 1080), 300, 1, 124_000),
}


def measure(folder: Path) -> tuple[list[dict], str]:
    """Return the lines of bench.json, and what they are of."""
    tame, mixed = _graded(folder / "tame", TAME, hostile=False), _class(folder / "class")
    lines = [_per_minute("grading_tame", TAME, tame), _per_minute("grading_class", SUBMISSIONS, mixed)]
    lines.append(_two_workers(folder))
    # What a submission takes of a worker, and what of the one grader.
    work = {
        "500 submissions x 5 notebooks": (2500, tame["seconds"] * JOBS / TAME, mixed["own"] / SUBMISSIONS)
    }
    for name, (dataset, size, frames, videos, scenes) in PUBLISHED.items():
        work[name] = (scenes, _scene_seconds(folder / dataset, size, frames, videos), HANDING)
    print(plan(work).round(2).to_string())
    return lines, f"{SUBMISSIONS} submissions of {NOTEBOOK}, one of {HOSTILE_EACH} hostile; cpu"


def plan(work: dict[str, tuple[int, float, float]]) -> pd.DataFrame:
    """Return hours by number of workers.

    Args:
        work: (items, seconds that one takes of a worker, seconds that one takes of whoever hands them out),
            by name. Items are handed out one after the other, so this is what many workers wait for.
    """
    hours = {
        name: {count: items * max(each / count, handing) / 3600 for count in WORKERS}
        | {"workers that are kept busy": each / handing}
        for name, (items, each, handing) in work.items()
    }
    return pd.DataFrame.from_dict(hours, orient="index")


def draw_memory(seen: list[tuple[float, float]], file: Path) -> str:
    """Draw the grader's memory over the time of grading, and say it in a sentence."""
    minutes, megabytes = np.transpose(seen) / [[60], [1]]
    figure, axes = plt.subplots(figsize=(7, 3), layout="constrained")
    axes.plot(minutes, megabytes)
    axes.set(xlabel="minutes", ylabel="grader's memory (MB)", ylim=(0, 1.2 * megabytes.max()))
    axes.set_title(f"{SUBMISSIONS} submissions, one of {HOSTILE_EACH} hostile")
    file.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(file)
    plt.close(figure)
    quarters = [part.mean() for part in np.array_split(megabytes, 4)]
    told = ", ".join(f"{value:.0f}" for value in quarters)
    return f"The grader held {told} MB in the quarters of its time, {megabytes.max():.0f} at most: {file}"


def _class(folder: Path) -> dict:
    """Grade a class in which some are hostile, and say what became of these, and of the others."""
    found = _graded(folder, SUBMISSIONS, hostile=True)
    results = [one for one in read_results(folder / "out") if one.question == found["question"]]
    assert len(results) == SUBMISSIONS
    hostile = [int(one.student.removeprefix("student")) % HOSTILE_EACH == 0 for one in results]
    states = pd.crosstab(pd.Series(hostile, name="hostile"), pd.Series([one.state for one in results]))
    print(states.to_string())
    print(draw_memory(found["memory"], paths.build() / "bench_grader_memory.png"))
    return found


def _graded(folder: Path, count: int, *, hostile: bool) -> dict:
    assignment = load_assignment(NOTEBOOK)
    question = next(iter(assignment.solutions))
    for number in range(count):
        node = solved(assignment)
        if hostile and number % HOSTILE_EACH == 0:
            answer = next(cell for cell in node.cells if cell.metadata.get("question") == question)
            attack = ATTACKS[number // HOSTILE_EACH % len(ATTACKS)]
            answer.source = answer.source.replace(FIRST_LINE, f"    {attack}\n{FIRST_LINE}")
        hand_in(folder / "in", assignment, number, node)
    own = psutil.Process()
    before, started = own.cpu_times(), time.perf_counter()
    with _memory() as seen:
        grade(folder / "in", folder / "out", jobs=JOBS, limits=LIMITS)
    after = own.cpu_times()
    return {
        "seconds": time.perf_counter() - started,
        "own": after.user + after.system - before.user - before.system,
        "memory": seen,
        "question": question,
    }


@contextmanager
def _memory() -> Iterator[list[tuple[float, float]]]:
    """Give a list that fills with (seconds, megabytes) of this process, twice a second."""
    seen, ended, started = [], threading.Event(), time.perf_counter()

    def look() -> None:
        while not ended.wait(0.5):
            seen.append((time.perf_counter() - started, psutil.Process().memory_info().rss / 1e6))

    looking = threading.Thread(target=look)
    looking.start()
    try:
        yield seen
    finally:
        ended.set()
        looking.join()


def _per_minute(name: str, count: int, graded: dict) -> dict:
    rate = 60 * count / graded["seconds"]
    return {"name": name, "value": rate, "unit": "submissions/min", "baseline": None}


def _two_workers(folder: Path) -> dict:
    """Draw, open and cut the videos of `rendered`, with one worker and with two."""
    turns = []
    for turn in range(TURNS):
        taken = {}
        for count in (1, 2):
            with (
                paths_in(folder / f"cache {turn} {count}"),
                LocalCluster(
                    n_workers=count, threads_per_worker=1, dashboard_address="127.0.0.1:0"
                ) as cluster,
                connected(cluster.scheduler_address),
            ):
                started = time.perf_counter()
                prepare(load_manifest("rendered"), progress=False)
                taken[count] = time.perf_counter() - started
        turns.append(taken)
    seconds = pd.DataFrame(turns)
    return {
        "name": "prepare_two_workers",
        "value": seconds[2].mean(),
        "unit": "s",
        "baseline": seconds[1].mean(),
        **gain(seconds[1], seconds[2]),
    }


@contextmanager
def paths_in(cache: Path) -> Iterator[None]:
    """Let this process prepare into another cache."""
    before = paths.settings()
    os.environ["COURSE_CACHE"] = str(cache)
    try:
        yield
    finally:
        os.environ.update(before)


def _scene_seconds(folder: Path, size: tuple[int, int], frames: int, videos: int) -> float:
    """Return what opening and cutting the videos of one scene takes one worker.

    A drawn head stands in a picture of the published size; looking for it is paid once a scene.
    """
    folder.mkdir(parents=True)
    width, height = size
    head = np.asarray(render_clip(draw_identity(1), talking(1, 24, 25), height // 2, 1).frames)
    picture = np.random.default_rng(0).integers(90, 110, (len(head), height, width, 3), dtype=np.uint8)
    picture[:, height // 4 :, width // 3 :][:, : height // 2, : height // 2] = head
    write_video(folder / "0.mp4", np.resize(picture, (frames, height, width, 3)))
    shutil.copy(folder / "0.mp4", folder / "1.mp4")
    with one_core_each():
        started = time.perf_counter()
        facts = describe_video(folder / "0.mp4")
        opening = time.perf_counter() - started
        cutting = []
        for count in (1, 2):
            files = [{"path": f"{number}.mp4", "boxes": None, "mask": None} for number in range(count)]
            cutter = Cutter(folder, folder / f"cut{count}", load_manifest(folder.name).frames)
            started = time.perf_counter()
            cutter.cut(Scene("one", [(columns, facts) for columns in files]))
            cutting.append(time.perf_counter() - started)
    one, two = cutting
    return videos * opening + one + (videos - 1) * (two - one)
