"""Grade what was handed in: students × notebooks × questions, and only what has no result yet.

A result's key is a hash of all that it rests on. Results are written one by one as they land, so a run that
is stopped, or killed at any moment, is gone on with by the same command, and ends with the same results.
"""

import datetime
import functools
import itertools
import json
import secrets
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from pydantic import ValidationError

from course_utils import cluster, paths
from course_utils.errors import CourseError
from course_utils.grading.assignment import assignment_names, load_assignment
from course_utils.grading.judge import Finding, draw_inputs, judge
from course_utils.grading.kernels import Limits, Outcome, Program, imported_modules, run_programs
from course_utils.grading.questions import Data
from course_utils.grading.results import Result, result_file, write_result
from course_utils.grading.roster import read_roster, submissions_of
from course_utils.grading.sandbox import check_sandbox
from course_utils.grading.submissions import Handed, collect
from course_utils.grading.tables import known_id
from course_utils.grading.tasks import Task, environment, tasks_of

Tell = Callable[[int, int, str], None]


@dataclass
class Graded:
    """What a run of `grade` did.

    Attributes:
        states: how many results are in which state, those of earlier runs included.
        judged: how many are new.
        left_out: files that were not read, each with the reason.
        several: handed-in work of which there are several versions, with the one that counts.
        releases: of each notebook, how many began as which release's.
        lost: "student · notebook · question" of which there is no result, since what worked on it was lost.
    """

    states: Counter[str] = field(default_factory=Counter)
    judged: int = 0
    left_out: list[tuple[str, str]] = field(default_factory=list)
    several: list[Handed] = field(default_factory=list)
    releases: dict[str, Counter[str | None]] = field(default_factory=dict)
    lost: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Bundle:
    """Programs that run in one sandbox, one after the other: a student's that exclude the same modules."""

    number: int
    without: tuple[str, ...]
    imports: frozenset[str]
    programs: tuple[Program, ...]


def grade(
    submissions: Path,
    out: Path,
    *,
    roster: Path | None = None,
    jobs: int = 1,
    limits: Limits = Limits(),  # noqa: B008 (it is frozen)
    questions: Collection[str] = (),
    students: Collection[str] = (),
    new_seed: bool = False,
    folders: Sequence[Path] = (),
    sandbox: bool = True,
    gpu: bool = False,
    tell: Tell = lambda done, total, words: None,
) -> Graded:
    """Grade submissions and write a result for each student and question under `out`.

    Args:
        submissions: a folder or an archive; see `course_utils.grading.submissions.collect`.
        out: where results, answers and figures go; it must not be in the repository.
        roster: table of students, of which the due times choose between versions, and whose ids `students`
            may name.
        jobs: how many sandboxes run side by side where no cluster is connected.
        limits: of each program.
        questions: ids; all by default.
        students: ids, or names of their or their group's submissions; all by default.
        new_seed: draw the assignment's seed anew, so that everything is graded again with other inputs.
        folders: private instructor folders, whose sources and checks go before the repository's.
        sandbox: False runs the students' programs as the user's own processes, and marks their results.
        gpu: each sandbox has a GPU; none sees one by default.
        tell: called with how many results are done, of how many, and the last one in words.

    Raises:
        CourseError: the sandbox does not work, `out` may not be used, there is nothing to grade, or there is
            no such question or student.
    """
    _refuse(out, submissions)
    if sandbox:
        cluster.on_each_worker(check_sandbox)
    assignments = {name: load_assignment(name, *folders) for name in assignment_names(*folders)}
    asked = {question.id for assignment in assignments.values() for question in assignment.questions}
    _known(questions, asked, "question")
    due_times = functools.partial(_due_times, roster)
    collected = collect(submissions, list(assignments.values()), out / "unpacked", due_times)
    wanted = _wanted(students, roster, {handed.student for handed in collected.handed})
    graded = Graded(
        left_out=collected.left_out,
        several=[handed for handed in collected.handed if len(handed.versions) > 1],
    )
    _write_list(out, collected.handed)
    seed = assignment_seed(out, new_seed)
    conditions = environment() | {"seed": seed, "limits": vars(limits), "sandbox": sandbox, "gpu": gpu}
    chosen = [handed for handed in collected.handed if handed.student in wanted]
    asked_of = {
        name: [one for one in assignment.questions if not questions or one.id in questions]
        for name, assignment in assignments.items()
    }
    total = sum(len(asked_of[handed.notebook]) for handed in chosen)

    def done(words: str) -> None:
        tell(sum(graded.states.values()), total, words)

    def keep(task: Task, finding: Finding, seconds: float = 0.0) -> None:
        write_result(out, _result(task, finding, seconds, sandbox))
        graded.judged += 1
        graded.states[finding.state] += 1
        done(f"{_name(task)}: {finding.state}")

    def open_programs(handed: Handed) -> Iterator[Task]:
        """Yield the tasks of a notebook that a program has to answer; say at once what of the others is."""
        tasks = tasks_of(handed, assignments[handed.notebook], conditions, out)
        graded.releases.setdefault(handed.notebook, Counter())[tasks[0].version] += 1
        stored_before = 0
        for task in tasks:
            if task.question not in asked_of[handed.notebook]:
                continue
            if stored := _stored(out, task):
                graded.states[stored.state] += 1
                stored_before += 1
            elif task.program is None:
                keep(task, _without_a_program(task))
            else:
                yield task
        if stored_before:
            done(f"{handed.student} · {handed.notebook}: {stored_before} graded before")

    # One student after the other: a whole class's programs together would take gigabytes.
    students_tasks = (
        [task for handed in own for task in open_programs(handed)]
        for _, own in itertools.groupby(
            (handed for handed in chosen if asked_of[handed.notebook]), key=lambda handed: handed.student
        )
    )
    options = {"seed": seed, "limits": limits, "sandbox": sandbox, "gpu": gpu}
    _run(students_tasks, keep, graded, jobs, options)
    return graded


