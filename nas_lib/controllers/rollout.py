"""The policy one decision at a time, to draw architectures from it.

Letters in names: B architectures, W tokens of an architecture, X tokens of one decision, H hidden
units, A earlier anchors.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from nas_lib.controllers.kinds import ChoiceKind
from nas_lib.controllers.policy import Policy
from nas_lib.spaces.decisions import Decision, num_tokens


class Rollout:
    """A batch of `num` architectures in the making: ask `logits`, answer `take`, in turns."""

    def __init__(self, policy: Policy, num: int) -> None:
        self._kinds = policy.kinds
        self._layers = policy.lstm.all_weights
        self._input_BH: Tensor = policy.start.expand(num, -1)
        zeros_BH = torch.zeros_like(self._input_BH)
        self._states = [(zeros_BH, zeros_BH)] * len(self._layers)
        self._no_anchors = zeros_BH.expand(0, -1, -1)
        self._anchors: dict[str, Tensor] = {}  # W_prev h of the anchors of each kind, [A, B, H]

    def logits(self, decision: Decision) -> Tensor:
        """Take the next step of the LSTM; return the decision's logits.

        They are `[B, O]`, one per option of a choice, or `[B, X]`, one per bit of a subset.
        """
        hidden_BH = self._step()
        kind = self._kinds[decision.kind]
        if isinstance(kind, ChoiceKind):
            return kind.logits(hidden_BH)
        anchors_ABH = self._anchors.get(decision.kind, self._no_anchors)
        self._anchors[decision.kind] = torch.cat([anchors_ABH, kind.previous(hidden_BH)[None]])
        return kind.logits(anchors_ABH, kind.current(hidden_BH)).T

    def take(self, decision: Decision, tokens_BX: Tensor) -> None:
        """Set the tokens of the decision that `logits` was asked for."""
        self._input_BH = self._kinds[decision.kind].embed(tokens_BX)

    def _step(self) -> Tensor:
        hidden_BH = self._input_BH
        for layer, weights in enumerate(self._layers):
            self._states[layer] = torch.lstm_cell(hidden_BH, self._states[layer], *weights)
            hidden_BH, _ = self._states[layer]
        return hidden_BH


@torch.inference_mode()
def sample(
    policy: Policy, decisions: Sequence[Decision], *, num: int, rng: np.random.Generator
) -> Tensor:
    """Draw architectures.

    Args:
        policy: The distribution.
        decisions: What is to be decided.
        num: How many architectures, independent of each other.
        rng: Gives one uniform number per token.

    Returns:
        `tokens_BW`, int64.
    """
    uniform_BW = torch.from_numpy(rng.random((num, num_tokens(decisions)), dtype=np.float32))
    uniforms = torch.split(uniform_BW, [decision.num_tokens for decision in decisions], dim=1)
    rollout = Rollout(policy, num)
    drawn = []
    for decision, uniform_BX in zip(decisions, uniforms, strict=True):
        logits = rollout.logits(decision)
        drawn.append(policy.kinds[decision.kind].draw(logits, uniform_BX))
        rollout.take(decision, drawn[-1])
    return torch.cat(drawn, dim=1)
