from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from decision_lists import all_tokens, macro_decisions, micro_decisions, rnn_decisions
from enas_reference import reference
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from nas_lib.config import EnasPolicyConfig
from nas_lib.controllers.enas_lstm import Mixture
from nas_lib.controllers.enas_policy import EnasPolicy
from nas_lib.controllers.enas_views import takes_step
from nas_lib.controllers.layout import anchors_seen, group_by_kind
from nas_lib.controllers.policy import sample
from nas_lib.errors import ConfigError
from nas_lib.spaces.decisions import Anchor, Choice, Decision, Pointer, Subset, check_tokens

Decisions = Sequence[Decision]

CONFIG = EnasPolicyConfig(
    hidden_size=5,
    num_layers=2,
    operation_tanh_constant=1.3,
    operation_bias=(0.5, -0.25),
    distance_weight=0.1,
)
SMALL: dict[str, tuple[Decision, ...]] = {
    "macro": macro_decisions(3, 2),  # 2^3 operations x 2^(1 + 2) skips = 64
    "micro": micro_decisions(1, 2),  # (2 x 2 pointers x 2 x 2 operations)^2 cells = 256
    "cell": micro_decisions(2, 2, num_cells=1),  # (2 x 2 x 2 x 2) x (3 x 3 x 2 x 2) = 576
    "rnn": rnn_decisions(3, 2),  # 1 x 2 x 3 pointers x 2^3 functions = 48
    "mixed": (
        Choice("a", 3),
        Subset("s", 0),
        Anchor("n"),
        Subset("s", 1),
        Pointer("n", 1, marks=True),
        Choice("b", 2),
        Anchor("m", gives="key"),
        Subset("s", 2),
        Anchor("m", gives="nothing"),
        Anchor("n"),
        Pointer("n", 2),
        Pointer("m", 2),
        Subset("r", 0),
    ),  # 3 x 2 x 1 x 2 x 4 x 2 x 2 = 192
}
small = pytest.mark.parametrize("decisions", SMALL.values(), ids=SMALL)


def build(
    decisions: Decisions,
    config: EnasPolicyConfig = CONFIG,
    *,
    seed: int = 0,
    limit: float = 1.0,
) -> EnasPolicy:
    """A policy with parameters large enough for every term to matter."""
    policy = EnasPolicy(decisions, config)
    generator = torch.Generator().manual_seed(seed)
    for parameter in policy.parameters():
        torch.nn.init.uniform_(parameter, -limit, limit, generator=generator)
    return policy


@torch.inference_mode()
def score(policy: EnasPolicy, decisions: Decisions, tokens: Sequence[Sequence[int]]) -> list[Any]:
    """Log-probability, entropy and penalty, `[B]` each."""
    return [each.numpy() for each in policy(decisions, torch.tensor(tokens, dtype=torch.int64))]


def draw(policy: EnasPolicy, decisions: Decisions, *, num: int, seed: int = 0) -> list[list[int]]:
    tokens_BW = sample(policy, decisions, num=num, rng=np.random.default_rng(seed))
    rows: list[list[int]] = tokens_BW.tolist()
    return rows


@small
@pytest.mark.parametrize(
    "config",
    [
        CONFIG,
        EnasPolicyConfig(hidden_size=4, skip_prior=0.1),
        EnasPolicyConfig(hidden_size=3, temperature=None, tanh_constant=None, num_layers=3),
    ],
    ids=["all terms", "as by default", "plain logits"],
)
def test_scores_equal_the_equations_written_out(
    decisions: Decisions, config: EnasPolicyConfig
) -> None:
    policy = build(decisions, config)
    tokens = all_tokens(decisions)[::7]
    expected = [reference(policy, config, decisions, sequence) for sequence in tokens]
    np.testing.assert_allclose(np.transpose(score(policy, decisions, tokens)), expected, atol=1e-5)


@pytest.mark.parametrize(
    "decisions", [macro_decisions(12, 6), micro_decisions(5, 5), rnn_decisions(12, 4)]
)
def test_scores_of_the_papers_spaces_equal_the_equations_written_out(
    decisions: Decisions,
) -> None:
    config = EnasPolicyConfig(hidden_size=64)
    policy = build(decisions, config, limit=0.3)
    tokens = draw(policy, decisions, num=2)
    expected = [reference(policy, config, decisions, sequence) for sequence in tokens]
    np.testing.assert_allclose(np.transpose(score(policy, decisions, tokens)), expected, rtol=1e-4)


