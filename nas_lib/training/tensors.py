"""Tensors and a text as bytes, sealed as `nas_lib.store.sealed` does it."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from nas_lib.store.sealed import seal, unseal


def pack(tensors: Mapping[str, Tensor], text: str) -> bytes:
    """Return the tensors and the text as one safetensors file; equal values give equal bytes."""
    arrays = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    return seal({name: array.numpy() for name, array in arrays.items()}, text)


def unpack(data: bytes, *, key: str) -> tuple[dict[str, Tensor], str]:
    """Return what `pack` was given, on the CPU.

    Args:
        data: The file.
        key: Where it lay in the store, for the error.

    Raises:
        CorruptStateError: The bytes are truncated, damaged or something else.
    """
    arrays, text = unseal(data, key=key)
    return {name: torch.from_numpy(array.copy()) for name, array in arrays.items()}, text
