"""Who proposes: an LSTM policy trained by REINFORCE, that of NAS or of ENAS, or random search.

A controller is code without memory. What it has learnt lies in shards, frozen plain data that
travels: `init`, `propose`, `gradient` and `apply` are pure functions of their arguments.
"""

from collections.abc import Sequence

from nas_lib.config import ControllerConfig, EnasControllerConfig, RandomConfig
from nas_lib.controllers.controller import Controller, Seed
from nas_lib.controllers.random_search import RandomController
from nas_lib.controllers.state import Gradient, Shard
from nas_lib.spaces.decisions import Decision

__all__ = ["Controller", "Gradient", "Seed", "Shard", "build_controller"]


def build_controller(config: ControllerConfig, decisions: Sequence[Decision]) -> Controller:
    """Return the controller that a configuration names.

    Args:
        config: Its settings.
        decisions: Those of the space at its greatest depth; they size the policy.

    Raises:
        ConfigError: Decisions of one kind differ in their options, so cannot share parameters.
    """
    if isinstance(config, RandomConfig):
        return RandomController()
    if isinstance(config, EnasControllerConfig):
        from nas_lib.controllers.enas import EnasController  # loads torch

        return EnasController(config, decisions)
    from nas_lib.controllers.reinforce import ReinforceController

    return ReinforceController(config, decisions)
