"""Making a thing at a server once, whatever becomes of the answer and whoever else makes it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from nas_lib.cluster.refusals import ConflictError, LostAnswerError

LOOK_AGAIN_S = 2.0
"""After an answer got lost, the server has this long before we look whether it did its work."""

Find = Callable[[], Sequence[Any]]
Make = Callable[[], Any]


def found_or_made(find: Find, make: Make) -> Any:
    """Return what exists under a name that only one thing can have; two may do so at once."""
    for each in find():
        return each
    try:
        return made_once(make, find)
    except ConflictError:  # somebody else was faster
        for each in find():
            return each
        raise


def made_once(make: Make, find: Find) -> Any:
    """Return what was made: where the answer got lost, look before making it again."""
    try:
        return make()
    except LostAnswerError:
        time.sleep(LOOK_AGAIN_S)
        for each in find():
            return each
        return make()
