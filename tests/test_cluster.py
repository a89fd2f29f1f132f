"""Work done side by side: by threads, by processes, and by workers elsewhere, of which some get lost."""

import hashlib
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
import psutil
import pytest
import yaml
from command_line import course
from scheduled import cluster_of

from course_utils import cluster, paths
from course_utils.cluster import WorkerLost, cancelled, connected, work
from course_utils.data.manifest import load_manifest
from course_utils.data.prepare import prepare
from course_utils.errors import CourseError, RunError
from course_utils.notebooks.catalogue import Notebook
from course_utils.notebooks.run import read_run, run


def place(item: int) -> tuple[int, int, int, str | None]:
    """Return who did an item, and where that one reads."""
    return item, os.getpid(), threading.get_ident(), os.environ.get("COURSE_DATA_ROOT")


def dies_at_three(item: int) -> int:
    if item == 3:
        os._exit(1)
    return item


def wait_in_vain(note: str) -> None:
    """Wait until nobody waits for this, and note it in files; without a note, not at all."""
    if note:
        Path(f"{note} begun").touch()
        for _ in range(600):
            if cancelled():
                Path(f"{note} ended").touch()
                break
            time.sleep(0.1)


def appears(file: Path, seconds: float = 30) -> bool:
    ends = time.monotonic() + seconds
    while not file.exists() and time.monotonic() < ends:
        time.sleep(0.05)
    return file.exists()


@pytest.mark.parametrize("processes", [False, True])
def test_items_are_done_side_by_side_in_the_places_of_now(processes, monkeypatch, tmp_path):
    for root in ("one", "two"):
        monkeypatch.setenv("COURSE_DATA_ROOT", str(tmp_path / root))
        found = dict(work(place, range(24), jobs=2, processes=processes, batch=3))
        assert sorted(found) == list(range(24))
        assert all(result[0] == item for item, result in found.items())
        assert {result[3] for result in found.values()} == {str(tmp_path / root)}
        elsewhere = os.getpid() not in {result[1] for result in found.values()}
        assert elsewhere == processes


def test_items_are_taken_when_there_is_a_worker_for_them_soon():
    taken = []

    def items():
        for item in range(100):
            taken.append(item)
            yield item

    ahead = [len(taken) - done for done, _ in enumerate(work(abs, items(), jobs=2))]
    assert max(ahead) <= 2 * 2 + 2
    assert len(taken) == 100


