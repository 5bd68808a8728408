"""What this container or machine has, and what a process uses of it."""

from __future__ import annotations

import math
import os
from pathlib import Path

_MIB = 2**20
_CGROUP = Path("/sys/fs/cgroup")


def num_cpus(cgroup: Path = _CGROUP) -> int:
    """Return how many CPUs this process may use: the machine's, or the container's limit."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota, _, period = _read(cgroup / "cpu.max").partition(" ")
    limit = math.ceil(int(quota) / int(period)) if quota.isdigit() else math.inf
    return int(min(here or 1, limit))


def memory_limit_mb(cgroup: Path = _CGROUP) -> int:
    """Return how much memory in MiB there is: the machine's, or the container's limit."""
    limits = [os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")]
    for name in ("memory.max", "memory/memory.limit_in_bytes"):  # version 2, version 1
        text = _read(cgroup / name)
        if text.isdigit():
            limits.append(int(text))
    return min(limits) // _MIB


def process_memory_mb(pid: int) -> int:
    """Return a process's own memory in MiB, without pages of files that the kernel can drop.

    0 if the process is gone, or where the kernel does not tell (only Linux does).
    """
    lines = _read(Path(f"/proc/{pid}/status")).splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) // 1024


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return ""
