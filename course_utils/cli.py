"""The ``course`` command: a thin layer over the package that talks to people.

Exit codes: 0 all well, 1 a run failed or a check found something, 2 wrong use.
"""

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml
from rich.console import Console
from rich.table import Table

from course_utils import paths
from course_utils.errors import CourseError, RunError

console = Console()
complaints = Console(stderr=True)
app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="A course on facial-manipulation detection: run its notebooks, prepare its data, read its report.",
)
data = typer.Typer(no_args_is_help=True, help="Data sets: list, show, prepare, check, audit, pack, unpack.")
app.add_typer(data, name="data")

Numbers = Annotated[list[str] | None, typer.Argument(help="Notebooks by number or name; all by default.")]
Out = Annotated[Path | None, typer.Option("--out", help="Folder to write into.")]
Jobs = Annotated[int, typer.Option("--jobs", min=1, help="How many to work on side by side.")]


def main() -> None:
    """Run the command line; an error meant for people is printed without a traceback."""
    try:
        app()
    except CourseError as error:
        complaints.print(f"[bold red]course:[/] {_plain(str(error))}", soft_wrap=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        complaints.print("course: stopped. What was done is kept; type the same command to go on.")
        sys.exit(1)


@app.command()
def doctor() -> None:
    """Say what this machine has, and what to put right; the block can be pasted in a forum."""
    from course_utils.doctor import examine

    facts = examine()
    width = max(len(fact.name) for fact in facts)
    print("```")
    for fact in facts:
        print(f"{'ok ' if fact.well else '!! '} {fact.name:<{width}}  {fact.value}")
        if not fact.well:
            print(f"    {'':<{width}}  → {fact.remedy}")
    print("```")


@data.command("list")
def data_list() -> None:
    """List the data sets: which are here, and how to get the others."""
    from course_utils.data.manifest import list_manifests

    table = Table("name", "what", "here?", "how to get it", title="Data sets", show_lines=True)
    for manifest in list_manifests():
        here = "yes" if _is_here(manifest) else "no"
        table.add_row(manifest.name, manifest.title, here, " ".join(manifest.access.split()))
    console.print(table)
    console.print(f"COURSE_DATA_ROOT is {paths.data_root() or 'not set'}.")


@data.command("show")
def data_show(name: Annotated[str, typer.Argument(help="A data set's name.")]) -> None:
    """Show a data set's manifest: terms, layout, splits, expected counts."""
    from course_utils.data.manifest import load_manifest

    manifest = load_manifest(name)
    content = manifest.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    print(yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100), end="")
    print(f"here: {manifest.data_folder() if _is_here(manifest) else 'no'}")


@data.command("prepare")
def data_prepare(
    name: Annotated[str | None, typer.Argument(help="A data set's name.")] = None,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Your own folder, which holds real/ and fake/.")
    ] = None,
    jobs: Annotated[int | None, typer.Option("--jobs", min=1, help="Threads; one a core by default.")] = None,
    splits: Annotated[
        str | None, typer.Option("--splits", help="Another split that the manifest names, e.g. thesis.")
    ] = None,
    frames: Annotated[
        str | None, typer.Option("--frames", help="Frames of each video, e.g. 'first 100' or 'evenly 32'.")
    ] = None,
) -> None:
    """Read every file once and write the sample table; go on where an earlier try stopped."""
    from course_utils.data.manifest import load_manifest
    from course_utils.data.prepare import prepare, prepare_folder
    from course_utils.data.samples import class_balance

    if (name is None) == (folder is None):
        raise CourseError("Name a data set, or give --folder with your own pictures: one of the two.")
    if folder:
        prepared = prepare_folder(folder, jobs=jobs)
    else:
        prepared = prepare(load_manifest(name).choose(splits, frames), jobs=jobs)
    console.print(_table(class_balance(prepared.samples).reset_index(), prepared.name))
    for item in prepared.left_out:
        console.print(f"left out: {_plain(f'{item.path}: {item.reason}')}", soft_wrap=True)
    left_out = f"{len(prepared.left_out)} files left out"
    console.print(f"{len(prepared.samples)} samples, {left_out}; {prepared.opened} files opened.")


@data.command("check")
def data_check(name: Annotated[str, typer.Argument(help="A data set's name.")]) -> None:
    """Open every file of a data set and report what is wrong with it; exit 1 if anything is."""
    from course_utils.data.check import check
    from course_utils.data.manifest import load_manifest

    report = check(load_manifest(name))
    console.print(_table(report.counts.reset_index(), name))
    console.print(f"Folder: {_plain(str(report.root))}", soft_wrap=True)
    console.print(f"Edition: {report.edition or 'none that the manifest knows'}")
    if report.findings:
        console.print(_table(report.table(), "Findings"))
        for finding in report.findings:
            if finding.severity == "error":
                console.print(_plain(f"{finding.kind}: {finding.path}: {finding.message}"), soft_wrap=True)
    else:
        console.print("Nothing found.")
    raise typer.Exit(0 if report.ok else 1)


