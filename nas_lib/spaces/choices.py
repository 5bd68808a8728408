"""The simplest space of a user's own: a fixed list of named choices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nas_lib.architecture import Architecture
from nas_lib.errors import ArchitectureError
from nas_lib.spaces.decisions import Choice, check_tokens


class ChoiceSpace:
    """One option from each of several lists, whatever the options are.

    Example: `ChoiceSpace(op=["conv", "pool"], width=[16, 32, 64])` has six architectures, spelt
    like `op=conv width=32`; `space.options(architecture)` gives the chosen values back.
    """

    name = "choices"
    max_depth = 1

    def __init__(self, **options: Sequence[Any]) -> None:
        """Take the option lists by name, in the order in which they are decided."""
        if not options or not all(options.values()):
            raise ArchitectureError("a ChoiceSpace needs at least one option in every list")
        self._options = {name: tuple(values) for name, values in options.items()}

    def depth(self, num_children: int) -> int:
        """Return 1: every architecture has the same decisions."""
        return 1

    def decisions(self, depth: int) -> tuple[Choice, ...]:
        """Return one choice per list."""
        return tuple(Choice(name, len(values)) for name, values in self._options.items())

    def decode(self, tokens: Sequence[int]) -> Architecture:
        """Return the architecture of these tokens, one per list."""
        check_tokens(self.decisions(1), tokens)
        chosen = zip(self._options.items(), tokens, strict=True)
        config = " ".join(f"{name}={values[token]}" for (name, values), token in chosen)
        return Architecture(self.name, tuple(tokens), config)

    def encode(self, architecture: Architecture) -> tuple[int, ...]:
        """Return the tokens, checked against the configuration string."""
        if self.decode(architecture.tokens).config != architecture.config:
            raise ArchitectureError(f"not an architecture of this space: {architecture.config}")
        return architecture.tokens

    def options(self, architecture: Architecture) -> Mapping[str, Any]:
        """Return the chosen option of each list."""
        chosen = zip(self._options.items(), architecture.tokens, strict=True)
        return {name: values[token] for (name, values), token in chosen}
