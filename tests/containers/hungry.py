"""Evaluations that need more memory than there is, for containers with a small limit."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

from nas_lib.architecture import Architecture

MIB = 2**20


def step_by_step(architecture: Architecture) -> float:
    """Takes 400 MiB a second until it is ended."""
    blocks = []
    while True:
        blocks.append(b"x" * (8 * MIB))
        time.sleep(0.02)


def unseen(architecture: Architecture) -> float:
    """Takes 4 GiB while the supervisor, its parent's parent, is stopped for five seconds."""
    stat = Path(f"/proc/{os.getppid()}/stat").read_text()
    supervisor = int(stat.rpartition(")")[2].split()[1])
    subprocess.Popen(
        ["sh", "-c", f"kill -STOP {supervisor}; echo; sleep 5; kill -CONT {supervisor}"],
        stdout=subprocess.PIPE,
    ).stdout.readline()
    return float(len(b"x" * (4096 * MIB)))
