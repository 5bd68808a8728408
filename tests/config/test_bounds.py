"""Every setting has bounds, so that a document of any numbers is a search or is refused at once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from nas_lib.bounds import Device
from nas_lib.config import SearchConfig

BOUNDLESS = {"RoundsConfig.stop_at_score"}  # any finite number, of a user's own measure


def settings() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every type that a setting of each part may have, as JSON's schemas tell it."""
    for name, part in SearchConfig.model_json_schema()["$defs"].items():
        for setting, schema in part.get("properties", {}).items():
            for form in forms(schema):
                yield f"{name}.{setting}", form


def forms(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield schema
    for key in ("items", "additionalProperties", "propertyNames"):
        if isinstance(schema.get(key), dict):
            yield from forms(schema[key])
    for one in schema.get("anyOf", ()):
        yield from forms(one)


NUMBERS = ("integer", "number")
AMOUNTS = ("cpu", "memory", "ephemeral_storage", "shared_memory")
BOUND_OTHERWISE = {f"ResourcesConfig.{name}" for name in AMOUNTS}


def test_every_number_has_bounds() -> None:
    numbers = [(name, form) for name, form in settings() if form.get("type") in NUMBERS]

    assert len(numbers) > 80
    assert {
        name
        for name, form in numbers
        if not form.keys() & {"minimum", "exclusiveMinimum"}
        or not form.keys() & {"maximum", "exclusiveMaximum"}
    } == BOUNDLESS


def test_every_text_has_a_bound() -> None:
    texts = [(name, form) for name, form in settings() if form.get("type") == "string"]

    assert len(texts) > 20
    assert {
        name for name, form in texts if not form.keys() & {"maxLength", "enum", "const"}
    } == BOUND_OTHERWISE


@pytest.mark.parametrize("name", ["auto", "cpu", "cuda", "cuda:7"])
def test_a_device_may_be(name: str) -> None:
    assert TypeAdapter(Device).validate_python(name) == name


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "cuda:1000", "CPU", "cpu\n", ""])
def test_a_device_may_not_be(name: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Device).validate_python(name)
