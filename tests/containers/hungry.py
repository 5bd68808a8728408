"""Evaluations that need more memory than there is, for containers with a small limit."""

from __future__ import annotations

import time

from nas_lib.architecture import Architecture

MIB = 2**20


def step_by_step(architecture: Architecture) -> float:
    """Takes 400 MiB a second until it is ended."""
    blocks = []
    while True:
        blocks.append(b"x" * (8 * MIB))
        time.sleep(0.02)


def at_once(architecture: Architecture) -> float:
    """Takes 4 GiB as fast as the machine gives them."""
    return float(len(b"x" * (4096 * MIB)))
