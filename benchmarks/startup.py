"""How long Python takes to import the package, and the command to answer."""

from __future__ import annotations

from benchmarks.figure import Figure
from benchmarks.process import NAS, run_python

REPEATS = 9


def measure() -> list[Figure]:
    """Return seconds of whole processes, the shortest of several: the rest is other processes."""
    return [
        Figure("import nas_lib, s", _shortest_s("-c", "import nas_lib"), at_most=0.3),
        Figure("nas --help, s", _shortest_s(*NAS, "--help"), at_most=0.6),
    ]


def _shortest_s(*arguments: str) -> float:
    return min(run_python(*arguments).seconds for _ in range(REPEATS))
