"""The device to train on, and torch set up for results that repeat."""

from __future__ import annotations

import os

import torch

from nas_lib.errors import ConfigError


def set_up_torch(device: str, *, threads: int, setting: str) -> torch.device:
    """Set this process's torch up for repeatable results; return the device to train on.

    Args:
        device: A torch device, or `auto` for a GPU if there is one.
        threads: Of torch on a CPU.
        setting: Where the user said which device, for the error.

    Raises:
        ConfigError: There is no such device here.
    """
    found = _find_device(device, setting)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS repeats itself only so
    torch.use_deterministic_algorithms(found.type == "cuda")  # a CPU's are anyway
    # Filling new tensors with NaN costs time, and would only show bugs of ours.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.set_num_threads(threads)
    return found


def device_name(device: torch.device) -> str:
    """Return what people call the device."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def _find_device(name: str, setting: str) -> torch.device:
    has_gpu = torch.cuda.is_available()
    if name == "auto":
        return torch.device("cuda" if has_gpu else "cpu")
    if name == "cpu" or (name.partition(":")[0] == "cuda" and has_gpu):
        return torch.device(name)
    here = "auto, cpu or cuda" if has_gpu else "auto or cpu (there is no GPU here)"
    raise ConfigError(f"{setting} must be {here}, got {name!r}")
