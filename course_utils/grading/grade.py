"""Grade what was handed in: students × notebooks × questions, and only what has no result yet.

A result's key is a hash of all that it rests on. Results are written one by one as they land, so a run that
is stopped, or killed at any moment, is gone on with by the same command, and ends with the same results.
"""

import datetime
import functools
import json
import queue
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nbformat import NotebookNode
from pydantic import ValidationError

from course_utils import paths
from course_utils.errors import CourseError
from course_utils.grading.assignment import assignment_names, load_assignment
from course_utils.grading.judge import Finding, draw_inputs, judge
from course_utils.grading.kernels import Limits, Program, imported_modules, run_programs
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
    """

    states: Counter[str] = field(default_factory=Counter)
    judged: int = 0
    left_out: list[tuple[str, str]] = field(default_factory=list)
    several: list[Handed] = field(default_factory=list)
    releases: dict[str, Counter[str | None]] = field(default_factory=dict)


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
    tell: Tell = lambda done, total, words: None,
) -> Graded:
    """Grade submissions and write a result for each student and question under `out`.

    Args:
        submissions: a folder or an archive; see `course_utils.grading.submissions.collect`.
        out: where results, answers and figures go; it must not be in the repository.
        roster: table of students, of which the due times choose between versions, and whose ids `students`
            may name.
        jobs: how many sandboxes run side by side.
        limits: of each program.
        questions: ids; all by default.
        students: ids, or names of their or their group's submissions; all by default.
        new_seed: draw the assignment's seed anew, so that everything is graded again with other inputs.
        folders: private instructor folders, whose sources and checks go before the repository's.
        sandbox: False runs the students' programs as the user's own processes, and marks their results.
        tell: called with how many results are done, of how many, and the last one in words.

    Raises:
        CourseError: the sandbox does not work, `out` may not be used, there is nothing to grade, or there is
            no such question or student.
    """
    _refuse(out, submissions)
    if sandbox:
        check_sandbox()
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
    conditions = environment() | {"seed": seed, "limits": vars(limits), "sandbox": sandbox}
    chosen = [handed for handed in collected.handed if handed.student in wanted]
    tasks = [
        task
        for handed in chosen
        for task in tasks_of(handed, assignments[handed.notebook], conditions, out)
        if not questions or task.question.id in questions
    ]
    for (_, notebook), version in {(one.student, one.notebook): one.version for one in tasks}.items():
        graded.releases.setdefault(notebook, Counter())[version] += 1
    open_tasks = []
    for task in tasks:
        if stored := _stored(out, task):
            graded.states[stored.state] += 1
        else:
            open_tasks.append(task)
    graded.judged = len(open_tasks)
    tell(len(tasks) - len(open_tasks), len(tasks), "graded before")

    def keep(task: Task, finding: Finding, seconds: float = 0.0) -> None:
        write_result(out, _result(task, finding, seconds, sandbox))
        graded.states[finding.state] += 1
        words = f"{task.student} · {task.notebook} · {task.question.id}: {finding.state}"
        tell(sum(graded.states.values()), len(tasks), words)

    for task in open_tasks:
        if task.program is None:
            keep(task, _without_a_program(task))
    programs = [task for task in open_tasks if task.program is not None]
    _run(programs, keep, jobs, seed=seed, limits=limits, sandbox=sandbox)
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
    tasks: list[Task], keep: Callable[[Task, Finding, float], None], jobs: int, *, seed: int, **options: Any
) -> None:
    """Run the programs, one sandbox for the tasks of a student that exclude the same modules; judge here."""
    inputs: dict[str, Data] = {}
    groups: dict[tuple[str, tuple[str, ...]], list[Task]] = {}
    for task in tasks:
        place = f"{task.notebook}/{task.question.id}"
        if place not in inputs:
            inputs[place] = draw_inputs(task.question, seed)
        groups.setdefault((task.student, task.question.without), []).append(task)
    stop, landed = threading.Event(), queue.SimpleQueue()

    def work(without: tuple[str, ...], group: list[Task]) -> None:
        try:
            imports = {name for task in group for name in imported_modules(_preamble(task.program))}
            texts = [json.dumps(inputs[f"{task.notebook}/{task.question.id}"]) for task in group]
            programs = [
                Program(task.program, {"inputs.json": text}) for task, text in zip(group, texts, strict=True)
            ]
            outcomes = run_programs(
                programs, imports=imports, without=without, seed=seed, stop=stop, **options
            )
            for task, outcome in zip(group, outcomes, strict=True):
                landed.put((task, outcome))
        except BaseException as error:
            landed.put(error)

    with ThreadPoolExecutor(max_workers=jobs) as pool:
        futures = [pool.submit(work, without, group) for (_, without), group in groups.items()]
        try:
            for _ in tasks:
                found = landed.get()
                if isinstance(found, BaseException):
                    raise found
                task, outcome = found
                started = time.monotonic()
                place = f"{task.notebook}/{task.question.id}"
                finding = judge(task.question, inputs[place], task.program, outcome)
                keep(task, finding, outcome.seconds + time.monotonic() - started)
        finally:
            stop.set()
            for future in futures:
                future.cancel()


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
