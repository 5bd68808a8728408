from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from nas_lib.shared_weights.memory import freed_memory_kept

FAULTS = """
import resource
from nas_lib.shared_weights.memory import freed_memory_kept

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        block = bytearray(40 * 2**20)  # 10,240 pages
        del block
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

with freed_memory_kept():
    print(faults())
print(faults())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")
def test_freed_memory_is_used_again_without_the_kernel_and_given_back_afterwards() -> None:
    command = [sys.executable, "-c", FAULTS]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout

    within, afterwards = map(int, output.split())
    assert within < 2 * 10_240
    assert afterwards > 9 * 10_240  # as if nothing had been set


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    monkeypatch.setattr("ctypes.CDLL", None)  # which nobody calls

    with freed_memory_kept():
        pass
