"""The device to train on, and torch set up for results that repeat."""

from __future__ import annotations

import os
import warnings

import torch

from nas_lib.errors import ConfigError, MachineError, one_line


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


def require_gpu(wanted_by: str) -> None:
    """Refuse to go on where this torch cannot use a GPU.

    Args:
        wanted_by: Which setting says that there should be one, for the error.

    Raises:
        MachineError: Torch is built without CUDA, or finds no GPU.
    """
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")  # torch warns of a driver that is too old, and finds none
        if torch.cuda.is_available():
            return
    built_for = _built_for()
    if built_for is None:
        raise MachineError(
            f"{wanted_by}, but torch {torch.__version__} of this image is built without CUDA: "
            "build the image with TORCH=cuda"
        )
    reasons = "".join(f" ({one_line(each.message)})" for each in caught)
    raise MachineError(
        f"{wanted_by}, but no GPU is visible in this pod{reasons}: torch {torch.__version__} needs "
        f"a driver for {built_for} on the node, and a container runtime that hands the GPU in"
    )


def _built_for() -> str | None:
    if torch.version.cuda is not None:
        return f"CUDA {torch.version.cuda}"
    return None if torch.version.hip is None else f"ROCm {torch.version.hip}"