@small
def test_probabilities_of_all_token_sequences_sum_to_one(decisions: Decisions) -> None:
    log_prob_B, entropy_B, _ = score(build(decisions), decisions, all_tokens(decisions))
    p = np.exp(log_prob_B)
    assert p.sum() == pytest.approx(1, abs=1e-5)
    # The chain rule of entropy: the steps' entropies, weighed by their prefixes, add up.
    assert (p * entropy_B).sum() == pytest.approx(-(p * log_prob_B).sum(), abs=1e-5)


@small
def test_frequencies_of_samples_match_their_probabilities(decisions: Decisions) -> None:
    policy, num = build(decisions), 40_000
    every = all_tokens(decisions)
    place = {sequence: index for index, sequence in enumerate(every)}
    drawn = draw(policy, decisions, num=num)
    counts = np.bincount([place[tuple(row)] for row in drawn], minlength=len(every))
    p = np.exp(score(policy, decisions, every)[0])
    # Within 5 standard deviations of a binomial count, and 3 for the rarest ones.
    assert (np.abs(counts - num * p) < 5 * np.sqrt(num * p) + 3).all()


def test_parameters_are_those_of_the_paper_and_no_biases() -> None:
    policy = EnasPolicy(macro_decisions(12, 6), EnasPolicyConfig(hidden_size=64))
    lstm = 4 * 64 * (64 + 64)  # 32,768
    choices = 64 + 6 * 64 + 6 * 64  # the first input, embeddings, softmax: 832
    attention = 64 * 64 + 64 * 64 + 64  # W_1, W_2, v: 8,256
    assert sum(p.numel() for p in policy.parameters()) == lstm + choices + attention == 41_856


def with_zeros(decisions: Decisions, config: EnasPolicyConfig) -> EnasPolicy:
    """A policy whose logits are all 0 before anything is added to them."""
    return build(decisions, config, limit=0)


def test_the_bias_of_operations_is_added_after_the_tanh_where_its_length_fits() -> None:
    config = EnasPolicyConfig(hidden_size=2, operation_bias=(math.log(3), 0.0), tanh_constant=0.1)
    decisions = (Choice("operation", 2), Choice("other", 3))
    log_prob_B, _, _ = score(with_zeros(decisions, config), decisions, [[0, 0], [1, 2]])
    # (3 / 4) x (1 / 3), and (1 / 4) x (1 / 3)
    np.testing.assert_allclose(np.exp(log_prob_B), [0.25, 1 / 12], rtol=1e-5)


def test_far_nodes_are_less_likely_by_the_square_of_their_distance() -> None:
    decisions = (Anchor("node"), Anchor("node"), Pointer("node", 2))
    config = EnasPolicyConfig(hidden_size=2, distance_weight=0.5)
    log_prob_B, _, _ = score(with_zeros(decisions, config), decisions, [[0], [1]])
    # Distances 2 and 1: logits -0.5 * 4 = -2 and -0.5 * 1 = -0.5.
    expected = np.exp([-2, -0.5]) / (math.exp(-2) + math.exp(-0.5))
    np.testing.assert_allclose(np.exp(log_prob_B), expected, rtol=1e-5)


def test_a_skip_bit_is_a_softmax_over_minus_and_plus_its_logit() -> None:
    decisions = (Subset("skip", 0), Subset("skip", 1))
    config = EnasPolicyConfig(hidden_size=3, temperature=2.0, tanh_constant=1.5, skip_weight=0.5)
    policy = build(decisions, config)
    with torch.no_grad():
        policy.attentions["skip"].previous.weight.zero_()
        policy.attentions["skip"].current.weight.zero_()  # then tanh(0) = 0, and q = 0
    log_prob_B, entropy_B, penalty_B = score(policy, decisions, [[0], [1]])
    np.testing.assert_allclose(log_prob_B, np.log([0.5, 0.5]), rtol=1e-5)
    np.testing.assert_allclose(entropy_B, [math.log(2)] * 2, rtol=1e-5)
    # KL(1/2 || 0.4) = 0.5 ln(0.5 / 0.4) + 0.5 ln(0.5 / 0.6) = 0.111572 - 0.091161 = 0.020411,
    # of which the penalty is a half.
    np.testing.assert_allclose(penalty_B, [0.5 * 0.020411] * 2, atol=1e-6)


