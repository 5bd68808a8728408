"""Arrays and a text as safetensors bytes, with a checksum over both; nothing is ever unpickled."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

import numpy.typing as npt
from safetensors import SafetensorError
from safetensors.numpy import load, save

from nas_lib.errors import CorruptStateError

Arrays = Mapping[str, npt.NDArray[Any]]
_WHOLE = "whole:"  # before a checksum that is over names, types and shapes too; older ones were not


def seal(arrays: Arrays, text: str) -> bytes:
    """Return the arrays and the text as one file; equal values give equal bytes.

    The text is the one metadata entry: safetensors writes several in an order that changes from
    run to run. Its own format would not notice a damaged page, or that floats became whole
    numbers, hence the checksum.
    """
    return save(dict(arrays), metadata={"nas": f"{_checksum(arrays, text)} {text}"})


def unseal(data: bytes, *, key: str) -> tuple[dict[str, npt.NDArray[Any]], str]:
    """Return what `seal` was given.

    Args:
        data: The file.
        key: Where it lay in the store, for the error.

    Raises:
        CorruptStateError: The bytes are truncated, damaged or something else.
    """
    try:
        arrays = load(data)
        header_size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + header_size])
        found, _, text = header["__metadata__"]["nas"].partition(" ")
    except (SafetensorError, LookupError, TypeError, ValueError, AttributeError) as err:
        # numpy has no such type, or there is no text of ours
        raise CorruptStateError(
            f"stored object {key} is damaged: expected tensors in safetensors format, "
            f"got {len(data)} bytes that are not ({err})"
        ) from err
    expected = _checksum(arrays, text, whole=found.startswith(_WHOLE))
    if found != expected:
        raise CorruptStateError(
            f"stored object {key} is damaged: expected checksum {found[:20]}, got {expected}"
        )
    return arrays, text


def _checksum(arrays: Arrays, text: str, *, whole: bool = True) -> str:
    checksum = zlib.crc32(text.encode())
    for name in sorted(arrays):
        array = arrays[name]
        if whole:
            checksum = zlib.crc32(f"{name} {array.dtype} {array.shape}".encode(), checksum)
        checksum = zlib.crc32(array.tobytes(), checksum)
    return f"{_WHOLE if whole else ''}{checksum:08x}"
