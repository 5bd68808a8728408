"""Creating a thing at a server once, whatever becomes of the answer and whoever else makes it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from nas_lib.cluster.api_errors import ConflictError, LostAnswerError

LOOK_AGAIN_S = (1.0, 2.0, 4.0, 8.0)
"""After an answer got lost, when we look whether the server did its work: so long after another."""

Find = Callable[[], Sequence[Any]]
Create = Callable[[], Any]


def find_or_create(find: Find, create: Create) -> Any:
    """Return what exists under a name that only one thing can have; two may do so at once."""
    for each in find():
        return each
    try:
        return create_once(create, find)
    except ConflictError:  # somebody else was faster
        for each in find():
            return each
        raise


def create_once(create: Create, find: Find) -> Any:
    """Return what was created: where the answer got lost, look before creating it again.

    Raises:
        LostAnswerError: The second answer got lost too, and nothing is to be found.
    """
    try:
        return create()
    except LostAnswerError:
        for each in _found_later(find):
            return each
    try:
        return create()
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
