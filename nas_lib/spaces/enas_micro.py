"""Normal and reduction cells (ENAS, Pham et al. 2018)."""

from __future__ import annotations

from collections.abc import Sequence

from nas_lib.architecture import Architecture
from nas_lib.config import EnasMicroSpaceConfig
from nas_lib.spaces.decisions import Decision


class EnasMicroSpace:
    """The space of one `EnasMicroSpaceConfig`."""

    name = "enas-micro"
    max_depth = 1

    def __init__(self, config: EnasMicroSpaceConfig) -> None:
        self._config = config

    def depth(self, num_children: int) -> int:
        """Return 1: every architecture has the same decisions."""
        return 1

    def decisions(self, depth: int) -> tuple[Decision, ...]:
        """Return the decisions, in the order of the published code."""
        raise NotImplementedError

    def decode(self, tokens: Sequence[int]) -> Architecture:
        """Return the architecture of these tokens."""
        raise NotImplementedError

    def encode(self, architecture: Architecture) -> tuple[int, ...]:
        """Return the tokens of this architecture."""
        raise NotImplementedError
