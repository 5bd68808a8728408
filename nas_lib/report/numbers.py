"""The test of numbers: what was told against what is, and the largest mistakes as pictures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from markupsafe import Markup

from nas_lib.errors import one_line, plural
from nas_lib.records import NumberMistake, TestReading
from nas_lib.report.charts import Series, line_chart
from nas_lib.report.classes import pictured
from nas_lib.report.markup import chart_figure, join, tag

_MAX_NAME = 40


def number_parts(reading: TestReading | None, names: Sequence[str]) -> dict[str, Any] | None:
    """Return what the page shows of a reading, by name; None where no numbers were told.

    Args:
        reading: Of the test.
        names: What the number is called, alone.
    """
    if reading is None or not reading.numbers:
        return None
    name = one_line(names[0], _MAX_NAME) if names else "number"
    mistakes = [each for each in reading.mistakes if isinstance(each, NumberMistake)]
    return {
        "sentence": _sentence(reading, name),
        "chart": _chart(reading, name),
        "mistakes": pictured(_mistake(each) for each in mistakes),
    }


def _sentence(reading: TestReading, name: str) -> str:
    found = {each.name: each.value for each in reading.metrics}
    told = [f"of {plural(reading.num_examples, 'test image')} {name} was told"]
    if "MAE" in found and "RMSE" in found:
        told.append(
            f"it is off by {found['MAE']:.4g} on average (MAE), the root of the mean square is "
            f"{found['RMSE']:.4g} (RMSE)"
        )
    if "R2" in found:
        told.append(f"{100 * found['R2']:.1f} % of the variance is told (R2)")
    sentence = "; ".join(told)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _chart(reading: TestReading, name: str) -> Markup:
    """Return what was told over what is, with the line on which both are the same."""
    points = sorted(reading.numbers)
    low, high = points[0][0], points[-1][0]
    series = [
        Series("an image", points, dots=True),
        Series("rightly told", [(low, low), (high, high)]),
    ]
    chart = line_chart(series, x_label=f"{name}, as it is", y_label=f"{name}, told", counts=False)
    num = len(points)
    some = "" if num == reading.num_examples else f", {num:,} of {reading.num_examples:,}"
    text = f"Each dot is a test image{some}; above the line too much was told, below too little."
    return chart_figure("Image by image", text, chart)


def _mistake(mistake: NumberMistake) -> tuple[str, str, Markup]:
    """Return a picture, what to call it, and what is said below it."""
    true, found = f"{mistake.true:.5g}", f"{mistake.found:.5g}"
    caption = join(tag("b", true), " told as ", tag("b", found))
    return mistake.picture, f"A picture of {true}", caption
