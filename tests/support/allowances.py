"""Allowances for tests that are about something else."""

from __future__ import annotations

from nas_lib.data.allowance import Allowance

AMPLE = Allowance(2**50)
"""More than any test's data take."""
