"""Numbers as a reader wants to see them."""

from __future__ import annotations

import pytest

from nas_lib.report.formatting import (
    count_text,
    duration_text,
    score_text,
    tau_text,
    time_text,
    titled,
)
from nas_lib.results import ACCURACY, OWN, PERPLEXITY, Measure


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, "-"),
        (0, "0"),
        (999, "999"),
        (1_000, "1.00k"),
        (12_345, "12.3k"),
        (999_499, "999k"),
        (999_600, "1.00M"),
        (1_234_567, "1.23M"),
        (2_500_000_000_000, "2500G"),
    ],
)
def test_counts_have_three_digits(count: int | None, text: str) -> None:
    assert count_text(count) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.04, "0.0 s"),
        (59.94, "59.9 s"),
        (60, "1 min 0 s"),
        (3_725, "1 h 2 min"),  # 3600 + 125
        (180_000, "2 d 2 h"),  # 2 * 86400 + 7200
    ],
)
def test_durations_have_two_units(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text


def test_scores_read_as_percentages_with_their_errors() -> None:
    assert score_text(ACCURACY, 0.98765) == "98.77 %"
    assert score_text(ACCURACY, 0.98765, error=0.0012) == "98.77 \N{PLUS-MINUS SIGN} 0.12 %"
    assert score_text(PERPLEXITY, 12.3456789) == "12.346"
    assert score_text(ACCURACY, None) == "-"


def test_a_title_keeps_the_capitals_that_there_are() -> None:
    assert titled("test BLEU") == "Test BLEU"
    assert titled(PERPLEXITY.noun) == "Perplexity"


def test_a_moment_is_given_in_utc() -> None:
    assert time_text(86_400 + 3_660) == "1970-01-02 01:01 UTC"


def test_a_correlation_has_two_decimals() -> None:
    assert tau_text(0.456) == "0.46"
    assert tau_text(0.456, error=0.123) == "0.46 \N{PLUS-MINUS SIGN} 0.12"
    assert tau_text(None) == "-"


@pytest.mark.parametrize(
    ("measure", "text"), [(ACCURACY, "50.00 %"), (PERPLEXITY, "0.5"), (OWN, "0.5")]
)
def test_a_fraction_is_written_in_percent_and_nothing_else(measure: Measure, text: str) -> None:
    assert score_text(measure, 0.5) == text
