"""Spaces of a user's own, whose every answer is looked at before anybody relies on it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NoReturn, get_args

from nas_lib.architecture import Architecture
from nas_lib.errors import ConfigError, one_line
from nas_lib.named_objects import users_code
from nas_lib.spaces.decisions import Decision, Subset
from nas_lib.spaces.space import Space

_SETTING = "space.object"
_MOST_DECISIONS = 10_000
_MOST_OPTIONS = 65_536
_MOST_DEPTH = 1000


class OwnSpace:
    """A space of a user's own: what it raises, or what is no answer, is the user's to mend.

    Attributes:
        given: The user's object.
        name: Of the space.
        max_depth: The greatest depth.
    """

    def __init__(self, given: Space) -> None:
        """Take the user's object.

        Raises:
            ConfigError: Its name or its greatest depth is none; all methods raise it likewise.
        """
        self.given = given
        with users_code(_SETTING):
            name, max_depth = given.name, given.max_depth
        if not isinstance(name, str):
            _refuse("name", "text", name)
        self.name = name
        self._decisions: dict[int, tuple[Decision, ...]] = {}  # looked at, by depth
        self.max_depth = _number("max_depth", max_depth, most=_MOST_DEPTH)

    def depth(self, num_children: int) -> int:
        """Return the depth to search after so many children."""
        what = f"depth({num_children})"
        with users_code(f"{_SETTING}: {what}"):
            depth = self.given.depth(num_children)
        return _number(what, depth, most=self.max_depth)

    def decisions(self, depth: int) -> tuple[Decision, ...]:
        """Return what a controller decides."""
        if depth in self._decisions:
            return self._decisions[depth]
        what = f"decisions({depth})"
        with users_code(f"{_SETTING}: {what}"):
            decisions = tuple(self.given.decisions(depth))
        if len(decisions) > _MOST_DECISIONS:
            _refuse(what, f"at most {_MOST_DECISIONS:,} decisions", len(decisions))
        for decision in decisions:
            _check_decision(what, decision)
        self._decisions[depth] = decisions
        return decisions

    def decode(self, tokens: Sequence[int]) -> Architecture:
        """Return the architecture that these tokens describe."""
        with users_code(f"{_SETTING}: decode"):
            found: Any = self.given.decode(tokens)
        if not isinstance(found, Architecture):
            _refuse("decode", "a nas_lib.Architecture", found)
        if not (isinstance(found.space, str) and isinstance(found.config, str)):
            _refuse("decode", "an architecture whose space and config are text", found)
        known = found.tokens if isinstance(found.tokens, tuple) else ()
        if tuple(map(type, known)) != (int,) * len(tokens):
            _refuse("decode", f"an architecture of {len(tokens)} whole numbers", found.tokens)
        return found

    def encode(self, architecture: Architecture) -> tuple[int, ...]:
        """Return the tokens that describe this architecture."""
        with users_code(f"{_SETTING}: encode"):
            return tuple(self.given.encode(architecture))


def _check_decision(what: str, decision: Any) -> None:
    if not isinstance(decision, get_args(Decision)):
        _refuse(what, "decisions of nas_lib.spaces (Choice, Subset, Anchor, Pointer)", decision)
    if not isinstance(decision.kind, str):
        _refuse(what, "decisions whose kind is text", decision)
    for field in dataclasses.fields(decision):
        if field.name.startswith("num_"):
            least = 0 if isinstance(decision, Subset) else 1
            _number(f"{what}: {decision.kind}", getattr(decision, field.name), least, _MOST_OPTIONS)


def _number(what: str, found: Any, least: int = 1, most: int = 0) -> int:
    if type(found) is not int or not least <= found <= most:
        _refuse(what, f"a whole number from {least} to {most:,}", found)
    return found


def _refuse(what: str, wanted: str, found: object) -> NoReturn:
    with users_code(f"{_SETTING}: {what}"):  # whose objects may not even be shown
        shown = one_line(repr(found), 60)
    raise ConfigError(f"{_SETTING}: {what} should be {wanted}, got {shown}")
