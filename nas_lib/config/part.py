"""What every part of a configuration has in common."""

from __future__ import annotations

from pydantic import BaseModel


class Part(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Settings are immutable, and an unknown key is an error."""
