"""The positive record that a notebook's last cell was reached; written from inside its kernel."""

import resource
import sys
from pathlib import Path

from course_utils import paths
from course_utils.data import used

TAG = "completion"
CELL = """\
from course_utils.notebooks.completion import write_completion
write_completion({record!r})"""


def write_completion(record: str) -> None:
    """Write the record: this kernel's peak memory in MB, and the data sets that it worked with."""
    # Linux counts in KiB, macOS in bytes.
    unit = 2**20 if sys.platform == "darwin" else 2**10
    peak = round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit)
    paths.write_json(Path(record), {"peak_memory_mb": peak, "datasets": sorted(used.names)})
