"""Which children a report shows learning: reading all of a long search would take too long."""

from __future__ import annotations

from typing import Final

from nas_lib.results.ranking import by_time
from nas_lib.results.view import SearchView

MOST: Final = 60
"""Children whose curves a report reads and draws, at most."""
_BEST: Final = 20


def trained(view: SearchView) -> list[str]:
    """Return the children that were trained, in the order of time: no repeats."""
    return [row.id for row in by_time(view.rows) if not row.is_repeat]


def with_curve(view: SearchView) -> list[str]:
    """Return the children that a report shows learning, in the order of time.

    Where there are too many: the best, and others from the beginning to the end.
    """
    children = trained(view)
    if len(children) <= MOST:
        return children
    best = {each.row.id for each in view.standings[:_BEST]}
    others = [child for child in children if child not in best]
    num = MOST - len(best)
    best.update(others[number * len(others) // num] for number in range(num))
    return [child for child in children if child in best]
