"""Repeats in reports: told, and counted as no children of their own."""

from __future__ import annotations

from dataclasses import replace

from browser import page_of
from synthetic import search_view

from nas_lib.report import leaderboard_json
from nas_lib.report.reporter import reporter_of
from nas_lib.results import SearchView, compare


def with_repeats(num: int = 3) -> SearchView:
    """Return a search of 24 children of which so many of the second round repeat the first."""
    view = search_view(24, finished=True)
    first = view.rows[0]
    repeated = (
        replace(first, id=row.id, repeat_of=first.id, seconds=0.0) for row in view.rows[4 : 4 + num]
    )
    rows = (*view.rows[:4], *repeated, *view.rows[4 + num :])
    return replace(view, rows=rows, num_children=24 - num)


def test_the_headline_counts_them_apart() -> None:
    assert reporter_of(with_repeats()).headline().startswith("digits: 21 of 21 children")
    assert ", 3 repeats, best " in reporter_of(with_repeats()).headline()
    assert ", 1 repeat, best " in reporter_of(with_repeats(1)).headline()


def test_it_says_why_a_search_is_over_before_its_budget() -> None:
    view = replace(with_repeats(), ended_early="all 21 architectures of the space are judged")
    headline = reporter_of(view).headline()
    assert headline.endswith(", all 21 architectures of the space are judged, finished")
    assert leaderboard_json(view, 5)["search"]["ended_early"] == view.ended_early


def test_json_counts_them_apart() -> None:
    form = leaderboard_json(with_repeats(), None)
    assert (form["search"]["children"], form["search"]["repeats"]) == (21, 3)
    assert sum(form["search"]["counts"].values()) == 21
    assert len({each["architecture_id"] for each in form["leaderboard"]}) == len(
        form["leaderboard"]
    )


def test_the_page_names_whose_verdict_they_have() -> None:
    text = page_of(with_repeats()).text
    assert "r000-000001-00 = r000-000000-00" in text
    assert "3 proposals of one that was judged before: its verdict counted again." in text


def test_searches_are_compared_at_equally_many_that_were_judged() -> None:
    assert compare([search_view(24), with_repeats()]).budget == (
        sum(row.counts for row in with_repeats().judged)
    )
