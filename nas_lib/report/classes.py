"""The test class by class: accuracies with intervals, what was taken for what, and mistakes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from markupsafe import Markup

from nas_lib.errors import one_line, plural, plural_of
from nas_lib.records import Confusion, Mistake, TestReading
from nas_lib.report.colours import BLUE, FAINT, GRID
from nas_lib.report.formatting import NONE
from nas_lib.report.markup import Number, join, scrolled, table, tag
from nas_lib.results.confusion import (
    ClassScore,
    class_scores,
    frequent_mistakes,
    matrix,
    most_confused,
)

_MOST_ROWS: Final = 20  # of the matrix: what a page has room for
_MOST_CLASSES: Final = 40  # whose accuracies are not folded away
_MOST_PAIRS: Final = 15
_MAX_NAME: Final = 40
_BAR: Final = 120  # pixels from 0 to 100 %
_LINE: Final = 14
_LIGHTEST, _DARKEST = 0.08, 0.45  # shades: on all of them letters have enough contrast


def class_parts(
    reading: TestReading | None, names: Sequence[str], *, example: str = "image"
) -> dict[str, Any] | None:
    """Return what the page shows of a reading, by name; None where nothing was classified.

    Args:
        reading: Of the test.
        names: Of the classes, in the order of their indices.
        example: What one of those is called that were classified.
    """
    if reading is None or not reading.confusion:
        return None
    scores, called = class_scores(reading.confusion), Names(names, example)
    folded = len(scores) > _MOST_CLASSES
    return {
        "sentence": _sentence(reading, example),
        "examples": called.examples,
        "accuracies": _accuracies(scores[:_MOST_CLASSES], called, "Accuracy by class"),
        "num_worst": _MOST_CLASSES if folded else 0,
        "every": _accuracies(scores, called, "Accuracy of every class") if folded else "",
        "num_classes": len(scores),
        "matrix": _matrix(reading.confusion, called),
        "num_rows": _MOST_ROWS - 1 if len(called.of(reading.confusion)) > _MOST_ROWS else 0,
        "pairs": _pairs(reading.confusion, called),
        "mistakes": pictured(
            _mistake(each, called) for each in reading.mistakes if isinstance(each, Mistake)
        ),
    }


class Names:
    """What classes are called, or labels."""

    def __init__(self, names: Sequence[str], example: str = "image") -> None:
        self._names, self.examples = names, plural_of(example)

    def __getitem__(self, label: int) -> str:
        """Return a class's name, its number where it has none."""
        known = self._names[label] if label < len(self._names) else f"class {label}"
        return one_line(known, _MAX_NAME)

    def of(self, confusion: Confusion) -> range:
        """Return all classes that there are."""
        found = (max(true, predicted) + 1 for true, predicted, _ in confusion)
        return range(max(len(self._names), *found, 0))


def _sentence(reading: TestReading, example: str) -> str:
    num = sum(each for *_, each in reading.confusion)
    right = sum(each for true, found, each in reading.confusion if true == found)
    wrong = "none was mistaken" if right == num else f"{num - right:,} mistaken"
    return f"Of {plural(num, f'test {example}')} {right:,} were known, {wrong}."


def _accuracies(scores: Sequence[ClassScore], names: Names, caption: str) -> Markup:
    head = (
        "Class",
        *map(Number, (names.examples.capitalize(), "Known", "Accuracy", "95 % interval")),
        "0 to 100 %",
        "Most often taken for",
    )
    return table(head, (_accuracy(each, names) for each in scores), caption=caption)


def _accuracy(score: ClassScore, names: Names) -> tuple[object, ...]:
    low, high = score.interval.low, score.interval.high
    taken = NONE if score.taken_for is None else f"{names[score.taken_for]} ({score.num_taken:,})"
    return (
        names[score.label],
        Number(f"{score.num:,}", score.num),
        Number(f"{score.num_right:,}", score.num_right),
        Number(f"{100 * score.accuracy:.1f} %", score.accuracy),
        Number(f"{100 * low:.1f} to {100 * high:.1f}", low),
        _bar(score),
        taken,
    )


