"""The sections that a document may have, each as one of the kinds that it may be of."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Final, NamedTuple, get_args

from pydantic import BaseModel

from nas_lib.config.search import SearchConfig

TAGS: Final = ("kind", "format")
"""Settings that say of which kind a section is."""


class Section(NamedTuple):
    """A section, as one of the kinds that it may be of.

    Attributes:
        path: Where it stands.
        names: Its settings.
        choice: What leads to it, as `search.kind shared`; empty where it is always there.
    """

    path: tuple[str, ...]
    names: tuple[str, ...]
    choice: str


@cache
def sections() -> tuple[Section, ...]:
    """Return all of them."""
    return tuple(_sections(SearchConfig))


@cache
def section_paths() -> frozenset[tuple[str, ...]]:
    """Return where sections may stand."""
    return frozenset(section.path for section in sections())


def tag(part: type[BaseModel]) -> tuple[str, str]:
    """Return the setting that tells a part from others of its section, and its value; or blanks."""
    fields = part.model_fields
    return next(((name, fields[name].default) for name in TAGS if name in fields), ("", ""))


def models(annotation: object) -> list[type[BaseModel]]:
    """Return the parts that a setting of this type may be."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in models(part)]


def _sections(
    model: type[BaseModel], path: tuple[str, ...] = (), choice: str = ""
) -> Iterator[Section]:
    name, value = tag(model)
    if name:
        choice = f"{'.'.join((*path, name))} {value}"
    yield Section(path, tuple(model.model_fields), choice)
    for setting, field in model.model_fields.items():
        for part in models(field.annotation):
            yield from _sections(part, (*path, setting), choice)
