"""Colours on light and on dark pages."""

from __future__ import annotations

import re
from itertools import product

import pytest
from synthetic import final_view, search_view, shared_view

from nas_lib.report import colours, search_page

LEAST_OF_TEXT, LEAST_OF_LINES = 4.5, 3.0  # WCAG 2.2, level AA
LINES = (*colours.LINES, colours.GREY)
FILLS = (colours.CONV, colours.POOL, colours.END)


def luminance(colour: str) -> float:
    """Return a colour's relative luminance, as WCAG has it."""
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return sum(
        weight * (value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4)
        for weight, value in ((0.2126, red), (0.7152, green), (0.0722, blue))
    )


def contrast(one: str, other: str) -> float:
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_black_on_white_has_the_contrast_that_everybody_knows() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.01)


@pytest.mark.parametrize("is_dark", [False, True])
def test_letters_and_lines_have_enough_contrast(is_dark: bool) -> None:
    def shown(colour: str) -> str:
        return colours.DARK[colour] if is_dark else colour

    paper = colours.DARK_PAPER if is_dark else colours.PAPER
    grounds = (paper, *map(shown, FILLS))
    for text, ground in product((colours.TEXT, colours.WEAK_TEXT), grounds):
        assert contrast(shown(text), ground) >= LEAST_OF_TEXT, (text, ground)
    for line in (*LINES, colours.FAINT, colours.AXIS):
        assert contrast(shown(line), paper) >= LEAST_OF_LINES, line


def test_whatever_is_drawn_has_a_colour_for_dark_pages() -> None:
    pages = (
        search_page(view) for view in (search_view(40), shared_view(), final_view([0.9], [0.8]))
    )
    drawn = {
        colour
        for page in pages
        for colour in re.findall(r'(?:fill|stroke)="(#[^"]+)"', page.partition("<main>")[2])
    }
    assert len(drawn) > 8
    assert drawn <= colours.DARK.keys()
