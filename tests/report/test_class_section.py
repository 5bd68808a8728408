"""The test class by class, on the page."""

from __future__ import annotations

import re
from dataclasses import replace

from browser import Page
from synthetic import IMAGES, START_S, final_view, search_view

from nas_lib.records import Mistake, TestReading
from nas_lib.report import search_page
from nas_lib.results import SearchView, winner

DOT = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
HOSTILE = "<script>alert('x')</script>"


def view_of(num_classes: int, *, names: tuple[str, ...] | None = None) -> SearchView:
    """Return a search whose winner took every class for the next one, once in ten."""
    view = search_view(8)
    best = winner(view.rows)
    assert best is not None
    pairs = [
        pair
        for label in range(num_classes)
        for pair in ((label, label, 9), (label, (label + 1) % num_classes, 1))
    ]
    reading = TestReading(
        best.id,
        0.9,
        10 * num_classes,
        START_S,
        tuple(sorted(pairs)),
        mistakes=(Mistake(0, 1, 0.987, DOT),),
    )
    called = tuple(f"kind {n}" for n in range(num_classes)) if names is None else names
    return replace(view, test=(reading,), data=replace(IMAGES, class_names=called))


def test_classes_go_by_their_names_with_their_accuracies_and_intervals() -> None:
    page = Page(search_page(view_of(3)))
    # Wilson of 9 in 10: (0.9 + 0.192) / 1.384 = 0.789 +- 0.193
    assert "kind 0 10 9 90.0 % 59.6 to 98.2 kind 1 (1)" in page.text
    assert "This is the best child. Of 30 test images 27 were known, 3 mistaken." in page.text


def test_a_mistake_is_shown_as_a_picture_with_what_it_was_taken_for() -> None:
    page = Page(search_page(view_of(3)))
    assert page.links == [f"data:image/png;base64,{DOT}"]
    assert "kind 0 taken for kind 1 , 98.7 % sure" in page.text


def test_of_many_classes_the_most_confused_are_shown_and_it_says_so() -> None:
    view = view_of(100)
    page = search_page(view)
    matrix = page[page.index('class="matrix"') :].partition("</table>")[0]
    assert matrix.count("<tr>") == 21  # the head, 19 classes, and all others
    assert "81 others" in matrix
    text = Page(page).text
    assert "Shown are the 19 classes with the most mistakes" in text
    assert "These are the 40 classes that it knows worst." in text
    assert "All 100 classes" in text
    assert "The most frequent mistakes" in text
    assert "The most frequent mistakes" not in Page(search_page(view_of(10))).text


def test_a_thousand_classes_make_a_small_page() -> None:
    assert len(search_page(view_of(1000))) < 1_500_000


def test_names_are_no_markup_and_a_class_without_one_has_its_number() -> None:
    html = search_page(view_of(3, names=(HOSTILE, "a" * 500)))
    assert Page(html).counts["script"] == 1
    assert "class 2" in Page(html).text
    assert "a" * 41 not in html


def test_a_final_trainings_network_has_the_same() -> None:
    final = final_view([0.9, 0.8], test=[[0.9, 0.8]])
    reading = replace(final.test[0], confusion=((0, 0, 1), (1, 0, 1)))
    text = Page(search_page(replace(final, test=(reading,)))).text
    assert "This is the final network. Of 2 test images 1 were known, 1 mistaken." in text


def test_where_nothing_is_classified_there_is_no_such_section() -> None:
    view = view_of(3)
    plain = replace(view, test=(replace(view.test[0], confusion=(), mistakes=()),))
    assert "Class by class" not in Page(search_page(plain)).texts
    assert re.search("Class by class", search_page(view))
