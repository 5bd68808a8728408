from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from decision_lists import all_tokens, cnn_decisions, micro_decisions, rnn_decisions
from hypothesis import given, settings
from hypothesis import strategies as st
from nas_reference import reference
from torch import Tensor

from nas_lib.config import NasPolicyConfig
from nas_lib.controllers.distributions import draw_option
from nas_lib.controllers.nas_heads import SubsetHead
from nas_lib.controllers.nas_policy import NasPolicy
from nas_lib.controllers.policy import sample
from nas_lib.errors import ConfigError
from nas_lib.spaces.decisions import Anchor, Choice, Decision, Pointer, Subset, check_tokens

Decisions = Sequence[Decision]
Scored = tuple[Any, Any]  # arrays [B]

# 2 x 3 x 2 x (2 x 4) = 96 token sequences, with two kinds of anchors.
SMALL = (
    Choice("a", 2),
    Subset("s", 0),
    Subset("r", 0),
    Choice("b", 3),
    Subset("s", 1),
    Choice("a", 2),
    Subset("s", 2),
)


def build(
    decisions: Decisions,
    *,
    hidden_size: int = 5,
    num_layers: int = 2,
    seed: int = 0,
    limit: float = 1.0,
) -> NasPolicy:
    """A policy with parameters large enough for every term to matter."""
    policy = NasPolicy(decisions, NasPolicyConfig(hidden_size=hidden_size, num_layers=num_layers))
    generator = torch.Generator().manual_seed(seed)
    for parameter in policy.parameters():
        torch.nn.init.uniform_(parameter, -limit, limit, generator=generator)
    return policy


def draw(policy: NasPolicy, decisions: Decisions, *, num: int, rng: np.random.Generator) -> Tensor:
    return sample(policy, decisions, num=num, rng=rng)


def score(policy: NasPolicy, decisions: Decisions, tokens: Sequence[Sequence[int]]) -> Scored:
    with torch.inference_mode():
        log_prob_B, entropy_B, penalty_B = policy(decisions, torch.tensor(tokens))
    assert penalty_B is None
    return log_prob_B.numpy(), entropy_B.numpy()


# (1 x 2) x (2 x 2) x 3 x 2 = 48, with pointers that mark and others that do not.
POINTING = (
    Anchor("n"),
    Pointer("n", 1, marks=True),
    Choice("a", 2),
    Pointer("n", 2),
    Choice("a", 2),
    Anchor("n"),
    Pointer("n", 3, marks=True),
    Pointer("n", 2),
)
every_kind = pytest.mark.parametrize("decisions", [SMALL, POINTING], ids=["subsets", "pointers"])


@every_kind
@pytest.mark.parametrize("num_layers", [1, 2, 3])
def test_log_probability_and_entropy_equal_the_equations_written_out(
    decisions: Decisions, num_layers: int
) -> None:
    policy = build(decisions, num_layers=num_layers)
    tokens = all_tokens(decisions)
    log_prob_B, entropy_B = score(policy, decisions, tokens)
    expected = np.array([reference(policy, decisions, sequence) for sequence in tokens])
    np.testing.assert_allclose(log_prob_B, expected[:, 0], atol=1e-5)
    np.testing.assert_allclose(entropy_B, expected[:, 1], atol=1e-5)


def test_log_probability_of_the_papers_space_equals_the_equations_written_out() -> None:
    decisions = cnn_decisions(12)
    policy = build(decisions, hidden_size=35, limit=0.2)
    tokens = draw(policy, decisions, num=2, rng=np.random.default_rng(0)).tolist()
    assert len(decisions) == 48
    assert len(tokens[0]) == 36 + 66  # choices, and 0 + 1 + ... + 11 bits
    log_prob_B, _ = score(policy, decisions, tokens)
    expected = [reference(policy, decisions, sequence)[0] for sequence in tokens]
    np.testing.assert_allclose(log_prob_B, expected, rtol=1e-5)


