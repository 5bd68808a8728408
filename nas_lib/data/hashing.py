"""What prepared data is known by, wherever it came from."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy.typing as npt


def content_hash(arrays: Mapping[str, npt.NDArray[Any]], names: Sequence[str]) -> str:
    """Hash the arrays themselves: a blob's header could change with the library that writes it.

    Args:
        arrays: All that was prepared, in a fixed order.
        names: What the indices in them stand for: classes, or words.
    """
    digest = hashlib.sha256(json.dumps(names).encode())
    for name, array in arrays.items():
        digest.update(f"{name} {array.dtype} {array.shape}".encode())
        digest.update(array.reshape(-1).data)
    return digest.hexdigest()
