"""The exceptions that carry a message written for a person."""


class CourseError(Exception):
    """Something a user can put right.

    The message says what was wrong, where, what was expected and what to do. The command line prints it
    without a traceback and ends with `exit_code`; a notebook shows it as the last line of a traceback.
    """

    exit_code = 2


class RunError(CourseError):
    """What was asked for was right, and doing it failed: a full disk, a model that diverged, a lost file."""

    exit_code = 1