def test_what_raises_ends_the_work_with_its_own_error():
    with pytest.raises(ZeroDivisionError):
        list(work(lambda item: 1 // item, [2, 1, 0], jobs=2))


@pytest.mark.slow
def test_an_item_that_ends_its_worker_each_time_is_named_and_the_others_are_done():
    lost = []
    done = dict(work(dies_at_three, range(6), jobs=2, processes=True, lost=lost.append))
    assert (sorted(done), lost) == ([0, 1, 2, 4, 5], [3])
    with pytest.raises(WorkerLost, match="Workers were lost over the same piece of work"):
        list(work(dies_at_three, [3], jobs=1, processes=True))


@pytest.mark.parametrize("processes", [False, True])
def test_other_machines_cannot_reach_local_workers(processes):
    with cluster.workers(2, processes=processes):
        own = psutil.Process()
        ports = [one for process in (own, *own.children()) for one in process.net_connections()]
    assert {one.laddr.ip for one in ports if one.status == psutil.CONN_LISTEN} == {"127.0.0.1"}


def test_local_processes_leave_the_environment_as_it_was():
    before = dict(os.environ)
    assert dict(work(abs, [-1, 2], jobs=2, processes=True)) == {-1: 1, 2: 2}
    assert dict(os.environ) == before


def test_a_script_that_is_not_guarded_is_told_so(tmp_path):
    script = tmp_path / "script.py"
    script.write_text("from course_utils.cluster import work\nprint(list(work(abs, [1], processes=True)))\n")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert 'below `if __name__ == "__main__":`' in done.stderr


def test_nobody_there_is_said_without_a_traceback():
    code, _, said = course("run", "01", "--scheduler", "tcp://127.0.0.1:9")
    assert code == 2
    assert "No scheduler answers at tcp://127.0.0.1:9" in said


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory):
    """A cluster of two workers, each with a GPU to give away, as far as dask knows."""
    with cluster_of(tmp_path_factory.mktemp("cluster"), 2, "--resources", "GPU=1") as started:
        yield started


def test_workers_elsewhere_read_where_this_process_does(two_workers, monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA_ROOT", str(tmp_path))
    with connected(two_workers.scheduler) as words:
        found = dict(work(place, range(20)))
    assert words.startswith("2 workers with 2 threads at ")
    assert {result[1] for result in found.values()} == {worker.pid for worker in two_workers.workers}
    assert {result[3] for result in found.values()} == {str(tmp_path)}
    # Inside again, none is connected: this machine does it.
    assert dict(work(place, [1]))[1][1] == os.getpid()


@pytest.mark.parametrize("elsewhere", [False, True])
def test_whoever_stops_listening_stops_the_work(two_workers, tmp_path, elsewhere):
    note = tmp_path / "note"
    with connected(two_workers.scheduler if elsewhere else None):
        listening = work(wait_in_vain, ["", str(note)], jobs=2)
        assert next(listening) == ("", None)
        assert appears(tmp_path / "note begun")
        listening.close()
        assert appears(tmp_path / "note ended")


def test_a_worker_that_sees_other_files_says_so(two_workers, monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA_ROOT", str(tmp_path / "mine"))
    with connected(two_workers.scheduler), pytest.raises(CourseError, match=r"does not see .*/mine"):
        list(work(place, [1]))


def test_another_version_of_the_course_is_refused(tmp_path):
    shutil.copytree(paths.PACKAGE, tmp_path / "course_utils", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "course_utils" / "bars.py").write_text("# another")
    with (
        cluster_of(tmp_path, 0, package=tmp_path) as started,
        pytest.raises(CourseError, match="does not run this version of the course"),
        connected(started.scheduler),
    ):
        pass


@pytest.mark.slow
def test_a_scheduler_that_is_gone_is_said_in_words(tmp_path, capfd):
    with (
        cluster_of(tmp_path, 1) as started,
        pytest.raises(RunError, match="The scheduler is gone"),
        connected(started.scheduler),
    ):
        items = work(wait_in_vain, ["", str(tmp_path / "note")])
        next(items)
        started.processes[0].kill()
        next(items)
    assert "Traceback" not in capfd.readouterr().err


def test_a_gpu_is_given_to_one_item_at_a_time(two_workers, tmp_path):
    two_workers.add(1)  # it has no GPU
    with connected(two_workers.scheduler):
        with cluster.workers(gpu=True) as workers:
            assert workers.slots() == 2
        found = [result[1] for _, result in work(place, range(20), gpu=True)]
        assert set(found) == {worker.pid for worker in two_workers.workers[:2]}


def test_without_a_gpu_asking_for_one_is_an_error(tmp_path):
    with (
        cluster_of(tmp_path, 1) as started,
        connected(started.scheduler),
        pytest.raises(CourseError, match="no worker offers a GPU"),
    ):
        list(work(abs, [1], gpu=True))


def test_notebooks_run_on_workers(two_workers, tmp_path):
    notebooks = []
    for name, needs in (("91_a", []), ("92_b", ["91"])):
        node = nbformat.v4.new_notebook(metadata={"course": {"title": name, "needs": needs}})
        node.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        node.cells = [nbformat.v4.new_code_cell("size = 1", metadata={"tags": ["parameters"]})]
        node.cells.append(nbformat.v4.new_code_cell("import os; print(os.getppid())"))
        nbformat.write(node, tmp_path / f"{name}.ipynb")
        notebooks.append(Notebook(tmp_path / f"{name}.ipynb", node))
    with connected(two_workers.scheduler):
        folder = run(notebooks, "tiny", {}, out=tmp_path / "run")
    assert {one["state"] for one in read_run(folder)["notebooks"]} == {"completed"}
    assert read_run(folder)["device"]


def contents(folder: Path) -> dict[str, str]:
    """Return the digests of all whole files; what a kill left half made has a name of its own."""
    files = [file for file in sorted(folder.rglob("*")) if file.is_file() and file.suffix != ".part"]
    files = [file for file in files if ".unfinished" not in file.parts]
    return {str(f.relative_to(folder)): hashlib.sha256(f.read_bytes()).hexdigest() for f in files}


@pytest.mark.slow
def test_a_worker_lost_in_preparing_changes_nothing(tmp_path, monkeypatch):
    """Generating, opening and cutting: one of two workers is killed in each."""
    monkeypatch.delenv("COURSE_DATA_ROOT", raising=False)
    whole = {}
    for place_of, kills in (("alone", 0), ("disturbed", 3)):
        cache = tmp_path / place_of
        monkeypatch.setenv("COURSE_CACHE", str(cache))
        content = yaml.safe_load((paths.manifests()[1] / "rendered.yaml").read_text())
        content["generate"] |= {"pairs": {"train": 4, "val": 1, "test": 1}, "frames": 8, "size": 96}
        file = paths.manifests()[0] / "rendered.yaml"
        file.parent.mkdir(parents=True)
        file.write_text(yaml.safe_dump(content))
        (tmp_path / f"cluster {place_of}").mkdir()
        with cluster_of(tmp_path / f"cluster {place_of}", 2 + kills) as started:
            signs = ["generated/rendered/*/.units/*", "rendered/inventory.jsonl", "rendered/crops/*/*/*"]

            def kill_at_each_sign(signs=signs, cache=cache, started=started):
                for worker, sign in zip(started.workers, signs, strict=False):
                    while not any(cache.glob(sign)):
                        time.sleep(0.01)
                    worker.kill()

            killer = threading.Thread(target=kill_at_each_sign, daemon=True)
            if kills:
                killer.start()
            with connected(started.scheduler):
                prepared = prepare(load_manifest("rendered"), progress=False)
            if kills:
                killer.join(10)
                assert [worker.poll() is not None for worker in started.workers] == [True] * 3 + [False] * 2
        whole[place_of] = (prepared.samples, contents(prepared.root))
    assert whole["alone"][1] == whole["disturbed"][1]
    assert whole["alone"][0].equals(whole["disturbed"][0])
