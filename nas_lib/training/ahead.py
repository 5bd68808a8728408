"""Batches that are made while the network trains on the one before."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

T = TypeVar("T")

_END: Final = object()


def made_ahead(items: Iterable[T], *, num: int = 2) -> Iterator[T]:
    """Yield items in their order, each made in another thread before it is asked for.

    They are the same: one thread makes all of them, one after the other. What is raised there is
    raised here, where the item would have been.

    Args:
        items: What makes them.
        num: How many are made before their turn.
    """
    remaining = iter(items)
    with ThreadPoolExecutor(1) as thread:
        coming = deque(thread.submit(next, remaining, _END) for _ in range(num))
        while (item := coming.popleft().result()) is not _END:
            coming.append(thread.submit(next, remaining, _END))
            yield item  # type: ignore[misc]
