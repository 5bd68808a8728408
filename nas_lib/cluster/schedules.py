"""When a scheduled search goes on: cron lines and intervals, as Kubeflow wants them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from nas_lib.errors import ConfigError

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 24 * 3600}
_MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FIELDS: tuple[tuple[str, int, int, tuple[str, ...]], ...] = (
    ("second", 0, 59, ()),
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day of the month", 1, 31, ()),
    ("month", 1, 12, _MONTHS),
    ("day of the week", 0, 6, _DAYS),  # Kubeflow's parser knows no 7
)


@dataclass(frozen=True)
class Cron:
    """Six fields, seconds first."""

    expression: str


@dataclass(frozen=True)
class Interval:
    """Seconds between two runs; the first comes after as many."""

    seconds: int


Timing = Cron | Interval


def parse_cron(text: str) -> Cron:
    """Return a cron line of five fields, or of six with the seconds first, as Kubeflow wants it.

    Kubeflow's parser, given five fields, takes the first for the seconds.

    Raises:
        ConfigError: It is none.
    """
    fields = text.split()
    if len(fields) not in (5, 6):
        raise ConfigError(
            f"a cron line has five fields (minute hour day month weekday), or six with the seconds "
            f"first, got {text!r}"
        )
    fields = fields if len(fields) == 6 else ["0", *fields]
    for field, (name, least, most, names) in zip(fields, _FIELDS, strict=True):
        if not all(_is_range(part, least, most, names) for part in field.split(",")):
            raise ConfigError(f"the {name} in a cron line is {least} to {most}, got {field!r}")
    return Cron(" ".join(fields))


def parse_interval(text: str) -> Interval:
    """Return an interval such as 90m, 6h or 7d.

    Raises:
        ConfigError: It is none.
    """
    found = re.fullmatch(r"([1-9][0-9]*)([smhd])", text)
    if found is None:
        raise ConfigError(f"an interval looks like 90m, 6h or 7d, got {text!r}")
    return Interval(int(found[1]) * _SECONDS[found[2]])


def _is_range(part: str, least: int, most: int, names: tuple[str, ...]) -> bool:
    """Tell whether this is `*`, a value or two with a dash between, with a `/step` or without."""
    values, slash, step = part.partition("/")
    if slash and not (step.isdecimal() and int(step) > 0):
        return False
    if values in ("*", "?"):
        return True
    known = {str(number): number for number in range(least, most + 1)}
    known |= {name: least + place for place, name in enumerate(names)}
    ends = [known.get(end.upper().lstrip("0") or end[-1:]) for end in values.split("-")]
    if None in ends or len(ends) > 2:
        return False
    return ends == sorted(ends, key=lambda end: end or 0)
