"""The one exception that carries a message written for a person."""


class CourseError(Exception):
    """Something a user can put right.

    The message says what was wrong, where, what was expected and what to do. The command line prints it
    without a traceback; a notebook shows it as the last line of one.
    """
