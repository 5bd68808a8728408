"""Children of known cost. The workers import this, so it imports nothing that they do not have."""

from __future__ import annotations

import time

from nas_lib.architecture import Architecture

WAIT_S = 1.0
BUSY_STEPS = 10_000_000  # about one second


def wait(architecture: Architecture) -> float:
    """Take one second, and none of the processor."""
    time.sleep(WAIT_S)
    return 0.5


def work(architecture: Architecture) -> float:
    """Keep one processor busy with the same work for every architecture."""
    total = 0
    for step in range(BUSY_STEPS):
        total += step & 1
    return total / BUSY_STEPS