def assignment_seed(out: Path, new: bool = False) -> int:
    """Return the seed of all inputs of an assignment, which is drawn once and kept in ``assignment.json``.

    Raises:
        CourseError: the file holds no seed.
    """
    file = out / "assignment.json"
    if new or not file.is_file():
        paths.write_json(file, {"seed": secrets.randbits(32)})
    try:
        return int(json.loads(file.read_text(encoding="utf-8"))["seed"])
    except (ValueError, KeyError, TypeError) as error:
        raise CourseError(
            f'{file}: expected {{"seed": number}} ({error}). Put it right, or grade everything again with'
            " --new-seed."
        ) from error


def _refuse(out: Path, submissions: Path) -> None:
    for folder, why in ((paths.repository(), "the repository"), (submissions, "the submissions")):
        is_one = folder != paths.repository() or (folder / "notebooks" / "profiles.yaml").is_file()
        if is_one and folder.is_dir() and out.resolve().is_relative_to(folder.resolve()):
            raise CourseError(
                f"--out {out} is inside {why} ({folder}). Results name students and hold their answers:"
                " choose a folder elsewhere."
            )


def _known(wanted: Collection[str], there_are: Collection[str], what: str) -> None:
    if unknown := sorted(set(wanted) - set(there_are)):
        raise CourseError(
            f"There is no {what} {', '.join(unknown)}. There are: {', '.join(sorted(there_are))}."
        )


def _due_times(roster: Path | None, names: Collection[str]) -> dict[str, datetime.datetime]:
    """Return until when each submission could be handed in: of a group's, until the last one's due time."""
    due: dict[str, datetime.datetime] = {}
    for student in read_roster(roster, names) if roster else []:
        for name in submissions_of(student, names) if student.due else []:
            time = (student.due + student.extra_time).astimezone()
            due[name] = max(time, due.get(name, time))
    return due


def _wanted(students: Collection[str], roster: Path | None, names: Collection[str]) -> set[str]:
    """Return the names of the submissions of these students; all where none is named."""
    if not students:
        return set(names)
    by_id = {one.id: submissions_of(one, names) for one in read_roster(roster, names)} if roster else {}
    by_id = {name: [name] for name in names} | {identity: found for identity, found in by_id.items() if found}
    try:
        ids = [known_id(student, by_id) or student for student in students]
    except ValueError as error:
        raise CourseError(f"--student: {error}. Write the id in full.") from error
    _known(ids, by_id, "student")
    return {name for identity in ids for name in by_id[identity]}


