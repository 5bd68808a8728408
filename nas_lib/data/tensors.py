"""Prepared data as torch tensors that lie in the file, not in the process's own memory."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from nas_lib.errors import CorruptStateError


def load_tensors(path: Path, *names: str) -> tuple[Tensor, ...]:
    """Map a blob's file into memory, and return its tensors of these names.

    Pages are read when they are used, and shared by processes.

    Raises:
        CorruptStateError: The file is damaged, or no such blob.
    """
    try:
        tensors = load_file(path)
        return tuple(tensors[name] for name in names)
    except (SafetensorError, KeyError) as err:
        raise CorruptStateError(
            f"{path}: expected prepared data with {' and '.join(names)}: {err}"
        ) from err
