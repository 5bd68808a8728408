"""A search's report in a browser while the search runs: the reader stays where he is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from searches import tabular
from served import watched

import nas_lib

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

WAITS_MS = 60_000
PLACE = """() => ({
  "scrolled": window.scrollY,
  "in the box": document.querySelector("[role=region][aria-label='The best children']").scrollLeft,
  "opened": Array.from(document.querySelectorAll("details"), (each) => each.open),
  "sorted": Array.from(document.querySelectorAll("[aria-sort]"), (each) =>
    [each.textContent, each.getAttribute("aria-sort")]),
  "focused": document.activeElement.textContent,
})"""  # of the reader, at one moment
REWARDS = """() => Array.from(
  document.querySelectorAll("[aria-label='The best children'] tbody tr > :nth-child(3)"),
  (each) => Number(each.dataset.value))"""


@pytest.fixture
def phone(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 390, "height": 600})
    page.set_default_timeout(WAITS_MS)
    broken: list[str] = []
    page.on("pageerror", lambda error: broken.append(str(error)))
    yield page
    page.close()
    assert broken == []


def go_on(uri: str) -> None:
    """Do another round of four children."""
    nas_lib.search(tabular(max_children=24, confirm=None), store=uri, workers=1, rounds=1)


def wait_for_child(page: Page, child: str) -> None:
    page.wait_for_function("(id) => document.body.textContent.includes(id)", arg=child)


def test_a_page_that_is_renewed_leaves_the_reader_where_he_is(phone: Page, tmp_path: Path) -> None:
    from axe_playwright_python.sync_playwright import Axe

    uri = str(tmp_path / "s")
    with watched(uri) as url:
        phone.goto(url)
        assert phone.get_by_role("heading").all_text_contents() == ["No search yet"]
        go_on(uri)
        wait_for_child(phone, "r000-000000-03")
        phone.locator("summary", has_text="All 4 children").click()
        table = phone.get_by_role("region", name="The best children")
        for _ in range(2):  # ascending, then descending
            table.get_by_role("button", name="Reward").press("Enter")
        table.evaluate("(each) => each.scrollLeft = 40")
        phone.evaluate("() => window.scrollTo(0, 350)")
        before = phone.evaluate(PLACE)

        go_on(uri)
        wait_for_child(phone, "r000-000001-03")

        assert phone.evaluate(PLACE) == before
        assert before["scrolled"] == 350
        assert before["in the box"] == 40
        assert before["sorted"] == [["Reward", "descending"]]
        assert before["focused"] == "Reward"
        assert any(before["opened"])
        rewards = phone.evaluate(REWARDS)
        assert rewards == sorted(rewards, reverse=True)
        assert len(rewards) == 8  # of two rounds
        assert Axe().run(phone).response["violations"] == []


def test_a_connection_that_is_lost_is_said_until_it_is_back(phone: Page, tmp_path: Path) -> None:
    uri = str(tmp_path / "s")
    go_on(uri)
    with watched(uri) as url:
        phone.goto(url)
        status = phone.get_by_role("status")
        assert status.text_content() == ""
    phone.wait_for_function("() => document.querySelector('[role=status]').textContent")
    assert status.text_content().startswith("The connection is lost: this is as it was at ")

    go_on(uri)
    with watched(uri, port=int(url.rpartition(":")[2])):
        wait_for_child(phone, "r000-000001-03")
        assert status.text_content() == "Connected again: this page is live."
        phone.wait_for_function("() => !document.querySelector('[role=status]').textContent")
