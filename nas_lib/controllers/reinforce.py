"""The controller of NAS: its policy and REINFORCE (Zoph & Le 2017, section 3.2)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from nas_lib.config import ReinforceConfig
from nas_lib.controllers.adam import adam_step
from nas_lib.controllers.policy import Policy
from nas_lib.controllers.policy_gradient import Lesson, PolicyGradientController
from nas_lib.controllers.rollout import PolicyRollout
from nas_lib.spaces.decisions import Decision


class ReinforceController(PolicyGradientController):
    """Its bonus is the entropy of the policy, and has a gradient.

    Args:
        config: Its settings.
        decisions: Those of the space at its greatest depth.
    """

    def __init__(self, config: ReinforceConfig, decisions: Sequence[Decision]) -> None:
        with torch.random.fork_rng(devices=[]):  # its first parameters are drawn for nobody
            self._policy = Policy(
                decisions, hidden_size=config.hidden_size, num_layers=config.num_layers
            )
        super().__init__(
            self._policy,
            init_range=config.init_range,
            baseline_decay=config.baseline_decay,
            descend=partial(adam_step, learning_rate=config.learning_rate),
            gradients_per_update=config.gradients_per_update,
        )
        self._entropy_weight = config.entropy_weight

    def _rollout(self, decisions: Sequence[Decision], num: int) -> PolicyRollout:
        return PolicyRollout(self._policy, num)

    def _lesson(
        self,
        decisions: Sequence[Decision],
        tokens_BW: Tensor,
        *,
        counted: Sequence[int],
        rewards: tuple[float, ...],
    ) -> Lesson:
        log_prob_B, entropy_B = self._policy(decisions, tokens_BW)
        return Lesson(
            log_prob=log_prob_B[counted],
            bonus=self._entropy_weight * entropy_B[counted],
            rewards=rewards,
            entropy=entropy_B.mean().item(),
        )
