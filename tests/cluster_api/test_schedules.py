from __future__ import annotations

import pytest

from nas_lib.cluster.schedules import parse_cron, parse_interval
from nas_lib.errors import ConfigError


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("0 3 * * 1", "0 0 3 * * 1"),  # as users write it: the seconds are added
        ("30 0 3 * * 1", "30 0 3 * * 1"),
        ("*/15 8-18 ? jan-MAR,12 MON-FRI", "0 */15 8-18 ? jan-MAR,12 MON-FRI"),
        ("05 00 1 1 0", "0 05 00 1 1 0"),
    ],
)
def test_a_cron_line_gets_its_seconds(text: str, expression: str) -> None:
    assert parse_cron(text).expression == expression


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("@weekly", "a cron line has five fields"),
        ("0 3 * *", "a cron line has five fields (minute hour day month weekday), or six with"),
        ("60 3 * * 1", "the minute in a cron line is 0 to 59, got '60'"),
        ("0 3 * * 7", "the day of the week in a cron line is 0 to 6, got '7'"),
        ("0 3 0 * *", "the day of the month in a cron line is 1 to 31, got '0'"),
        ("0 18-8 * * *", "the hour in a cron line is 0 to 23, got '18-8'"),
        ("*/0 3 * * 1", "the minute in a cron line is 0 to 59, got '*/0'"),
        ("0 3 * XXX 1", "the month in a cron line is 1 to 12, got 'XXX'"),
        ("0 3 1,, * *", "the day of the month"),
        ("0 1-2-3 * * *", "the hour"),
        ("1,,2 3 * * 1", "the minute"),
        ("-5 3 * * 1", "the minute"),
    ],
)
def test_a_cron_line_that_would_never_run_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_cron(text)

    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("90m", 5400), ("6h", 21_600), ("7d", 604_800)]
)
def test_an_interval_is_read(text: str, seconds: int) -> None:
    assert parse_interval(text).seconds == seconds


@pytest.mark.parametrize("text", ["6", "0h", "6 h", "weekly", "1h30m", "-1h"])
def test_another_interval_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="an interval looks like 90m, 6h or 7d, got"):
        parse_interval(text)
