"""An architecture: what a controller proposes, a child trains and a report shows."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

_SHOWN = 40  # characters of a configuration string in a line of an interactive Python


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

    def __repr__(self) -> str:
        text = str(self.config)  # of a user's own space it may be anything
        cut = text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."
        return f"Architecture({self.space}: {cut})"

    @property
    def id(self) -> str:
        """A short name that depends on nothing but the network: 12 hexadecimal digits."""
        return hashlib.sha256(f"{self.space}\n{self.config}".encode()).hexdigest()[:12]
