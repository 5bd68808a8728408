"""What a model says of itself in files: for people a card, for machines `metrics.json`."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cache
from typing import TYPE_CHECKING

from nas_lib.errors import one_line
from nas_lib.models.info import ModelInfo, Score

if TYPE_CHECKING:
    from jinja2 import Template

_SHOWN = 20  # labels


def card(info: ModelInfo) -> bytes:
    """Return what a model is, as Markdown."""
    return _template().render(info=info, shown=_shown(info.labels), score=_score(info)).encode()


def metrics(info: ModelInfo) -> bytes:
    """Return what was measured of a model, as JSON."""
    measured = {
        "model": info.id,
        "measure": info.measure.noun,
        "validation": info.validation,
        "validation_of_seeds": info.validation_of_seeds,
        "test": info.test,
        "parity": info.parity,
        "speed": info.speed,
        "num_parameters": info.origin.num_parameters,
        "num_multiply_adds": info.origin.num_multiply_adds,
    }
    return (json.dumps(measured, indent=2, default=asdict) + "\n").encode()


def labels(info: ModelInfo) -> bytes:
    """Return the labels, one a line."""
    return "".join(f"{one_line(label)}\n" for label in info.labels).encode()


def _shown(names: tuple[str, ...]) -> str:
    """Return labels as code, which nothing in them ends."""
    quoted = [f"`{one_line(name, 40).replace('`', '?')}`" for name in names[:_SHOWN]]
    left = len(names) - len(quoted)
    return ", ".join(quoted) + (f" and {left:,} more" if left else "")


def _score(info: ModelInfo) -> object:
    """Return what words a score, as a function of it."""

    def percent(value: float) -> str:
        return f"{100 * value:.2f} %" if info.measure.is_fraction else f"{value:.2f}"

    def words(score: Score) -> str:
        if score.interval is None:
            return percent(score.value)
        low, high = map(percent, score.interval)
        return f"{percent(score.value)} ({low} to {high} with 95 % confidence)"

    return {"words": words, "percent": percent}


@cache
def _template() -> Template:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("nas_lib.export"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    return environment.get_template("card.md")
