"""The test label by label, where an image may have several: tables, and mistakes as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from markupsafe import Markup

from nas_lib.errors import plural
from nas_lib.records import LabelMistake, LabelReading, TestReading
from nas_lib.report.classes import Names, pictured
from nas_lib.report.formatting import NONE
from nas_lib.report.markup import Number, join, table, tag
from nas_lib.results.intervals import over_examples

_MOST_LABELS: Final = 40  # that are not folded away


def label_parts(reading: TestReading | None, names: Sequence[str]) -> dict[str, Any] | None:
    """Return what the page shows of a reading, by name; None where no labels were told.

    Args:
        reading: Of the test.
        names: Of the labels, in the order of their indices.
    """
    if reading is None or not reading.labels:
        return None
    called = Names(names)
    worst = sorted(range(len(reading.labels)), key=lambda label: _rank(reading.labels[label]))
    folded = len(worst) > _MOST_LABELS
    mistakes = [each for each in reading.mistakes if isinstance(each, LabelMistake)]
    return {
        "sentence": _sentence(reading),
        "table": _table(reading, worst[:_MOST_LABELS], called, "Label by label"),
        "num_worst": _MOST_LABELS if folded else 0,
        "every": _table(reading, worst, called, "Every label") if folded else "",
        "num_labels": len(worst),
        "mistakes": pictured(_mistake(each, called) for each in mistakes),
    }


def _rank(label: LabelReading) -> float:
    """Return by what the worst comes first, and last what no image has."""
    return 2.0 if label.average_precision is None else label.average_precision


def _sentence(reading: TestReading) -> str:
    there, told, right = (
        sum(getattr(each, name) for each in reading.labels)
        for name in ("num", "num_told", "num_right")
    )
    return (
        f"{plural(reading.num_examples, 'test image')} have {plural(there, 'label')} together, of "
        f"which {right:,} were told; {told - right:,} were told that are not there."
    )


def _table(reading: TestReading, shown: Sequence[int], names: Names, caption: str) -> Markup:
    head = (
        "Label",
        *map(Number, ("Images", "Told", "Rightly", "Precision", "95 % interval", "Recall")),
        *map(Number, ("95 % interval", "F1", "Average precision")),
    )
    rows = (_row(reading.labels[label], names[label]) for label in shown)
    return table(head, rows, caption=caption)


def _row(label: LabelReading, name: str) -> tuple[object, ...]:
    both = label.num + label.num_told
    return (
        name,
        *(Number(f"{each:,}", each) for each in (label.num, label.num_told, label.num_right)),
        *_share(label.num_right, label.num_told),
        *_share(label.num_right, label.num),
        _percent(2 * label.num_right / both if both else None),
        _percent(label.average_precision),
    )


def _share(right: int, num: int) -> tuple[Number, Number]:
    """Return a share and its interval by Wilson; nothing of none."""
    share = right / num if num else None
    sure = None if share is None else over_examples(share, num)
    if sure is None:
        return Number(NONE), Number(NONE)
    return _percent(share), Number(f"{100 * sure.low:.1f} to {100 * sure.high:.1f}", sure.low)


def _percent(share: float | None) -> Number:
    return Number(NONE) if share is None else Number(f"{100 * share:.1f} %", share)


def _mistake(mistake: LabelMistake, names: Names) -> tuple[str, str, Markup]:
    """Return a picture, what to call it, and what is said below it."""
    name = names[mistake.label]
    sure = f"{100 * mistake.confidence:.1f}\N{NO-BREAK SPACE}% sure"
    what_happened = (
        f" missed, {sure} that it is not there"
        if mistake.is_there
        else f" told, {sure}, and it is not there"
    )
    caption = join(tag("b", name), what_happened)
    what = f"A picture {'with' if mistake.is_there else 'without'} {name}"
    return mistake.picture, what, caption
