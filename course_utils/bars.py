"""Progress bars."""

import os
import sys
from collections.abc import Iterable
from typing import Any

from tqdm.auto import tqdm


def bar(items: Iterable, shown: bool = True, **options: Any) -> tqdm:
    """Return `items` under a progress bar that vanishes at the end.

    None is drawn where nobody watches: into a file, or with ``TQDM_DISABLE=1``, which runs of notebooks set,
    since a bar's last state would stand in the report.
    """
    watched = sys.stderr.isatty() or "ipykernel" in sys.modules
    hidden = not shown or not watched or os.environ.get("TQDM_DISABLE", "") not in ("", "0")
    return tqdm(items, leave=False, disable=hidden, **options)
