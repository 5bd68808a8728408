from __future__ import annotations

import platform
import subprocess
import sys

import pytest

FAULTS = """
import resource
from nas_lib.shared_weights.memory import keep_freed_memory
{first}
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    block = bytearray(40 * 2**20)  # 10,240 pages
    del block
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def page_faults(first: str) -> int:
    """Return how many pages the kernel had to provide for ten blocks, one after the other."""
    command = [sys.executable, "-c", FAULTS.format(first=first)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a setting of glibc")
def test_freed_memory_is_used_again_without_the_kernel() -> None:
    assert page_faults("assert keep_freed_memory()") < 2 * 10_240
    assert page_faults("") > 9 * 10_240


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from nas_lib.shared_weights.memory import keep_freed_memory

    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))

    assert not keep_freed_memory()
