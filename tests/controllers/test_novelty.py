"""Steps from one architecture to others, and which of them are new."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nas_lib.controllers.memory import NO_TOKEN, Memory
from nas_lib.controllers.mutation import at_depth, mutated, neighbours, token_limits
from nas_lib.controllers.novelty import Known, first_new, hashes, new_neighbours
from nas_lib.spaces.decisions import Anchor, Choice, Pointer, Subset

LIMITS = np.array([3, 1, 2])


def memory_of(rows: list[list[int]]) -> Memory:
    return Memory(np.array(rows, np.int32).reshape(-1, 3), np.zeros(len(rows)), len(rows))


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_each_token_has_the_limit_of_its_decision() -> None:
    decisions = (Anchor("n"), Choice("c", 5), Pointer("n", 3), Subset("s", 0), Subset("s", 2))
    assert token_limits(decisions).tolist() == [5, 3, 2, 2]


def test_the_neighbours_are_all_that_differ_in_one_token() -> None:
    found = neighbours(np.array([2, 0, 1], np.int32), LIMITS)
    assert sorted(found.tolist()) == [[0, 0, 1], [1, 0, 1], [2, 0, 0]]


def test_a_mutation_is_any_neighbour_alike() -> None:
    start = np.array([2, 0, 1], np.int32)
    found = mutated(np.tile(start, (4000, 1)), LIMITS, rng())
    counts = {tuple(row): int((found == row).all(1).sum()) for row in neighbours(start, LIMITS)}
    assert sum(counts.values()) == 4000
    # of both tokens that can change, 2,000 each; the first has two other values
    assert abs(counts[2, 0, 0] - 2000) < 5 * 32
    assert abs(counts[0, 0, 1] - 1000) < 5 * 28


def test_where_nothing_is_to_be_decided_nothing_changes() -> None:
    start = np.zeros((2, 1), np.int32)
    assert mutated(start, np.array([1]), rng()).tolist() == [[0], [0]]
    assert neighbours(start[0], np.array([1])).tolist() == []


def test_another_depth_cuts_an_architecture_or_fills_it_up() -> None:
    known = np.array([[2, NO_TOKEN, NO_TOKEN], [1, 0, 1]], np.int32)
    assert at_depth(known, LIMITS[:1], rng()).tolist() == [[2], [1]]
    filled = at_depth(known, LIMITS, rng())
    assert filled[0, 0] == 2
    assert ((filled >= 0) & (filled < LIMITS)).all()
    assert filled[1].tolist() == [1, 0, 1]


@given(st.lists(st.tuples(*[st.integers(0, 40)] * 4), unique=True, max_size=60))
def test_other_architectures_have_other_hashes(rows: list[tuple[int, ...]]) -> None:
    found = hashes(np.array(rows, np.int32).reshape(-1, 4))
    assert len(np.unique(found)) == len(rows)


def test_what_is_known_is_not_new_and_nothing_is_new_twice() -> None:
    known = Known.of(memory_of([[1, 0, 1], [2, 0, 0]]), 3)
    found = hashes(np.array([[2, 0, 0], [0, 0, 0], [1, 0, 0], [0, 0, 0], [1, 0, 1]], np.int32))
    assert known.new(found).tolist() == [1, 2]


def test_only_architectures_of_the_same_depth_are_known() -> None:
    memory = memory_of([[1, NO_TOKEN, NO_TOKEN], [2, 0, NO_TOKEN], [2, 0, 1]])
    assert [len(Known.of(memory, depth).hashes) for depth in (0, 1, 2, 3)] == [0, 1, 1, 1]
    assert Known.of(memory, 1).new(hashes(np.array([[0], [1], [2]]))).tolist() == [0, 2]


def test_new_neighbours_are_those_that_are_not_known() -> None:
    starts = np.array([[2, 0, 1], [0, 0, 0]], np.int32)
    known = Known.of(memory_of([[2, 0, 1], [0, 0, 0], [0, 0, 1]]), 3)
    found, of = new_neighbours(starts, known, LIMITS, rng())
    # of the first [1, 0, 1] and [2, 0, 0]; the latter is the second's too, and comes once
    assert sorted(zip(of.tolist(), map(tuple, found.tolist()), strict=True)) == [
        (0, (1, 0, 1)),
        (0, (2, 0, 0)),
        (1, (1, 0, 0)),
    ]


def test_random_ones_make_up_for_candidates_that_are_known() -> None:
    known = Known.of(memory_of([[1, 0, 1]]), 3)
    batches = iter([np.array([[1, 0, 1], [2, 0, 1]], np.int32)])
    found = first_new(batches, known, LIMITS, num=4, rng=rng())
    assert found[0].tolist() == [2, 0, 1]
    assert len(np.unique(found, axis=0)) == 4
    assert [1, 0, 1] not in found.tolist()


def test_no_batch_is_asked_for_that_is_not_needed() -> None:
    first = np.array([[1, 0, 1], [2, 0, 1]], np.int32)
    batches = iter([first, first + 100])
    first_new(batches, Known.of(memory_of([]), 3), LIMITS, num=2, rng=rng())
    assert next(batches).tolist() == (first + 100).tolist()


def test_a_space_that_is_used_up_gives_repeats() -> None:
    limits = np.array([2, 1, 1])
    known = Known.of(memory_of([[0, 0, 0], [1, 0, 0]]), 3)
    assert first_new(iter(()), known, limits, num=3, rng=rng()).shape == (3, 3)
