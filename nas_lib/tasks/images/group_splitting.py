"""Which groups of images are held out, so that no group is on two sides of the split.

Groups are taken whole, so that parts and their classes have about the share they are to have: the
largest groups first, each to the side that lacks its classes more, and of about equal ones each as
it comes. After that, a class that is lacking where it could be gets its cheapest group.

Letters: N images, C classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

_Counts = npt.NDArray[np.int64]

_LEAST_WANTED = 0.5  # images; where a side is to have none of a class, one is one too many


@dataclass(frozen=True)
class _Group:
    """How many images of which classes a group has."""

    number: int
    counts: dict[int, int]

    @property
    def size(self) -> int:
        return sum(self.counts.values())


def held_out(groups_N: _Counts, labels_N: _Counts, wanted_C: _Counts, *, keep: int) -> _Counts:
    """Return the groups that are held out, none of which is empty.

    Args:
        groups_N: Of each image, its group; images were shuffled.
        labels_N: Of each image, its class; or its labels, as 0 and 1 `[N, C]`.
        wanted_C: How many images of each class are to be held out.
        keep: Groups of each class that have to be left.
    """
    groups = _groups(groups_N, labels_N)
    if labels_N.ndim > 1:
        has_C = labels_N.sum(axis=0, dtype=np.int64)
    else:
        has_C = np.bincount(labels_N, minlength=len(wanted_C))
    sides = _Sides(groups, wanted_C, has_C, keep)
    for group in sorted(groups, key=lambda each: -each.size.bit_length()):
        sides.place(group)
    sides.repair()
    return np.array(sorted(sides.held), np.int64)


def _groups(groups_N: _Counts, labels_N: _Counts) -> list[_Group]:
    """Return the groups in the order of their first images."""
    found: dict[int, dict[int, int]] = {}
    for group, labels in zip(groups_N.tolist(), _labels_of_each(labels_N), strict=True):
        counts = found.setdefault(group, {})
        for label in labels:
            counts[label] = counts.get(label, 0) + 1
    return [_Group(number, counts) for number, counts in found.items()]


def _labels_of_each(labels_N: _Counts) -> Iterator[Sequence[int]]:
    """Yield the labels of each image: its class alone, where it has one."""
    if labels_N.ndim > 1:
        yield from (np.flatnonzero(row).tolist() for row in labels_N)
    else:
        yield from ((label,) for label in labels_N.tolist())


class _Sides:
    """What is held out so far, and what is left."""

    def __init__(self, groups: list[_Group], wanted_C: _Counts, has_C: _Counts, keep: int) -> None:
        self.held: dict[int, _Group] = {}
        self._groups = groups
        self._keep = keep
        self._wanted: dict[bool, list[int]] = {
            True: wanted_C.tolist(),
            False: (has_C - wanted_C).tolist(),
        }
        self._has = {side: [0] * len(has_C) for side in (True, False)}
        self._num_left = [0] * len(has_C)  # groups that are not held out, of each class
        for group in groups:
            for label in group.counts:
                self._num_left[label] += 1

    def place(self, group: _Group) -> None:
        """Put a group on the side that it brings nearer to what it is to have."""
        if self._may_go(group) and self._cost(group, True) < self._cost(group, False):
            self._hold(group)
        else:
            self._add(group, False, 1)

    def repair(self) -> None:
        """Hold out a group of each class that could and should be there, and is not."""
        could = zip(self._wanted[True], self._has[True], self._num_left, strict=True)
        lacking: dict[int, list[_Group]] = {
            label: []
            for label, (wanted, has, left) in enumerate(could)
            if wanted and not has and left > self._keep
        }
        for group in self._groups if lacking else ():
            for label in lacking.keys() & group.counts.keys():
                lacking[label].append(group)
        for label, groups in lacking.items():
            some = [group for group in groups if self._may_go(group)]
            if some and not self._has[True][label]:
                group = min(some, key=self._cost_of_moving)
                self._add(group, False, -1)
                self._hold(group)

    def _may_go(self, group: _Group) -> bool:
        return group.number not in self.held and all(
            self._num_left[label] > self._keep for label in group.counts
        )

    def _hold(self, group: _Group) -> None:
        self.held[group.number] = group
        self._add(group, True, 1)
        for label in group.counts:
            self._num_left[label] -= 1

    def _add(self, group: _Group, side: bool, sign: int) -> None:
        for label, num in group.counts.items():
            self._has[side][label] += sign * num

    def _cost_of_moving(self, group: _Group) -> float:
        return self._cost(group, True) + self._cost(group, False, -1)

    def _cost(self, group: _Group, side: bool, sign: int = 1) -> float:
        """Return by how much the squared distances to what is wanted grow, over what is wanted."""
        cost = 0.0
        for label, num in group.counts.items():
            wanted = self._wanted[side][label]
            missing = wanted - self._has[side][label]
            cost += num * (num - 2 * sign * missing) / max(wanted, _LEAST_WANTED)
        return cost
