"""The command line, as a user types it."""

import os
import subprocess
import sys


def course(*words, **environment):
    """Run the command as a user would; return exit code, standard output and standard error."""
    command = [sys.executable, "-c", "from course_utils.cli import main; main()", *words]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        env=os.environ | {"COLUMNS": "200", "NO_COLOR": "1"} | environment,
        check=False,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout, done.stderr
