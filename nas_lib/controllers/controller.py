"""The interface of a controller."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from nas_lib.controllers.state import Lesson, Shard
from nas_lib.spaces.decisions import Decision


class Controller(Protocol):
    """Proposes architectures and learns from their rewards.

    All methods are deterministic and leave their arguments as they are.

    Attributes:
        num_parameters: How many numbers its shards hold together; 0 without a network.
        learns: Whether what it is told changes what it proposes; random search says no.
    """

    num_parameters: int
    learns: bool

    def init(self, *, seed: int, num_shards: int) -> tuple[Shard, ...]:
        """Return the first version of every shard."""
        ...

    def propose(
        self, shards: Sequence[Shard], *, decisions: Sequence[Decision], num: int, seed: int
    ) -> list[tuple[int, ...]]:
        """Return `num` token sequences, each of which answers `decisions`.

        Args:
            shards: One version of every shard, in order.
            decisions: Those of the space at any depth.
            num: How many architectures, of which none waits for another's reward.
            seed: Equal shards, decisions, number and seed give equal tokens.
        """
        ...

    def lesson(
        self,
        shards: Sequence[Shard],
        *,
        decisions: Sequence[Decision],
        tokens: Sequence[Sequence[int]],
        rewards: Sequence[float | None],
    ) -> Lesson:
        """Return what a round's children teach, at the shards that proposed them.

        Args:
            shards: The versions from which `tokens` were proposed.
            decisions: What the tokens answer.
            tokens: One sequence per child.
            rewards: One per child; None for one that does not count (crashed or missing).
        """
        ...

    def apply(self, shard: Shard, lesson: Lesson, *, replica: int, round: int) -> Shard:
        """Return the next version of a shard, or `shard` itself if this round is in it already.

        Args:
            shard: Its newest version, which may be newer than the one the lesson was taken at.
            lesson: For all shards; each takes its part.
            replica: Who pushes.
            round: The replica's own round; a replica pushes its rounds in order.
        """
        ...

    def misfit(self, shard: Shard, *, num_shards: int) -> str:
        """Say why a stored shard cannot be one of this controller's; empty if it can."""
        ...

    def lesson_misfit(self, lesson: Lesson) -> str:
        """Say why a stored lesson cannot be one of this controller's; empty if it can."""
        ...

    def metrics(self, lesson: Lesson, shards: Sequence[Shard]) -> dict[str, float]:
        """Return what a step of learning came to, by name; finite numbers.

        Args:
            lesson: What was pushed.
            shards: As this push made them.

        Returns:
            `mean_reward`, of the children that count, if any; where there is a policy `entropy`, in
            nats, mean over the round's architectures; and what the controller keeps itself, as
            `baseline`.
        """
        ...
