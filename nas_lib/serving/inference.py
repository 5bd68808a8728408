"""A request of the Open Inference Protocol, and its answer: bytes in, bytes out.

Spoken is the protocol's JSON (github.com/kserve/open-inference-protocol) with Triton's extension
for binary tensors: behind the JSON lie the bytes of all tensors that say how many they have, in
their order, and a header says how long the JSON is.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field, ValidationError

from nas_lib.errors import DataError, one_line
from nas_lib.models.graph import TensorSpec
from nas_lib.records import first_error
from nas_lib.serving.tensors import (
    Array,
    check_described,
    datatype,
    from_bytes,
    from_json,
    to_bytes,
)

HEADER: Final = "Inference-Header-Content-Length"
"""The HTTP header that says how long the JSON is, where bytes follow it."""
VERSION: Final = "1"
"""Of a model: each is exported with one only."""

_UNKNOWN: Final = ("shared_memory_region", "classification")
"""Parameters of other extensions, without which the answer would be to another question."""

Run = Callable[[Mapping[str, Array]], Mapping[str, Array]]


class _Part(BaseModel, frozen=True, strict=True, extra="ignore"):
    """What all have in common; parameters are for servers that know them."""

    parameters: dict[str, Any] = Field(default_factory=dict)


class _Input(_Part, frozen=True):
    name: str
    shape: list[Annotated[int, Field(ge=0)]]
    datatype: str
    data: list[Any] | None = None


class _Output(_Part, frozen=True):
    name: str


class _Request(_Part, frozen=True):
    inputs: list[_Input]
    outputs: list[_Output] | None = None
    id: str | None = None


@dataclass(frozen=True)
class Answer:
    """What is answered.

    Attributes:
        content: JSON, and bytes behind it.
        json_size: How long the JSON is, None where nothing follows it.
    """

    content: bytes
    json_size: int | None


@dataclass(frozen=True)
class Network:
    """A network that is asked.

    Attributes:
        name: The model's.
        inputs: What it takes.
        outputs: What it gives.
        run: Computes all outputs from all inputs.
    """

    name: str
    inputs: Sequence[TensorSpec]
    outputs: Sequence[TensorSpec]
    run: Run

    def answer(self, body: bytes, json_size: int | None) -> Answer:
        """Return the answer to a request.

        Args:
            body: The request's.
            json_size: How much of it is JSON, where it says so.

        Raises:
            DataError: It is no request, or not one for this network.
        """
        size = len(body) if json_size is None else json_size
        request = _parsed(body[:size])
        wanted = _wanted(request, [spec.name for spec in self.outputs])
        found = self.run(self._inputs_of(request, body[size:]))
        return _answer(
            self.name, request, {spec.name: spec for spec in self.outputs}, found, wanted
        )

    def _inputs_of(self, request: _Request, tail: bytes) -> dict[str, Array]:
        expected = {spec.name: spec for spec in self.inputs}
        names = [each.name for each in request.inputs]
        if sorted(names) != sorted(expected):
            raise DataError(
                f"{self.name} takes {_listed(expected)}, each once, got {_listed(names) or 'none'}"
            )
        tensors, rest = {}, tail
        for each in request.inputs:
            tensors[each.name], rest = _tensor(expected[each.name], each, rest)
        if rest:
            raise DataError(f"the request has {len(rest):,} bytes more than its inputs say")
        return tensors


def _parsed(text: bytes) -> _Request:
    if not text:
        raise DataError("expected a request in JSON, got raw bytes, whose shape nobody says")
    try:
        request = _Request.model_validate_json(text)
    except ValidationError as err:
        raise DataError(f"this is no inference request: {first_error(err)}") from err
    for part in (*request.inputs, *(request.outputs or ())):
        for name in _UNKNOWN:
            if part.parameters.get(name):
                raise DataError(f"{one_line(part.name, 100)}: {name} is not known here")
    return request


def _tensor(spec: TensorSpec, given: _Input, rest: bytes) -> tuple[Array, bytes]:
    """Return an input, and the bytes of those after it."""
    check_described(spec, given.shape, given.datatype)
    size = given.parameters.get("binary_data_size")
    if given.data is not None and size is None:
        return from_json(spec, given.shape, given.data), rest
    if given.data is not None or type(size) is not int or not 0 <= size <= len(rest):
        raise DataError(
            f"{spec.name}: expected either data, or a binary_data_size of at most the "
            f"{len(rest):,} bytes that are left behind the JSON (its length is the header {HEADER})"
        )
    return from_bytes(spec, given.shape, rest[:size]), rest[size:]


def _wanted(request: _Request, there: Sequence[str]) -> dict[str, bool]:
    """Return which outputs are asked for, and of each whether as bytes."""
    as_bytes = request.parameters.get("binary_data_output") is True
    if not request.outputs:
        return dict.fromkeys(there, as_bytes)
    unknown = [each.name for each in request.outputs if each.name not in there]
    if unknown:
        raise DataError(f"expected outputs out of {_listed(there)}, got {_listed(unknown)}")
    return {
        each.name: each.parameters.get("binary_data", as_bytes) is True for each in request.outputs
    }


def _answer(
    name: str,
    request: _Request,
    specs: Mapping[str, TensorSpec],
    found: Mapping[str, Array],
    wanted: Mapping[str, bool],
) -> Answer:
    tails = {each: to_bytes(found[each]) for each, as_bytes in wanted.items() if as_bytes}
    fields = {
        "model_name": name,
        "model_version": VERSION,
        **({} if request.id is None else {"id": request.id}),
        "outputs": [_described(specs[each], found[each], tails.get(each)) for each in wanted],
    }
    text = json.dumps(fields, separators=(",", ":")).encode()
    return Answer(b"".join([text, *tails.values()]), len(text) if tails else None)


def _described(spec: TensorSpec, tensor: Array, as_bytes: bytes | None) -> dict[str, Any]:
    fields = {"name": spec.name, "datatype": datatype(spec), "shape": list(tensor.shape)}
    if as_bytes is None:
        return {**fields, "data": tensor.ravel().tolist()}
    return {**fields, "parameters": {"binary_data_size": len(as_bytes)}}


def _listed(names: Sequence[str] | Mapping[str, Any]) -> str:
    return one_line(", ".join(names), 200)
