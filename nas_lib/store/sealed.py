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


def seal(arrays: Arrays, text: str) -> bytes:
    """Return the arrays and the text as one file; equal values give equal bytes.

    The text is the one metadata entry: safetensors writes several in an order that changes from
    run to run. Its own format would not notice a damaged page, hence the checksum.
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
        checksum, _, text = header["__metadata__"]["nas"].partition(" ")
    except (SafetensorError, KeyError) as err:
        raise CorruptStateError(
            f"stored object {key} is damaged: expected tensors in safetensors format, "
            f"got {len(data)} bytes that are not ({err})"
        ) from err
    if checksum != _checksum(arrays, text):
        raise CorruptStateError(
            f"stored object {key} is damaged: expected checksum {checksum}, "
            f"got {_checksum(arrays, text)}"
        )
    return arrays, text


def _checksum(arrays: Arrays, text: str) -> str:
    checksum = zlib.crc32(text.encode())
    for name in sorted(arrays):
        checksum = zlib.crc32(arrays[name].tobytes(), checksum)
    return f"{checksum:08x}"
