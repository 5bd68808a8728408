"""Telling others how a search goes: a tracking server, and who waits for its end.

That somebody is away, hangs or refuses is noted and said, and never stops or holds up a search.
"""

from nas_lib.tracking.ending import (
    AFTER_STOP_S,
    STEPS,
    closing_of,
    end_told,
    is_over,
    tell_failed,
    tell_finished,
)
from nas_lib.tracking.tracker import Tracker
from nas_lib.tracking.work import Closing

__all__ = [
    "AFTER_STOP_S",
    "STEPS",
    "Closing",
    "Tracker",
    "closing_of",
    "end_told",
    "is_over",
    "tell_failed",
    "tell_finished",
]
