"""The LSTM policy of ENAS: a distribution over token sequences (Pham et al. 2018, section 2).

One LSTM step per decision. A choice is a softmax over the step's state; a subset or pointer attends
to the states of earlier anchors. What comes next into the LSTM is the row of the chosen option, or
the state of what was pointed at. So known tokens need one walk for the states, and all logits then
follow from them at once.

Letters in names: B architectures, W tokens of an architecture, X tokens of one decision or anchors
that it sees, S steps (decisions), N decisions of one kind, H hidden units, O options of a choice,
P pairs of a decision and an anchor that it sees.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas_lib.config import EnasControllerConfig
from nas_lib.controllers.attention import Attention, Look, attend
from nas_lib.controllers.distributions import pad_options, score_bits, score_options
from nas_lib.controllers.layout import Group, Step, is_anchor, lay_out, members_by_kind, num_seen
from nas_lib.controllers.logit_shape import LogitShape, distances
from nas_lib.controllers.lstm_walk import Input, Mixture, Row, walk
from nas_lib.spaces.decisions import Choice, Decision, Subset

_NEAREST = 0.1  # the state that a marking pointer chose is divided by this plus its distance


class Scores(NamedTuple):
    """What the policy says of known architectures, each `[B]`.

    Attributes:
        log_prob: Log-probability of each token sequence, in nats.
        entropy: Sum over its decisions of the entropy that each has after the tokens before it.
        divergence: KL divergence of a decision's skip bits from the prior, summed over its bits;
            the mean over decisions that have bits. In nats, 0 without any.
    """

    log_prob: Tensor
    entropy: Tensor
    divergence: Tensor


class EnasPolicy(nn.Module):
    """Gives every token sequence a probability.

    Args:
        decisions: Those of the space at its greatest depth. They shape the parameters, which serve
            any prefix of them.
        config: Sizes, and how logits are shaped.

    Raises:
        ConfigError: Decisions of one kind cannot share parameters.
    """

    def __init__(self, decisions: Sequence[Decision], config: EnasControllerConfig) -> None:
        super().__init__()
        size = config.hidden_size
        self._first_rows: dict[str, int] = {}
        self.heads: dict[str, nn.Parameter] = {}  # [O, H]
        self.attentions: dict[str, Attention] = {}
        num_rows = 1  # the first row is the input where nothing was decided
        for kind, (first, *_) in members_by_kind(decisions).items():
            if isinstance(first, Choice):
                self._first_rows[kind] = num_rows
                self.heads[kind] = nn.Parameter(torch.empty(first.num_options, size))
                num_rows += first.num_options
            else:
                self.attentions[kind] = Attention(size)
        self.rows = nn.Parameter(torch.empty(num_rows, size))
        self.lstm = nn.ParameterList(
            torch.empty(size, 4 * size) for _ in range(2 * config.num_layers)
        )
        # Registers them; a dictionary module would refuse some names of kinds.
        self._heads = nn.ParameterList(self.heads.values())
        self._attentions = nn.ModuleList(self.attentions.values())
        self._shape = LogitShape.of(config)
        self._prior = config.skip_prior

    def forward(self, decisions: Sequence[Decision], tokens_BW: Tensor) -> Scores:
        """Return the scores of known architectures; differentiable.

        Args:
            decisions: What the tokens answer.
            tokens_BW: The tokens of each architecture, int64.
        """
        steps, groups = lay_out(decisions)
        tokens = torch.split(tokens_BW, [decision.num_tokens for decision in decisions], dim=1)
        inputs = [self.no_input(len(tokens_BW)), *map(self.next_input, steps, tokens)]
        hidden = walk(
            self.rows,
            tuple(self.lstm),
            inputs=inputs[:-1],
            places=[step.place for step in steps],
            sizes=[len(group.steps) for group in groups.values()],
        )
        scores = [
            self._score(kind, group, hidden_NBH, tokens_BW.T)
            for (kind, group), hidden_NBH in zip(groups.items(), hidden, strict=True)
        ]
        log_probs, entropies, divergences = zip(*scores, strict=True)
        num_subsets = sum(isinstance(d, Subset) and num_seen(d) > 0 for d in decisions)
        return Scores(
            torch.stack(log_probs).sum(0),
            torch.stack(entropies).sum(0),
            torch.stack(divergences).sum(0) / max(num_subsets, 1),
        )

    def no_input(self, num: int) -> Row:
        """Return the LSTM's input where nothing was decided before."""
        return Row(torch.zeros(num, dtype=torch.int64))

    def next_input(self, step: Step, tokens_BX: Tensor) -> Input:
        """Return the LSTM's input after a step that was answered like this."""
        decision = step.decision
        if isinstance(decision, Choice):
            return Row(self._first_rows[decision.kind] + tokens_BX[:, 0])
        if not num_seen(decision):
            return self.no_input(len(tokens_BX))
        if isinstance(decision, Subset):
            chosen_XB = tokens_BX.T.float()
            weight_XB = chosen_XB / (1 + chosen_XB.sum(0))
        else:
            distance_X1 = distances(num_seen(decision))
            weight_XB = (num_seen(decision) - tokens_BX.T == distance_X1).float()
            if is_anchor(decision):
                weight_XB /= _NEAREST + distance_X1
        return Mixture(step.seen, weight_XB[..., None])

    def choice_logits(self, kind: str, hidden: Tensor) -> Tensor:
        """Return a choice's logits `[..., O]` from the states `[..., H]`."""
        return self._shape.of_choice(hidden @ self.heads[kind].T)

    def seen_logits(self, decision: Decision, logits_XB: Tensor) -> Tensor:
        """Return a subset's or pointer's logits `[X, B]` from what attention gives."""
        if isinstance(decision, Subset):
            return self._shape.of_bits(logits_XB)
        return self._shape.of_pointers(logits_XB, distances(num_seen(decision)))

    def _score(
        self, kind: str, group: Group, hidden_NBH: Tensor, tokens_WB: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return a kind's log-probability, entropy and divergence, summed over its decisions."""
        tokens_MB = tokens_WB[list(group.tokens)]  # M tokens of the kind
        nothing_B = tokens_WB.new_zeros(tokens_WB.shape[1], dtype=hidden_NBH.dtype)
        if kind in self.heads:
            logits_NBO = self.choice_logits(kind, hidden_NBH)
            return *score_options(logits_NBO, tokens_MB[..., None]), nothing_B
        looking = [step for step in group.steps if num_seen(step.decision)]
        if not looking:
            return nothing_B, nothing_B, nothing_B
        logits_PB = self._attend(kind, group, looking, hidden_NBH)
        if isinstance(looking[0].decision, Subset):
            logits_PB = self._shape.of_bits(logits_PB)
            return *score_bits(logits_PB, tokens_MB), _divergence(logits_PB, self._prior).sum(0)
        widths = [num_seen(step.decision) for step in looking]
        logits_PB = self._shape.of_pointers(logits_PB, torch.cat([*map(distances, widths)]))
        return *score_options(pad_options(logits_PB, widths), tokens_MB[..., None]), nothing_B

    def _attend(
        self, kind: str, group: Group, looking: Sequence[Step], hidden_NBH: Tensor
    ) -> Tensor:
        """Return the attention logits `[P, B]` of the decisions that see anchors."""
        attention, start = self.attentions[kind], group.start
        return attend(
            F.linear(hidden_NBH[: group.num_anchors], 2 * attention.previous.weight),
            F.linear(hidden_NBH, 2 * attention.current.weight),
            attention.weigh.weight[0],
            [
                Look(step.place - start, slice(step.seen.start - start, step.seen.stop - start))
                for step in looking
            ],
        )


def _divergence(logits: Tensor, prior: float) -> Tensor:
    """Return KL(Bernoulli(p) || Bernoulli(prior)) in nats, with p = sigmoid of the logit."""
    # p log p + (1 - p) log(1 - p) = p x - softplus(x) with x = log(p / (1 - p))
    prior_logit = math.log(prior) - math.log1p(-prior)
    return logits.sigmoid() * (logits - prior_logit) - F.softplus(logits) - math.log1p(-prior)