def of_one_unit(decisions: Decisions) -> EnasPolicy:
    """A policy whose sums can be done by hand.

    The input where nothing was decided is 1, every option's is 0. Of the LSTM only the candidate
    is no half: with the input x, c <- c / 2 + tanh(x) / 2 and h = tanh(c) / 2. An anchor's logit is
    10 tanh(h there), that of the second option 10 h, that of the first 0.
    """
    config = EnasPolicyConfig(hidden_size=1, temperature=None, tanh_constant=None)
    policy = build(decisions, config, limit=0)
    with torch.no_grad():
        policy.lstm.rows[0] = 1
        policy.lstm.weights[0][0, 3] = 1
        policy.attentions["node"].previous.weight[:] = 1
        policy.attentions["node"].weigh.weight[:] = 10
        for head in policy.heads.values():
            head[1] = 10
    return policy


def test_an_input_of_a_cell_is_attended_to_by_its_step_but_the_next_step_is_told_nothing() -> None:
    decisions = micro_decisions(1, 2, num_cells=1)[:5]  # two inputs, two pointers, an operation
    log_prob_B, _, _ = score(of_one_unit(decisions), decisions, [[0, 1, 1], [1, 1, 1]])
    # Steps 1 to 3 have the input 1, tanh 1 = 0.761594: c = 0.380797, 0.571196, 0.666395, and so
    # h = 0.181700 and 0.258118 at the two inputs, whose logits are 1.79726 and 2.52535:
    # P(0) = 1 / (1 + e^0.72809) = 0.325615, P(1) = 0.674385.
    # Steps 4 and 5, after the pointers, have the input 0: c = 0.333197, 0.166599, h = 0.082537, and
    # P(the second operation) = 1 / (1 + e^-0.82537) = 0.695375.
    expected = [0.325615 * 0.674385 * 0.695375, 0.674385**2 * 0.695375]
    np.testing.assert_allclose(np.exp(log_prob_B), expected, rtol=1e-5)


def test_for_the_fixed_node_of_a_recurrent_cell_the_lstm_takes_no_step() -> None:
    decisions = rnn_decisions(2, 2)
    log_prob_B, _, _ = score(of_one_unit(decisions), decisions, [[0, 1, 0, 1], [0, 1, 1, 1]])
    # Node 1: its pointer, to node 0 for certain, is step 1, c = 0.380797 and h = 0.181700. Node 0
    # gives 0: c = 0.190399, h = 0.094066, P(the second function) = 1 / (1 + e^-0.94065) = 0.719232.
    # Node 2: the input is 0, that of options, and c = 0.095199; the logits of node 0 and node 1 are
    # 10 tanh 0 = 0 and 10 tanh 0.181700 = 1.79726, so P(0) = 0.142185 and P(1) = 0.857815.
    # After node 0: c = 0.047600, h = 0.023782, P = 1 / (1 + e^-0.23782) = 0.559176. After node 1:
    # the input 0.181700 / 1.1 = 0.165182, c = 0.129447, h = 0.064365, P = 0.655577.
    expected = [0.719232 * 0.142185 * 0.559176, 0.719232 * 0.857815 * 0.655577]
    np.testing.assert_allclose(np.exp(log_prob_B), expected, rtol=1e-5)


def test_divergence_is_summed_over_the_bits_and_averaged_over_the_layers_that_have_some() -> None:
    decisions = macro_decisions(4, 2)
    policy = with_zeros(decisions, EnasPolicyConfig(hidden_size=2, skip_weight=1.0))
    _, _, penalty_B = score(policy, decisions, [[0] * 10])
    # Layers 2 to 4 have 1 + 2 + 3 bits with 0.020411 each: 6 * 0.020411 / 3.
    np.testing.assert_allclose(penalty_B, [2 * 0.020411], atol=1e-6)


def test_the_input_after_a_subset_is_the_sum_of_the_chosen_states_by_one_more_than_there_are() -> (
    None
):
    decisions = tuple(Subset("s", i) for i in range(4))
    policy = build(decisions)
    tokens_BX = torch.tensor([[0, 0, 0], [1, 0, 0], [1, 0, 1]])
    mixture = policy.next_input(decisions[-1], policy.views[-1], tokens_BX)
    assert isinstance(mixture, Mixture)
    # none: nothing; one: a half; two: a third each
    expected: list[list[float]] = [[0, 0, 0], [1 / 2, 0, 0], [1 / 3, 0, 1 / 3]]
    np.testing.assert_allclose(mixture.weight[..., 0].T, expected, rtol=1e-6)


@pytest.mark.parametrize("name", ["type", "items", "forward", "a.b", ""])
def test_a_kind_may_have_any_name(name: str) -> None:
    decisions = (Choice(name, 2), Subset("s", 0))
    log_prob_B, _, _ = score(build(decisions), decisions, [[0], [1]])
    assert np.exp(log_prob_B).sum() == pytest.approx(1, abs=1e-6)


