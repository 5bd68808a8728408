"""A check of data in words, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from nas_lib.data_check.found import CALLED, DataCheck
from nas_lib.errors import one_line, plural, plural_of

_MOST_CLASSES: Final = 40
_MOST_PAIRS: Final = 10
_WIDEST: Final = 40


def lines(check: DataCheck) -> Iterator[str]:
    """Yield what was found, line by line."""
    facts = {"data": one_line(check.source)}
    if check.counts:
        nums = [f"{num:,} {CALLED[part]}" for part, num in check.counts.items()]
        facts["split"] = f"{', '.join(nums[:-1])} and {nums[-1]} {plural_of(check.example)}"
    facts |= check.facts
    width = max(map(len, facts))
    yield from (f"{name:{width}}  {value}" for name, value in facts.items())
    yield from _classes(check)
    yield from _listed("cannot be read", check.broken)
    pairs = [
        f"{pair.one} {'=' if pair.is_equal else '~'} {pair.other}"
        for pair in check.pairs[:_MOST_PAIRS]
    ]
    yield from _listed("twins", pairs, more=len(check.pairs) - len(pairs))
    if check.findings:
        yield ""
        yield from map(str, check.findings)
    else:
        yield "all is well"


def _classes(check: DataCheck) -> Iterator[str]:
    if not check.classes:
        return
    some = dict(list(check.classes.items())[:_MOST_CLASSES])
    names = {name: one_line(name, _WIDEST) for name in some}
    width = max(len(check.kind), *map(len, names.values()))
    yield ""
    yield "  ".join([f"{check.kind:{width}}", *(f"{CALLED[part]:>10}" for part in check.counts)])
    for name, counts in some.items():
        numbers = (f"{counts[part]:>10,}" for part in check.counts)
        yield "  ".join([f"{names[name]:{width}}", *numbers])
    if more := len(check.classes) - len(some):
        several = "classes" if check.kind == "class" else f"{check.kind}s"
        yield f"and {plural(more, check.kind, several)} more (--json has them all)"


def _listed(title: str, texts: tuple[str, ...] | list[str], *, more: int = 0) -> Iterator[str]:
    if not texts:
        return
    yield ""
    yield f"{title}:"
    yield from (f"  {text}" for text in texts)
    if more > 0:
        yield f"  and {more:,} more (--json has them)"