def _write_list(out: Path, handed: list[Handed]) -> None:
    def moment(time: datetime.datetime) -> str:
        return time.replace(tzinfo=None).isoformat(timespec="seconds")

    entries = [
        {
            "student": one.student,
            "notebook": one.notebook,
            "handed_in": moment(one.chosen.modified),
            "chosen": str(one.chosen.path),
            "late": one.chosen.late,
            "versions": [{"file": str(two.path), "time": moment(two.modified)} for two in one.versions],
        }
        for one in handed
    ]
    paths.write_json(out / "submissions.json", entries)


def _stored(out: Path, task: Task) -> Result | None:
    """Return the result that there is, if it rests on the same."""
    file = result_file(out, task.student, task.notebook, task.question.id)
    try:
        result = Result.model_validate_json(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValidationError):
        return None
    return result if result.key == task.key else None


def _without_a_program(task: Task) -> Finding:
    if task.answer is None:
        return Finding("rejected", 0.0, task.rejected)
    match task.answer.state:
        case "missing":
            return Finding("missing", 0.0, "There is no answer to this question.")
        case "duplicate":
            return Finding(
                "duplicate",
                0.0,
                "There are two different answers to this question, and none of them can count. Keep one.",
            )
        case _:
            return Finding("needs_manual", None, "A person reads this answer.")


def _run(
    students_tasks: Iterable[list[Task]],
    keep: Callable[[Task, Finding, float], None],
    graded: Graded,
    jobs: int,
    options: dict[str, Any],
) -> None:
    """Have the programs run, wherever there is a worker; judge here."""
    inputs: dict[str, Data] = {}
    open_tasks: dict[int, list[Task]] = {}

    def bundles() -> Iterator[_Bundle]:
        numbers = itertools.count()
        for tasks in students_tasks:
            by_modules: dict[tuple[str, ...], list[Task]] = {}
            for task in tasks:
                if _place(task) not in inputs:
                    inputs[_place(task)] = draw_inputs(task.question, options["seed"])
                by_modules.setdefault(task.question.without, []).append(task)
            for without, together in by_modules.items():
                number = next(numbers)
                open_tasks[number] = together
                yield _Bundle(
                    number,
                    without,
                    frozenset(
                        name for task in together for name in imported_modules(_preamble(task.program))
                    ),
                    tuple(
                        Program(task.program, {"inputs.json": json.dumps(inputs[_place(task)])})
                        for task in together
                    ),
                )

    def lost(bundle: _Bundle) -> None:
        graded.lost += [_name(task) for task in open_tasks.pop(bundle.number)]

    run = functools.partial(_outcomes, options)
    for bundle, outcomes in cluster.work(run, bundles(), jobs=jobs, gpu=options["gpu"], lost=lost):
        for task, outcome in zip(open_tasks.pop(bundle.number), outcomes, strict=True):
            started = time.monotonic()
            finding = judge(task.question, inputs[_place(task)], task.program, outcome)
            keep(task, finding, outcome.seconds + time.monotonic() - started)


def _outcomes(options: Mapping[str, Any], bundle: _Bundle) -> list[Outcome]:
    return list(
        run_programs(
            bundle.programs,
            imports=bundle.imports,
            without=bundle.without,
            stop=cluster.cancelled,
            **options,
        )
    )


def _place(task: Task) -> str:
    return f"{task.notebook}/{task.question.id}"


def _name(task: Task) -> str:
    return f"{task.student} · {task.notebook} · {task.question.id}"


def _preamble(node: NotebookNode) -> str:
    return next((cell.source for cell in node.cells if cell.id == "preamble"), "")


def _result(task: Task, finding: Finding, seconds: float, sandbox: bool) -> Result:
    return Result(
        student=task.student,
        notebook=task.notebook,
        question=task.question.id,
        key=task.key,
        state=finding.state,
        points=finding.points,
        possible=task.question.points,
        criteria=finding.criteria,
        message=finding.message,
        flags=task.answer.flags if task.answer else (),
        seconds=round(seconds, 2),
        sandboxed=sandbox,
    )
