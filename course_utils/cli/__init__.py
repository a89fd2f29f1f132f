"""The ``course`` command: a thin layer over the package that talks to people.

Exit codes: 0 all well, 1 a run failed or a check found something, 2 wrong use.
"""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from course_utils import cluster, paths
from course_utils.cli import data, grading
from course_utils.cli.console import Jobs, Numbers, Out, Scheduler, complaints, console, plain
from course_utils.errors import CourseError

INTERRUPTED = 130  # what typer exits with on Ctrl-C

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="A course on facial-manipulation detection: run its notebooks, prepare its data, read its report.",
)
app.add_typer(data.app, name="data")
app.add_typer(grading.app)


def main() -> None:
    """Run the command line; an error meant for people is printed without a traceback."""
    try:
        app()
    except CourseError as error:
        complaints.print(f"[bold red]course:[/] {plain(str(error))}", soft_wrap=True)
        sys.exit(error.exit_code)
    except SystemExit as ended:
        if ended.code != INTERRUPTED:
            raise
        complaints.print("course: stopped. What was done is kept; type the same command to go on.")
        sys.exit(1)


@app.command()
def doctor(
    for_grading: Annotated[
        bool, typer.Option("--grading", help="Also try the sandbox in which students' programs run.")
    ] = False,
) -> None:
    """Say what this machine has, and what to put right; the block can be pasted in a forum."""
    from course_utils.doctor import examine

    facts = examine()
    if for_grading:
        from course_utils.grading.host import examine_grading

        facts += examine_grading()
    width = max(len(fact.name) for fact in facts)
    print("```")
    for fact in facts:
        print(f"{'ok ' if fact.well else '!! '} {fact.name:<{width}}  {fact.value}")
        if not fact.well:
            print(f"    {'':<{width}}  → {fact.remedy}")
    print("```")


@app.command()
def run(  # noqa: PLR0917 (typer takes each option as a parameter)
    numbers: Numbers = None,
    profile: Annotated[str, typer.Option("--profile", help="tiny, quick, photographs or full.")] = "quick",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="A parameter, as key=value; repeatable."),
    ] = None,
    out: Out = None,
    jobs: Jobs = 1,
    timeout: Annotated[
        float | None, typer.Option("--timeout", min=1, help="Seconds that one cell may take.")
    ] = None,
    scheduler: Scheduler = None,
    gpu: Annotated[
        bool, typer.Option("--gpu", help="Each notebook takes a GPU of a worker: dask's resource GPU.")
    ] = False,
) -> None:
    """Run notebooks through papermill and write the report; exit 1 if any did not complete."""
    from course_utils.notebooks.catalogue import choose
    from course_utils.notebooks.run import read_run, runnable
    from course_utils.notebooks.run import run as run_notebooks

    notebooks = choose(runnable(), numbers or [])
    with cluster.connected(scheduler) as where, console.status("starting") as status:
        console.print(f"Running on {where}.")

        def tell(notebook: str, message: str) -> None:
            status.update(f"{notebook}: {message}")
            console.print(f"{notebook:<28} {message}")

        folder = run_notebooks(
            notebooks,
            profile,
            _settings(settings or []),
            out=out,
            jobs=jobs,
            gpu=gpu,
            cell_timeout=timeout,
            tell=tell,
        )
    from course_utils.notebooks.report import write_report  # its figures' libraries take seconds

    entries = read_run(folder)["notebooks"]
    table = Table("notebook", "state", "seconds", "peak MB", title=f"{folder}")
    for entry in entries:
        table.add_row(*(str(entry[key]) for key in ("name", "state", "seconds", "peak_memory_mb")))
    console.print(table)
    for entry in entries:
        if entry["error"]:
            complaints.print(f"[bold red]{entry['name']}[/]: {plain(entry['error'])}", soft_wrap=True)
    index = write_report(folder, (out / "report") if out else paths.build() / "report")
    print(f"Report: {index}")
    raise typer.Exit(0 if all(entry["state"] == "completed" for entry in entries) else 1)


@app.command()
def build(
    numbers: Numbers = None,
    profile: Annotated[
        str | None, typer.Option("--profile", help="Write this profile's values into solved notebooks.")
    ] = None,
    out: Out = None,
) -> None:
    """Build the notebooks from their sources (authors only)."""
    from course_utils.notebooks.build import build as build_notebooks

    for file in build_notebooks(numbers or [], profile, out):
        print(file)


@app.command()
def report(
    run_folder: Annotated[Path, typer.Argument(help="The folder of a run, such as build/runs/quick-…")],
    out: Out = None,
    public: Annotated[
        bool,
        typer.Option(
            "--public", help="Leave out pictures of data sets that may not be shown; list what was."
        ),
    ] = False,
) -> None:
    """Write the web site of a run, and print the path of its index page."""
    from course_utils.notebooks.report import write_report

    folder = out or paths.build() / ("public_report" if public else "report")
    print(f"Report: {write_report(run_folder, folder, public=public)}")


