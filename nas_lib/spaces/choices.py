"""Spaces of a user's own: any object that is one, and the simplest, a fixed list of choices."""

from __future__ import annotations

import reprlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

from pydantic import Field

from nas_lib.architecture import Architecture
from nas_lib.bounds import Text
from nas_lib.errors import ArchitectureError, ConfigError
from nas_lib.named_objects import check_function, users_code, users_object
from nas_lib.spaces.decisions import Choice, check_tokens
from nas_lib.spaces.own import OwnSpace
from nas_lib.spaces.space import Space, SpacePart

# Python's own check of a protocol, from 3.12 on, sees nothing of what `__getattr__` answers.
_MEMBERS = ("name", "max_depth", "depth", "decisions", "decode", "encode")


class CustomSpaceConfig(SpacePart):
    """A space of the user's own: any object that meets `nas_lib.spaces.Space`."""

    has_plans: ClassVar[bool] = False

    kind: Literal["custom"] = "custom"
    object: Text = Field(
        description="`module:name` of a Space or a function that returns one; "
        "`inline` for one handed to nas_lib.search in this process."
    )

    def build(self, given: Space | None = None) -> Space:
        """Return the user's own space."""
        found = users_object(self.object, given, setting="space.object")
        space = found
        if callable(found):
            check_function(found, setting="space.object")
            with users_code("space.object"):
                space = found()
        with users_code("space.object"):  # whose attributes are looked at
            is_space = all(hasattr(space, each) for each in _MEMBERS)
        if not is_space:
            raise ConfigError(
                f"space.object {self.object!r} should be a nas_lib.spaces.Space "
                f"or a function that returns one, got {type(space).__name__}"
            )
        return OwnSpace(space)


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

    def __repr__(self) -> str:
        lists = (f"{name}={reprlib.repr(list(of))}" for name, of in self._options.items())
        return f"ChoiceSpace({', '.join(lists)})"

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
        """Return the tokens that the configuration string spells out.

        Where several do, as options read alike, those of the architecture if they are among them.
        """
        found = list(self._spelt(list(self._options), architecture.config))
        if not found:
            raise ArchitectureError(f"not an architecture of this space: {architecture.config}")
        return architecture.tokens if architecture.tokens in found else found[0]

    def _spelt(self, names: Sequence[str], text: str) -> Iterator[tuple[int, ...]]:
        """Yield tokens of these lists that read like this; options may have blanks of their own."""
        name, *others = names
        for token, value in enumerate(self._options[name]):
            chosen = f"{name}={value}" + (" " if others else "")
            if not others and text == chosen:
                yield (token,)
            elif others and text.startswith(chosen):
                rest = self._spelt(others, text.removeprefix(chosen))
                yield from ((token, *tokens) for tokens in rest)

    def options(self, architecture: Architecture) -> Mapping[str, Any]:
        """Return the chosen option of each list."""
        chosen = zip(self._options.items(), architecture.tokens, strict=True)
        return {name: values[token] for (name, values), token in chosen}
