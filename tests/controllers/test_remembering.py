"""Rewards by rank, and proposals that are none of before."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from controller_contract import DECISIONS, learn
from decision_lists import SPACES

from nas_lib.config import NasPolicyConfig, PpoConfig, ReinforceConfig
from nas_lib.controllers import Controller, Shard, build_controller
from nas_lib.controllers.memory import Memory
from nas_lib.controllers.remembering import earned_by_rank
from nas_lib.controllers.state import join
from nas_lib.spaces.decisions import Choice, Decision

SMALL = NasPolicyConfig(hidden_size=3)
NOTHING = np.zeros(0)


def controller_of(
    decisions: Sequence[Decision] = DECISIONS, *, kind: str = "reinforce", **settings: Any
) -> Controller:
    configs = {"reinforce": ReinforceConfig, "ppo": PpoConfig}
    return build_controller(configs[kind](policy=SMALL, **settings), decisions)


def test_what_children_earn_by_rank_by_hand() -> None:
    # Of 4, half of one more than are smaller: q = 5/8, 1/8, 7/8 and 3/8.
    earned = earned_by_rank([0.5, 0.1, 0.9, 0.3], before=NOTHING)
    assert earned == pytest.approx(
        [-math.log(3 / 8), -math.log(7 / 8), math.log(8), math.log(8 / 5)]
    )


def test_equal_rewards_earn_the_same_whatever_their_order() -> None:
    # 0.1 is q = 1/8; of the three in 2nd, 3rd and 4th place 1 + 3 / 2 are smaller: q = 2.5/4.
    earned = earned_by_rank([0.5, 0.1, 0.5, 0.5], before=NOTHING)
    assert earned == pytest.approx(
        [math.log(8 / 3), math.log(8 / 7), math.log(8 / 3), math.log(8 / 3)]
    )


def test_all_results_so_far_count_and_a_child_that_does_not_count_earns_nothing() -> None:
    before = np.array([0.4, np.nan, 0.2])
    # Of 0.2, 0.3, 0.4 and 0.4: 0.3 is q = 1.5/4, and 0.4 is (2 + 1) / 4.
    earned = earned_by_rank([None, 0.3, 0.4], before=before)
    assert earned == [None, pytest.approx(math.log(8 / 5)), pytest.approx(math.log(4))]


@pytest.mark.parametrize("num", [1, 2, 1000])
def test_the_best_of_any_number_earns_a_finite_number(num: int) -> None:
    earned = earned_by_rank([float(index) for index in range(num)], before=NOTHING)
    assert earned[-1] == pytest.approx(math.log(2 * num))  # q = 1 - 1 / 2N
    assert earned_by_rank([1.0] * num, before=NOTHING) == pytest.approx([math.log(2)] * num)


def test_a_round_without_a_reward_earns_nothing() -> None:
    assert earned_by_rank([None, None], before=NOTHING) == [None, None]


def test_the_unit_is_the_same_for_any_task() -> None:
    rng = np.random.default_rng(0)
    for rewards in (
        rng.normal(size=1000),
        -1e6 * rng.exponential(size=1000),
        rng.random(1000) / 1e6,
    ):
        earned = np.array(earned_by_rank(rewards.tolist(), before=NOTHING))
        assert earned.mean() == pytest.approx(1, abs=0.01)
        assert earned.std() == pytest.approx(1, abs=0.01)


def after_rounds(controller: Controller, unit: Callable[[float], float]) -> list[Shard]:
    """Three rounds of fixed children whose rewards are in another unit."""
    shards: Sequence[Shard] = controller.init(seed=0, num_shards=2)
    rng = np.random.default_rng(0)
    for round in range(3):
        tokens = controller.propose(shards, decisions=DECISIONS, num=4, seed=round)
        rewards = [unit(reward) for reward in rng.random(4)]
        shards = learn(controller, shards, tokens, [*rewards[:3], None], round=round)
    return list(shards)


@pytest.mark.parametrize("kind", ["reinforce", "ppo"])
def test_the_unit_of_rewards_changes_nothing_that_ranks_teach(kind: str) -> None:
    settings = {"kind": kind, "entropy_weight": 0.1}
    units: list[Callable[[float], float]] = [float, lambda x: 1e4 * x - 7, math.exp, lambda x: x**3]
    ranked = [after_rounds(controller_of(rewards="rank", **settings), unit) for unit in units]
    given = [after_rounds(controller_of(**settings), unit) for unit in units]
    assert len({join(shards).tobytes() for shards in ranked}) == 1
    assert len({shards[0].state["baseline"] for shards in ranked}) == 1
    assert len({join(shards).tobytes() for shards in given}) == len(units)


def test_the_mean_reward_and_what_is_remembered_are_in_the_unit_of_the_user() -> None:
    controller = controller_of(rewards="rank")
    shards = controller.init(seed=0, num_shards=2)
    tokens = controller.propose(shards, decisions=DECISIONS, num=3, seed=0)
    lesson = controller.lesson(shards, decisions=DECISIONS, tokens=tokens, rewards=[30, None, 50])
    after = [controller.apply(shard, lesson, replica=0, round=0) for shard in shards]

    assert controller.metrics(lesson, after)["mean_reward"] == 40
    assert Memory.of(after).rewards.tolist() == pytest.approx([30, math.nan, 50], nan_ok=True)
    assert Memory.of(after).tokens.tolist() == [[*each] for each in tokens]
    # q = 1/4 and 3/4: the mean of log(4/3) and log(4)
    assert controller.metrics(lesson, after)["baseline_by_rank"] == pytest.approx(
        math.log(16 / 3) / 2
    )


@pytest.mark.parametrize("kind", ["reinforce", "ppo"])
def test_who_neither_ranks_nor_avoids_repeats_remembers_nothing(kind: str) -> None:
    shards = after_rounds(controller_of(kind=kind), float)
    assert not {"tokens", "rewards", "num_results"} & shards[0].state.keys()


def test_only_the_first_shard_remembers() -> None:
    first, second = after_rounds(controller_of(rewards="rank"), float)
    assert Memory.of([first]).num_results == 12
    assert "tokens" not in second.state


def settled(controller: Controller, decisions: Sequence[Decision]) -> list[Shard]:
    """Shards of a policy that proposes hardly anything but its favourites."""
    first, *others = controller.init(seed=3, num_shards=2)
    return [replace(each, values=np.float32(30) * each.values) for each in (first, *others)]


@pytest.mark.parametrize("kind", ["reinforce", "ppo"])
def test_nothing_is_proposed_twice_while_there_is_something_new(kind: str) -> None:
    decisions = tuple(Choice(name, 4) for name in "abc")  # 64 architectures
    controller = controller_of(decisions, kind=kind, repeats="mutate")
    shards = settled(controller, decisions)
    seen: list[tuple[int, ...]] = []
    for round in range(8):
        tokens = controller.propose(shards, decisions=decisions, num=8, seed=round)
        seen += tokens
        rewards = [None if each[0] == 2 else float(each[0]) for each in tokens]
        shards = learn(controller, shards, tokens, rewards, round=round, decisions=decisions)
    assert len(set(seen)) == 64
    again = controller.propose(shards, decisions=decisions, num=8, seed=9)  # all are known
    assert len(again) == 8


def test_a_policy_that_may_repeat_itself_does() -> None:
    decisions = tuple(Choice(name, 4) for name in "abc")
    controller = controller_of(decisions)
    tokens = controller.propose(settled(controller, decisions), decisions=decisions, num=8, seed=0)
    assert len(set(tokens)) < 8


@pytest.mark.parametrize("name", SPACES)
def test_what_is_new_is_proposed_as_it_is_and_a_repeat_with_one_token_changed(name: str) -> None:
    decisions = SPACES[name]
    controller = controller_of(decisions, repeats="mutate")
    shards: Sequence[Shard] = controller.init(seed=0, num_shards=2)
    drawn = controller.propose(shards, decisions=decisions, num=4, seed=0)
    kept = controller_of(decisions, rewards="rank")  # the same policy, whose repeats are kept
    assert kept.propose(shards, decisions=decisions, num=4, seed=0) == drawn

    shards = learn(controller, shards, drawn[:2], [None, 0.5], decisions=decisions)
    shards = [  # as it was, but with two results
        replace(shard, values=first.values)
        for shard, first in zip(shards, controller.init(seed=0, num_shards=2), strict=True)
    ]
    again = controller.propose(shards, decisions=decisions, num=4, seed=0)
    assert set(drawn[2:]) <= set(again)
    changed = [each for each in again if each not in drawn]
    assert len(changed) == 2
    distances = [min(sum(map(int.__ne__, each, one)) for one in drawn[:2]) for each in changed]
    assert distances == [1, 1]


def test_what_was_judged_at_a_smaller_depth_is_no_repeat_at_a_greater_one() -> None:
    decisions = tuple(Choice(name, 2) for name in "ab")
    controller = controller_of(decisions, repeats="mutate")
    shards: Sequence[Shard] = controller.init(seed=0, num_shards=1)
    seen: dict[int, set[tuple[int, ...]]] = {1: set(), 2: set()}
    for round, depth in enumerate([1, 1, 2, 2, 2, 2]):
        prefix = decisions[:depth]
        (tokens,) = controller.propose(shards, decisions=prefix, num=1, seed=round)
        seen[depth].add(tokens)
        shards = learn(controller, shards, [tokens], [0.5], round=round, decisions=prefix)
    assert {depth: len(each) for depth, each in seen.items()} == {1: 2, 2: 4}


def test_a_shard_or_lesson_without_its_results_is_named() -> None:
    controller = controller_of(rewards="rank")
    shards = controller.init(seed=0, num_shards=2)
    tokens = controller.propose(shards, decisions=DECISIONS, num=2, seed=0)
    lesson = controller.lesson(shards, decisions=DECISIONS, tokens=tokens, rewards=[0.1, 0.2])
    after = [controller.apply(shard, lesson, replica=0, round=0) for shard in shards]
    assert [controller.misfit(each, num_shards=2) for each in after] == ["", ""]
    assert controller.lesson_misfit(lesson) == ""

    plain = controller_of()
    (forgot, _) = plain.init(seed=0, num_shards=2)
    assert "num_results" in controller.misfit(forgot, num_shards=2)
    assert "Unexpected keyword" in plain.misfit(after[0], num_shards=2)
    assert "rewards" in controller.lesson_misfit(replace(lesson, arrays={}))
    narrow = {**after[0].state, "tokens": np.zeros((2, 1), np.int32)}
    assert "tokens, got 1" in controller.misfit(replace(after[0], state=narrow), num_shards=2)
    short = replace(after[0], values=after[0].values[1:])
    assert "expected values to be" in controller.misfit(short, num_shards=2)
