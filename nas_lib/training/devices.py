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
    found = find_device(device, setting)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS repeats itself only so
    torch.use_deterministic_algorithms(found.type == "cuda")  # a CPU's are anyway
    # Filling new tensors with NaN costs time, and would only show bugs of ours.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.set_num_threads(threads)
    return found


def device_name(device: torch.device) -> str:
    """Return what people call the device."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def find_device(name: str, setting: str) -> torch.device:
    """Return the device of this name.

    Args:
        name: A torch device, or `auto` for a GPU if there is one.
        setting: Where the user said which device, for the error.

    Raises:
        ConfigError: There is no such device here.
    """
    num_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "auto":
        return torch.device("cuda" if num_gpus else "cpu")
    kind, _, number = name.partition(":")
    if name == "cpu" or (kind == "cuda" and int(number or 0) < num_gpus):
        return torch.device(name)
    here = f"auto, cpu, or cuda:0 to cuda:{num_gpus - 1}" if num_gpus > 1 else "auto, cpu or cuda"
    if not num_gpus:
        here = "auto or cpu (there is no GPU here)"
    raise ConfigError(f"{setting} must be {here}, got {name!r}")
