"""What cells of all spaces are made of: operations on numbered states.

A cell's inputs are its first numbers, what it computes the next ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Generic, NamedTuple, TypeVar

Op = TypeVar("Op", bound=str)


class Edge(NamedTuple, Generic[Op]):
    """An operation on one of the numbers before its node."""

    input: int
    operation: Op

    def __str__(self) -> str:
        return f"{self.operation}({self.input})"


def in_order(one: Edge[Op], other: Edge[Op]) -> tuple[Edge[Op], Edge[Op]]:
    """Return two edges whose order means nothing in the one order in which they are written."""
    return (one, other) if one <= other else (other, one)


def unused(num_states: int, edges: Iterable[Edge[Op]]) -> tuple[int, ...]:
    """Return the states that no edge takes, ascending."""
    used = {edge.input for edge in edges}
    return tuple(number for number in range(num_states) if number not in used)
