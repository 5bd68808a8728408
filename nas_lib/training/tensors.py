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


def misfit(found: Mapping[str, Tensor], wanted: Mapping[str, Tensor]) -> str:
    """Say which tensor is not as it should be by name, type, shape or finiteness; empty if none."""
    for name in sorted(found.keys() ^ wanted.keys()):
        return f"{name!r:.80} is {'missing' if name in wanted else 'none of its tensors'}"
    return next(filter(None, (_wrong(name, found[name], wanted[name]) for name in wanted)), "")


def _wrong(name: str, found: Tensor, wanted: Tensor) -> str:
    if found.dtype != wanted.dtype or found.shape != wanted.shape:
        return f"expected {name} to be {_kind(wanted)}, got {_kind(found)}"
    is_finite = not found.is_floating_point() or bool(found.isfinite().all())
    return "" if is_finite else f"{name} has numbers that are not finite"


def _kind(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
