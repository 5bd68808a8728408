"""Numbers and architectures as a reader wants to see them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from nas_lib.architecture import Architecture
from nas_lib.records import Status, TestReading

NONE = "-"
"""Where there is nothing to show."""

_PLUS_MINUS = "\N{PLUS-MINUS SIGN}"
_LAYER_DETAILS = re.compile(r"conv |/1x1| <- (image|[\d,]+)")
_CONNECTIONS = re.compile(r" \+ [\d,]+|\(\d+\)| \| mean of [\d,]+")  # in the spaces of ENAS


def score_text(score: float | None, *, is_accuracy: bool, error: float | None = None) -> str:
    """Return a score: an accuracy in percent, any other measure as it is.

    Args:
        score: The score, None where there is none.
        is_accuracy: Whether it is a fraction in [0, 1].
        error: Its standard error, None where there is none to tell.
    """
    if score is None:
        return NONE
    if is_accuracy:
        spread = "" if error is None else f" {_PLUS_MINUS} {100 * error:.2f}"
        return f"{100 * score:.2f}{spread} %"
    return f"{score:.5g}" + ("" if error is None else f" {_PLUS_MINUS} {error:.2g}")


def reading_name(reading: TestReading) -> str:
    """Return what was read of the test set."""
    return "test accuracy" if reading.perplexity is None else "test perplexity"


def reading_text(reading: TestReading) -> str:
    """Return a test accuracy or a test perplexity."""
    if reading.perplexity is None:
        return score_text(reading.accuracy, is_accuracy=True)
    return score_text(reading.perplexity, is_accuracy=False)


def reading_size(reading: TestReading) -> str:
    """Return how many images or words were read."""
    return plural(reading.num_examples, "image" if reading.perplexity is None else "word")


def count_text(count: int | None) -> str:
    """Return a large count with three digits, such as `1.23M`."""
    if count is None:
        return NONE
    if count < 1000:
        return str(count)
    value = float(count)
    for unit in ("k", "M", "G"):
        value /= 1000
        if value < 999.5 or unit == "G":
            break
    decimals = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{decimals}f}{unit}"


def duration_text(seconds: float) -> str:
    """Return a duration in its two largest units, such as `2 h 5 min`."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest_s = divmod(round(seconds), 60)
    hours, rest_min = divmod(minutes, 60)
    days, rest_h = divmod(hours, 24)
    if days:
        return f"{days} d {rest_h} h"
    return f"{hours} h {rest_min} min" if hours else f"{minutes} min {rest_s} s"


def rate_text(rate: float) -> str:
    """Return how often something happens, such as `1,234` or `0.25`."""
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"


def time_text(created_s: float) -> str:
    """Return a moment, given in seconds since 1970."""
    return datetime.fromtimestamp(created_s, tz=UTC).strftime("%Y-%m-%d %H:%M UTC")


def plural(count: int, noun: str, nouns: str = "") -> str:
    """Return the count with its noun, in the plural where there is not exactly one."""
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def status_text(status: Status) -> str:
    """Return a child's status in words."""
    return status.replace("_", " ")


def short_config(architecture: Architecture) -> str:
    """Return the configuration string for a narrow column: sizes only, without connections."""
    if architecture.space in ("enas-macro", "enas-rnn"):
        size, *rest = _CONNECTIONS.sub("", architecture.config).split(" | ")
        return f"{size}: {' '.join(rest)}"
    if architecture.space == "enas-micro":
        return _CONNECTIONS.sub("", architecture.config)
    if architecture.space != "cnn":
        return architecture.config
    sizes = _LAYER_DETAILS.sub("", architecture.config)
    return sizes.replace("max_pool 2x2/2x2", "pool").replace(" | ", " ")


def num_layers(architecture: Architecture) -> int | None:
    """Return the number of layers, None where the space has no such thing."""
    num_bars = architecture.config.count(" | ")
    return {"cnn": num_bars + 1, "enas-macro": num_bars}.get(architecture.space)
