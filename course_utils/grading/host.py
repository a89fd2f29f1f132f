"""Whether a machine can grade, and how much at a time: what ``course doctor --grading`` says."""

import os

import psutil

from course_utils.cluster import processor_cores
from course_utils.doctor import Fact
from course_utils.errors import CourseError
from course_utils.grading.cgroups import controllers, parent_group
from course_utils.grading.kernels import SHARED_MEMORY, Limits
from course_utils.grading.sandbox import check_sandbox, privileged


def examine_grading() -> list[Fact]:
    """Return whether grading can begin here, and with how many sandboxes side by side."""
    try:
        check_sandbox()
        found = Fact("sandbox", "bubblewrap works")
    except CourseError as error:
        reason, *rest = str(error).splitlines()
        found = Fact("sandbox", reason, "\n".join(rest))
    return [found, _user(), _limits(), _side_by_side()]


def _limits() -> Fact:
    group = parent_group()
    if group is None:
        return Fact("limits", "the grader looks at each sandbox twice a second")
    return Fact("limits", f"kept by the system: {' '.join(controllers(group))}")


def _user() -> Fact:
    if getattr(os, "geteuid", lambda: 1)() != 0:
        return Fact("user", "not root")
    if privileged():
        return Fact("user", "root; programs run as a user of their own")
    return Fact(
        "user",
        "root without rights",
        "The system does not count root's processes, and this one may not become another user: a program that"
        " forks without end can take the whole machine. Grade as a user of its own.",
    )


def _side_by_side() -> Fact:
    each = Limits().memory + SHARED_MEMORY
    memory = psutil.virtual_memory().available
    jobs = min(memory // each, processor_cores())
    value = f"--jobs {max(jobs, 1)} ({each / 2**30:g} GB each, {memory / 2**30:.0f} GB free)"
    return Fact("side by side", value, "" if jobs else "Close other programs, or give --memory less than 4.")
