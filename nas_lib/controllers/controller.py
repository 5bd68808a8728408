"""The interface of a controller."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from nas_lib.controllers.state import Gradient, Shard
from nas_lib.spaces.decisions import Decision

Seed = int | Sequence[int]
"""Entropy for `numpy.random.SeedSequence`."""


class Controller(Protocol):
    """Proposes architectures and learns from their rewards.

    All methods are deterministic and leave their arguments as they are.
    """

    num_parameters: int

    def init(self, *, seed: Seed, num_shards: int) -> tuple[Shard, ...]:
        """Return the first version of every shard."""
        ...

    def propose(
        self, shards: Sequence[Shard], *, decisions: Sequence[Decision], num: int, seed: Seed
    ) -> list[tuple[int, ...]]:
        """Return `num` token sequences, each of which answers `decisions`.

        Args:
            shards: One version of every shard, in order.
            decisions: Those of the space at any depth.
            num: How many architectures; their tokens are independent draws.
            seed: Equal shards, decisions, number and seed give equal tokens.
        """
        ...

    def gradient(
        self,
        shards: Sequence[Shard],
        *,
        decisions: Sequence[Decision],
        tokens: Sequence[Sequence[int]],
        rewards: Sequence[float | None],
    ) -> Gradient:
        """Return what a round's children teach, at the parameters that proposed them.

        Args:
            shards: The versions from which `tokens` were proposed.
            decisions: What the tokens answer.
            tokens: One sequence per child.
            rewards: One per child; None for one that does not count (crashed or missing).
        """
        ...

    def apply(self, shard: Shard, gradient: Gradient, *, replica: int, round: int) -> Shard:
        """Return the next version of a shard, or `shard` itself if this round is in it already.

        Args:
            shard: Its newest version, which may be newer than the one the gradient was taken at.
            gradient: Of all parameters; the shard takes its slice.
            replica: Who pushes.
            round: The replica's own round; a replica pushes its rounds in order.
        """
        ...
