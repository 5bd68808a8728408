"""Results as a memory: what is kept, what is forgotten, what is stored."""

from __future__ import annotations

import numpy as np
import pytest

from nas_lib.controllers.memory import (
    NO_TOKEN,
    NUM_BEST,
    Memory,
    best_and_newest,
    results_of,
)
from nas_lib.controllers.state import NOTHING, Lesson


def lesson(tokens: list[tuple[int, ...]], rewards: list[float | None], num_tokens: int) -> Lesson:
    arrays = results_of(tokens, rewards, num_tokens=num_tokens)
    return Lesson(NOTHING, (), {}, arrays)


def remembered(rewards: list[float | None], *, most: int) -> Memory:
    """One result after the other; the architecture is the result's number."""
    memory = Memory.empty(1)
    for number, reward in enumerate(rewards):
        memory = memory.after(lesson([(number,)], [reward], 1), most=most)
    return memory


def test_results_are_kept_in_their_order_and_padded_to_the_greatest_depth() -> None:
    memory = Memory.empty(3).after(lesson([(1,), (0,)], [0.5, None], 3))
    memory = memory.after(lesson([(2, 1, 0)], [0.25], 3))

    assert memory.tokens.tolist() == [[1, NO_TOKEN, NO_TOKEN], [0, NO_TOKEN, NO_TOKEN], [2, 1, 0]]
    np.testing.assert_equal(memory.rewards, [0.5, np.nan, 0.25])
    assert memory.num_results == 3
    assert memory.judged().tokens[:, 0].tolist() == [1, 2]
    assert memory.newest(2).tokens[:, 0].tolist() == [0, 2]
    assert memory.newest(9).tokens[:, 0].tolist() == [1, 0, 2]


def test_of_many_the_newest_are_kept_and_the_best_of_all() -> None:
    # 10 at most, and 8 once there are more: half of them are the best, 4 of all
    rewards = [9.0, 0.0, None, 8.0, 7.0, *(0.1 * number for number in range(10))]
    memory = remembered(rewards, most=10)

    # of the first 11 were left 9, 8, 7 and .5, and the newest, .1 to .4 (numbers 6 to 9); then of
    # these with .6, .7 and .8 the best 4, 9, 8, 7 and .8, and the newest, .4 to .7; then comes .9
    assert memory.tokens[:, 0].tolist() == [0, 3, 4, 9, 10, 11, 12, 13, 14]
    assert memory.num_results == 15


def test_of_equally_good_ones_the_older_stay() -> None:
    memory = remembered([1.0] * 300, most=200)

    kept = memory.tokens[:, 0].tolist()
    # 150 are left of 201: when that happens with the 252nd, the newest 100 others are 152 to 251
    assert kept == [*range(NUM_BEST), *range(152, 300)]


def test_a_part_of_them_is_the_best_and_the_newest() -> None:
    rewards = np.array([0.9, 0.1, 0.8, 0.2, 0.3, 0.4])
    assert best_and_newest(rewards, 4, num_best=2).tolist() == [0, 2, 4, 5]
    assert best_and_newest(rewards, 6, num_best=3).tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize(("largest", "stored"), [(127, np.int8), (128, np.int32)])
def test_tokens_are_stored_in_a_byte_where_they_fit(largest: int, stored: type) -> None:
    memory = Memory.empty(2).after(lesson([(largest,)], [0.5], 2))

    assert memory.state["tokens"].dtype == stored
    assert memory.misfit() == Memory(**memory.state).misfit() == ""
    assert Memory(**memory.state).tokens.tolist() == [[largest, NO_TOKEN]]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tokens": np.zeros((2, 3))}, "expected tokens to be rows of int32, or of int8"),
        ({"rewards": np.zeros(2, np.float32)}, "expected rewards to be float64"),
        ({"rewards": np.zeros(3)}, "it has 2 architectures and rewards of shape (3,)"),
        ({"rewards": np.array([0.5, np.inf])}, "rewards has numbers that are not finite"),
        ({"num_results": 1}, "it has 2 of 1 results"),
    ],
)
def test_what_cannot_have_been_stored_is_said(change: dict[str, object], said: str) -> None:
    state = Memory.empty(3).after(lesson([(1,), (0,)], [0.5, None], 3)).state

    assert Memory(**{**state, **change}).misfit() == said
