"""Whether a setting is part of what a search is stands at the setting."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

import pytest
from pydantic import BaseModel, Field, ValidationError

from nas_lib.config import SearchConfig
from nas_lib.part import MAY_CHANGE, Part

CHILDREN = {"keep", "max_attempts", "timeout_s", "when_all_crash"}
OF_SEARCH = {
    "SearchConfig": {"name", "final", "resources", "notify"},
    "ImageFolderData": {"path"},
    "ImageTableData": {"path", "root"},
    "NpzData": {"path"},
    "IdxData": {"path"},
    "Cifar10Data": {"path"},
    "SeriesNpzData": {"path"},
    "SeriesTableData": {"path"},
    "TsData": {"path"},
    "TextFilesData": {"path"},
    "ParallelTextData": {"path"},
    "ImageChildrenConfig": CHILDREN | {"checkpoint_every_s", "device"},
    "SeriesChildrenConfig": CHILDREN | {"checkpoint_every_s", "device"},
    "TextChildrenConfig": CHILDREN | {"checkpoint_every_s", "device"},
    "TranslationChildrenConfig": CHILDREN | {"checkpoint_every_s", "device"},
    "OwnChildrenConfig": CHILDREN,
    "RoundsConfig": {"lease_s", "max_children", "confirm", "stop_at_score", "wait_for", "grace_s"},
    "SharedConfig": {"lease_s", "tick_minutes"},
    "FinalsConfig": {"lease_s"},
    "TransferConfig": {"lease_s", "source"},
    "ImageFinalConfig": CHILDREN | {"checkpoint_every_s", "device"},
    "SeriesFinalConfig": CHILDREN | {"checkpoint_every_s", "device"},
    "TextFinalConfig": CHILDREN | {"checkpoint_every_s", "device"},
    "TranslationFinalConfig": CHILDREN | {"checkpoint_every_s", "device"},
    "ImageWeightsConfig": {"device"},
    "TextWeightsConfig": {"device"},
}


def parts(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield every part that a setting of this type may be, and those below it."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from parts(field.annotation)
    for argument in get_args(annotation):
        yield from parts(argument)


def test_a_search_may_go_on_with_other_values_of_these_settings_and_of_no_other() -> None:
    marked = {
        part.__name__: {
            name for name, field in part.model_fields.items() if field.json_schema_extra
        }
        for part in parts(SearchConfig)
    }

    assert {name: names for name, names in marked.items() if names} == OF_SEARCH


def test_the_mark_is_the_same_at_every_setting() -> None:
    extras = [
        field.json_schema_extra
        for part in parts(SearchConfig)
        for field in part.model_fields.values()
        if field.json_schema_extra
    ]

    assert all(extra == MAY_CHANGE for extra in extras)


class Example(Part):
    """A part with a setting."""

    rate: float = Field(1.0, json_schema_extra=MAY_CHANGE)
    on: bool = False


def test_a_part_is_frozen_and_takes_neither_other_settings_nor_what_is_no_number() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        Example().rate = 2.0  # type: ignore[misc]
    with pytest.raises(ValidationError, match="not permitted"):
        Example.model_validate({"rates": 2.0})
    with pytest.raises(ValidationError, match="finite"):
        Example(rate=float("nan"))
    with pytest.raises(ValidationError, match="valid number"):
        Example(rate=True)
    assert Example(on=True).on
