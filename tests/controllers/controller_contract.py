"""What every controller promises."""

import numpy as np
import pytest
from policy_reference import cnn_decisions

from nas_lib.controllers import Gradient, Shard
from nas_lib.spaces.decisions import check_tokens

DECISIONS = cnn_decisions(3)
SHALLOW = cnn_decisions(2)


def state(shards):
    """The shards as comparable bytes."""
    return [shard.to_bytes() for shard in shards]


def learn(controller, shards, tokens, rewards, *, round=0, replica=0, decisions=DECISIONS):
    """One round: a gradient, pushed to every shard."""
    gradient = controller.gradient(shards, decisions=decisions, tokens=tokens, rewards=rewards)
    return [controller.apply(shard, gradient, replica=replica, round=round) for shard in shards]


class ControllerContract:
    """Subclass it with a fixture `controller`, built for `DECISIONS`."""

    @pytest.fixture(params=[1, 3])
    def shards(self, controller, request):
        return controller.init(seed=1, num_shards=request.param)

    def propose(self, controller, shards, *, seed=2, num=8, decisions=DECISIONS):
        return controller.propose(shards, decisions=decisions, num=num, seed=seed)

    def test_the_same_seed_gives_the_same_first_state(self, controller, shards):
        again = controller.init(seed=1, num_shards=len(shards))
        assert state(again) == state(shards)

    def test_all_shards_together_hold_all_parameters(self, controller, shards):
        assert [shard.index for shard in shards] == list(range(len(shards)))
        assert sum(len(shard.parameters) for shard in shards) == controller.num_parameters

    def test_the_same_seed_gives_the_same_proposals(self, controller, shards):
        first = self.propose(controller, shards, seed=[3, 0, 17])
        assert self.propose(controller, shards, seed=[3, 0, 17]) == first
        assert self.propose(controller, shards, seed=[3, 0, 18]) != first

    def test_proposals_do_not_depend_on_the_number_of_shards(self, controller, shards):
        whole = controller.init(seed=1, num_shards=1)
        assert self.propose(controller, shards) == self.propose(controller, whole)

    @pytest.mark.parametrize("decisions", [DECISIONS, SHALLOW], ids=["full depth", "less"])
    def test_proposals_answer_the_decisions_of_any_depth(self, controller, shards, decisions):
        proposals = self.propose(controller, shards, num=20, decisions=decisions)
        assert len(proposals) == 20
        for tokens in proposals:
            check_tokens(decisions, tokens)
            assert all(type(token) is int for token in tokens)

    def test_proposing_and_learning_leave_the_numpy_generator_alone(self, controller, shards):
        before = np.random.get_state()[1].tolist()
        tokens = self.propose(controller, shards)
        learn(controller, shards, tokens, [0.5] * 8)
        assert np.random.get_state()[1].tolist() == before

    def test_learning_leaves_the_old_state_as_it_was(self, controller, shards):
        before = state(shards)
        learned = learn(controller, shards, self.propose(controller, shards), [0.1, 0.9] * 4)
        assert state(shards) == before
        assert state(learned) != before

    def test_a_round_is_applied_once(self, controller, shards):
        tokens = self.propose(controller, shards)
        once = learn(controller, shards, tokens, [0.1, 0.9] * 4, round=3)
        assert state(learn(controller, once, tokens, [0.9, 0.1] * 4, round=3)) == state(once)
        assert state(learn(controller, once, tokens, [0.9, 0.1] * 4, round=2)) == state(once)

    def test_the_rounds_of_replicas_are_counted_apart(self, controller, shards):
        tokens = self.propose(controller, shards)
        learned = learn(controller, shards, tokens, [0.1, 0.9] * 4, round=3)
        both = learn(controller, learned, tokens, [0.1, 0.9] * 4, replica=7, round=0)
        assert all(shard.applied == {0: (3, 1), 7: (0, 2)} for shard in both)
        assert all(shard.version == 2 for shard in both)

    def test_a_round_in_which_no_child_counts_is_noted_and_teaches_nothing(
        self, controller, shards
    ):
        tokens = self.propose(controller, shards)
        learned = learn(controller, shards, tokens, [None] * 8)
        expected = [shard.with_applied(0, 0) for shard in shards]
        assert state(learned) == state(expected)

    def test_children_without_a_reward_do_not_reach_the_gradient(self, controller, shards):
        tokens = self.propose(controller, shards)
        rewards = [0.2, None, 0.4, 0.9, None, 0.1, 0.3, 0.5]
        gradient = controller.gradient(shards, decisions=DECISIONS, tokens=tokens, rewards=rewards)
        counted = [index for index in range(8) if rewards[index] is not None]
        expected = controller.gradient(
            shards,
            decisions=DECISIONS,
            tokens=[tokens[index] for index in counted],
            rewards=[rewards[index] for index in counted],
        )
        assert gradient.rewards == (0.2, 0.4, 0.9, 0.1, 0.3, 0.5)
        np.testing.assert_allclose(gradient.values, expected.values, atol=1e-6)

    def test_state_and_gradient_survive_the_store(self, controller, shards):
        tokens = self.propose(controller, shards)
        gradient = controller.gradient(
            shards, decisions=DECISIONS, tokens=tokens, rewards=[0.1, 0.9] * 4
        )
        stored = Gradient.from_bytes(gradient.to_bytes(), key="gradient")
        learned = [controller.apply(shard, gradient, replica=0, round=0) for shard in shards]
        reread = [Shard.from_bytes(data, key="shard") for data in state(shards)]
        again = [controller.apply(shard, stored, replica=0, round=0) for shard in reread]
        assert state(again) == state(learned)
        assert self.propose(controller, again) == self.propose(controller, learned)

    def test_learning_works_at_any_depth(self, controller, shards):
        tokens = self.propose(controller, shards, decisions=SHALLOW)
        learned = learn(controller, shards, tokens, [0.1, 0.9] * 4, decisions=SHALLOW)
        assert all(np.isfinite(shard.parameters).all() for shard in learned)
        self.propose(controller, learned, decisions=DECISIONS)
