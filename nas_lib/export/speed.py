"""How long a child's network takes for one image, word or sentence."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from nas_lib.export.children import exporter_of, opened
from nas_lib.export.exporter import Exporter
from nas_lib.open_search import OpenSearch
from nas_lib.records import Speed
from nas_lib.store import layout

_WARM_UP = 3
_AT_LEAST, _AT_MOST, _SECONDS = 20, 500, 1.0
_CPUS = Path("/proc/cpuinfo")


def measure_speed(search: OpenSearch, child: str) -> Speed:
    """Return how fast a child's network is, as a graph on one thread; it is measured once.

    Args:
        search: Whose child it is, which may be a final training.
        child: Its id.

    Raises:
        ConfigError: Its weights were not kept, or there is no onnx.
    """
    found = search.store.find(Speed, layout.child_speed(child))
    if found is not None:
        return found
    exporter = exporter_of(search, child)
    return settle_speed(search, child, exporter, exporter.graphs())


def settle_speed(
    search: OpenSearch, child: str, exporter: Exporter[Any], graphs: Mapping[str, bytes]
) -> Speed:
    """Return how fast these graphs of a child's network are, or what somebody measured before."""
    run, num_examples = exporter.timed(opened(graphs))
    seconds = seconds_of(run)
    speed = Speed(
        child,
        1000 * median(seconds) / num_examples,
        len(seconds),
        processor(),
        f"onnxruntime {version('onnxruntime')}",
        time.time(),
    )
    return search.store.settle(layout.child_speed(child), speed)


def seconds_of(run: Callable[[], object]) -> list[float]:
    """Return how long each of some runs takes, after some that do not count.

    They take a second together, where that is neither too few of them nor too many.
    """
    for _ in range(_WARM_UP):
        run()
    found: list[float] = []
    while len(found) < _AT_LEAST or (sum(found) < _SECONDS and len(found) < _AT_MOST):
        began_s = time.perf_counter()
        run()
        found.append(time.perf_counter() - began_s)
    return found


def processor(cpus: Path = _CPUS) -> str:
    """Return what this machine's processor is called."""
    with suppress(OSError):
        for line in cpus.read_text(errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":  # of the first core
                return value.strip()
    return platform.processor() or platform.machine()