@data.command("audit")
def data_audit(name: Annotated[str, typer.Argument(help="A data set's name.")]) -> None:
    """Look for shortcuts that tell fakes from reals, and for leaks; exit 1 if there are any."""
    from course_utils.audit import audit
    from course_utils.data.prepare import load_dataset

    report = audit(load_dataset(name))
    if report.note:
        console.print(report.note, soft_wrap=True)
    else:
        title = f"What tells fakes from reals in {name}: {report.units} {report.unit}s"
        console.print(_table(report.table().round(3), title))
    for warning in report.warnings:
        console.print(f"[bold]warning:[/] {_plain(warning)}", soft_wrap=True)
    if not report.warnings:
        console.print("Nothing found.")
    raise typer.Exit(1 if report.warnings else 0)


@data.command("pack")
def data_pack(name: Annotated[str, typer.Argument(help="A data set's name.")], out: Out = None) -> None:
    """Write a prepared data set to one archive to hand out, where its terms allow it."""
    from course_utils.data.pack import pack
    from course_utils.data.prepare import load_dataset

    archive = (out or paths.build() / "packs") / f"{name}.zip"
    sha256 = pack(load_dataset(name), archive)
    print(f"{archive}\n{archive.stat().st_size / 1e6:.1f} MB, SHA-256 {sha256}")


@data.command("unpack")
def data_unpack(archive: Annotated[Path, typer.Argument(help="What `course data pack` wrote.")]) -> None:
    """Use a data set that somebody packed, under its own name."""
    from course_utils.data.pack import unpack
    from course_utils.data.samples import class_balance

    prepared = unpack(archive)
    console.print(_table(class_balance(prepared.samples).reset_index(), prepared.name))


@app.command()
def run(  # noqa: PLR0917 (typer takes each option as a parameter)
    numbers: Numbers = None,
    profile: Annotated[str, typer.Option("--profile", help="tiny, quick or full.")] = "quick",
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="A parameter, as key=value; repeatable."),
    ] = None,
    out: Out = None,
    jobs: Jobs = 1,
    timeout: Annotated[
        float | None, typer.Option("--timeout", min=1, help="Seconds that one cell may take.")
    ] = None,
) -> None:
    """Run notebooks through papermill and write the report; exit 1 if any did not complete."""
    from course_utils.notebooks.catalogue import choose
    from course_utils.notebooks.report import write_report
    from course_utils.notebooks.run import read_run, runnable
    from course_utils.notebooks.run import run as run_notebooks

    notebooks = choose(runnable(), numbers or [])
    with console.status("starting") as status:

        def tell(notebook: str, message: str) -> None:
            status.update(f"{notebook}: {message}")
            console.print(f"{notebook:<28} {message}")

        folder = run_notebooks(
            notebooks,
            profile,
            _settings(settings or []),
            out=out,
            jobs=jobs,
            cell_timeout=timeout,
            tell=tell,
        )
    entries = read_run(folder)["notebooks"]
    table = Table("notebook", "state", "seconds", "peak MB", title=f"{folder}")
    for entry in entries:
        table.add_row(*(str(entry[key]) for key in ("name", "state", "seconds", "peak_memory_mb")))
    console.print(table)
    for entry in entries:
        if entry["error"]:
            complaints.print(f"[bold red]{entry['name']}[/]: {_plain(entry['error'])}", soft_wrap=True)
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
) -> None:
    """Write the web site of a run, and print the path of its index page."""
    from course_utils.notebooks.report import write_report

    print(f"Report: {write_report(run_folder, out or paths.build() / 'report')}")


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
    """Open JupyterLab in the folder of the notebooks."""
    _hand_over([sys.executable, "-m", "jupyterlab", str(paths.repository())])


@app.command()
def test(slow: Annotated[bool, typer.Option("--slow", help="The long tests instead.")] = False) -> None:
    """Run the test suite."""
    _hand_over([sys.executable, "-m", "pytest", "-m", "slow" if slow else "not slow"])


@app.command()
def bench() -> None:
    """Measure speed against plain code, print a table, and write build/bench.json."""
    if not (paths.repository() / "benchmarks").is_dir():
        raise CourseError("A student release holds no benchmarks.")
    _hand_over([sys.executable, "-m", "benchmarks"])


@app.command()
def start(numbers: Annotated[list[str], typer.Argument(help="Notebooks by number or name.")]) -> None:
    """Copy a notebook into work/, where it is yours; an existing copy is never overwritten."""
    from course_utils.grading.working_copy import start as start_notebooks

    for file in start_notebooks(numbers):
        print(file)


