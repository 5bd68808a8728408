"""The LSTM policy of ENAS (Pham et al. 2018, section 2).

One LSTM step per decision. A choice is a softmax over the step's state; a subset or pointer attends
to the states of earlier anchors. What comes next into the LSTM is the row of the chosen option, or
the state of what was pointed at, as far as an anchor `gives` it. So known tokens need the LSTM for
the states, and all logits then follow from them at once.

Letters in names: B architectures, W tokens of an architecture, X tokens of one decision or anchors
that it sees, S steps of the LSTM, D decisions, N of them of one kind, H hidden units, O options of
a choice, P pairs of a decision and an anchor that it sees.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas_lib.config import EnasPolicyConfig
from nas_lib.controllers.attention import Attention
from nas_lib.controllers.distributions import pad_options, score_bits, score_options
from nas_lib.controllers.enas_lstm import EnasLstm, Input, Mixture, Row
from nas_lib.controllers.enas_views import View, lstm_steps, takes_step, views_of
from nas_lib.controllers.layout import (
    Group,
    check_kinds,
    group_by_kind,
    is_anchor,
    num_seen,
)
from nas_lib.controllers.policy import Policy, Scores
from nas_lib.spaces.decisions import Choice, Decision, Subset

# The state that a marking pointer chose is divided by this plus its distance, as in the published
# code for recurrent cells; the paper says nothing of it.
_NEAREST = 0.1


class EnasPolicy(Policy):
    """An LSTM without biases. Its penalty is for skip connections unlike the prior.

    Args:
        decisions: Those of the space at its greatest depth.
        config: Sizes, and how logits are shaped.

    Raises:
        ConfigError: Decisions of one kind cannot share parameters.
    """

    def __init__(self, decisions: Sequence[Decision], config: EnasPolicyConfig) -> None:
        super().__init__()
        size = config.hidden_size
        groups = group_by_kind(decisions)
        check_kinds(groups)
        self.init_range = config.init_range
        self._first_rows: dict[str, int] = {}
        self.heads: dict[str, nn.Parameter] = {}  # [O, H]
        self.attentions: dict[str, Attention] = {}
        num_rows = 1  # the first row is the input where nothing was decided
        for group in groups:
            first = group.members[0]
            if isinstance(first, Choice):
                self._first_rows[group.kind] = num_rows
                self.heads[group.kind] = nn.Parameter(torch.empty(first.num_options, size))
                num_rows += first.num_options
            else:
                self.attentions[group.kind] = Attention(size)
        self.lstm = EnasLstm(size, num_layers=config.num_layers, num_rows=num_rows)
        # Registers them; a dictionary module would refuse some names of kinds.
        self._heads = nn.ParameterList(self.heads.values())
        self._attentions = nn.ModuleList(self.attentions.values())
        self._shape = LogitShape.of(config)
        self._skip_prior, self._skip_weight = config.skip_prior, config.skip_weight
        self._lstm_steps = lstm_steps(decisions)
        self.views = views_of(decisions)

    def rollout(self, decisions: Sequence[Decision], num: int) -> EnasRollout:
        """Return the begin of `num` architectures that answer `decisions`."""
        return EnasRollout(self, num)

    def forward(self, decisions: Sequence[Decision], tokens_BW: Tensor) -> Scores:
        """Return the scores of known architectures.

        The penalty is `skip_weight` times the KL divergence of a decision's skip bits from the
        prior, in nats, summed over its bits; the mean over the decisions that have bits, 0 without
        any (section 3.2).

        Args:
            decisions: What the tokens answer.
            tokens_BW: The tokens of each architecture, int64.
        """
        tokens = torch.split(tokens_BW, [decision.num_tokens for decision in decisions], dim=1)
        groups = group_by_kind(decisions)
        inputs: list[Input] = [self.no_input(len(tokens_BW))]
        inputs += [
            self.next_input(decision, view, mine)
            for decision, view, mine in zip(decisions, self.views, tokens, strict=False)
            if takes_step(decision)
        ]
        hidden_SBH = self.lstm(inputs[:-1])  # the last one has no step to go to
        hidden_DBH = _at_decisions(hidden_SBH, self._lstm_steps[: len(decisions)])
        scores = [
            self._score(group, hidden_DBH[list(group.steps)], tokens_BW.T) for group in groups
        ]
        log_probs, entropies, divergences = zip(*scores, strict=True)
        # The mean over layers, as in the published code: a deeper network is not penalised more.
        num_subsets = sum(isinstance(d, Subset) and num_seen(d) > 0 for d in decisions)
        divergence_B = torch.stack(divergences).sum(0) / max(num_subsets, 1)
        return Scores(
            torch.stack(log_probs).sum(0),
            torch.stack(entropies).sum(0),
            penalty=self._skip_weight * divergence_B,
        )

    def no_input(self, num: int) -> Row:
        """Return the LSTM's input where nothing was decided before."""
        return Row(torch.zeros(num, dtype=torch.int64))

    def next_input(self, decision: Decision, view: View, tokens_BX: Tensor) -> Input:
        """Return the LSTM's input after a decision that sees this and was answered like this."""
        if isinstance(decision, Choice):
            return Row(self._first_rows[decision.kind] + tokens_BX[:, 0])
        if not view.anchors:
            return self.no_input(len(tokens_BX))
        if isinstance(decision, Subset):
            # The mean of the chosen states and one more, zero: nothing chosen divides by nothing.
            chosen_XB = tokens_BX.T.float()
            weight_XB = chosen_XB / (1 + chosen_XB.sum(0))
        else:  # one-hot; of an anchor that gives no state there is no row, as if it were zero
            weight_XB = (view.given == tokens_BX.T).float()
            if is_anchor(decision):
                weight_XB /= _NEAREST + (len(view.anchors) - view.given)
        return Mixture(view.steps, weight_XB[..., None])

    def choice_logits(self, kind: str, hidden: Tensor) -> Tensor:
        """Return a choice's logits `[..., O]` from the states `[..., H]`."""
        return self._shape.of_choice(hidden @ self.heads[kind].T)

    def seen_logits(self, decision: Decision, view: View, logits_XB: Tensor) -> Tensor:
        """Return a subset's or pointer's logits `[X, B]` from what attention gives."""
        if isinstance(decision, Subset):
            return self._shape.of_bits(logits_XB)
        return self._shape.of_pointers(logits_XB, view.distances)

    def _score(
        self, group: Group, hidden_NBH: Tensor, tokens_WB: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return a kind's log-probability, entropy and divergence, summed over its decisions."""
        columns = [column for each in group.columns for column in each]
        tokens_MB = tokens_WB[columns]  # M tokens of the kind, in the order of its decisions
        nothing_B = hidden_NBH.new_zeros(hidden_NBH.shape[1])
        if group.kind in self.heads:
            logits_NBO = self.choice_logits(group.kind, hidden_NBH)
            return *score_options(logits_NBO, tokens_MB[..., None]), nothing_B
        views = [self.views[number] for number in group.steps if self.views[number].anchors]
        if not views:
            return nothing_B, nothing_B, nothing_B
        # Pairs are in the order of the decisions, so a subset's stand as its tokens do.
        logits_PB = self.attentions[group.kind].logits_of_pairs(hidden_NBH, group.seen)
        if isinstance(group.members[0], Subset):
            logits_PB = self._shape.of_bits(logits_PB)
            divergence_B = _divergence(logits_PB, self._skip_prior).sum(0)
            return *score_bits(logits_PB, tokens_MB), divergence_B
        distance_P1 = torch.cat([view.distances for view in views])
        logits_PB = self._shape.of_pointers(logits_PB, distance_P1)
        return *score_options(
            pad_options(logits_PB, [len(view.anchors) for view in views]), tokens_MB[..., None]
        ), nothing_B


class EnasRollout:
    """The policy one decision at a time, to draw architectures from it."""

    def __init__(self, policy: EnasPolicy, num: int) -> None:
        self.num = num
        self._policy = policy
        self._number = -1  # of the decision that was asked for last
        self._input: Input = policy.no_input(num)
        weights = policy.lstm.torch_weights()  # gates in order, once for all steps
        self._layers = list(zip(weights[::2], weights[1::2], strict=True))
        self._zeros_BH = torch.zeros(num, weights[0].shape[1])
        self._memory = [(self._zeros_BH, self._zeros_BH)] * len(self._layers)
        self._states: list[Tensor] = []  # of the top layer, [B, H] of each step
        self._previous: dict[int, Tensor] = {}  # W_prev h of the anchors, [B, H], by their number

    def logits(self, decision: Decision) -> Tensor:
        """Take the next step of the LSTM; return the decision's logits."""
        self._number += 1
        hidden_BH = self._step() if takes_step(decision) else self._zeros_BH
        if isinstance(decision, Choice):
            return self._policy.choice_logits(decision.kind, hidden_BH)
        attention = self._policy.attentions[decision.kind]
        if is_anchor(decision):
            self._previous[self._number] = attention.previous(hidden_BH)
        view = self._policy.views[self._number]
        if not view.anchors:
            return hidden_BH[:, :0]
        # Each anchor's product is taken once, not once for each decision that sees it.
        previous_XBH = torch.stack([self._previous[anchor] for anchor in view.anchors])
        logits_XB = attention.logits(previous_XBH, attention.current(hidden_BH))
        return self._policy.seen_logits(decision, view, logits_XB).T

    def take(self, decision: Decision, tokens_BX: Tensor) -> None:
        """Set the tokens of the decision that `logits` was asked for."""
        if takes_step(decision):
            view = self._policy.views[self._number]
            self._input = self._policy.next_input(decision, view, tokens_BX)

    def _step(self) -> Tensor:
        hidden_BH = self._policy.lstm.input(self._input, self._states)
        for layer, weights in enumerate(self._layers):
            self._memory[layer] = torch.lstm_cell(hidden_BH, self._memory[layer], *weights)
            hidden_BH, _ = self._memory[layer]
        self._states.append(hidden_BH)
        return hidden_BH


@dataclass(frozen=True)
class LogitShape:
    """How logits are kept from growing, and what else is known beforehand.

    Temperature and tanh are those of Bello et al. (2017), as section 3 says; the rest is what the
    published code adds.
    """

    temperature: float
    tanh_constant: float | None
    choice_tanh_constant: float | None
    choice_bias: tuple[float, ...]
    distance_weight: float

    @classmethod
    def of(cls, config: EnasPolicyConfig) -> LogitShape:
        constant = config.operation_tanh_constant
        return cls(
            temperature=1.0 if config.temperature is None else config.temperature,
            tanh_constant=config.tanh_constant,
            choice_tanh_constant=config.tanh_constant if constant is None else constant,
            choice_bias=config.operation_bias,
            distance_weight=config.distance_weight,
        )

    def of_choice(self, logits: Tensor) -> Tensor:
        """Shape logits `[..., O]`; the bias is for choices with as many options."""
        logits = self._squash(logits, self.choice_tanh_constant)
        if len(self.choice_bias) != logits.shape[-1]:
            return logits
        return logits + logits.new_tensor(self.choice_bias)

    def of_bits(self, logits: Tensor) -> Tensor:
        """Return the log-odds of bits that are softmaxes over -logit (out) and logit (in)."""
        # e^x / (e^x + e^-x) = sigmoid(2 x)
        return 2 * self._squash(logits, self.tanh_constant)

    def of_pointers(self, logits_PB: Tensor, distance_P1: Tensor) -> Tensor:
        """Shape the logits of anchors at these distances."""
        logits_PB = self._squash(logits_PB, self.tanh_constant)
        if not self.distance_weight:
            return logits_PB
        return logits_PB - self.distance_weight * distance_P1**2

    def _squash(self, logits: Tensor, constant: float | None) -> Tensor:
        logits = logits / self.temperature
        return logits if constant is None else constant * logits.tanh()


def _at_decisions(hidden_SBH: Tensor, steps: Sequence[int | None]) -> Tensor:
    """Return the LSTM's states at decisions, `[D, B, H]`: zero where it takes no step."""
    if None not in steps:
        return hidden_SBH
    padded_SBH = F.pad(hidden_SBH, (0, 0, 0, 0, 0, 1))  # the last one is zero
    return padded_SBH[[-1 if step is None else step for step in steps]]


def _divergence(logits: Tensor, prior: float) -> Tensor:
    """Return KL(Bernoulli(p) || Bernoulli(prior)) in nats, with p = sigmoid of the logit."""
    # p log p + (1 - p) log(1 - p) = p x - softplus(x) with x = log(p / (1 - p))
    prior_logit = math.log(prior) - math.log1p(-prior)
    return logits.sigmoid() * (logits - prior_logit) - F.softplus(logits) - math.log1p(-prior)
