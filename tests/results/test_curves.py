"""Which children a report shows learning."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from synthetic import row, search_view

from nas_lib.results.curves import MOST, with_curve


def test_of_few_children_all_are_shown_but_repeats() -> None:
    view = search_view(8)
    repeat = replace(view.rows[3], repeat_of=view.rows[0].id)
    view = replace(view, rows=(*view.rows[:3], repeat, *view.rows[4:]))
    assert with_curve(view) == [row.id for row in view.rows if row != repeat]


def test_of_many_the_best_and_others_from_beginning_to_end_are_shown() -> None:
    rows = [row(number, (number * 7919 % 1201) / 1201) for number in range(1200)]
    view = replace(search_view(4), rows=tuple(rows))
    shown = with_curve(view)
    assert len(shown) == len(set(shown)) == MOST
    assert {each.row.id for each in view.standings[:20]} <= set(shown)
    rounds = [int(child.split("-")[1]) for child in shown]
    assert rounds == sorted(rounds)
    assert max(after - before for before, after in pairwise(rounds)) <= 9