@app.command()
def predict(  # noqa: PLR0917 (typer takes each option as a parameter)
    paths_given: Annotated[list[str], typer.Argument(metavar="PATH...", help="Pictures, clips, folders.")],
    detector: Annotated[
        list[Path] | None,
        typer.Option(
            "--detector",
            help="A card, or a folder with some, as of a run; repeatable. The shipped one by default.",
        ),
    ] = None,
    prior: Annotated[
        float | None, typer.Option("--prior", help="Probability of a fake before looking; gives one after.")
    ] = None,
    pool: Annotated[
        str | None, typer.Option("--pool", help="A data set in which to look for similar pictures.")
    ] = None,
    frames: Annotated[int, typer.Option("--frames", min=1, help="How many of a clip are looked at.")] = 48,
    out: Out = None,
) -> None:
    """Say what detectors find in pictures and clips, and if they were tested on such; writes a page."""
    from course_utils.predict.inputs import find_files

    files = find_files(paths_given)
    with console.status("loading"):
        from course_utils.data.faces import DETECTORS, find_detector
        from course_utils.data.prepare import load_dataset
        from course_utils.predict.examine import Examiner
        from course_utils.predict.report import predict as examine_all
        from course_utils.predict.tested import find_cards, load_tested, shipped
        from course_utils.retrieval import harris_features

        searched = None
        if pool is not None:
            prepared = load_dataset(pool)
            places = [prepared.root / path for path in prepared.samples["path"]]
            searched = prepared, harris_features(places), harris_features
        folder = out or paths.build() / "predictions"
        cards = [card for place in detector or shipped() for card in find_cards(place)]
        asked = [load_tested(card) for card in cards]
        # The first with which the test of each was measured; the examiner says so where there is none.
        known = [name for name in DETECTORS if all(name in one.card.scope for one in asked)]
        faces = find_detector(*known[:1])
        examiner = Examiner(asked, faces, folder, prior=prior, frames=frames, pool=searched)
    report = examine_all(
        files,
        examiner,
        lambda found: console.print(f"{plain(found.path)}: {plain(found.first_line())}", soft_wrap=True),
    )
    console.print(f"\n{folder / 'index.html'}", soft_wrap=True)
    if any(found.problem for found in report.files):
        raise typer.Exit(1)


@app.command()
def models(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List the models of the course: input, parameters, multiply–accumulates, paper."""
    from course_utils.models import describe

    cards = describe()
    if as_json:
        print(json.dumps(cards, indent=1, ensure_ascii=False))
        return
    table = Table("name", "input", "parameters", "multiply–accumulates", "paper", title="Models")
    for card in cards:
        size = " × ".join(str(side) for side in card["input"])
        table.add_row(card["name"], size, f"{card['parameters']:,}", f"{card['macs']:,}", card["paper"])
    console.print(table)


@app.command()
def lab() -> None:
    """Open JupyterLab in the folder of the course."""
    _hand_over([sys.executable, "-m", "jupyterlab", str(paths.repository())])


@app.command()
def test(slow: Annotated[bool, typer.Option("--slow", help="The long tests instead.")] = False) -> None:
    """Run the test suite, on several cores."""
    # A file's tests stay together, for they share what took long to make.
    workers = ["--numprocesses", "auto", "--maxprocesses", "4", "--dist", "loadfile"]
    command = [sys.executable, "-m", "pytest", "-m", "slow" if slow else "not slow", *workers]
    _hand_over(command, OMP_NUM_THREADS="1")


@app.command()
def bench(
    names: Annotated[list[str] | None, typer.Argument(help="Benchmarks; all by default.")] = None,
    gpu: Annotated[bool, typer.Option("--gpu", help="Those that use a GPU, on it.")] = False,
) -> None:
    """Measure speed against plain code, print a table, and write build/bench.json."""
    if not (paths.repository() / "benchmarks").is_dir():
        raise CourseError("A student release holds no benchmarks.")
    command = [sys.executable, "-m", "benchmarks", *(names or []), *(["--gpu"] if gpu else [])]
    _hand_over(command, **({} if gpu else {"CUDA_VISIBLE_DEVICES": ""}))


def _hand_over(command: list[str], **environment: str) -> None:
    code = subprocess.run(
        command, cwd=paths.repository(), env=os.environ | environment, check=False
    ).returncode
    raise typer.Exit(code if code in (0, 2) else 1)


def _settings(pairs: list[str]) -> dict[str, Any]:
    settings = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier():
            raise CourseError(f"--set {pair}: expected key=value, such as --set epochs=5.")
        try:
            settings[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            settings[name] = value
    return settings
