"""The program of a Job's pod, with less patience than a minute for those who wait for it."""

from __future__ import annotations

IMPATIENT = """
import sys
from nas_lib.store import heartbeat
heartbeat.LOOK_S, heartbeat.SILENT_S = 0.2, 1.0
from nas_lib.cli import main
main()
"""
"""As Python's `-c` has it, before the arguments of `nas`."""