def test_skip_connection_attention_by_hand() -> None:
    decisions = (Subset("skip", 0), Subset("skip", 1))
    head = build(decisions, hidden_size=2).heads["skip"]
    assert isinstance(head, SubsetHead)
    with torch.no_grad():
        head.attention.previous.weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 2.0]]))
        head.attention.current.weight.copy_(torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
        head.attention.weigh.weight.copy_(torch.tensor([[3.0, -1.0]]))
        hidden_NBH = torch.tensor([[[0.1, 0.2]], [[0.3, 0.4]]])
        log_prob_B, entropy_B = head.score(hidden_NBH, torch.tensor([[[0]], [[1]]]), [[], [0]])
    # W_prev h_0 = (0.1, 0.4); W_curr h_1 = (0.4, 0.3); their sum is (0.5, 0.7), so
    # v^T tanh(0.5, 0.7) = 3 * 0.462117 - 0.604368 = 0.781984, and P = 1 / (1 + e^-0.781984).
    p = 1 / (1 + math.exp(-0.781984))
    assert log_prob_B.item() == pytest.approx(math.log(p), abs=1e-5)
    expected = -p * math.log(p) - (1 - p) * math.log(1 - p)
    assert entropy_B.item() == pytest.approx(expected, abs=1e-5)


def test_the_input_after_a_subset_is_the_mean_of_the_chosen_anchors() -> None:
    head = build([Subset("s", i) for i in range(4)], hidden_size=2).heads["s"]
    assert isinstance(head, SubsetHead)
    with torch.no_grad():
        head.decided.copy_(torch.tensor([10.0, 20.0]))
        head.embedding.weight.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0], [6.0, 8.0]]))
        inputs = head.weigh(torch.tensor([[0, 0, 0], [1, 0, 0], [1, 0, 1]])) @ head.rows
    # none: only the constant; one: + (1, 2); two: + ((1, 2) + (6, 8)) / 2 = (3.5, 5)
    torch.testing.assert_close(inputs, torch.tensor([[10.0, 20.0], [11.0, 22.0], [13.5, 25.0]]))


@pytest.mark.parametrize(("decisions", "num"), [(SMALL, 96), (POINTING, 48)])
def test_probabilities_of_all_token_sequences_sum_to_one(decisions: Decisions, num: int) -> None:
    log_prob_B, _ = score(build(decisions), decisions, all_tokens(decisions))
    assert len(log_prob_B) == num
    assert np.exp(log_prob_B).sum() == pytest.approx(1, abs=1e-5)


def test_entropy_of_one_decision_is_minus_the_sum_of_p_log_p() -> None:
    decisions = (Choice("a", 5),)
    log_prob_B, entropy_B = score(build(decisions), decisions, all_tokens(decisions))
    p = np.exp(log_prob_B)
    np.testing.assert_allclose(entropy_B, -(p * log_prob_B).sum(), atol=1e-6)


def test_expected_entropy_is_that_of_the_whole_distribution() -> None:
    """The chain rule of entropy: the steps' entropies, weighed by their prefixes, add up."""
    log_prob_B, entropy_B = score(build(SMALL), SMALL, all_tokens(SMALL))
    p = np.exp(log_prob_B)
    assert (p * entropy_B).sum() == pytest.approx(-(p * log_prob_B).sum(), abs=1e-5)


def test_a_smaller_depth_is_the_marginal_of_a_larger_one() -> None:
    policy = build(SMALL)
    prefix = SMALL[:4]
    whole, _ = score(policy, SMALL, all_tokens(SMALL))
    short, _ = score(policy, prefix, all_tokens(prefix))
    # Enumerated in order: each of the 2 x 3 prefixes has the 96 / 6 = 16 next completions.
    np.testing.assert_allclose(np.exp(short), np.exp(whole).reshape(6, 16).sum(1), atol=1e-6)


def test_an_architecture_scores_the_same_alone_and_in_a_batch() -> None:
    policy, tokens = build(SMALL), all_tokens(SMALL)
    together, _ = score(policy, SMALL, tokens)
    alone = [score(policy, SMALL, [sequence])[0][0] for sequence in tokens[:10]]
    np.testing.assert_allclose(alone, together[:10], atol=1e-6)


def rollout_log_prob(policy: NasPolicy, decisions: Decisions, tokens_BW: Tensor) -> Tensor:
    """Score known tokens step by step, with the logits that sampling sees."""
    rollout, position = policy.rollout(decisions, len(tokens_BW)), 0
    total = torch.zeros(len(tokens_BW))
    for decision in decisions:
        logits = rollout.logits(decision)
        mine = tokens_BW[:, position : position + decision.num_tokens]
        if isinstance(decision, Choice | Pointer):
            total = total + logits.log_softmax(-1).gather(1, mine).sum(1)
        else:
            total = total + torch.distributions.Bernoulli(logits=logits).log_prob(mine.float()).sum(
                1
            )
        rollout.take(decision, mine)
        position += decision.num_tokens
    return total


