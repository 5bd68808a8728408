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


def check_tensor(
    name: str, found: Tensor, dtypes: tuple[str, ...], shape: tuple[int, ...], *, below: int = 0
) -> None:
    """Refuse prepared data that are not as their manifest says.

    Args:
        name: Of the tensor.
        found: The tensor.
        dtypes: Its type is one of these.
        shape: Its shape.
        below: Its numbers are indices below this, if it is above 0.

    Raises:
        CorruptStateError: They are not.
    """
    dtype = str(found.dtype).removeprefix("torch.")
    wrong = ""
    if dtype not in dtypes or tuple(found.shape) != shape:
        wrong = f"{' or '.join(dtypes)} {list(shape)}, got {dtype} {list(found.shape)}"
    elif below and found.numel() and not (int(found.min()) >= 0 and int(found.max()) < below):
        wrong = f"indices below {below}, got {int(found.min())} to {int(found.max())}"
    if wrong:
        raise CorruptStateError(
            f"the stored data are not as data/manifest.json says: expected {name} to be {wrong}"
        )
