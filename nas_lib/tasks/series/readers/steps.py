"""Tables with a row for each step: rows of one series put together, in order of time.

Letters: C channels, T steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from nas_lib.errors import one_line
from nas_lib.tasks.images.readers.tables import Faults
from nas_lib.tasks.series.found import Array, PartName
from nas_lib.tasks.series.readers.series_columns import Columns
from nas_lib.tasks.series.values import number_of


@dataclass
class _One:
    """A series as its rows come."""

    part: PartName
    label: str
    group: str
    times: list[Any] = field(default_factory=list)
    values: list[Array] = field(default_factory=list)


class Steps:
    """Series of whose steps each is a row."""

    def __init__(self, columns: Columns, faults: Faults) -> None:
        """Take what the columns are, and where to note what is wrong."""
        self._columns, self._faults = columns, faults
        self._found: dict[str, _One] = {}

    def add(
        self,
        part: PartName,
        label: str,
        group: str,
        values_C: Array,
        said: dict[str, Any],
        place: str,
    ) -> None:
        """Add a step of a series."""
        name = one_line(said[self._columns.series], 60)
        one = self._found.setdefault(name, _One(part, label, group))
        if (one.part, one.label, one.group) != (part, label, group):
            what = "with another label, split or group than those before of its series"
            self._faults.add(what, f"{place} ({name})")
            return
        one.values.append(values_C)
        if self._columns.time:
            one.times.append(said[self._columns.time])

    def series(self) -> Iterator[tuple[PartName, str, str, Array, str]]:
        """Yield part, class, group, numbers `[C, T]` and name of each series."""
        for name, one in self._found.items():
            values_CT = np.stack(one.values, axis=1)
            if one.times:
                order, is_unique = _order(one.times)
                if not is_unique:
                    self._faults.add("of series that have a time twice", f"those of {name}")
                values_CT = values_CT[:, order]
            yield one.part, one.label, one.group, values_CT, name


def _order(times: list[Any]) -> tuple[list[int], bool]:
    """Return the order of times, and whether each is there once: numbers, or else as texts."""
    numbers = [number_of(time) for time in times]
    is_text = any(number is None or number != number for number in numbers)
    keys: list[Any] = [str(time) for time in times] if is_text else numbers
    order = sorted(range(len(keys)), key=lambda index: keys[index])
    return order, len(set(keys)) == len(keys)
