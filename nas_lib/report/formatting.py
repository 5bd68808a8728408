"""Numbers as a reader wants to see them."""

from __future__ import annotations

from datetime import UTC, datetime

from nas_lib.records import Status
from nas_lib.results import Measure

NONE = "-"
"""Where there is nothing to show."""

_PLUS_MINUS = "\N{PLUS-MINUS SIGN}"


def score_text(measure: Measure, score: float | None, *, error: float | None = None) -> str:
    """Return a score: a fraction in percent, any other measure as it is.

    Args:
        measure: What it measures.
        score: The score, None where there is none.
        error: Its standard error, None where there is none to tell.
    """
    if score is None:
        return NONE
    if measure.is_fraction:
        spread = "" if error is None else f" {_PLUS_MINUS} {100 * error:.2f}"
        return f"{100 * score:.2f}{spread} %"
    return f"{score:.5g}" + ("" if error is None else f" {_PLUS_MINUS} {error:.2g}")


def titled(words: str) -> str:
    """Return words with a capital first letter: `test BLEU` as `Test BLEU`."""
    return words[:1].upper() + words[1:]


def tau_text(tau: float | None, *, error: float | None = None) -> str:
    """Return a rank correlation with two decimals."""
    if tau is None:
        return NONE
    return f"{tau:.2f}" + ("" if error is None else f" {_PLUS_MINUS} {error:.2f}")


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


def hours_text(seconds: float) -> str:
    """Return a duration in hours, such as `2.08 h`."""
    hours = seconds / 3600
    return f"{hours:,.0f} h" if hours >= 100 else f"{hours:.3g} h"


def rate_text(rate: float) -> str:
    """Return how often something happens, such as `1,234` or `0.25`."""
    return f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"


def time_text(created_s: float) -> str:
    """Return a moment, given in seconds since 1970."""
    return datetime.fromtimestamp(created_s, tz=UTC).strftime("%Y-%m-%d %H:%M UTC")


def status_text(status: Status) -> str:
    """Return a child's status in words."""
    return status.replace("_", " ")
