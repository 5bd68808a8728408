"""A check of data as a page: some images of each class, and those that are there twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from markupsafe import Markup

from nas_lib.data_check.found import CALLED, DataCheck, Pair, Shown
from nas_lib.errors import one_line, plural_of
from nas_lib.report.markup import Figure, Number, join, render, table, tag

_LONGEST: Final = 60
_MOST_BROKEN: Final = 1_000


def contact_sheet(check: DataCheck) -> str:
    """Return the page, in one file."""
    drawn = [pair for pair in check.pairs if pair.one.picture]
    return render(
        "contact_sheet.html",
        check=check,
        several=_several(check),
        figures=list(_figures(check)),
        classes=_classes(check),
        pairs=tag("ul", *map(_pair, drawn), class_="twins") if drawn else "",
        num_pairs=len(drawn),
        samples=[
            (one_line(name, _LONGEST), tag("ul", *map(_sample, images), class_="mistakes"))
            for name, images in check.samples.items()
        ],
        broken=[one_line(text) for text in check.broken[:_MOST_BROKEN]],
    )


def _figures(check: DataCheck) -> Iterator[Figure]:
    for part, num in check.counts.items():
        yield Figure(f"{CALLED[part].capitalize()} {plural_of(check.example)}", f"{num:,}", "")
    if check.classes:
        yield Figure(_several(check), f"{len(check.classes):,}", "")
    yield Figure("Warnings", f"{len(check.of('warning')) + len(check.of('stops')):,}", "")


def _classes(check: DataCheck) -> Markup:
    if not check.classes:
        return Markup()
    head = (
        check.kind.capitalize(),
        *(Number(CALLED[part].capitalize()) for part in check.counts),
        Number("All"),
    )
    rows = (
        (
            one_line(name, _LONGEST),
            *(Number(f"{counts[part]:,}", counts[part]) for part in check.counts),
            Number(f"{sum(counts.values()):,}", sum(counts.values())),
        )
        for name, counts in check.classes.items()
    )
    return table(head, rows, caption=f"Images of each {check.kind}")


def _several(check: DataCheck) -> str:
    return "Classes" if check.kind == "class" else f"{check.kind.capitalize()}s"


def _sample(shown: Shown) -> Markup:
    caption = tag("figcaption", one_line(shown.name, _LONGEST))
    return tag("li", tag("figure", _picture(shown), caption))


def _pair(pair: Pair) -> Markup:
    both = [
        tag("figure", _picture(each), tag("figcaption", _what(each)))
        for each in (pair.one, pair.other)
    ]
    kind = "equal" if pair.is_equal else "nearly equal"
    other = pair.one.class_name != pair.other.class_name
    title = tag("p", tag("b", kind), ", of different classes" if other else "")
    return tag("li", title, *both)


def _what(shown: Shown) -> Markup:
    name, of = one_line(shown.name, _LONGEST), one_line(shown.class_name, _LONGEST)
    return join(tag("b", CALLED[shown.part]), f", {of}: {name}")


def _picture(shown: Shown) -> Markup:
    alt = f"A picture of {one_line(shown.class_name, _LONGEST)}"
    return Markup('<img alt="{}" src="data:{}">').format(alt, shown.picture)
