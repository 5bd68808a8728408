"""DecayingAverage: an exponential moving average of a network's weights."""

from __future__ import annotations

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel


class DecayingAverage(AveragedModel):
    """Averages all that a network holds, the statistics of BatchNorm too; whole numbers are copied.

    Each step it goes the fraction 1 - decay of the way to the network. After n steps the decay is
    at most (1 + n) / (10 + n), so that the random first weights are soon forgotten.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        """Begin with what the network is.

        Args:
            network: That of every update; on its device, and with its tensors.
            decay: Of each step in the end, a fraction.
        """
        super().__init__(network, use_buffers=True)
        self._decay = decay
        # Made once: walking through all modules takes longer than the sums of a small network.
        mine = [*self.module.parameters(), *self.module.buffers()]
        theirs = [*network.parameters(), *network.buffers()]
        pairs = [(own.detach(), its.detach()) for own, its in zip(mine, theirs, strict=True)]
        self._averaged = [pair for pair in pairs if pair[0].is_floating_point()]
        self._copied = [pair for pair in pairs if not pair[0].is_floating_point()]

    @torch.no_grad()
    def update_parameters(self, model: nn.Module) -> None:
        """Take in the network after a step."""
        num_steps = int(self.n_averaged)  # which lies on the CPU: no device is waited for
        decay = min(self._decay, (1 + num_steps) / (10 + num_steps))
        for own, its in self._averaged:
            own.lerp_(its, 1 - decay)
        for own, its in self._copied:
            own.copy_(its)
        self.n_averaged += 1