@app.command()
def validate(notebook: Annotated[Path, typer.Argument(help="Your notebook, or .py file or folder.")]) -> None:
    """Look at your answers as the grader does, with the public checks; exit 1 if anything is left to do."""
    from course_utils.grading.validate import validate as validate_notebook

    with console.status("reading") as status:
        findings = validate_notebook(notebook, tell=lambda question: status.update(f"checking {question}"))
    for finding in findings:
        sign = "✓" if finding.well else "✗"
        print(f"{sign} {finding.question.number:>4} {finding.question.id:<28} {finding.state}")
        for message in finding.messages:
            print(f"       {message}")
    left = [finding.question.id for finding in findings if not finding.well]
    if left:
        print(f"\nLeft to do: {', '.join(left)}.")
        raise typer.Exit(1)
    print("\nEvery question is answered, and all public checks passed.")


@app.command()
def update(notebook: Annotated[Path, typer.Argument(help="Your notebook of an earlier release.")]) -> None:
    """Carry your answers, helpers and imports into this release's notebook; the old file is kept."""
    from course_utils.grading.working_copy import update as update_notebook

    done = update_notebook(notebook)
    print(f"{notebook}: now of {done.version or 'this clone'}. The old file is {done.kept}.")
    print(f"Carried over: {', '.join(done.carried) or 'no answer'}.")
    for question in done.changed:
        print(f"The text of {question} changed: read it again.")
    for question in done.duplicate:
        print(f"{question} was answered in more than one way: keep one of the answers in its cell.")
    for question in done.gone:
        print(f"{question} is not asked any more; its answer stands in the old file only.")


@app.command()
def release(  # noqa: PLR0917 (typer takes each option as a parameter)
    numbers: Numbers = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder of the student repository.")] = None,
    version: Annotated[str | None, typer.Option("--version", help="Its name, such as v1.1.")] = None,
    solutions: Annotated[
        Path | None, typer.Option("--solutions", help="Folder for the solved notebooks.")
    ] = None,
    question: Annotated[
        str | None, typer.Option("--question", help="One code question's id: a notebook for a lab test.")
    ] = None,
    instructor: Annotated[
        list[Path] | None, typer.Option("--instructor", help="A private folder like instructor/; repeatable.")
    ] = None,
) -> None:
    """Write a student repository, and an archive of it, without solutions and rubrics (instructors only)."""
    from course_utils.grading.release import release as write_release

    if out is None:
        raise CourseError("Name a folder with --out, such as --out ../course-2027.")
    private = tuple(instructor or ())
    for file in write_release(
        numbers or [], out, version=version, private=private, solutions=solutions, question=question
    ):
        print(file)


