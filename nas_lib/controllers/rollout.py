"""The policy of NAS one decision at a time, to draw architectures from it.

Letters in names: B architectures, X tokens of one decision, H hidden units, A earlier anchors.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nas_lib.controllers.kinds import ChoiceKind
from nas_lib.controllers.layout import is_anchor, num_seen
from nas_lib.controllers.policy import Policy
from nas_lib.spaces.decisions import Decision


class PolicyRollout:
    """A `Rollout` of the policy."""

    def __init__(self, policy: Policy, num: int) -> None:
        self.num = num
        self._kinds = policy.kinds
        self._layers = policy.lstm.all_weights
        self._input_BH: Tensor = policy.start.expand(num, -1)
        zeros_BH = torch.zeros_like(self._input_BH)
        self._states = [(zeros_BH, zeros_BH)] * len(self._layers)
        self._no_anchors = zeros_BH.expand(0, -1, -1)
        self._anchors: dict[str, Tensor] = {}  # W_prev h of the anchors of each kind, [A, B, H]

    def logits(self, decision: Decision) -> Tensor:
        """Take the next step of the LSTM; return the decision's logits."""
        hidden_BH = self._step()
        kind = self._kinds[decision.kind]
        if isinstance(kind, ChoiceKind):
            return kind.logits(hidden_BH)
        attention = kind.attention
        anchors_ABH = self._anchors.get(decision.kind, self._no_anchors)
        if is_anchor(decision):
            marked_ABH = torch.cat([anchors_ABH, attention.previous(hidden_BH)[None]])
            self._anchors[decision.kind] = marked_ABH
        seen_ABH = anchors_ABH[len(anchors_ABH) - num_seen(decision) :]
        return attention.logits(seen_ABH, attention.current(hidden_BH)).T

    def take(self, decision: Decision, tokens_BX: Tensor) -> None:
        """Set the tokens of the decision that `logits` was asked for."""
        self._input_BH = self._kinds[decision.kind].embed(tokens_BX)

    def _step(self) -> Tensor:
        hidden_BH = self._input_BH
        for layer, weights in enumerate(self._layers):
            self._states[layer] = torch.lstm_cell(hidden_BH, self._states[layer], *weights)
            hidden_BH, _ = self._states[layer]
        return hidden_BH
