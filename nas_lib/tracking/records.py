"""What a search notes of what it has told others."""

from __future__ import annotations

from pydantic.dataclasses import dataclass as checked_dataclass

from nas_lib.records import STRICT, Count, Seconds


@checked_dataclass(frozen=True, config=STRICT)
class TrackedSearch:
    """What a tracking server knows a search by: its runs have this token as a tag."""

    token: str
    created_s: Seconds


@checked_dataclass(frozen=True, config=STRICT)
class TrackedRun:
    """The run there that is the search itself."""

    run: str
    created_s: Seconds


@checked_dataclass(frozen=True, config=STRICT)
class TrackedRounds:
    """A tracking server has all children of the rounds before this one."""

    next_round: Count
    created_s: Seconds


@checked_dataclass(frozen=True, config=STRICT)
class Told:
    """Somebody was told of an event."""

    run: str
    created_s: Seconds
