"""Tensors as the Open Inference Protocol writes them: as JSON, or as bytes after it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from nas_lib.errors import DataError, one_line
from nas_lib.models.graph import TensorSpec

Array = npt.NDArray[Any]

_DATATYPES: Final = {
    "bool": "BOOL",
    "uint8": "UINT8",
    "int32": "INT32",
    "int64": "INT64",
    "float16": "FP16",
    "float32": "FP32",
    "float64": "FP64",
}
"""The protocol's names of numpy's."""
_TAKEN: Final = {"b": "b", "u": "ui", "i": "ui", "f": "uif"}
"""From which kinds of numbers in JSON those of each kind are made."""


def datatype(spec: TensorSpec) -> str:
    """Return what the protocol calls the numbers of a tensor."""
    return _DATATYPES[spec.dtype]


def described(spec: TensorSpec) -> dict[str, Any]:
    """Return a tensor of the graph as the metadata of a model have it."""
    shape = [-1 if size is None else size for size in spec.shape]
    return {"name": spec.name, "datatype": datatype(spec), "shape": shape}


def check_described(spec: TensorSpec, shape: Sequence[int], named: str) -> None:
    """Refuse a tensor that is not as the graph takes it, whatever numbers are in it.

    Args:
        spec: What the graph takes.
        shape: What the tensor has.
        named: What its numbers are said to be.

    Raises:
        DataError: It is not.
    """
    wanted = [-1 if size is None else size for size in spec.shape]
    fits = len(shape) == len(wanted) and all(
        size == want or (want == -1 and size > 0) for size, want in zip(shape, wanted, strict=True)
    )
    if not fits or named != datatype(spec):
        raise DataError(
            f"{spec.name}: expected {datatype(spec)} of shape {wanted}, where -1 is any size from "
            f"1, got {one_line(named, 40)} of shape {one_line(list(shape), 100)}"
        )


def from_json(spec: TensorSpec, shape: Sequence[int], data: Sequence[Any]) -> Array:
    """Return the tensor that a JSON array holds, nested or flat.

    Raises:
        DataError: It holds something else.
    """
    size = math.prod(shape)
    try:
        numbers = np.array(data)
        wanted = np.dtype(spec.dtype)
        fits = numbers.size == size and (numbers.ndim == 1 or numbers.shape == tuple(shape))
        if fits and numbers.dtype.kind in _TAKEN[wanted.kind]:
            with np.errstate(over="ignore"):  # a float32 that is too large is infinite
                made = numbers.astype(wanted)
            if wanted.kind == "f" or (made == numbers).all():
                return made.reshape(shape)
    except (ValueError, OverflowError):  # lists of different lengths; a number of many digits
        pass
    raise DataError(
        f"{spec.name}: expected an array of {size:,} numbers that are {datatype(spec)}, flat or as "
        f"the shape {list(shape)} says, got another one"
    )


def from_bytes(spec: TensorSpec, shape: Sequence[int], data: bytes) -> Array:
    """Return the tensor that these bytes are: row by row, the lowest byte first.

    Raises:
        DataError: They are more or fewer.
    """
    dtype = np.dtype(spec.dtype).newbyteorder("<")
    expected = math.prod(shape) * dtype.itemsize
    if len(data) != expected:
        raise DataError(
            f"{spec.name}: expected {expected:,} bytes for {datatype(spec)} of shape "
            f"{list(shape)}, got {len(data):,}"
        )
    return np.frombuffer(data, dtype).astype(spec.dtype).reshape(shape)


def to_bytes(tensor: Array) -> bytes:
    """Return a tensor's bytes, as `from_bytes` takes them."""
    return tensor.astype(tensor.dtype.newbyteorder("<")).tobytes()
