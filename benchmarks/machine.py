"""The machine on which figures were measured."""

from __future__ import annotations

import os
import platform
import statistics
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path
from tempfile import NamedTemporaryFile

from nas_lib.training.machine import num_cpus

_WRITES = 50


def facts() -> dict[str, str | int | float]:
    """Return what figures depend on: processor, versions, and how long a safe write takes."""
    return {
        "date": date.today().isoformat(),
        "cpu": _cpu_model(),
        "cores": num_cpus(),
        "load": round(os.getloadavg()[0], 2),  # others', where this is asked before measuring
        "fsync_ms": round(1000 * _fsync_s(), 2),
        "python": platform.python_version(),
        "torch": version("torch"),
    }


def _cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next(line.partition(": ")[2] for line in lines if line.startswith("model name"))


def _fsync_s() -> float:
    """Return the median time of writing a small file to the disk, in seconds."""
    times = []
    for _ in range(_WRITES):
        start = time.perf_counter()
        with NamedTemporaryFile() as file:
            file.write(b"{}")
            file.flush()
            os.fsync(file.fileno())
        times.append(time.perf_counter() - start)
    return statistics.median(times)
