"""Pages in a browser: three widths, light and dark, by keys, for screen readers, on paper."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from kinds_of_pages import KINDS, written_pages

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]

WIDTHS = (390, 768, 1280)  # a phone, a tablet, a laptop
LEAST_LETTERS = 11.0  # pixels
A4 = {"width": 718, "height": 1047}  # with margins of 1 cm, at 96 pixels an inch
LETTERS = """() => Array.from(document.querySelectorAll("svg text"), (text) => {
  const { a, b } = text.getScreenCTM();
  return parseFloat(getComputedStyle(text).fontSize) * Math.hypot(a, b);
})"""
TOO_WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"
CLIPPED = """() => Array.from(document.querySelectorAll("table, svg, pre, img"))
  .filter((each) => each.checkVisibility() && each.getBoundingClientRect().right > innerWidth + 1)
  .map((each) => each.outerHTML.slice(0, 200))"""
BROKEN = """() => Array.from(document.querySelectorAll("td.n")).flatMap((cell) => {
  const is_broken = (word) => {
    const range = document.createRange();
    range.setStart(cell.firstChild, word.index);
    range.setEnd(cell.firstChild, word.index + word[0].length);
    return range.getClientRects().length > 1;
  };
  return Array.from(cell.textContent.matchAll(/[^ ]+/g)).filter(is_broken).map(String);
})"""  # numbers that go on in the next line
BACKGROUND = "() => getComputedStyle(document.body).backgroundColor"


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return written_pages(tmp_path_factory.mktemp("pages"))


@pytest.fixture
def shown(
    browser: Browser, pages: dict[str, Path], request: pytest.FixtureRequest
) -> Iterator[Page]:
    """Show a page, at a width and in a colour scheme; nothing may be complained of."""
    kind, width, scheme = request.param
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda asked: complaints.extend(_fetched(asked.url)))
    page.goto(pages[kind].as_uri())
    yield page
    page.close()
    assert complaints == []


def _fetched(url: str) -> list[str]:
    return [] if url.startswith(("file:", "data:")) else [f"fetched {url}"]


def at(*widths: int, kinds: tuple[str, ...] = KINDS, schemes: tuple[str, ...] = ("light",)):  # noqa: ANN201
    """Let a test see pages of these kinds, at these widths, in these colours."""
    seen = [(kind, width, scheme) for kind in kinds for width in widths for scheme in schemes]
    ids = [f"{kind}-{width}-{scheme}" for kind, width, scheme in seen]
    return pytest.mark.parametrize("shown", seen, ids=ids, indirect=True)


def open_details(page: Page) -> None:
    page.evaluate("() => document.querySelectorAll('details').forEach((each) => each.open = true)")


@at(*WIDTHS, schemes=("light", "dark"))
def test_a_page_has_room_can_be_read_and_axe_finds_nothing(shown: Page) -> None:
    from axe_playwright_python.sync_playwright import Axe

    open_details(shown)
    assert shown.evaluate(TOO_WIDE) == 0
    assert min(shown.evaluate(LETTERS), default=LEAST_LETTERS) >= LEAST_LETTERS
    found = Axe().run(shown).response["violations"]
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found] == []


@at(390, kinds=("search",), schemes=("light", "dark"))
def test_a_page_is_as_light_or_dark_as_the_reader_wants_it(
    shown: Page, request: pytest.FixtureRequest
) -> None:
    is_dark = request.node.callspec.id.endswith("dark")
    paper = "rgb(18, 22, 27)" if is_dark else "rgb(255, 255, 255)"
    assert shown.evaluate(BACKGROUND) == paper
    line = shown.locator(".charts svg path[stroke='#0b62a4']").first
    colour = line.evaluate("(each) => getComputedStyle(each).stroke")
    assert colour == ("rgb(108, 182, 242)" if is_dark else "rgb(11, 98, 164)")


@at(1280, kinds=("search",))
def test_a_table_is_sorted_by_keys(shown: Page) -> None:
    table = shown.get_by_role("table", name="The best children")
    button = table.get_by_role("button", name="Parameters")
    head = button.locator("xpath=..")
    column = head.evaluate("(each) => each.cellIndex")
    button.focus()
    for order, is_reversed in (("ascending", False), ("descending", True)):
        shown.keyboard.press("Enter")
        assert head.get_attribute("aria-sort") == order
        cells = table.locator(f"tbody tr > :nth-child({column + 1})")
        values = cells.evaluate_all("(all) => all.map((each) => Number(each.dataset.value))")
        assert len(set(values)) > 2
        assert values == sorted(values, reverse=is_reversed)


@at(390, kinds=("search",))
def test_a_table_that_is_too_wide_scrolls_by_keys_in_its_own_box(shown: Page) -> None:
    box = shown.get_by_role("region", name="The best children")
    box.focus()
    assert shown.evaluate("() => document.activeElement.getAttribute('aria-label')")
    shown.keyboard.press("ArrowRight")
    shown.wait_for_function("(each) => each.scrollLeft > 0", arg=box.element_handle())


@at(1280, kinds=("search",))
def test_a_table_that_has_room_is_no_stop_of_the_tab_key(shown: Page) -> None:
    box = shown.get_by_role("region", name="What was taken for what")
    shown.wait_for_function("(each) => !each.hasAttribute('tabindex')", arg=box.element_handle())


@at(718, schemes=("dark",))
def test_on_paper_a_page_is_light_and_nothing_is_cut_off(shown: Page) -> None:
    shown.emulate_media(media="print", color_scheme="dark")
    shown.set_viewport_size(A4)
    open_details(shown)
    assert shown.evaluate(BACKGROUND) == "rgb(255, 255, 255)"
    assert shown.evaluate(TOO_WIDE) == 0
    assert shown.evaluate(CLIPPED) == []
    assert shown.evaluate(BROKEN) == []
