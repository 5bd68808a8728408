"""What screen readers and keys need of a page, as far as it can be told without a browser."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from synthetic import final_view, four_shared, search_view, shared_view, transfer_view

from nas_lib.report import compare_page, problem_page, search_page
from nas_lib.results import compare

PAGES = {
    "search": search_page(search_view(60)),
    "final": search_page(final_view([0.9, 0.8], [0.7, 0.6], test=[[0.9, 0.8]], retrained=0.9)),
    "transfer": search_page(transfer_view(final_view([0.9, 0.8], [0.7, 0.6]))),
    "shared": search_page(shared_view()),
    "compare": compare_page(compare(four_shared())),
    "problem": problem_page("runs/x", []),
}
every_page = pytest.mark.parametrize("page", PAGES.values(), ids=PAGES)


@every_page
def test_a_page_has_one_main_part_and_headings_in_order(page: str) -> None:
    assert page.count("<main>") == 1
    levels = [int(level) for level in re.findall(r"<h([1-6])", page)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


@every_page
def test_a_table_has_a_caption_of_its_own_and_heads_that_say_what_of(page: str) -> None:
    captions = re.findall("<caption[^>]*>(.*?)</caption>", page)
    assert len(captions) == len(set(captions)) == page.count("<table")
    assert page.count("<th ") == page.count('scope="col"') + page.count('scope="row"')
    assert "<th>" not in page


@every_page
def test_what_scrolls_has_a_name_and_is_reached_by_keys(page: str) -> None:
    boxes = re.findall(r'<div class="(?:scroll|picture)"([^>]*)>', page)
    assert len(boxes) >= page.count("<table")
    for attributes in boxes:
        assert re.fullmatch(r' role="region" aria-label="[^"]+" tabindex="0"', attributes)


@every_page
def test_a_chart_says_what_it_shows(page: str) -> None:
    for svg in re.findall(r"<svg.*?</svg>", page):
        assert 'aria-hidden="true"' in svg or ('role="img"' in svg and "<title>" in svg)


def test_a_charts_line_is_told_in_words() -> None:
    page = PAGES["final"]
    # half of the score 0.9 at first: 0.9 * (0.5 + 0.5 / 4) = 0.5625, and in the end all of it
    assert "56.25 at 1" in page
    assert "90 at 4." in page
