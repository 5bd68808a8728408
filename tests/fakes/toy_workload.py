"""A workload small enough to know every number: a line per option, fitted to one number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from nas_lib.results.measure import OWN
from nas_lib.shared_weights.norm import BatchNormMode
from nas_lib.shared_weights.workload import Batch, Tokens
from nas_lib.spaces import Choice, Decision

DECISIONS = (Choice("a", 3), Choice("b", 2))
"""The best architecture of any space is the one whose tokens are all the greatest they can be."""


class ToyNetwork(nn.Module):
    """One weight for each value of each token, and dropout, so that randomness counts."""

    def __init__(self, limits: Sequence[int]) -> None:
        super().__init__()
        self.options = nn.ModuleList(
            nn.ParameterList(torch.zeros(2) for _ in range(limit)) for limit in limits
        )
        self.dropout = nn.Dropout(0.5)

    def forward(self, inputs_B2: Tensor, tokens: Tokens) -> Tensor:
        weights = [self.options[place][token] for place, token in enumerate(tokens)]
        return self.dropout(inputs_B2) @ torch.stack(weights).sum(0)


class ToyWorkload:
    """Four mini-batches an epoch; scores come from the tokens alone."""

    num_validation_batches = 3
    has_batch_norm = False
    measure = OWN

    def __init__(self, decisions: Sequence[Decision] = DECISIONS) -> None:
        self._limits = [each.num_values for each in decisions for _ in range(each.num_tokens)]
        self.network: nn.Module = ToyNetwork(self._limits)
        self.seen: list[tuple[int, ...]] = []
        self.numbers: list[int] = []
        self.scored: list[tuple[int, ...]] = []

    def num_batches(self, epoch: int) -> int:
        return 4

    def batches(self, epoch: int) -> Iterator[Batch]:
        generator = torch.Generator().manual_seed(epoch)
        for _ in range(self.num_batches(epoch)):
            inputs_B2 = torch.randn(8, 2, generator=generator)
            yield Batch(inputs_B2, inputs_B2 @ torch.tensor([1.0, -1.0]))

    def loss(self, batch: Batch, tokens: Tokens) -> tuple[Tensor, Tensor]:
        self.network.train()
        self.seen.append(tuple(tokens))
        loss = (self.network(batch.inputs, tokens) - batch.targets).square().mean()
        return loss, loss

    def quick_score(self, tokens: Tokens, *, number: int) -> float:
        self.numbers.append(number)
        return self._score(tokens)

    def score(self, tokens: Tokens, *, mode: BatchNormMode) -> float:
        self.scored.append(tuple(tokens))
        return self._score(tokens)

    def _score(self, tokens: Tokens) -> float:
        """Return 1 for the best architecture, and less for each token below its greatest."""
        misses = sum(token < limit - 1 for token, limit in zip(tokens, self._limits, strict=True))
        return 1.0 - 0.8 * misses / len(self._limits)
