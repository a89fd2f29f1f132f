"""Progress bars."""

import os
from collections.abc import Iterable
from typing import Any

from tqdm.auto import tqdm


def bar(items: Iterable, shown: bool = True, **options: Any) -> tqdm:
    """Return `items` under a progress bar that vanishes at the end.

    ``TQDM_DISABLE=1`` hides all bars: nobody watches one in a run of notebooks, and its last state would
    stand in the report.
    """
    hidden = not shown or os.environ.get("TQDM_DISABLE", "") not in ("", "0")
    return tqdm(items, leave=False, disable=hidden, **options)
