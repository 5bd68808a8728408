"""The controller of ENAS: its policy and REINFORCE (Pham et al. 2018, sections 2.2 and 3)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor

from nas_lib.config import EnasControllerConfig
from nas_lib.controllers.adam import adam_step
from nas_lib.controllers.enas_policy import EnasPolicy
from nas_lib.controllers.enas_rollout import EnasRollout
from nas_lib.controllers.policy_gradient import Lesson, PolicyGradientController
from nas_lib.spaces.decisions import Decision


class EnasController(PolicyGradientController):
    """Entropy is part of the reward, as data; skip connections are drawn towards a prior.

    An architecture earns its reward plus `entropy_weight` times the entropy of the policy along its
    decisions, and the baseline averages that sum. As everywhere in this library it is the average
    of the rounds before; the published code, which has no rounds, lets each architecture move the
    baseline that it is measured against, so that its advantage is `baseline_decay` times as large.

    Args:
        config: Its settings.
        decisions: Those of the space at its greatest depth.
    """

    def __init__(self, config: EnasControllerConfig, decisions: Sequence[Decision]) -> None:
        with torch.random.fork_rng(devices=[]):  # its first parameters are drawn for nobody
            self._policy = EnasPolicy(decisions, config)
        super().__init__(
            self._policy,
            init_range=config.init_range,
            baseline_decay=config.baseline_decay,
            descend=partial(
                adam_step,
                learning_rate=config.learning_rate,
                beta_1=config.adam_beta_1,
                epsilon=config.adam_epsilon,
            ),
        )
        self._entropy_weight = config.entropy_weight
        self._skip_weight = config.skip_weight

    def _rollout(self, decisions: Sequence[Decision], num: int) -> EnasRollout:
        return EnasRollout(self._policy, decisions, num)

    def _lesson(
        self,
        decisions: Sequence[Decision],
        tokens_BW: Tensor,
        *,
        counted: Sequence[int],
        rewards: tuple[float, ...],
    ) -> Lesson:
        scores = self._policy(decisions, tokens_BW)
        entropies = scores.entropy[counted].tolist()
        return Lesson(
            log_prob=scores.log_prob[counted],
            bonus=-self._skip_weight * scores.divergence[counted],
            rewards=tuple(
                reward + self._entropy_weight * entropy
                for reward, entropy in zip(rewards, entropies, strict=True)
            ),
            entropy=scores.entropy.mean().item(),
        )
