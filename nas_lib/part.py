"""What every part of a configuration has in common."""

from __future__ import annotations

from typing import Any, Final, get_args

from pydantic import BaseModel


class Part(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Settings are immutable, and an unknown key is an error."""


MAY_CHANGE: Final[dict[str, Any]] = {"identity": False}
"""`json_schema_extra` of a setting that is no part of what a search is.

A search goes on with another value of it; another value of any other setting is another search.
"""


def by_kind(union: Any) -> dict[str, Any]:
    """Return the parts that a document may choose between, `A | B` by its `kind`, by that."""
    parts = get_args(get_args(union)[0])  # of Annotated[A | B, Field(discriminator="kind")]
    return {part.model_fields["kind"].default: part for part in parts}