def test_a_smaller_depth_is_the_marginal_of_a_larger_one() -> None:
    decisions = SMALL["cell"]
    prefix = decisions[:7]  # two inputs and the first node: 2 x 2 x 2 x 2 = 16
    policy = build(decisions)
    whole, _, _ = score(policy, decisions, all_tokens(decisions))
    short, _, _ = score(policy, prefix, all_tokens(prefix))
    np.testing.assert_allclose(np.exp(short), np.exp(whole).reshape(16, 36).sum(1), atol=1e-6)


def test_the_second_cell_sees_its_own_nodes_only() -> None:
    decisions = micro_decisions(1, 2)
    seen = {step: seen for step, seen in enumerate(anchors_seen(group_by_kind(decisions))) if seen}
    # Each cell: two inputs, two pointers, two choices, the node's anchor.
    assert seen == {2: [0, 1], 3: [0, 1], 9: [7, 8], 10: [7, 8]}


@pytest.mark.parametrize(
    "decisions",
    [
        (Choice("a", 2), Choice("a", 3)),
        (Choice("a", 2), Anchor("a")),
        (Subset("a", 0), Anchor("a")),
        (Subset("a", 1),),
        (Pointer("a", 1),),
        (Anchor("a"), Pointer("a", 2)),
        (Anchor("a"), Pointer("a", 0)),
        (Anchor("a"), Subset("a", 1)),
    ],
)
def test_decisions_of_a_kind_that_do_not_fit_together_are_refused(decisions: Decisions) -> None:
    with pytest.raises(ConfigError, match=r"kind 'a'.*expected .*, got "):
        EnasPolicy(decisions, CONFIG)


@st.composite
def decision_lists(draw: st.DrawFn) -> tuple[Decision, ...]:
    """Any interleaving of choices, subsets, anchors and pointers, of two kinds each."""
    options = draw(st.lists(st.integers(1, 4), min_size=2, max_size=2))
    subsets, anchors = [0, 0], [0, 0]
    decisions: list[Decision] = []
    for what, kind in draw(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 1)), min_size=1)):
        if what == 0:
            decisions.append(Choice(f"choice {kind}", options[kind]))
        elif what == 1:
            decisions.append(Subset(f"subset {kind}", subsets[kind]))
            subsets[kind] += 1
        elif what == 2 or not anchors[kind]:
            gives = draw(st.sampled_from(("state", "key", "nothing")))
            decisions.append(Anchor(f"node {kind}", gives))
            anchors[kind] += 1
        else:
            num = draw(st.integers(1, anchors[kind]))
            decisions.append(Pointer(f"node {kind}", num, marks=what == 3))
            anchors[kind] += what == 3
    return tuple(decisions)


@settings(max_examples=50, deadline=None)
@given(decisions=decision_lists(), depth=st.integers(1, 12), seed=st.integers(0, 2**32 - 1))
def test_samples_of_any_decisions_are_valid_and_scored_as_written_out(
    decisions: Decisions, depth: int, seed: int
) -> None:
    policy = build(decisions, seed=1)
    shallow = decisions[:depth]
    assume(any(map(takes_step, shallow)))  # else there is nothing to decide
    tokens = draw(policy, shallow, num=3, seed=seed)
    for sequence in tokens:
        check_tokens(shallow, sequence)
    expected = [reference(policy, CONFIG, shallow, sequence) for sequence in tokens]
    np.testing.assert_allclose(np.transpose(score(policy, shallow, tokens)), expected, atol=1e-5)


@torch.inference_mode()
@pytest.mark.parametrize("decisions", SMALL.values(), ids=SMALL)
def test_sampling_sees_the_logits_that_scoring_sees(decisions: Decisions) -> None:
    policy = build(decisions)
    tokens_BW = torch.tensor(all_tokens(decisions)[::5])
    rollout, position = policy.rollout(decisions, len(tokens_BW)), 0
    total = torch.zeros(len(tokens_BW))
    for decision in decisions:
        logits = rollout.logits(decision)
        mine = tokens_BW[:, position : position + decision.num_tokens]
        if isinstance(decision, Choice | Pointer):
            total = total + logits.log_softmax(-1).gather(1, mine).sum(1)
        else:
            bits = torch.distributions.Bernoulli(logits=logits)
            total = total + bits.log_prob(mine.float()).sum(1)
        rollout.take(decision, mine)
        position += decision.num_tokens
    np.testing.assert_allclose(total, score(policy, decisions, tokens_BW.tolist())[0], atol=1e-5)
