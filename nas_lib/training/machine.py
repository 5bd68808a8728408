"""What this container or machine has, and what is used of it."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from pathlib import Path

_MIB = 2**20
_CGROUP = Path("/sys/fs/cgroup")
_VERSION_1 = {
    "limit": "memory/memory.limit_in_bytes",
    "used": "memory/memory.usage_in_bytes",
    "stat": "memory/memory.stat",
    "killed": "memory/memory.oom_control",
}
_VERSION_2 = {
    "limit": "memory.max",
    "used": "memory.current",
    "stat": "memory.stat",
    "killed": "memory.events",
}
_ASSUMED_MB = 8192  # where Python is not told, on Windows
_DROPPABLE = ("inactive_file", "active_file")
_GPU_FILES = ("nvidia*", "nvhost*", "dxg", "kfd")  # NVIDIA's, its boards', in WSL, AMD's


def num_cpus(cgroup: Path = _CGROUP) -> int:
    """Return how many CPUs this process may use: the machine's, or the container's limit."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota, _, period = _read(cgroup / "cpu.max").partition(" ")
    if not period:  # version 1 of the control groups, which writes -1 for no limit
        quota, period = (_read(cgroup / f"cpu/cpu.cfs_{name}_us") for name in ("quota", "period"))
    limit = math.ceil(int(quota) / int(period)) if quota.isdigit() else math.inf
    return int(min(here or 1, limit))


def visible_gpus(devices: Path = Path("/dev")) -> tuple[str, ...]:
    """Return the GPUs that this process may use, each as CUDA_VISIBLE_DEVICES would name it.

    Torch is asked, and for that imported, only where `devices` shows that there may be one.
    """
    if not any(found for pattern in _GPU_FILES for found in devices.glob(pattern)):
        return ()
    import torch

    return _gpu_names(torch.cuda.device_count(), os.environ)


def _gpu_names(num: int, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Name so many GPUs, which is how many CUDA finds in this environment."""
    listed = environment.get("CUDA_VISIBLE_DEVICES")
    if listed is None and environment.get("NVIDIA_VISIBLE_DEVICES", "").startswith("MIG-"):
        listed = environment["NVIDIA_VISIBLE_DEVICES"]  # the slices that this container was given
    if listed is None:
        return tuple(str(index) for index in range(num))
    names = tuple(name.strip() for name in listed.split(","))
    if num > 0 and listed.startswith("MIG-"):
        return names  # CUDA finds no more than one slice, whatever is listed
    return names[:num]  # it stops at the first that it does not find


def memory_limit_mb(cgroup: Path = _CGROUP) -> int:
    """Return how much memory in MiB there is: the machine's, or the container's limit."""
    return ContainerMemory(cgroup).limit_mb or _machine_memory_mb()


class ContainerMemory:
    """The memory of the container that this process runs in.

    It is what the container's control group says, of version 1 or 2, as seen from inside.

    Attributes:
        limit_mb: What the container may use in MiB; None without a limit, and outside of one.
    """

    def __init__(self, cgroup: Path = _CGROUP) -> None:
        """Find the limit; `cgroup` is where the control groups are mounted."""
        names = _VERSION_2 if (cgroup / _VERSION_2["limit"]).exists() else _VERSION_1
        self._files = {what: cgroup / name for what, name in names.items()}
        limit = _read(self._files["limit"])  # version 2 writes max for none, 1 a huge number
        limit_mb = int(limit) // _MIB if limit.isdigit() else math.inf
        self.limit_mb = int(limit_mb) if limit_mb < _machine_memory_mb() else None

    def used_mb(self) -> int:
        """Return what the whole container uses in MiB, without file pages that can be dropped."""
        stat = self._numbers("stat")
        # version 1 tells apart what the groups below this one use
        droppable = (stat.get(f"total_{name}", stat[name]) for name in _DROPPABLE)
        return (int(_read(self._files["used"])) - sum(droppable)) // _MIB

    def num_killed(self) -> int:
        """Return how many processes the kernel has ended here because memory ran out."""
        return self._numbers("killed").get("oom_kill", 0)

    def _numbers(self, what: str) -> dict[str, int]:
        lines = _read(self._files[what]).splitlines()
        return {name: int(value) for name, value in map(str.split, lines)}


def process_memory_mb(pid: int) -> int:
    """Return a process's own memory in MiB, without pages of files that the kernel can drop.

    0 if the process is gone, or where the kernel does not tell (only Linux does).
    """
    lines = _read(Path(f"/proc/{pid}/status")).splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) // 1024


def _machine_memory_mb() -> int:
    if not hasattr(os, "sysconf"):
        return _ASSUMED_MB
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // _MIB


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return ""
