"""By which child each architecture was first judged: a note for each, under its id.

A note is a small record, or, where a store can have one object under several keys, what the child's
round came to: then it takes no writing, and no disk has to be waited for.
"""

from __future__ import annotations

from collections.abc import Sequence

from nas_lib.errors import CorruptStateError, ObjectNotFoundError
from nas_lib.records import ChildRow, First, Rewarded
from nas_lib.store import SearchStore, layout
from nas_lib.store.search_store import MAX_RECORD

_SMALL = 200  # bytes, of a note: what a round came to is larger


def firsts_of(rewarded: Rewarded) -> Sequence[ChildRow]:
    """Return the children of a round whose architectures it has judged."""
    return [row for row in rewarded.rows if row.counts and not row.is_repeat]


def note_first(store: SearchStore, rewarded: Rewarded, row: ChildRow) -> None:
    """Note by which child an architecture was judged, unless it is noted.

    Args:
        store: The search's.
        rewarded: What its round came to, as it is stored.
        row: The child.
    """
    key = layout.judged(row.architecture.id)
    link = getattr(store.objects, "link", None)  # only a folder has it
    if link is not None:
        link(key, to=layout.round_state(rewarded.replica, rewarded.round, "rewarded"))
    else:
        store.settle(key, First(row.id))


def find_first(store: SearchStore, architecture: str) -> str | None:
    """Return the child by which an architecture, given by its id, was judged; None if by none.

    Raises:
        CorruptStateError: The note is damaged.
    """
    key = layout.judged(architecture)
    if store.objects.concurrency == 1 and not store.objects.has(key):
        return None  # of a store that is near it takes a tenth of what an error takes
    try:
        data = store.objects.get(key, at_most=MAX_RECORD)
    except ObjectNotFoundError:
        return None
    if len(data) < _SMALL:
        return store.parse(First, data, key=key).child
    rewarded = store.parse(Rewarded, data, key=key)
    found = (row.id for row in firsts_of(rewarded) if row.architecture.id == architecture)
    child = next(found, None)
    if child is None:
        raise CorruptStateError.of_content(key, f"its round judged no architecture {architecture}")
    return child
