"""HTML and SVG from function calls. What is not `Markup` is escaped: forgetting is not possible."""

from __future__ import annotations

import re
from html import escape

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")  # in neither HTML nor XML


class Markup(str):
    """Text that is HTML or SVG already."""

    __slots__ = ()


def join(*parts: object) -> Markup:
    """Return the parts one after the other."""
    return Markup("".join(map(_text, parts)))


def tag(name: str, *content: object, **attributes: object) -> Markup:
    """Return an element.

    Args:
        name: Such as `td`.
        content: Elements and texts within it.
        attributes: `class_` stands for class and `stroke_width` for stroke-width; an attribute
            whose value is None is left out.
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{_text(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{written}>{join(*content)}</{name}>")


def _text(value: object) -> str:
    if isinstance(value, Markup):
        return value
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", escape(str(value)))
