"""Making a thing at a server once, whatever becomes of the answer and whoever else makes it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from nas_lib.cluster.refusals import ConflictError, LostAnswerError

LOOK_AGAIN_S = (1.0, 2.0, 4.0, 8.0)
"""After an answer got lost, when we look whether the server did its work: so long after another."""

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
    """Return what was made: where the answer got lost, look before making it again.

    Raises:
        LostAnswerError: The second answer got lost too, and nothing is to be found.
    """
    try:
        return make()
    except LostAnswerError:
        for each in _found_later(find):
            return each
    try:
        return make()
    except LostAnswerError:
        for each in _found_later(find):
            return each
        raise


def _found_later(find: Find) -> Sequence[Any]:
    """Look again and again; return what was found, or nothing."""
    for seconds in LOOK_AGAIN_S:
        time.sleep(seconds)
        if found := find():
            return found
    return ()