def _bar(score: ClassScore) -> Markup:
    """Return an accuracy and its interval as a line, for those who see it."""
    low, at, high = (
        round(4 + (_BAR - 8) * share, 1)
        for share in (score.interval.low, score.accuracy, score.interval.high)
    )
    middle = _LINE / 2
    return tag(
        "svg",
        tag("path", d=f"M4 {middle:g}H{_BAR - 4}", stroke=GRID, stroke_width=2),
        tag("path", d=f"M{low} {middle:g}H{high}", stroke=FAINT, stroke_width=4),
        tag("circle", cx=at, cy=f"{middle:g}", r=4, fill=BLUE),
        width=_BAR,
        height=_LINE,
        viewBox=f"0 0 {_BAR} {_LINE}",
        aria_hidden="true",
    )


# --- the matrix ----------------------------------------------------------------------------------


def _matrix(confusion: Confusion, names: Names) -> Markup:
    """Return what was taken for what: a row for each class, a column for what it was taken for."""
    classes = names.of(confusion)
    kept = most_confused(confusion, len(classes), most=_MOST_ROWS)
    titles = [names[label] for label in kept]
    if len(kept) < len(classes):
        titles.append(f"{len(classes) - len(kept):,} others")
    head = tag("th", "Class \N{RIGHTWARDS ARROW} taken for", scope="col")
    columns = (tag("th", tag("span", title), scope="col") for title in titles)
    body = (
        tag("tr", tag("th", title, scope="row"), *_cells(row, at))
        for at, (title, row) in enumerate(
            zip(titles, matrix(confusion, kept, len(classes)), strict=True)
        )
    )
    name = "What was taken for what"
    whole = tag(
        "table",
        tag("caption", name, class_="unseen"),
        tag("thead", tag("tr", head, *columns)),
        tag("tbody", *body),
        class_="matrix",
    )
    return scrolled(whole, name)


def _cells(row: Sequence[int], at: int) -> Iterator[Markup]:
    """Yield a row's numbers, in darker shades for greater shares; of none nothing is written."""
    total = sum(row) or 1
    for column, num in enumerate(row):
        shade = _LIGHTEST + (_DARKEST - _LIGHTEST) * (num / total) ** 0.5
        yield tag(
            "td",
            f"{num:,}" if num else "",
            class_="known" if column == at else None,
            style=f"--shade:{shade:.2f}" if num else None,
        )


def _pairs(confusion: Confusion, names: Names) -> Markup:
    """Return the most frequent mistakes as a table, where the matrix does not show them all."""
    found = frequent_mistakes(confusion, most=_MOST_PAIRS)
    if not found or len(names.of(confusion)) <= _MOST_ROWS:
        return Markup()
    head = ("Class", "Taken for", Number(names.examples.capitalize()))
    rows = ((names[true], names[other], Number(f"{num:,}", num)) for true, other, num in found)
    return table(head, rows, caption="The most frequent mistakes")


# --- pictures ------------------------------------------------------------------------------------


def pictured(mistakes: Iterable[tuple[str, str, Markup]]) -> Markup:
    """Return mistakes as a list of pictures; nothing where there are none.

    Args:
        mistakes: Of each a PNG in base64, what to call it, and what is said below it.
    """
    shown = [_pictured(*each) for each in mistakes]
    return tag("ul", *shown, class_="mistakes") if shown else Markup()


def _pictured(picture: str, what: str, caption: Markup) -> Markup:
    image = Markup('<img alt="{}" src="data:image/png;base64,{}">').format(what, picture)
    return tag("li", tag("figure", image, tag("figcaption", caption)))


def _mistake(mistake: Mistake, names: Names) -> tuple[str, str, Markup]:
    true, found = names[mistake.true], names[mistake.found]
    caption = join(
        tag("b", true),
        " taken for ",
        tag("b", found),
        f", {100 * mistake.confidence:.1f}\N{NO-BREAK SPACE}% sure",
    )
    return mistake.picture, f"A picture of {true}", caption
