"""What every part of a configuration has in common."""

from __future__ import annotations

from typing import Any, Final

from pydantic import BaseModel


class Part(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Settings are immutable, and an unknown key is an error."""


MAY_CHANGE: Final[dict[str, Any]] = {"identity": False}
"""`json_schema_extra` of a setting that is no part of what a search is.

A search goes on with another value of it; another value of any other setting is another search.
"""
