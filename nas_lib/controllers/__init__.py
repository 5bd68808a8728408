"""Who proposes: a policy and a learner that changes it, what goes by results, or random search.

A controller is code without memory. What it knows lies in shards, frozen plain data that travels:
`init`, `propose`, `lesson` and `apply` are pure functions of their arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from nas_lib.config import (
    ControllerConfig,
    EnasPolicyConfig,
    EvolutionConfig,
    ForestConfig,
    GaussianProcessConfig,
    LocalSearchConfig,
    NasPolicyConfig,
    PolicyConfig,
    PolicyGradientPart,
    PpoConfig,
    RandomConfig,
    ReinforceConfig,
)
from nas_lib.controllers.controller import Controller
from nas_lib.controllers.evolution import Evolution
from nas_lib.controllers.forest import Forest
from nas_lib.controllers.gaussian_process import GaussianProcess
from nas_lib.controllers.local_search import LocalSearch
from nas_lib.controllers.memory_controller import MemoryController
from nas_lib.controllers.random_search import RandomController, draw_uniformly
from nas_lib.controllers.remembering import RememberingController
from nas_lib.controllers.state import Lesson, Shard
from nas_lib.spaces.decisions import Decision

if TYPE_CHECKING:
    from nas_lib.controllers.policy import Policy
    from nas_lib.controllers.policy_controller import Learner

__all__ = ["Controller", "Lesson", "Shard", "build_controller", "build_policy", "draw_uniformly"]


def build_controller(
    config: ControllerConfig, decisions: Sequence[Decision], *, replicas: int = 1
) -> Controller:
    """Return the controller that a configuration names.

    Args:
        config: Its settings; of `auto` the choice is made.
        decisions: Those of the space at its greatest depth; they size the policy.
        replicas: How many propose by the same shards.

    Raises:
        ConfigError: Decisions of one kind differ in their options, so cannot share parameters.
    """
    proposer = config.proposer
    if isinstance(proposer, GaussianProcessConfig):
        return MemoryController(decisions, GaussianProcess(proposer, replicas=replicas))
    return _CONTROLLERS[type(proposer)](proposer, decisions)


def build_policy(config: PolicyConfig, decisions: Sequence[Decision]) -> Policy:
    """Return the policy that a configuration names; torch's own generator is left alone.

    Raises:
        ConfigError: Decisions of one kind differ in their options, so cannot share parameters.
    """
    import torch

    with torch.random.fork_rng(devices=[]):  # modules draw first parameters, here for nobody
        return _POLICIES[type(config)](config, decisions)


# Each imports what it builds only when it is called: those without a network load no torch.


def _random(config: RandomConfig, decisions: Sequence[Decision]) -> Controller:
    return RandomController()


def _reinforce(config: ReinforceConfig, decisions: Sequence[Decision]) -> Controller:
    from nas_lib.controllers.reinforce import Reinforce

    return _with_policy(config, Reinforce(config), decisions)


def _ppo(config: PpoConfig, decisions: Sequence[Decision]) -> Controller:
    from nas_lib.controllers.ppo import Ppo

    return _with_policy(config, Ppo(config), decisions)


def _with_policy(
    config: PolicyGradientPart, learner: Learner, decisions: Sequence[Decision]
) -> Controller:
    from nas_lib.controllers.policy_controller import PolicyController

    controller = PolicyController(build_policy(config.policy, decisions), learner)
    return RememberingController(controller, config, decisions) if config.remembers else controller


def _evolution(config: EvolutionConfig, decisions: Sequence[Decision]) -> Controller:
    return MemoryController(decisions, Evolution(config))


def _local_search(config: LocalSearchConfig, decisions: Sequence[Decision]) -> Controller:
    return MemoryController(decisions, LocalSearch(config))


def _forest(config: ForestConfig, decisions: Sequence[Decision]) -> Controller:
    return MemoryController(decisions, Forest(config))


def _nas(config: NasPolicyConfig, decisions: Sequence[Decision]) -> Policy:
    from nas_lib.controllers.nas_policy import NasPolicy

    return NasPolicy(decisions, config)


def _enas(config: EnasPolicyConfig, decisions: Sequence[Decision]) -> Policy:
    from nas_lib.controllers.enas_policy import EnasPolicy

    return EnasPolicy(decisions, config)


_CONTROLLERS: dict[type, Callable[[Any, Sequence[Decision]], Controller]] = {
    RandomConfig: _random,
    ReinforceConfig: _reinforce,
    PpoConfig: _ppo,
    EvolutionConfig: _evolution,
    LocalSearchConfig: _local_search,
    ForestConfig: _forest,
}
_POLICIES: dict[type, Callable[[Any, Sequence[Decision]], Policy]] = {
    NasPolicyConfig: _nas,
    EnasPolicyConfig: _enas,
}