@pytest.mark.parametrize(
    "decisions", [cnn_decisions(12), micro_decisions(5, 5), rnn_decisions(12, 4)]
)
@torch.inference_mode()
def test_sampling_step_by_step_sees_the_probabilities_of_the_replay(decisions: Decisions) -> None:
    policy = build(decisions, hidden_size=35, limit=0.3)
    tokens_BW = draw(policy, decisions, num=16, rng=np.random.default_rng(0))
    log_prob_B, _, _ = policy(decisions, tokens_BW)
    stepwise_B = rollout_log_prob(policy, decisions, tokens_BW)
    torch.testing.assert_close(stepwise_B, log_prob_B, atol=1e-5, rtol=1e-6)


@every_kind
def test_frequencies_of_samples_match_their_probabilities(decisions: Decisions) -> None:
    policy, num = build(decisions), 40_000
    tokens_BW = draw(policy, decisions, num=num, rng=np.random.default_rng(0))
    every = all_tokens(decisions)
    place = {sequence: index for index, sequence in enumerate(every)}
    counts = np.bincount([place[tuple(row)] for row in tokens_BW.tolist()], minlength=len(every))
    p = np.exp(score(policy, decisions, every)[0])
    # Within 4.5 standard deviations of a binomial count, for each of them.
    assert (np.abs(counts - num * p) < 4.5 * np.sqrt(num * p)).all()


def test_the_last_option_is_drawn_even_where_rounding_leaves_a_gap_below_one() -> None:
    almost_one = torch.full((1, 1), 1 - 2**-24)
    logits = torch.tensor([[0.0, 0.3, 0.6]])  # whose probabilities add up to 1 - 2^-24
    assert draw_option(logits, almost_one).item() == 2
    assert draw_option(logits, torch.zeros(1, 1)).item() == 0


@pytest.mark.parametrize("name", ["type", "items", "forward", "a.b", ""])
def test_a_kind_may_have_any_name(name: str) -> None:
    decisions = (Choice(name, 2), Subset("s", 0))
    log_prob_B, _ = score(build(decisions), decisions, [[0], [1]])
    assert np.exp(log_prob_B).sum() == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize(
    "decisions",
    [
        (Choice("a", 2), Choice("a", 3)),
        (Choice("a", 2), Subset("a", 0)),
        (Subset("a", 0), Subset("a", 2)),
        (Subset("a", 1),),
        (Pointer("a", 1),),
        (Anchor("a"), Pointer("a", 2)),
    ],
)
def test_decisions_of_a_kind_that_do_not_fit_together_are_refused(decisions: Decisions) -> None:
    with pytest.raises(ConfigError, match=r"kind 'a'.*expected .*, got "):
        NasPolicy(decisions, NasPolicyConfig(hidden_size=2, num_layers=1))


@st.composite
def decision_lists(draw: st.DrawFn) -> tuple[Decision, ...]:
    """Any interleaving of three kinds of choices and two kinds of anchors."""
    options = draw(st.lists(st.integers(1, 5), min_size=3, max_size=3))
    anchors = [0, 0]
    decisions: list[Decision] = []
    for which in draw(st.lists(st.integers(0, 4), min_size=1, max_size=12)):
        if which < 3:
            decisions.append(Choice(f"choice {which}", options[which]))
        else:
            decisions.append(Subset(f"subset {which}", anchors[which - 3]))
            anchors[which - 3] += 1
    return tuple(decisions)


@settings(max_examples=40, deadline=None)
@given(decisions=decision_lists(), depth=st.integers(1, 12), seed=st.integers(0, 2**32 - 1))
def test_samples_of_any_decisions_are_valid_and_scored_alike_both_ways(
    decisions: Decisions, depth: int, seed: int
) -> None:
    policy = build(decisions, hidden_size=3, seed=1)
    shallow = decisions[:depth]
    tokens_BW = draw(policy, shallow, num=3, rng=np.random.default_rng(seed))
    for tokens in tokens_BW.tolist():
        check_tokens(shallow, tokens)
    log_prob_B, entropy_B, _ = policy(shallow, tokens_BW.clone())
    assert torch.isfinite(entropy_B).all()
    torch.testing.assert_close(
        rollout_log_prob(policy, shallow, tokens_BW.clone()), log_prob_B, atol=1e-5, rtol=0
    )
