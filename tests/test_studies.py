"""The computed reward of the studies has the optimum that it says."""

from __future__ import annotations

from benchmarks.studies.layered_reward import OPTIMUM, SPACE, reward
from nas_lib.spaces import Choice, CnnSpace


def test_the_optimum_is_worth_one_and_every_neighbour_less() -> None:
    space = CnnSpace(SPACE)
    best = space.encode(OPTIMUM)
    limits = [
        each.num_options if isinstance(each, Choice) else 2
        for each in space.decisions(6)
        for _ in range(each.num_tokens)
    ]
    neighbours = [
        space.decode((*best[:place], token, *best[place + 1 :]))
        for place, limit in enumerate(limits)
        for token in range(limit)
        if token != best[place]
    ]

    assert reward(OPTIMUM) == 1
    assert len(neighbours) == 18 * 3 + 15  # 18 choices of 4, 15 skip bits
    assert max(map(reward, neighbours)) < 1
    assert min(map(reward, neighbours)) >= 0