@app.command()
def grade(  # noqa: PLR0917 (typer takes each option as a parameter)
    submissions: Annotated[
        Path, typer.Argument(help="Folder of notebooks or of student folders, or an LMS's archive.")
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder for results, outside the repository.")],
    roster: Annotated[
        Path | None, typer.Option("--roster", help="Table of students; due times choose between versions.")
    ] = None,
    jobs: Jobs = 1,
    timeout: Annotated[float, typer.Option("--timeout", min=1, help="Seconds for one answer.")] = 120,
    memory: Annotated[float, typer.Option("--memory", min=2, help="Gigabytes for one answer.")] = 4,
    questions: Annotated[
        list[str] | None, typer.Option("--question", help="Only this question, by id; repeatable.")
    ] = None,
    students: Annotated[
        list[str] | None, typer.Option("--student", help="Only this student; repeatable.")
    ] = None,
    new_seed: Annotated[
        bool, typer.Option("--new-seed", help="Draw other inputs, and grade everything again.")
    ] = False,
    instructor: Annotated[
        list[Path] | None,
        typer.Option("--instructor", help="A private folder with sources and checks; repeatable."),
    ] = None,
    unsafe: Annotated[
        bool,
        typer.Option("--unsafe-no-sandbox", help="Run students' programs with all your rights."),
    ] = False,
) -> None:
    """Grade submissions, each code question in a sandbox; the same command goes on where it stopped."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from course_utils.grading.grade import grade as grade_submissions
    from course_utils.grading.kernels import Limits
    from course_utils.grading.submissions import RULE

    if unsafe:
        complaints.print(
            "[bold red]No sandbox:[/] students' programs can read, change and delete whatever you can, and"
            " use the network. Every result will be marked.",
            soft_wrap=True,
        )
    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console) as progress:
        bar = progress.add_task("reading submissions", total=None)

        def tell(done: int, total: int, words: str) -> None:
            progress.update(bar, completed=done, total=total, description=_plain(words))
            if not console.is_terminal:
                print(f"{done}/{total} {words}", flush=True)

        try:
            graded = grade_submissions(
                submissions,
                out,
                roster=roster,
                jobs=jobs,
                limits=Limits(seconds=timeout, memory=round(memory * 2**30)),
                questions=questions or (),
                students=students or (),
                new_seed=new_seed,
                folders=instructor or (),
                sandbox=not unsafe,
                tell=tell,
            )
        except KeyboardInterrupt as interrupt:
            raise RunError("stopped. What was done is kept; type the same command to go on.") from interrupt
    for file, reason in graded.left_out:
        console.print(f"left out: {_plain(f'{file}: {reason}')}", soft_wrap=True)
    if graded.several:
        console.print(RULE, soft_wrap=True)
    for handed in graded.several:
        work = f"{handed.student}, {handed.notebook}: {len(handed.versions)} versions"
        which = f"{handed.chosen.path.name} of {handed.chosen.modified:%Y-%m-%d %H:%M} counts"
        console.print(_plain(f"{work}, {which}"), soft_wrap=True)
    for notebook, releases in graded.releases.items():
        if len(set(releases) - {None}) > 1:
            counts = ", ".join(
                f"{version or 'not known'}: {count}" for version, count in releases.most_common()
            )
            console.print(_plain(f"{notebook}, handed in by release: {counts}"), soft_wrap=True)
    table = Table("state", "results", title=f"{graded.judged} new results")
    for state, number in graded.states.most_common():
        table.add_row(state, str(number))
    console.print(table)
    print(f"Results: {out / 'results'}. Next: course marks {out}")


@app.command()
def marks(  # noqa: PLR0917 (typer takes each option as a parameter)
    folder: Annotated[Path, typer.Argument(help="What `course grade --out` wrote into.")],
    roster: Annotated[
        Path | None,
        typer.Option("--roster", help="Table: id, name, section, group, due, extra time, participant."),
    ] = None,
    manual: Annotated[
        list[Path] | None,
        typer.Option("--manual", help="A table in which a reader wrote points; repeatable."),
    ] = None,
    markers: Annotated[
        str | None, typer.Option("--markers", help="Share the answers to read among these, e.g. a,b,c.")
    ] = None,
    system: Annotated[
        str | None, typer.Option("--format", help="moodle or canvas: totals as it imports them, too.")
    ] = None,
    show_hidden: Annotated[
        bool, typer.Option("--show-hidden", help="Tell students what was expected, too.")
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option(
            "--export-answers", help="Write one plain file a question and student, for JPlag or Dolos."
        ),
    ] = None,
    forget: Annotated[str | None, typer.Option("--forget", help="Remove this student everywhere.")] = None,
    instructor: Annotated[
        list[Path] | None,
        typer.Option("--instructor", help="A private folder with checks of your own; repeatable."),
    ] = None,
) -> None:
    """Write gradebook, feedback, reading pages and overview of graded submissions."""
    from course_utils.grading.marks import blank_answers, export_answers, graded_assignments, write_marks

    if system not in (None, "moodle", "canvas"):
        raise CourseError(f"--format {system}: expected moodle or canvas.")
    with console.status("reading results") as status:
        assignments = graded_assignments(folder, *(instructor or []))
        questions = {assignment.name: list(assignment.questions) for assignment in assignments}
        summary = write_marks(
            folder,
            questions,
            roster_file=roster,
            manual=manual,
            markers=[name.strip() for name in markers.split(",")] if markers else None,
            system=system,
            show_hidden=show_hidden,
            forget_student=forget,
            tell=status.update,
        )
    for notice in summary.notices:
        console.print(f"[bold]note:[/] {_plain(notice)}", soft_wrap=True)
    if forget:
        print(
            f"{forget} is removed from {folder}. Roster, submissions and exported files are yours to clear."
        )
    if export:
        count = export_answers(folder, questions, blank_answers(assignments), export)
        print(f"answers: {count} files in {export}")
    for what, file in summary.files.items():
        print(f"{what}: {file}")
    print(f"{summary.changes} points changed; {summary.waiting} marks wait for a person.")


def _hand_over(command: list[str]) -> None:
    code = subprocess.run(command, cwd=paths.repository(), check=False).returncode
    raise typer.Exit(0 if code == 0 else 1)


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


def _is_here(manifest: Any) -> bool:
    try:
        return bool(manifest.data_folder())
    except CourseError:
        return False


def _table(frame: Any, title: str) -> Table:
    table = Table(*(str(column) for column in frame.columns), title=title)
    for row in frame.itertuples(index=False):
        table.add_row(*(_plain(str(value)) for value in row))
    return table


def _plain(text: str) -> str:
    return text.replace("[", r"\[")
