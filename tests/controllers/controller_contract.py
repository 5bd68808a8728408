"""What every controller promises."""

from functools import partial

import numpy as np
import pytest
import torch
from decision_lists import SPACES

from nas_lib.controllers import Gradient, Shard, build_controller
from nas_lib.controllers.state import join
from nas_lib.spaces.decisions import check_tokens

DECISIONS = SPACES["cnn"]


def state(shards):
    """The shards as comparable bytes."""
    return [shard.to_bytes() for shard in shards]


def learn(controller, shards, tokens, rewards, *, round=0, replica=0, decisions=DECISIONS):
    """One round: a gradient, pushed to every shard."""
    gradient = controller.gradient(shards, decisions=decisions, tokens=tokens, rewards=rewards)
    return [controller.apply(shard, gradient, replica=replica, round=round) for shard in shards]


class ControllerContract:
    """Subclass it with a fixture `controller`, built for `decisions`."""

    @pytest.fixture(params=SPACES)
    def decisions(self, request):
        return SPACES[request.param]

    @pytest.fixture(params=[1, 3])
    def shards(self, controller, request):
        return controller.init(seed=1, num_shards=request.param)

    @pytest.fixture
    def propose(self, controller, decisions):
        def propose(shards, *, seed=2, num=8, decisions=decisions):
            return controller.propose(shards, decisions=decisions, num=num, seed=seed)

        return propose

    @pytest.fixture
    def learn(self, controller, decisions):
        return partial(learn, controller, decisions=decisions)

    def test_the_same_seed_gives_the_same_first_state(self, controller, shards):
        again = controller.init(seed=1, num_shards=len(shards))
        assert state(again) == state(shards)

    def test_all_shards_together_hold_all_parameters(self, controller, shards):
        assert [shard.index for shard in shards] == list(range(len(shards)))
        assert sum(len(shard.parameters) for shard in shards) == controller.num_parameters

    def test_the_same_seed_gives_the_same_proposals(self, shards, propose):
        first = propose(shards, seed=[3, 0, 17])
        assert propose(shards, seed=[3, 0, 17]) == first
        assert propose(shards, seed=[3, 0, 18]) != first

    def test_proposals_do_not_depend_on_the_number_of_shards(self, controller, shards, propose):
        whole = controller.init(seed=1, num_shards=1)
        assert propose(shards) == propose(whole)

    def test_proposals_answer_the_decisions_of_any_depth(self, shards, decisions, propose):
        for depth in (len(decisions), len(decisions) // 2):
            proposals = propose(shards, num=20, decisions=decisions[:depth])
            assert len(proposals) == 20
            for tokens in proposals:
                check_tokens(decisions[:depth], tokens)
                assert all(type(token) is int for token in tokens)

    def test_proposing_and_learning_leave_the_numpy_generator_alone(self, shards, propose, learn):
        before = np.random.get_state()[1].tolist()
        tokens = propose(shards)
        learn(shards, tokens, [0.5] * 8)
        assert np.random.get_state()[1].tolist() == before

    def test_learning_leaves_the_old_state_as_it_was(self, shards, propose, learn):
        before = state(shards)
        learned = learn(shards, propose(shards), [0.1, 0.9] * 4)
        assert state(shards) == before
        assert state(learned) != before

    def test_a_round_is_applied_once(self, shards, propose, learn):
        tokens = propose(shards)
        once = learn(shards, tokens, [0.1, 0.9] * 4, round=3)
        assert state(learn(once, tokens, [0.9, 0.1] * 4, round=3)) == state(once)
        assert state(learn(once, tokens, [0.9, 0.1] * 4, round=2)) == state(once)

    def test_the_rounds_of_replicas_are_counted_apart(self, shards, propose, learn):
        tokens = propose(shards)
        learned = learn(shards, tokens, [0.1, 0.9] * 4, round=3)
        both = learn(learned, tokens, [0.1, 0.9] * 4, replica=7, round=0)
        assert all(shard.applied == {0: (3, 1), 7: (0, 2)} for shard in both)
        assert all(shard.version == 2 for shard in both)

    def test_a_round_in_which_no_child_counts_is_noted_and_teaches_nothing(
        self, shards, propose, learn
    ):
        tokens = propose(shards)
        learned = learn(shards, tokens, [None] * 8)
        expected = [shard.with_applied(0, 0) for shard in shards]
        assert state(learned) == state(expected)

    def test_children_without_a_reward_do_not_reach_the_gradient(
        self, controller, shards, decisions, propose
    ):
        tokens = propose(shards)
        rewards = [0.2, None, 0.4, 0.9, None, 0.1, 0.3, 0.5]
        gradient = controller.gradient(shards, decisions=decisions, tokens=tokens, rewards=rewards)
        counted = [index for index in range(8) if rewards[index] is not None]
        expected = controller.gradient(
            shards,
            decisions=decisions,
            tokens=[tokens[index] for index in counted],
            rewards=[rewards[index] for index in counted],
        )
        assert gradient.rewards == pytest.approx(expected.rewards, abs=1e-6)
        assert len(gradient.rewards) == 6
        np.testing.assert_allclose(gradient.values, expected.values, atol=1e-6)

    def test_state_and_gradient_survive_the_store(self, controller, shards, decisions, propose):
        tokens = propose(shards)
        gradient = controller.gradient(
            shards, decisions=decisions, tokens=tokens, rewards=[0.1, 0.9] * 4
        )
        stored = Gradient.from_bytes(gradient.to_bytes(), key="gradient")
        learned = [controller.apply(shard, gradient, replica=0, round=0) for shard in shards]
        reread = [Shard.from_bytes(data, key="shard") for data in state(shards)]
        again = [controller.apply(shard, stored, replica=0, round=0) for shard in reread]
        assert state(again) == state(learned)
        assert propose(again) == propose(learned)

    def test_learning_works_at_any_depth(self, shards, decisions, propose, learn):
        shallow = decisions[: len(decisions) // 2]
        tokens = propose(shards, decisions=shallow)
        learned = learn(shards, tokens, [0.1, 0.9] * 4, decisions=shallow)
        assert all(np.isfinite(shard.parameters).all() for shard in learned)
        propose(learned)


class PolicyContract(ControllerContract):
    """What every controller promises that works with torch; subclass it with a `config`."""

    @pytest.fixture
    def controller(self, decisions):
        return build_controller(self.config, decisions)

    def test_more_shards_learn_the_same_bits(self, controller, propose, learn):
        ends = []
        for num_shards in (1, 3, 20):
            shards = controller.init(seed=1, num_shards=num_shards)
            for round in range(3):
                tokens = propose(shards, seed=round)
                rewards = [sum(sequence) / 20 for sequence in tokens]
                shards = learn(shards, tokens, rewards, round=round)
            ends.append((join(shards).tobytes(), shards[0].baseline))
        assert ends[0] == ends[1] == ends[2]

    def test_the_number_of_torch_threads_changes_nothing(self, shards, propose, learn):
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

    def test_torchs_own_generator_is_left_alone(self, shards, decisions, propose, learn):
        before = torch.get_rng_state()
        build_controller(self.config, decisions)
        learn(shards, propose(shards), [0.1, 0.9] * 4)
        assert torch.equal(torch.get_rng_state(), before)
