"""Tensors and a text as safetensors bytes, with a checksum over both; nothing is ever unpickled."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping

from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from nas_lib.errors import CorruptStateError


def pack(tensors: Mapping[str, Tensor], text: str) -> bytes:
    """Return the tensors and the text as one safetensors file; equal values give equal bytes."""
    arrays = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return save(arrays, metadata={"nas": f"{_checksum(arrays, text)} {text}"})


def unpack(data: bytes, *, key: str) -> tuple[dict[str, Tensor], str]:
    """Return what `pack` was given, on the CPU.

    Args:
        data: The file.
        key: Where it lay in the store, for the error.

    Raises:
        CorruptStateError: The bytes are truncated, damaged or something else.
    """
    try:
        tensors = load(data)
        header_size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + header_size])
        checksum, _, text = header["__metadata__"]["nas"].partition(" ")
    except (SafetensorError, KeyError) as err:
        raise CorruptStateError(
            f"stored object {key} is damaged: expected tensors in safetensors format, "
            f"got {len(data)} bytes that are not ({err})"
        ) from err
    if checksum != _checksum(tensors, text):
        raise CorruptStateError(
            f"stored object {key} is damaged: expected checksum {checksum}, "
            f"got {_checksum(tensors, text)}"
        )
    return tensors, text


def _checksum(tensors: Mapping[str, Tensor], text: str) -> str:
    checksum = zlib.crc32(text.encode())
    for name in sorted(tensors):
        checksum = zlib.crc32(tensors[name].numpy().tobytes(), checksum)
    return f"{checksum:08x}"
