from __future__ import annotations

import ctypes
import mmap
import os
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from nas_lib.data.read_ahead import announce

NUM_PAGES = 64


def num_resident(address: int) -> int:
    """Return how many of these pages the kernel has in memory."""
    seen = (ctypes.c_ubyte * NUM_PAGES)()
    libc = ctypes.CDLL(None, use_errno=True)
    size = ctypes.c_size_t(NUM_PAGES * mmap.PAGESIZE)
    assert libc.mincore(ctypes.c_void_p(address), size, seen) == 0
    return sum(each & 1 for each in seen)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux is told")
def test_what_is_announced_comes_into_memory_before_anybody_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    with path.open("wb") as file:
        file.write(bytes(NUM_PAGES * mmap.PAGESIZE))
        file.flush()
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    rows = np.memmap(path, np.uint8, "r")
    address = rows.ctypes.data

    announce(address + 10 * mmap.PAGESIZE + 1, 4 * mmap.PAGESIZE - 1)
    deadline_s = time.monotonic() + 10
    while num_resident(address) < 4 and time.monotonic() < deadline_s:
        time.sleep(0.01)

    assert num_resident(address) >= 4  # pages 10 to 13
