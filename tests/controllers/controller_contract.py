"""What every controller promises, through its interface only."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch
from decision_lists import SPACES

from nas_lib.config import ControllerConfig, PolicyGradientPart
from nas_lib.controllers import Controller, Lesson, Shard, build_controller
from nas_lib.controllers.state import join
from nas_lib.spaces.decisions import Choice, Decision, check_tokens

DECISIONS = SPACES["cnn"]
METHODS = ("init", "propose", "lesson", "apply", "metrics")

Decisions = Sequence[Decision]
Tokens = list[tuple[int, ...]]
Propose = Callable[..., Tokens]
Learn = Callable[..., list[Shard]]


def state(shards: Sequence[Shard]) -> list[bytes]:
    """The shards as comparable bytes."""
    return [shard.to_bytes() for shard in shards]


def knowledge(shards: Sequence[Shard]) -> list[bytes]:
    """The shards as comparable bytes, whatever was applied."""
    return state([replace(shard, version=0, applied={}) for shard in shards])


def learn(
    controller: Controller,
    shards: Sequence[Shard],
    tokens: Sequence[Sequence[int]],
    rewards: Sequence[float | None],
    *,
    round: int = 0,
    replica: int = 0,
    decisions: Decisions = DECISIONS,
) -> list[Shard]:
    """One round: a lesson, pushed to every shard."""
    lesson = controller.lesson(shards, decisions=decisions, tokens=tokens, rewards=rewards)
    return [controller.apply(shard, lesson, replica=replica, round=round) for shard in shards]


def best_on_a_hill(config: ControllerConfig, *, num_rounds: int) -> int:
    """How far a controller climbs in rounds of 8: of 390,625 architectures one is worth 32."""
    decisions = tuple(Choice(f"c{index}", 5) for index in range(8))
    controller = build_controller(config, decisions)
    shards: Sequence[Shard] = controller.init(seed=0, num_shards=1)
    best = 0
    for round in range(num_rounds):
        tokens = controller.propose(shards, decisions=decisions, num=8, seed=round)
        best = max(best, *map(sum, tokens))
        rewards = [sum(each) / 32 for each in tokens]
        shards = learn(controller, shards, tokens, rewards, round=round, decisions=decisions)
    return best


class ControllerContract:
    """Subclass it with a fixture `controller`, built for `decisions`."""

    @pytest.fixture(params=SPACES)
    def decisions(self, request: pytest.FixtureRequest) -> Decisions:
        return SPACES[request.param]

    @pytest.fixture(params=[1, 3])
    def shards(self, controller: Controller, request: pytest.FixtureRequest) -> tuple[Shard, ...]:
        return controller.init(seed=1, num_shards=request.param)

    @pytest.fixture
    def propose(self, controller: Controller, decisions: Decisions) -> Propose:
        def propose(
            shards: Sequence[Shard],
            *,
            seed: int = 2,
            num: int = 8,
            decisions: Decisions = decisions,
        ) -> Tokens:
            return controller.propose(shards, decisions=decisions, num=num, seed=seed)

        return propose

    @pytest.fixture
    def learn(self, controller: Controller, decisions: Decisions) -> Learn:
        return partial(learn, controller, decisions=decisions)

    def test_all_controllers_accept_the_same_calls(self, controller: Controller) -> None:
        for name in METHODS:
            promised = inspect.signature(getattr(Controller, name)).parameters.values()
            given = inspect.signature(getattr(type(controller), name)).parameters.values()
            assert [(p.name, p.kind) for p in given] == [(p.name, p.kind) for p in promised]

    def test_the_same_seed_gives_the_same_first_state(
        self, controller: Controller, shards: Sequence[Shard]
    ) -> None:
        again = controller.init(seed=1, num_shards=len(shards))
        assert state(again) == state(shards)

    def test_all_shards_together_hold_all_parameters(
        self, controller: Controller, shards: Sequence[Shard]
    ) -> None:
        assert [shard.index for shard in shards] == list(range(len(shards)))
        assert sum(len(shard.values) for shard in shards) == controller.num_parameters

    def test_the_same_seed_gives_the_same_proposals(
        self, shards: Sequence[Shard], propose: Propose
    ) -> None:
        first = propose(shards, seed=3_000_017)
        assert propose(shards, seed=3_000_017) == first
        assert propose(shards, seed=3_000_018) != first

    def test_proposals_do_not_depend_on_the_number_of_shards(
        self, controller: Controller, shards: Sequence[Shard], propose: Propose
    ) -> None:
        whole = controller.init(seed=1, num_shards=1)
        assert propose(shards) == propose(whole)

    def test_proposals_answer_the_decisions_of_any_depth(
        self, shards: Sequence[Shard], decisions: Decisions, propose: Propose
    ) -> None:
        for depth in (len(decisions), len(decisions) // 2):
            proposals = propose(shards, num=20, decisions=decisions[:depth])
            assert len(proposals) == 20
            for tokens in proposals:
                check_tokens(decisions[:depth], tokens)
                assert all(type(token) is int for token in tokens)

    def test_proposing_and_learning_leave_the_numpy_generator_alone(
        self, shards: Sequence[Shard], propose: Propose, learn: Learn
    ) -> None:
        before = np.random.get_state(legacy=False)["state"]["key"].tolist()
        tokens = propose(shards)
        learn(shards, tokens, [0.5] * 8)
        assert np.random.get_state(legacy=False)["state"]["key"].tolist() == before

    def test_learning_leaves_the_old_state_as_it_was(
        self, shards: Sequence[Shard], propose: Propose, learn: Learn
    ) -> None:
        before = state(shards)
        learned = learn(shards, propose(shards), [0.1, 0.9] * 4)
        assert state(shards) == before
        assert state(learned) != before

    def test_a_controller_says_whether_what_it_is_told_changes_what_it_knows(
        self, controller: Controller, shards: Sequence[Shard], propose: Propose, learn: Learn
    ) -> None:
        learned = learn(shards, propose(shards), [0.1, 0.9] * 4)
        assert (knowledge(learned) != knowledge(shards)) is controller.learns

    def test_a_round_is_applied_once(
        self, shards: Sequence[Shard], propose: Propose, learn: Learn
    ) -> None:
        tokens = propose(shards)
        once = learn(shards, tokens, [0.1, 0.9] * 4, round=3)
        assert state(learn(once, tokens, [0.9, 0.1] * 4, round=3)) == state(once)
        assert state(learn(once, tokens, [0.9, 0.1] * 4, round=2)) == state(once)

    def test_a_round_that_was_applied_gives_the_very_shard(
        self, controller: Controller, shards: Sequence[Shard], decisions: Decisions
    ) -> None:
        tokens = controller.propose(shards, decisions=decisions, num=2, seed=0)
        lesson = controller.lesson(shards, decisions=decisions, tokens=tokens, rewards=[0.1, 0.9])
        once = controller.apply(shards[0], lesson, replica=0, round=3)
        assert controller.apply(once, lesson, replica=0, round=3) is once

    def test_the_rounds_of_replicas_are_counted_apart(
        self, shards: Sequence[Shard], propose: Propose, learn: Learn
    ) -> None:
        tokens = propose(shards)
        learned = learn(shards, tokens, [0.1, 0.9] * 4, round=3)
        both = learn(learned, tokens, [0.1, 0.9] * 4, replica=7, round=0)
        assert all(shard.applied == {0: (3, 1), 7: (0, 2)} for shard in both)
        assert all(shard.version == 2 for shard in both)

    def test_a_round_in_which_no_child_counts_is_noted_and_teaches_nothing(
        self, shards: Sequence[Shard], propose: Propose, learn: Learn
    ) -> None:
        tokens = propose(shards)
        learned = learn(shards, tokens, [None] * 8)
        expected = [shard.with_applied(0, 0) for shard in shards]
        assert state(learned) == state(expected)

    def test_children_without_a_reward_do_not_reach_the_lesson(
        self,
        controller: Controller,
        shards: Sequence[Shard],
        decisions: Decisions,
        propose: Propose,
    ) -> None:
        tokens = propose(shards)
        rewards = [0.2, None, 0.4, 0.9, None, 0.1, 0.3, 0.5]
        lesson = controller.lesson(shards, decisions=decisions, tokens=tokens, rewards=rewards)
        counted = [index for index in range(8) if rewards[index] is not None]
        expected = controller.lesson(
            shards,
            decisions=decisions,
            tokens=[tokens[index] for index in counted],
            rewards=[rewards[index] for index in counted],
        )
        assert lesson.rewards == pytest.approx(expected.rewards, abs=1e-6)
        assert len(lesson.rewards) == 6
        np.testing.assert_allclose(lesson.values, expected.values, atol=1e-6)

    def test_what_a_step_came_to_is_finite_numbers_by_name(
        self,
        controller: Controller,
        shards: Sequence[Shard],
        decisions: Decisions,
        propose: Propose,
    ) -> None:
        rewards = [0.2, None, 0.4, 0.9, None, 0.1, 0.3, 0.5]
        lesson = controller.lesson(
            shards, decisions=decisions, tokens=propose(shards), rewards=rewards
        )
        learned = [controller.apply(shard, lesson, replica=0, round=0) for shard in shards]
        metrics = controller.metrics(lesson, learned)
        assert all(type(name) is str for name in metrics)
        assert all(type(value) is float and math.isfinite(value) for value in metrics.values())
        assert "mean_reward" in metrics
        # (0.2 + 0.4 + 0.9 + 0.1 + 0.3 + 0.5) / 6 = 0.4: the rewards, whatever else is learned from.
        assert metrics["mean_reward"] == pytest.approx(0.4)
        assert metrics.get("entropy", 1.0) > 0

    def test_where_no_child_counts_there_is_no_mean_reward(
        self,
        controller: Controller,
        shards: Sequence[Shard],
        decisions: Decisions,
        propose: Propose,
    ) -> None:
        lesson = controller.lesson(
            shards, decisions=decisions, tokens=propose(shards), rewards=[None] * 8
        )
        assert lesson.rewards == ()
        assert controller.metrics(lesson, shards).keys() <= {"entropy"}

    def test_state_and_lesson_survive_the_store(
        self,
        controller: Controller,
        shards: Sequence[Shard],
        decisions: Decisions,
        propose: Propose,
    ) -> None:
        tokens = propose(shards)
        lesson = controller.lesson(
            shards, decisions=decisions, tokens=tokens, rewards=[0.1, 0.9] * 4
        )
        stored = Lesson.from_bytes(lesson.to_bytes(), key="lesson")
        assert stored.to_bytes() == lesson.to_bytes()
        learned = [controller.apply(shard, lesson, replica=0, round=0) for shard in shards]
        reread = [Shard.from_bytes(data, key="shard") for data in state(shards)]
        again = [controller.apply(shard, stored, replica=0, round=0) for shard in reread]
        assert state(again) == state(learned)
        assert propose(again) == propose(learned)
        assert controller.metrics(stored, again) == controller.metrics(lesson, learned)
        # And once more from what the learner keeps by now.
        reread = [Shard.from_bytes(data, key="shard") for data in state(learned)]
        further = [controller.apply(shard, lesson, replica=0, round=1) for shard in learned]
        again = [controller.apply(shard, stored, replica=0, round=1) for shard in reread]
        assert state(again) == state(further)

    def test_learning_works_at_any_depth(
        self, shards: Sequence[Shard], decisions: Decisions, propose: Propose, learn: Learn
    ) -> None:
        shallow = decisions[: len(decisions) // 2]
        tokens = propose(shards, decisions=shallow)
        learned = learn(shards, tokens, [0.1, 0.9] * 4, decisions=shallow)
        assert all(np.isfinite(shard.values).all() for shard in learned)
        propose(learned)


class PolicyContract(ControllerContract):
    """What every controller promises that has a policy; subclass it with a `config`."""

    config: PolicyGradientPart

    @pytest.fixture
    def controller(self, decisions: Decisions) -> Controller:
        return build_controller(self.config, decisions)

    def test_every_depth_that_decides_something_can_be_proposed_and_learned(
        self, shards: Sequence[Shard], decisions: Decisions, propose: Propose, learn: Learn
    ) -> None:
        for depth in range(1, len(decisions) + 1):
            prefix = decisions[:depth]
            tokens = propose(shards, decisions=prefix)
            if tokens[0]:
                learned = learn(shards, tokens, [0.1, 0.9] * 4, decisions=prefix)
                assert all(np.isfinite(shard.values).all() for shard in learned)

    def test_more_shards_learn_the_same_bits(
        self, controller: Controller, propose: Propose, learn: Learn
    ) -> None:
        ends: list[Any] = []
        for num_shards in (1, 3, 20):
            shards: Sequence[Shard] = controller.init(seed=1, num_shards=num_shards)
            for round in range(3):
                tokens = propose(shards, seed=round)
                rewards = [sum(sequence) / 20 for sequence in tokens]
                shards = learn(shards, tokens, rewards, round=round)
            ends.append((join(shards).tobytes(), shards[0].state["baseline"]))
        assert ends[0] == ends[1] == ends[2]

    def test_the_number_of_torch_threads_changes_nothing(
        self, shards: Sequence[Shard], propose: Propose, learn: Learn
    ) -> None:
        ends = []
        before = torch.get_num_threads()
        try:
            for threads in (1, 2):
                torch.set_num_threads(threads)
                tokens = propose(shards, num=64)
                ends.append(state(learn(shards, tokens, [0.1, 0.9] * 32)))
                assert torch.get_num_threads() == threads
        finally:
            torch.set_num_threads(before)
        assert ends[0] == ends[1]

    def test_torchs_own_generator_is_left_alone(
        self, shards: Sequence[Shard], decisions: Decisions, propose: Propose, learn: Learn
    ) -> None:
        before = torch.get_rng_state()
        build_controller(self.config, decisions)
        learn(shards, propose(shards), [0.1, 0.9] * 4)
        assert torch.equal(torch.get_rng_state(), before)
