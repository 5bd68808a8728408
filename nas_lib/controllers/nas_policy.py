"""The LSTM policy of NAS (Zoph & Le 2017, sections 3.1 and 3.3).

One LSTM step per decision: its input is an embedding of the decision before, its top hidden state
decides. Inputs depend on tokens only, so known tokens are scored in one pass over the whole
sequence; a rollout takes the same steps one by one, to draw new ones.

Letters in names: B architectures, S steps (decisions), W tokens of an architecture, H hidden units,
N decisions of one kind, X tokens of one decision, R learned rows, L layers, A earlier anchors.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas_lib.config import NasPolicyConfig
from nas_lib.controllers.layout import Group, check_kinds, group_by_kind, is_anchor, num_seen
from nas_lib.controllers.nas_heads import ChoiceHead, Head, build_head
from nas_lib.controllers.policy import Policy, Scores
from nas_lib.spaces.decisions import Decision


class NasPolicy(Policy):
    """An LSTM with biases; embeddings are as wide as its layers.

    Args:
        decisions: Those of the space at its greatest depth.
        config: Sizes.

    Attributes:
        start: The input of the first step, learned, `[H]`.
        heads: What the decisions of each kind share.

    Raises:
        ConfigError: Decisions of one kind cannot share parameters.
    """

    def __init__(self, decisions: Sequence[Decision], config: NasPolicyConfig) -> None:
        super().__init__()
        size, groups = config.hidden_size, group_by_kind(decisions)
        check_kinds(groups)
        self.init_range = config.init_range
        self.start = nn.Parameter(torch.empty(size))
        self.lstm = nn.LSTM(size, size, config.num_layers)
        self.heads: dict[str, Head] = {
            group.kind: build_head(group.members, size) for group in groups
        }
        # Registers their parameters; a ModuleDict would refuse some names of kinds.
        self._heads = nn.ModuleList(self.heads.values())

    def rollout(self, decisions: Sequence[Decision], num: int) -> NasRollout:
        """Return the begin of `num` architectures."""
        return NasRollout(self, num)

    def forward(self, decisions: Sequence[Decision], tokens_BW: Tensor) -> Scores:
        """Return the scores of known architectures; no architecture has a penalty.

        Args:
            decisions: What the tokens answer.
            tokens_BW: The tokens of each architecture, int64.
        """
        groups = group_by_kind(decisions)
        padded_BW = F.pad(tokens_BW, (0, 1))
        # Of each kind [N, B, X]: a head takes all its decisions at once.
        tokens = [padded_BW[:, _padded(group.columns)].transpose(0, 1) for group in groups]
        hidden = self._hidden(groups, tokens)
        scores = [
            self.heads[group.kind].score(hidden_NBH, tokens_NBX, group.seen)
            for group, hidden_NBH, tokens_NBX in zip(groups, hidden, tokens, strict=True)
        ]
        log_probs, entropies = zip(*scores, strict=True)
        # log P(a) = sum over t of log P(a_t | a_<t), as section 3.2 has it.
        return Scores(torch.stack(log_probs).sum(0), torch.stack(entropies).sum(0))

    def _hidden(self, groups: Sequence[Group], tokens: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return the top hidden states `[N, B, H]` of each group's decisions."""
        rows_RH = torch.cat([self.start[None], *(self.heads[group.kind].rows for group in groups)])
        inputs_SBR = self._inputs(groups, tokens, num_rows=len(rows_RH))
        (of_input, *of_state), *layers = self.lstm.all_weights
        zeros_LBH = rows_RH.new_zeros(len(layers) + 1, inputs_SBR.shape[1], rows_RH.shape[1])
        hidden_SBH, _, _ = torch.lstm(
            inputs_SBR,
            (zeros_LBH, zeros_LBH),
            # An input is a few of few rows, so what the LSTM makes of the rows is enough.
            [of_input @ rows_RH.T, *of_state, *itertools.chain(*layers)],
            has_biases=True,
            num_layers=len(layers) + 1,
            dropout=0.0,
            train=True,
            bidirectional=False,
            batch_first=False,
        )
        steps = [step for group in groups for step in group.steps]
        grouped_SBH = hidden_SBH.index_select(0, torch.tensor(steps))
        return torch.split(grouped_SBH, [len(group.steps) for group in groups])

    def _inputs(
        self, groups: Sequence[Group], tokens: Sequence[Tensor], *, num_rows: int
    ) -> Tensor:
        """Return how much of each row is in the input of each step, `[S, B, R]`."""
        num_steps = sum(len(group.steps) for group in groups)
        inputs_SBR = torch.zeros(num_steps + 1, tokens[0].shape[1], num_rows)
        inputs_SBR[0, :, 0] = 1  # `start`
        end = 1
        for group, tokens_NBX in zip(groups, tokens, strict=True):
            weights_NBR = self.heads[group.kind].weigh(tokens_NBX)
            start, end = end, end + weights_NBR.shape[-1]
            # What a decision came to goes into the step after it.
            inputs_SBR[torch.tensor(group.steps) + 1, :, start:end] = weights_NBR
        return inputs_SBR[:-1]  # the last decision's has none to go to


class NasRollout:
    """The policy one decision at a time, to draw architectures from it."""

    def __init__(self, policy: NasPolicy, num: int) -> None:
        self.num = num
        self._heads = policy.heads
        self._rows = {kind: head.rows for kind, head in policy.heads.items()}
        self._layers = policy.lstm.all_weights  # of each layer, as torch.lstm_cell takes them
        self._input_BH: Tensor = policy.start.expand(num, -1)
        zeros_BH = torch.zeros_like(self._input_BH)
        self._states = [(zeros_BH, zeros_BH)] * len(self._layers)
        self._no_anchors = zeros_BH.expand(0, -1, -1)
        self._anchors: dict[str, Tensor] = {}  # W_prev h of the anchors of each kind, [A, B, H]

    def logits(self, decision: Decision) -> Tensor:
        """Take the next step of the LSTM; return the decision's logits."""
        hidden_BH = self._step()
        head = self._heads[decision.kind]
        if isinstance(head, ChoiceHead):
            return head.logits(hidden_BH)
        attention = head.attention
        anchors_ABH = self._anchors.get(decision.kind, self._no_anchors)
        if is_anchor(decision):  # after `anchors_ABH` is read: none sees itself
            marked_ABH = torch.cat([anchors_ABH, attention.previous(hidden_BH)[None]])
            self._anchors[decision.kind] = marked_ABH
        # P(j is an input) = sigmoid(v^T tanh(W_prev h_j + W_curr h_i)), section 3.3.
        seen_ABH = anchors_ABH[len(anchors_ABH) - num_seen(decision) :]
        return attention.logits(seen_ABH, attention.current(hidden_BH)).T

    def take(self, decision: Decision, tokens_BX: Tensor) -> None:
        """Set the tokens of the decision that `logits` was asked for."""
        weights_BR = self._heads[decision.kind].weigh(tokens_BX)
        self._input_BH = weights_BR @ self._rows[decision.kind]

    def _step(self) -> Tensor:
        hidden_BH = self._input_BH
        for layer, weights in enumerate(self._layers):
            self._states[layer] = torch.lstm_cell(hidden_BH, self._states[layer], *weights)
            hidden_BH, _ = self._states[layer]
        return hidden_BH


def _padded(columns: Sequence[range]) -> Tensor:
    """Return them as `[N, X]`; -1, a column of zeros, pads where a decision has fewer tokens."""
    width = max(map(len, columns))
    return torch.tensor([[*each, *[-1] * (width - len(each))] for each in columns]).long()
