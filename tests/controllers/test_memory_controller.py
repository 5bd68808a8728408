"""Controllers that go by results alone, through the contract and on their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from controller_contract import ControllerContract, Decisions, Learn, Propose, learn, state
from decision_lists import all_tokens
from hypothesis import given, settings
from hypothesis import strategies as st

from nas_lib.config import (
    ControllerConfig,
    EvolutionConfig,
    ForestConfig,
    GaussianProcessConfig,
    LocalSearchConfig,
)
from nas_lib.controllers import Controller, Shard, build_controller
from nas_lib.controllers.memory import Memory
from nas_lib.spaces.decisions import Anchor, Choice, Decision, Pointer, Subset, check_tokens

CONFIGS: list[ControllerConfig] = [
    EvolutionConfig(population=6, sample=3),
    LocalSearchConfig(initial=4),
    ForestConfig(initial=6, trees=3, candidates=40),
    GaussianProcessConfig(initial=6, patience=8),
]


class MemoryContract(ControllerContract):
    """Subclass it with a `config`."""

    config: ControllerConfig

    @pytest.fixture
    def controller(self, decisions: Decisions) -> Controller:
        return build_controller(self.config, decisions)

    def test_a_round_in_which_no_child_counts_is_noted_and_teaches_nothing(
        self, shards: Sequence[Shard], propose: Propose, learn: Learn
    ) -> None:
        """But that these are not to be tried again."""
        tokens = propose(shards)
        learned = learn(shards, tokens, [None] * 8)
        assert state(learned[1:]) == state([shard.with_applied(0, 0) for shard in shards[1:]])
        assert not len(Memory.of(learned).judged().rewards)
        assert not set(propose(learned, seed=2)) & set(tokens)

    def test_more_shards_learn_and_propose_the_same(
        self, controller: Controller, propose: Propose, learn: Learn
    ) -> None:
        ends = []
        for num_shards in (1, 3):
            shards: Sequence[Shard] = controller.init(seed=1, num_shards=num_shards)
            for round in range(4):
                tokens = propose(shards, seed=round, num=4)
                shards = learn(shards, tokens, [sum(each) for each in tokens], round=round)
            ends.append((state(shards[:1]), propose(shards)))
        assert ends[0] == ends[1]

    def test_replicas_that_proposed_at_the_same_time_lose_no_result_and_push_none_twice(
        self, controller: Controller, shards: Sequence[Shard], decisions: Decisions
    ) -> None:
        rounds = [
            controller.propose(shards, decisions=decisions, num=3, seed=replica)
            for replica in range(4)
        ]
        lessons = [
            controller.lesson(shards, decisions=decisions, tokens=tokens, rewards=[0.1, None, 0.9])
            for tokens in rounds
        ]
        pushed = shards
        for replica in (2, 0, 2, 3, 1, 0, 1):
            pushed = [
                controller.apply(shard, lessons[replica], replica=replica, round=0)
                for shard in pushed
            ]

        known = [tuple(row) for row in Memory.of(pushed).tokens.tolist()]
        assert known == [each for replica in (2, 0, 3, 1) for each in rounds[replica]]
        assert len(set(map(tuple, rounds))) == 4  # by their seeds they propose other ones

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({}, "expected num_results, rewards, tokens, got nothing"),
            ({"more": 1}, "got more, num_results, rewards, tokens"),
            ({"num_results": 0}, "it has 8 of 0 results"),
            ({"tokens": "narrow"}, " tokens, got 1"),
            ({"tokens": "large"}, "tokens has some that no decision allows"),
        ],
    )
    def test_what_is_no_memory_of_the_space_is_refused(
        self,
        controller: Controller,
        shards: Sequence[Shard],
        propose: Propose,
        learn: Learn,
        change: dict[str, Any],
        said: str,
    ) -> None:
        first, *others = learn(shards, propose(shards), [0.1, 0.9] * 4)
        tokens = first.state["tokens"]
        forms = {"large": np.full_like(tokens, 99), "narrow": tokens[:, :1]}
        if "tokens" in change:
            change = {"tokens": forms[change["tokens"]]}
        state = {**first.state, **change} if change else {}

        assert said in controller.misfit(replace(first, state=state), num_shards=len(shards))
        assert [controller.misfit(each, num_shards=len(shards)) for each in (first, *others)] == [
            "" for _ in shards
        ]


class TestEvolution(MemoryContract):
    config = CONFIGS[0]


class TestLocalSearch(MemoryContract):
    config = CONFIGS[1]


class TestForest(MemoryContract):
    config = CONFIGS[2]


class TestGaussianProcess(MemoryContract):
    config = CONFIGS[3]


@st.composite
def any_decisions(draw: st.DrawFn) -> tuple[Decision, ...]:
    """Decisions of any kinds, in any order."""
    kinds = draw(st.lists(st.sampled_from("csap"), min_size=1, max_size=6))
    decisions: list[Decision] = [Anchor("node")]
    for kind in kinds:
        num_anchors = sum(isinstance(each, Anchor) for each in decisions)
        num_subsets = sum(isinstance(each, Subset) for each in decisions)
        decisions.append(
            {
                "c": Choice("op", draw(st.integers(1, 4))),
                "s": Subset("skip", num_subsets),
                "a": Anchor("node"),
                "p": Pointer("node", num_anchors),
            }[kind]
        )
    return tuple(decisions)


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.kind)
@settings(max_examples=25, deadline=None)
@given(decisions=any_decisions(), data=st.data())
def test_what_is_proposed_answers_the_decisions_and_is_new_while_anything_is(
    config: ControllerConfig, decisions: Sequence[Decision], data: st.DataObject
) -> None:
    """Four replicas in turn, at depths that grow, with children that fail."""
    controller = build_controller(config, decisions)
    shards: Sequence[Shard] = controller.init(seed=0, num_shards=2)
    depths = sorted(data.draw(st.lists(st.integers(1, len(decisions)), min_size=1, max_size=6)))
    num = data.draw(st.integers(1, 5))
    seen: dict[int, set[tuple[int, ...]]] = {}
    for turn, depth in enumerate(depths):
        prefix = decisions[:depth]
        known = seen.setdefault(len(all_tokens(prefix)[0]), set())
        tokens = controller.propose(shards, decisions=prefix, num=num, seed=turn)
        for each in tokens:
            check_tokens(prefix, each)
        left = len(all_tokens(prefix)) - len(known)
        assert len(tokens) == num
        assert len(set(tokens) - known) == min(num, left)
        known |= set(tokens)
        rewards = data.draw(st.lists(st.none() | st.floats(-1e6, 1e6), min_size=num, max_size=num))
        shards = learn(
            controller, shards, tokens, rewards, replica=turn % 4, round=turn // 4, decisions=prefix
        )
        assert [controller.misfit(shard, num_shards=2) for shard in shards] == ["", ""]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda config: config.kind)
def test_a_decision_between_a_million_options_is_one_like_others(config: ControllerConfig) -> None:
    decisions = (Choice("seed", 1_000_000), Choice("a", 3))
    controller = build_controller(config, decisions)
    shards: Sequence[Shard] = controller.init(seed=0, num_shards=1)
    for round in range(3):
        tokens = controller.propose(shards, decisions=decisions, num=8, seed=round)
        assert len(set(tokens)) == 8
        shards = learn(
            controller,
            shards,
            tokens,
            [each[1] / 2 for each in tokens],
            round=round,
            decisions=decisions,
        )
