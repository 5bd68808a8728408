"""Where decisions stand: which of them share parameters, and which anchors each one sees."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nas_lib.errors import ConfigError
from nas_lib.spaces.decisions import Anchor, Choice, Decision, Pointer, Subset


def is_anchor(decision: Decision) -> bool:
    """Say whether later decisions may point at this one."""
    return isinstance(decision, Subset | Anchor) or (
        isinstance(decision, Pointer) and decision.marks
    )


def num_seen(decision: Decision) -> int:
    """Return how many of the latest anchors of its kind a decision chooses from."""
    return decision.num_anchors if isinstance(decision, Subset | Pointer) else 0


@dataclass(frozen=True)
class Group:
    """The decisions of one kind, in their order.

    Attributes:
        kind: The kind.
        members: Its decisions.
        steps: The number of each one among all decisions.
        columns: Which tokens answer each.
        seen: Which members, by their number in the group, each one chooses from.
    """

    kind: str
    members: tuple[Decision, ...]
    steps: tuple[int, ...]
    columns: tuple[range, ...]
    seen: tuple[tuple[int, ...], ...]


def group_by_kind(decisions: Sequence[Decision]) -> list[Group]:
    """Return the decisions of each kind, in the order of their first ones."""
    steps: dict[str, list[int]] = defaultdict(list)
    columns, end = [], 0
    for step, decision in enumerate(decisions):
        start, end = end, end + decision.num_tokens
        columns.append(range(start, end))
        steps[decision.kind].append(step)
    return [
        Group(
            kind,
            members=tuple(decisions[step] for step in mine),
            steps=tuple(mine),
            columns=tuple(columns[step] for step in mine),
            seen=_anchors_seen([decisions[step] for step in mine]),
        )
        for kind, mine in steps.items()
    ]


def check_kinds(groups: Sequence[Group]) -> None:
    """Refuse decisions that cannot share parameters with others of their kind.

    Raises:
        ConfigError: There are such.
    """
    for group in groups:
        for wanted, one in zip(_expected(group.members), group.members, strict=True):
            if one != wanted:
                raise ConfigError(
                    f"decisions of kind {group.kind!r} share parameters: expected {wanted}, "
                    f"got {one}"
                )


def anchors_seen(groups: Sequence[Group]) -> list[list[int]]:
    """Return of every decision the numbers of the anchors that it chooses from, oldest first."""
    seen = {
        step: [group.steps[anchor] for anchor in anchors]
        for group in groups
        for step, anchors in zip(group.steps, group.seen, strict=True)
    }
    return [seen[step] for step in range(len(seen))]


def _expected(members: Sequence[Decision]) -> Iterator[Decision]:
    """Yield what each decision would have to be, if the first one is right."""
    num_anchors = 0  # before the decision, of its kind
    for decision in members:
        if isinstance(members[0], Choice):
            yield members[0]
        elif isinstance(members[0], Subset):
            yield Subset(decision.kind, num_anchors)
        elif isinstance(decision, Pointer) and num_anchors:
            # As many as it says, if there are so many; none at all would be nothing to decide.
            possible = min(max(decision.num_anchors, 1), num_anchors)
            yield Pointer(decision.kind, possible, decision.marks)
        else:
            yield decision if isinstance(decision, Anchor) else Anchor(decision.kind)
        num_anchors += is_anchor(decision)


def _anchors_seen(members: Sequence[Decision]) -> tuple[tuple[int, ...], ...]:
    anchors: list[int] = []  # of the kind so far, by their number in the group
    seen = []
    for number, decision in enumerate(members):
        seen.append(tuple(anchors[len(anchors) - num_seen(decision) :]))
        if is_anchor(decision):
            anchors.append(number)
    return tuple(seen)
