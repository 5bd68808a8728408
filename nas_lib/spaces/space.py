"""The interface of a search space."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from nas_lib.architecture import Architecture
from nas_lib.spaces.decisions import Decision


@runtime_checkable
class Space(Protocol):
    """What may be built: decisions <-> architecture.

    Every token sequence that `decisions` allows decodes to an architecture that builds and runs.
    """

    name: str
    max_depth: int

    def depth(self, num_children: int) -> int:
        """Return the depth to search after `num_children` children have been proposed."""
        ...

    def decisions(self, depth: int) -> tuple[Decision, ...]:
        """Return what a controller decides for an architecture of this depth, in order.

        The decisions of a smaller depth are a prefix of those of a larger one.
        """
        ...

    def decode(self, tokens: Sequence[int]) -> Architecture:
        """Return the architecture that these tokens describe; the depth follows from their number.

        Raises:
            ArchitectureError: No depth of this space has such tokens.
        """
        ...

    def encode(self, architecture: Architecture) -> tuple[int, ...]:
        """Return the tokens that describe this architecture, so that `decode` gives it back.

        Raises:
            ArchitectureError: The architecture is not in this space.
        """
        ...


def space_size(space: Space, depth: int) -> int:
    """Return how many token sequences the space allows at this depth."""
    return math.prod(decision.size for decision in space.decisions(depth))
