"""An architecture: what a controller proposes, a child trains and a report shows."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Architecture:
    """One point of a search space.

    Attributes:
        space: Name of the space that the tokens are of.
        tokens: The controller's decisions, as the space orders them.
        config: The configuration string: spells the architecture out, needs neither tokens nor
            the space's options to be understood, and is equal for equal networks.
    """

    space: str
    tokens: tuple[int, ...]
    config: str

    @property
    def id(self) -> str:
        """A short name that depends on nothing but the network: 12 hexadecimal digits."""
        return hashlib.sha256(f"{self.space}\n{self.config}".encode()).hexdigest()[:12]
