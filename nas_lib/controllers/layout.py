"""Where decisions stand: which of them share parameters, and which anchors each one sees."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nas_lib.errors import ConfigError
from nas_lib.spaces.decisions import Anchor, Choice, Decision, Pointer, Subset


@dataclass(frozen=True)
class Step:
    """A decision and where the states lie that it makes and needs.

    Places are numbered kind by kind, and in a kind anchors come first, in their order: what a
    decision sees is always one slice.

    Attributes:
        decision: What is decided.
        place: Of its own state.
        seen: The places of the anchors that it chooses from; empty for a choice or anchor.
    """

    decision: Decision
    place: int
    seen: slice


@dataclass(frozen=True)
class Group:
    """The decisions of one kind.

    Attributes:
        steps: In their order.
        tokens: The columns of their tokens, in their order.
        start: The first of the kind's places, which are as many as there are steps.
        num_anchors: How many of them, the first ones, are anchors'.
    """

    steps: tuple[Step, ...]
    tokens: tuple[int, ...]
    start: int
    num_anchors: int


def members_by_kind(decisions: Sequence[Decision]) -> dict[str, list[Decision]]:
    """Return the decisions of each kind, in their order.

    Raises:
        ConfigError: Decisions of one kind cannot share parameters.
    """
    members: dict[str, list[Decision]] = defaultdict(list)
    for decision in decisions:
        members[decision.kind].append(decision)
    for kind, came in members.items():
        for wanted, one in zip(_expected(came), came, strict=True):
            if one != wanted:
                raise ConfigError(
                    f"decisions of kind {kind!r} share parameters: expected {wanted}, got {one}"
                )
    return dict(members)


def _expected(members: Sequence[Decision]) -> Iterator[Decision]:
    """Yield what each decision would have to be, if the first one is right."""
    num_anchors = 0
    for decision in members:
        if isinstance(members[0], Choice):
            yield members[0]
        elif isinstance(members[0], Subset):
            yield Subset(decision.kind, num_anchors)
        elif isinstance(decision, Pointer) and num_anchors:
            possible = min(max(decision.num_anchors, 1), num_anchors)
            yield Pointer(decision.kind, possible, decision.marks)
        else:
            yield Anchor(decision.kind)
        num_anchors += is_anchor(decision)


def is_anchor(decision: Decision) -> bool:
    """Say whether later decisions may point at this one."""
    return isinstance(decision, Subset | Anchor) or (
        isinstance(decision, Pointer) and decision.marks
    )


def num_seen(decision: Decision) -> int:
    """Return how many of the latest anchors of its kind a decision chooses from."""
    return decision.num_anchors if isinstance(decision, Subset | Pointer) else 0


def anchors_seen(members: Sequence[Decision]) -> list[list[int]]:
    """Return which of its kind's members, by number, each one chooses from; none but anchors."""
    anchors: list[int] = []
    seen = []
    for number, decision in enumerate(members):
        seen.append(anchors[len(anchors) - num_seen(decision) :])
        if is_anchor(decision):
            anchors.append(number)
    return seen


def lay_out(decisions: Sequence[Decision]) -> tuple[list[Step], dict[str, Group]]:
    """Return every decision's step, in order, and the steps of each kind."""
    numbers: dict[str, list[int]] = defaultdict(list)
    for number, decision in enumerate(decisions):
        numbers[decision.kind].append(number)
    columns = _columns(decisions)
    steps: dict[int, Step] = {}
    groups: dict[str, Group] = {}
    for kind, mine in numbers.items():
        start = end = len(steps)  # of the places of anchors
        others_last = sorted(mine, key=lambda number: not is_anchor(decisions[number]))
        for number in mine:
            decision = decisions[number]
            place = start + others_last.index(number)
            steps[number] = Step(decision, place, slice(end - num_seen(decision), end))
            end += is_anchor(decision)
        groups[kind] = Group(
            steps=tuple(steps[number] for number in mine),
            tokens=tuple(column for number in mine for column in columns[number]),
            start=start,
            num_anchors=end - start,
        )
    return [steps[number] for number in range(len(decisions))], groups


def _columns(decisions: Sequence[Decision]) -> list[range]:
    """Return which tokens answer each decision."""
    columns, end = [], 0
    for decision in decisions:
        start, end = end, end + decision.num_tokens
        columns.append(range(start, end))
    return columns
