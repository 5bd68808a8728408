"""Every stream of randomness has a name, and no two meet."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas_lib.seeds import Stream, seed_for

NUMBERS = {Stream.PROPOSE: 2, Stream.CHILD: 3}
"""How many numbers tell one use from another, where it is more than one."""
WITHOUT = (Stream.SPLIT, Stream.CONTROLLER, Stream.WEIGHTS, Stream.FIRST_WEIGHTS)


def num_numbers(stream: Stream) -> int:
    return 0 if stream in WITHOUT else NUMBERS.get(stream, 1)


LARGE = st.integers(0, 2**64 - 1)
USES = st.sampled_from(Stream).flatmap(
    lambda stream: st.tuples(st.just(stream), LARGE, *[LARGE] * num_numbers(stream))
)


@given(USES, USES)
def test_no_two_uses_meet(one: tuple[int, ...], other: tuple[int, ...]) -> None:
    seeds = [seed_for(use[1], Stream(use[0]), *use[2:]) for use in (one, other)]

    assert (seeds[0] == seeds[1]) == (one == other)


def test_nor_do_any_of_the_first_uses_of_the_first_seeds() -> None:
    uses: list[tuple[Any, ...]] = [
        (seed, stream, *numbers)
        for stream in Stream
        for seed in (0, 1, 2, 2**32, 2**32 + 1)
        for numbers in product((0, 1, 2, 3, 2**32), repeat=num_numbers(stream))
    ]

    assert len({seed_for(*use) for use in uses}) == len(uses) > 1000


@given(USES)
def test_a_seed_fits_63_bits_and_is_always_the_same(use: tuple[int, ...]) -> None:
    stream, seed, *numbers = use
    found = seed_for(seed, Stream(stream), *numbers)

    assert 0 <= found < 2**63  # of any generator, and of a child that is stored as JSON
    assert type(found) is int
    assert seed_for(seed, Stream(stream), *numbers) == found


def test_the_bits_of_seeds_are_as_good_as_random() -> None:
    seeds = [seed_for(0, Stream.CHILD, 0, round_, 0) for round_ in range(1000)]

    for bit in range(63):
        # mean 500, deviation sqrt(1000 / 4) = 15.8; five of those on each side
        assert 420 < sum(seed >> bit & 1 for seed in seeds) < 580


@pytest.mark.parametrize(
    ("use", "seed"),
    [
        ((0, Stream.SPLIT), 3717377837946358015),
        ((7, Stream.CHILD, 1, 2, 3), 5357070988019257749),
        ((2**40, Stream.DROPOUT, 5), 3836587190452992664),
    ],
)
def test_a_search_goes_on_with_the_seeds_that_it_began_with(
    use: tuple[Any, ...], seed: int
) -> None:
    """Recorded; another release must not change them."""
    assert seed_for(*use) == seed
