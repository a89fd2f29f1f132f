"""The commands on answers: a student's own copy, releases, grading and marks."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from course_utils import cluster
from course_utils.cli.console import Jobs, Numbers, Scheduler, complaints, console, plain, printable
from course_utils.errors import CourseError, RunError

app = typer.Typer()


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
    scheduler: Scheduler = None,
    gpu: Annotated[
        bool, typer.Option("--gpu", help="Each sandbox gets a GPU of its worker; by default none sees one.")
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
    with cluster.connected(scheduler) as where, Progress(*columns, console=console) as progress:
        console.print(f"Grading on {where}.")
        bar = progress.add_task("reading submissions", total=None)

        def tell(done: int, total: int, words: str) -> None:
            progress.update(bar, completed=done, total=total, description=plain(words))
            if not console.is_terminal:
                print(f"{done}/{total} {printable(words)}", flush=True)

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
            gpu=gpu,
            tell=tell,
        )
    for file, reason in graded.left_out:
        console.print(f"left out: {plain(f'{file}: {reason}')}", soft_wrap=True)
    if graded.several:
        console.print(RULE, soft_wrap=True)
    for handed in graded.several:
        work = f"{handed.student}, {handed.notebook}: {len(handed.versions)} versions"
        which = f"{handed.chosen.path.name} of {handed.chosen.modified:%Y-%m-%d %H:%M} counts"
        console.print(plain(f"{work}, {which}"), soft_wrap=True)
    for notebook, releases in graded.releases.items():
        if len(set(releases) - {None}) > 1:
            counts = ", ".join(
                f"{version or 'not known'}: {count}" for version, count in releases.most_common()
            )
            console.print(plain(f"{notebook}, handed in by release: {counts}"), soft_wrap=True)
    table = Table("state", "results", title=f"{graded.judged} new results")
    for state, number in graded.states.most_common():
        table.add_row(state, str(number))
    console.print(table)
    print(f"Results: {out / 'results'}. Next: course marks {out}")
    if graded.lost:
        raise RunError(
            f"Of {len(graded.lost)} answers there is no result, since each worker that ran them was lost:"
            f" {'; '.join(graded.lost[:5])}. The same command tries them again."
        )


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
        console.print(f"[bold]note:[/] {plain(notice)}", soft_wrap=True)
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
