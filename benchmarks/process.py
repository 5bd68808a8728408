"""What a whole process costs: time and memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

NAS = ("-m", "nas_lib.cli")

# A small Python in between: a child counts the memory of the process that it was forked from.
_MEASURE = """
import json, resource, subprocess, sys, time
started = time.perf_counter()
subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL)
seconds = time.perf_counter() - started
kilobytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(json.dumps({"seconds": seconds, "peak_mb": kilobytes / 1024}))
"""


@dataclass(frozen=True)
class Cost:
    """Of one process, from its start to its end."""

    seconds: float
    peak_mb: float  # resident, MiB


def run_python(*arguments: str, environment: Mapping[str, str] | None = None) -> Cost:
    """Run this Python with these arguments to its end.

    Raises:
        subprocess.CalledProcessError: It failed; its words are on standard error.
    """
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, sys.executable, *arguments],
        check=True,
        stdout=subprocess.PIPE,
        env={**os.environ, **(environment or {})},
    )
    return Cost(**json.loads(done.stdout))
