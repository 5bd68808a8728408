"""Regularised evolution, by what it proposes after known results."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
from controller_contract import learn

from nas_lib.config import EvolutionConfig
from nas_lib.controllers import Controller, Shard, build_controller
from nas_lib.spaces.decisions import Choice

DECISIONS = tuple(Choice(f"c{index}", 100) for index in range(6))


def controller_of(**settings: int) -> Controller:
    return build_controller(EvolutionConfig(**settings), DECISIONS)


def told(controller: Controller, results: Sequence[tuple[int, float | None]]) -> Sequence[Shard]:
    """A controller after results: an architecture is one number six times, then its reward."""
    tokens = [(number,) * 6 for number, _ in results]
    shards = controller.init(seed=0, num_shards=1)
    rewards = [reward for _, reward in results]
    return learn(controller, shards, tokens, rewards, decisions=DECISIONS)


def parents(controller: Controller, shards: Sequence[Shard], *, num: int = 200) -> Counter[int]:
    """Of which numbers the proposals are children: five of their six tokens."""
    found: Counter[int] = Counter()
    for child in controller.propose(shards, decisions=DECISIONS, num=num, seed=1):
        (number, share), *_ = Counter(child).most_common()
        assert share == 5
        found[number] += 1
    return found


def test_the_first_ones_are_random_until_there_is_a_population() -> None:
    controller = controller_of(population=12, sample=12)
    shards = told(controller, [(number, 0.1 * number) for number in range(9)])

    proposed = controller.propose(shards, decisions=DECISIONS, num=8, seed=0)

    children = [Counter(tokens).most_common()[0] == (8, 5) for tokens in proposed]
    assert not any(children[:3])  # 12 - 9 are lacking
    assert sum(children[3:]) >= 4  # the best of nearly all is the parent, as a rule


def test_the_oldest_leaves_whatever_it_earned() -> None:
    controller = controller_of(population=3, sample=3)
    shards = told(controller, [(9, 1.0), (1, 0.1), (2, 0.2), (3, 0.3)])

    assert parents(controller, shards).keys() == {1, 2, 3}


def test_a_parent_is_the_best_of_a_tournament() -> None:
    controller = controller_of(population=4, sample=2)
    shards = told(controller, [(0, 0.4), (1, 0.1), (2, 0.3), (3, 0.2)])

    found = parents(controller, shards)

    # best of two draws with replacement: 1 - (3/4)^2 = 7/16, then 5/16, 3/16, 1/16 of 200
    expected = {0: 87.5, 2: 62.5, 3: 37.5, 1: 12.5}
    assert all(abs(found[number] - count) < 30 for number, count in expected.items())


def test_what_crashed_is_no_parent_and_takes_its_place_in_the_population() -> None:
    controller = controller_of(population=3, sample=1)
    shards = told(controller, [(0, 0.9), (1, 0.1), (2, None), (3, 0.3)])

    assert parents(controller, shards, num=40).keys() == {1, 3}


def test_where_all_that_is_near_is_known_it_goes_further() -> None:
    decisions = (Choice("a", 2), Choice("b", 2), Choice("c", 50))
    controller = build_controller(EvolutionConfig(population=1, sample=1), decisions)
    near = [(0, 1, 49), (1, 0, 49), *((0, 0, c) for c in range(50))]
    shards = controller.init(seed=0, num_shards=1)
    shards = learn(controller, shards, near, [0.5] * 52, decisions=decisions)

    # the newest one is the only parent; what differs from it in two tokens is new
    proposed = np.array(controller.propose(shards, decisions=decisions, num=10, seed=0))

    assert ((proposed != (0, 0, 49)).sum(1) == 2).all()
