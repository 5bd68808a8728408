"""What of a final training is as in the search's children goes with them where those are changed.

A document that says nothing of it in `final.children` has it from `children`. Once resolved, as a
preset or a stored search is, a document says all; so what is the same there counts as unsaid.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from nas_lib.config.final import FinalChildrenConfig
from nas_lib.part import by_kind

_OURS, _THEIRS = "children", "final.children"

Change = tuple[str, Any]
"""The place of a setting, such as `children.epochs`, and its value."""


def following(document: Any, changes: Iterable[Change]) -> tuple[Any, list[Change]]:
    """Return a document and changes of it, of which final.children has its part.

    Args:
        document: Plain; what is returned is another one where it differs.
        changes: In the order in which they are made.
    """
    wanted = list(changes)
    if any(place == f"{_OURS}.kind" for place, _ in wanted):  # all that was said has no meaning
        return document, wanted
    named = {_name(place, _OURS) for place, _ in wanted} & {*followers(document)}
    said = {_name(place, _THEIRS) for place, _ in wanted}
    if named - said:
        theirs = document["final"]["children"]
        left = {name: value for name, value in theirs.items() if name not in named - said}
        document = {**document, "final": {**document["final"], "children": left}}
    both = named & said
    mirrored = [(f"final.{place}", value) for place, value in wanted if _name(place, _OURS) in both]
    return document, [*mirrored, *wanted]


def followers(document: Any) -> Iterator[str]:
    """Yield the settings of final.children that are as in children, and follow them."""
    ours, theirs = _section(document, "children"), _section(document, "final", "children")
    kind = theirs.get("kind")
    part = by_kind(FinalChildrenConfig).get(kind) if isinstance(kind, str) else None
    for name in part.as_in_search if part is not None else ():
        if name in ours and name in theirs and ours[name] == theirs[name]:
            yield name


def _section(document: Any, *path: str) -> Mapping[str, Any]:
    for name in path:
        document = document.get(name) if isinstance(document, Mapping) else None
    return document if isinstance(document, Mapping) else {}


def _name(place: str, section: str) -> str:
    """Return which setting of a section a place is of, or in; empty for other sections."""
    before, dot, rest = place.partition(f"{section}.")
    return "" if before or not dot else rest.partition(".")[0]
