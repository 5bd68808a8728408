"""Decisions: the alphabet in which spaces and controllers talk.

A space is an ordered list of decisions; a controller answers each with `num_tokens` tokens, which
are integers in [0, num_values). Decisions of one `kind` share their parameters in the controller,
as the paper's one softmax per token type does (Zoph & Le 2017, section 3.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from nas_lib.errors import ArchitectureError


@dataclass(frozen=True)
class Choice:
    """One of `num_options` options: a softmax. One token in [0, num_options)."""

    kind: str
    num_options: int

    @property
    def num_tokens(self) -> int:
        return 1

    @property
    def num_values(self) -> int:
        return self.num_options

    @property
    def size(self) -> int:
        return self.num_options


@dataclass(frozen=True)
class Subset:
    """Any subset of the anchors before this one: independent sigmoids (section 3.3).

    This decision is itself an anchor point. `num_anchors` is the number of `Subset` decisions of
    its kind before it; it has that many tokens, bit j for anchor j. The first one has none, but
    the controller still takes a step there, for later ones to point at.
    """

    kind: str
    num_anchors: int

    @property
    def num_tokens(self) -> int:
        return self.num_anchors

    @property
    def num_values(self) -> int:
        return 2

    @property
    def size(self) -> int:
        return 1 << self.num_anchors


@dataclass(frozen=True)
class Anchor:
    """A step that decides nothing: later `Pointer`s of its kind can point at it. No tokens.

    Attributes:
        kind: That of the pointers.
        gives: What the controller of ENAS has of it. `state`: that of its LSTM, to attend to and as
            the next input after a pointer that chose it. `key`: the state to attend to, the next
            input is zero. `nothing`: zero in both places, and the LSTM takes no step here. The
            controller of NAS makes no difference.
    """

    kind: str
    gives: Literal["state", "key", "nothing"] = "state"

    @property
    def num_tokens(self) -> int:
        return 0

    @property
    def num_values(self) -> int:
        return 1

    @property
    def size(self) -> int:
        return 1


@dataclass(frozen=True)
class Pointer:
    """One of the latest `num_anchors` anchors of its kind: a softmax by attention (ENAS, 2.1).

    One token in [0, num_anchors), 0 for the oldest of these anchors. If it `marks`, it is an anchor
    itself for those after it.
    """

    kind: str
    num_anchors: int
    marks: bool = False

    @property
    def num_tokens(self) -> int:
        return 1

    @property
    def num_values(self) -> int:
        return self.num_anchors

    @property
    def size(self) -> int:
        return self.num_anchors


Decision = Choice | Subset | Anchor | Pointer


def num_tokens(decisions: Sequence[Decision]) -> int:
    """Return the length of a token sequence that answers these decisions."""
    return sum(decision.num_tokens for decision in decisions)


def check_tokens(decisions: Sequence[Decision], tokens: Sequence[int]) -> None:
    """Refuse a token sequence that does not answer these decisions.

    Raises:
        ArchitectureError: Too few or too many tokens, or one out of its range.
    """
    if len(tokens) != num_tokens(decisions):
        raise ArchitectureError(
            f"expected {num_tokens(decisions)} tokens for {len(decisions)} decisions, "
            f"got {len(tokens)}"
        )
    position = 0
    for decision in decisions:
        limit = decision.num_values
        for token in tokens[position : position + decision.num_tokens]:
            if not 0 <= token < limit:
                raise ArchitectureError(
                    f"token {position} ({decision.kind}) must be in [0, {limit}), got {token}"
                )
            position += 1
