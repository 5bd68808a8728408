"""What a browser would find on a page."""

from __future__ import annotations

from html.parser import HTMLParser

from nas_lib.report import search_page
from nas_lib.results import SearchView


class Page(HTMLParser):
    """What a browser would find: texts by element, and whether every element is closed.

    White space is one blank, as a browser shows it, but in `pre`.
    """

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.texts: list[str] = []
        self.links: list[str] = []
        self.counts: dict[str, int] = {}
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.counts[tag] = self.counts.get(tag, 0) + 1
        self.links += [value for name, value in attrs if name in ("src", "href") and value]
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        text = data if "pre" in self.open else " ".join(data.split())
        self.texts += [text] if text else []

    @property
    def text(self) -> str:
        return " ".join(self.texts)


def page_of(view: SearchView) -> Page:
    page = Page(search_page(view))
    assert page.open == []
    return page
