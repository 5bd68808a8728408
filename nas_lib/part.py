"""What every part of a configuration has in common."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, Final, get_args

from pydantic import BaseModel, model_validator


class Part(BaseModel, frozen=True, extra="forbid", allow_inf_nan=False):
    """Settings are immutable, and an unknown key is an error."""

    def __repr_args__(self) -> Iterator[tuple[str, Any]]:
        """Show what is not as it would be anyway."""
        for name, field in type(self).model_fields.items():
            value = getattr(self, name)
            if value != field.get_default(call_default_factory=True):
                yield name, value

    @model_validator(mode="before")
    @classmethod
    def _is_no_number(cls, document: Any) -> Any:
        """Let true and false be refused as numbers, which pydantic would take for 1 and 0."""
        if not isinstance(document, Mapping):
            return document
        truths = [name for name, value in document.items() if isinstance(value, bool)]
        said = {name: str(document[name]).lower() for name in truths if name in _numbers(cls)}
        return {**document, **said} if said else document


@cache
def _numbers(part: type[Part]) -> frozenset[str]:
    """Return the settings that are numbers."""
    fields = part.model_fields.items()
    return frozenset(name for name, field in fields if _is_number(field.annotation))


def _is_number(annotation: Any) -> bool:
    return annotation in (int, float) or any(map(_is_number, get_args(annotation)))


MAY_CHANGE: Final[dict[str, Any]] = {"identity": False}
"""`json_schema_extra` of a setting that is no part of what a search is.

A search goes on with another value of it; another value of any other setting is another search.
"""


def by_kind(union: Any) -> dict[str, Any]:
    """Return the parts that a document may choose between, `A | B` by its `kind`, by that."""
    parts = get_args(get_args(union)[0])  # of Annotated[A | B, Field(discriminator="kind")]
    return {part.model_fields["kind"].default: part for part in parts}
