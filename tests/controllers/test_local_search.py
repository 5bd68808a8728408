"""Local search, by what it proposes after known results."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from controller_contract import best_on_a_hill, learn

from nas_lib.config import LocalSearchConfig
from nas_lib.controllers import Controller, Shard, build_controller
from nas_lib.spaces.decisions import Choice, Subset

DECISIONS = (Choice("a", 4), Subset("s", 2), Choice("b", 3))  # 3 + 1 + 1 + 2 = 7 neighbours
GOOD, NEXT, BAD = (0, 0, 0, 0), (3, 1, 1, 2), (2, 1, 0, 1)


def controller_of(*, initial: int = 1, starts: int = 1) -> Controller:
    return build_controller(LocalSearchConfig(initial=initial, starts=starts), DECISIONS)


def told(controller: Controller, *results: tuple[Sequence[int], float | None]) -> list[Shard]:
    shards = controller.init(seed=0, num_shards=1)
    tokens, rewards = [tokens for tokens, _ in results], [reward for _, reward in results]
    return learn(controller, shards, tokens, rewards, decisions=DECISIONS)


def distances(
    controller: Controller,
    shards: Sequence[Shard],
    start: Sequence[int],
    *,
    num: int,
    seed: int = 0,
) -> list[int]:
    """In how many tokens each proposal differs."""
    proposed = controller.propose(shards, decisions=DECISIONS, num=num, seed=seed)
    return [int(differs) for differs in (np.array(proposed) != start).sum(1)]


def test_the_neighbours_of_the_best_are_tried_all_of_them() -> None:
    controller = controller_of()
    shards = told(controller, (BAD, 0.1), (GOOD, 0.9), (NEXT, 0.8))

    assert distances(controller, shards, GOOD, num=7) == [1] * 7


def test_in_another_order_for_each_seed_so_that_replicas_seldom_meet() -> None:
    controller = controller_of()
    shards = told(controller, (GOOD, 0.9))

    orders = {
        tuple(controller.propose(shards, decisions=DECISIONS, num=7, seed=seed))
        for seed in range(10)
    }
    assert len({frozenset(order) for order in orders}) == 1
    assert len(orders) > 5


def test_once_they_are_judged_the_next_best_is_gone_on_from() -> None:
    controller = controller_of()
    shards = told(controller, (BAD, 0.1), (GOOD, 0.9), (NEXT, 0.8))
    near = controller.propose(shards, decisions=DECISIONS, num=7, seed=0)
    shards = learn(controller, shards, near, [0.2] * 7, round=1, decisions=DECISIONS)

    assert distances(controller, shards, NEXT, num=7, seed=1) == [1] * 7


def test_a_better_one_is_gone_on_from_at_once() -> None:
    controller = controller_of()
    shards = told(controller, (GOOD, 0.5))
    (better,) = controller.propose(shards, decisions=DECISIONS, num=1, seed=0)
    shards = learn(controller, shards, [better], [0.6], round=1, decisions=DECISIONS)

    assert distances(controller, shards, better, num=5, seed=1) == [1] * 5


def test_what_does_not_count_is_neither_gone_on_from_nor_tried_again() -> None:
    controller = controller_of()
    shards = told(controller, (GOOD, 0.5), ((1, 0, 0, 0), None))

    proposed = controller.propose(shards, decisions=DECISIONS, num=6, seed=0)
    assert (np.array(proposed) != GOOD).sum(1).tolist() == [1] * 6
    assert (1, 0, 0, 0) not in proposed


def test_several_of_the_best_have_their_turn_side_by_side() -> None:
    controller = controller_of(starts=2)
    shards = told(controller, (BAD, 0.1), (GOOD, 0.9), (NEXT, 0.8))

    assert distances(controller, shards, GOOD, num=6)[::2] == [1] * 3
    assert distances(controller, shards, NEXT, num=6)[1::2] == [1] * 3


def test_a_shallower_one_is_gone_on_from_at_a_greater_depth() -> None:
    controller = controller_of()
    shards = controller.init(seed=0, num_shards=1)
    shards = learn(controller, shards, [(2,), (1,)], [0.9, 0.1], decisions=DECISIONS[:1])

    proposed = np.array(controller.propose(shards, decisions=DECISIONS, num=4, seed=0))
    assert len(np.unique(proposed, axis=0)) == 4
    assert (proposed[:, 0] == 2).sum() >= 2  # of 7 neighbours 3 differ there


def test_it_climbs_to_the_top_of_a_hill() -> None:
    assert best_on_a_hill(LocalSearchConfig(), num_rounds=25) == 32  # 200 children
