"""The policy of ENAS one decision at a time, to draw architectures from it.

Letters in names: S steps (decisions), B architectures, X tokens of one decision or anchors that it
sees, H hidden units.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from nas_lib.controllers.attention import Look, attend
from nas_lib.controllers.enas_policy import EnasPolicy
from nas_lib.controllers.layout import is_anchor, lay_out, num_seen
from nas_lib.controllers.lstm_walk import Input, Walk
from nas_lib.spaces.decisions import Choice, Decision


class EnasRollout:
    """A `Rollout` of the policy."""

    def __init__(self, policy: EnasPolicy, decisions: Sequence[Decision], num: int) -> None:
        self.num = num
        self._policy = policy
        steps, _ = lay_out(decisions)
        self._steps = iter(steps)
        self._walk = Walk(
            policy.rows, tuple(policy.lstm), num_steps=len(steps), num=num, remembers=False
        )
        self._input: Input = policy.no_input(num)
        self._doubled_previous_SBH = torch.empty_like(self._walk.hidden_SBH)
        self._doubled = {
            kind: (2 * attention.previous.weight.T, 2 * attention.current.weight.T)
            for kind, attention in policy.attentions.items()
        }

    def logits(self, decision: Decision) -> Tensor:
        """Take the next step of the LSTM; return the decision's logits."""
        self._step = next(self._steps)
        hidden_BH = self._walk.step(self._input, place=self._step.place)
        if isinstance(decision, Choice):
            return self._policy.choice_logits(decision.kind, hidden_BH)
        of_previous_HH, of_current_HH = self._doubled[decision.kind]
        if is_anchor(decision):
            self._doubled_previous_SBH[self._step.place] = hidden_BH @ of_previous_HH
        if not num_seen(decision):
            return hidden_BH[:, :0]
        logits_XB = attend(
            self._doubled_previous_SBH[self._step.seen],
            (hidden_BH @ of_current_HH)[None],
            self._policy.attentions[decision.kind].weigh.weight[0],
            [Look(0, slice(None))],
        )
        return self._policy.seen_logits(decision, logits_XB).T

    def take(self, decision: Decision, tokens_BX: Tensor) -> None:
        """Set the tokens of the decision that `logits` was asked for."""
        self._input = self._policy.next_input(self._step, tokens_BX)
