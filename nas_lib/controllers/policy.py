"""The LSTM policy: a distribution over token sequences (Zoph & Le 2017, sections 3.1 and 3.3).

One LSTM step per decision: its input is an embedding of the decision before, its top hidden state
decides. Inputs depend on tokens only, so known tokens are scored in one pass over the whole
sequence, here; `nas_lib.controllers.rollout` takes the same steps one by one, to draw new ones.

Letters in names: B architectures, S steps (decisions), W tokens of an architecture, H hidden units,
N decisions of one kind, X tokens of one decision.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas_lib.controllers.kinds import Kind, build_kind
from nas_lib.controllers.layout import members_by_kind
from nas_lib.spaces.decisions import Decision


class Policy(nn.Module):
    """Gives every token sequence a probability.

    Args:
        decisions: Those of the space at its greatest depth. They shape the parameters, which serve
            any prefix of them.
        hidden_size: Units of each LSTM layer, and size of the embeddings.
        num_layers: LSTM layers.

    Raises:
        ConfigError: Decisions of one kind cannot share parameters.
    """

    def __init__(self, decisions: Sequence[Decision], *, hidden_size: int, num_layers: int) -> None:
        super().__init__()
        self.start = nn.Parameter(torch.empty(hidden_size))  # input of the first step
        self.lstm = nn.LSTM(hidden_size, hidden_size, num_layers)
        self.kinds: dict[str, Kind] = {
            kind: build_kind(members, hidden_size)
            for kind, members in members_by_kind(decisions).items()
        }
        # Registers their parameters; a ModuleDict would refuse some names of kinds.
        self._kinds = nn.ModuleList(self.kinds.values())

    def forward(self, decisions: Sequence[Decision], tokens_BW: Tensor) -> tuple[Tensor, Tensor]:
        """Return log-probability and entropy of known architectures, differentiably.

        Args:
            decisions: What the tokens answer.
            tokens_BW: The tokens of each architecture, int64.

        Returns:
            The log-probability of each token sequence, and the sum over its decisions of the
            entropy that each has after the tokens before it; both `[B]`, in nats.
        """
        groups = _group_by_kind(decisions)
        padded_BW = F.pad(tokens_BW, (0, 1))
        tokens = [padded_BW[:, group.columns].transpose(0, 1) for group in groups]
        hidden = self._hidden(groups, tokens)
        scores = [
            self.kinds[group.kind].score(hidden_NBH, tokens_NBX)
            for group, hidden_NBH, tokens_NBX in zip(groups, hidden, tokens, strict=True)
        ]
        log_probs, entropies = zip(*scores, strict=True)
        return torch.stack(log_probs).sum(0), torch.stack(entropies).sum(0)

    def _hidden(self, groups: Sequence[_Group], tokens: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """Return the top hidden states `[N, B, H]` of each group's decisions."""
        num = tokens[0].shape[1]
        embedded = [self.kinds[g.kind].embed(t) for g, t in zip(groups, tokens, strict=True)]
        steps = [step for group in groups for step in group.steps]
        # An embedding is the input of the step after its own; the last one's has none to go to.
        order = torch.tensor(np.argsort([-1, *steps])[:-1])
        inputs_SBH = torch.cat([self.start.expand(1, num, -1), *embedded]).index_select(0, order)
        hidden_SBH, _ = self.lstm(inputs_SBH)
        grouped_SBH = hidden_SBH.index_select(0, torch.tensor(steps))
        return torch.split(grouped_SBH, [len(group.steps) for group in groups])


@dataclass(frozen=True)
class _Group:
    """The decisions of one kind: at which steps, with which columns of `tokens_BW`."""

    kind: str
    steps: list[int]
    columns: Tensor  # [N, X], padded with -1: a column of zeros


def _group_by_kind(decisions: Sequence[Decision]) -> list[_Group]:
    steps: dict[str, list[int]] = defaultdict(list)
    columns: dict[str, list[list[int]]] = defaultdict(list)
    end = 0
    for step, decision in enumerate(decisions):
        start, end = end, end + decision.num_tokens
        steps[decision.kind].append(step)
        columns[decision.kind].append(list(range(start, end)))
    return [_Group(kind, steps[kind], _pad(columns[kind])) for kind in steps]


def _pad(rows: list[list[int]]) -> Tensor:
    width = max(map(len, rows))
    return torch.tensor([row + [-1] * (width - len(row)) for row in rows], dtype=torch.int64)
