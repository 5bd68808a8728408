from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from nas_lib.training.ahead import made_ahead


def test_items_come_in_their_order_and_all_from_one_other_thread() -> None:
    threads = set()

    def make() -> Iterator[int]:
        for number in range(20):
            threads.add(threading.get_ident())
            yield number

    assert list(made_ahead(make())) == list(range(20))
    assert len(threads) == 1
    assert threading.get_ident() not in threads
    assert list(made_ahead([])) == []


def test_so_many_are_made_before_their_turn_and_no_more() -> None:
    made, third = list[int](), threading.Event()

    def make() -> Iterator[int]:
        for number in range(9):
            made.append(number)
            if number == 2:
                third.set()
            yield number

    items = made_ahead(make(), num=2)
    assert next(items) == 0
    assert third.wait(timeout=10)  # 1 and 2, while nobody asks
    assert made == [0, 1, 2]
    items.close()


def test_what_goes_wrong_is_raised_where_the_item_would_have_been() -> None:
    def make() -> Iterator[int]:
        yield 1
        raise ValueError("the second")

    items = made_ahead(make())
    assert next(items) == 1
    with pytest.raises(ValueError, match="the second"):
        next(items)


def test_the_thread_ends_where_nobody_asks_any_more() -> None:
    before = threading.active_count()
    items = made_ahead(iter(range(1000)))
    next(items)
    assert threading.active_count() == before + 1
    items.close()
    assert threading.active_count() == before
