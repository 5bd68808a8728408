"""Freed memory, kept for the next tensors while shared weights are at work."""

from __future__ import annotations

import ctypes
import gc
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Of glibc's malloc.h: which setting, and what it is unless somebody changes it.
_TRIM_THRESHOLD, _USUAL_TRIM_THRESHOLD = -1, 128 * 1024
_MMAP_MAX, _USUAL_MMAP_MAX = -4, 65_536
_NEVER = -1


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Let this process keep the memory that it frees, and give it back in the end.

    Otherwise glibc gives large blocks back to the kernel, and every training step asks for them
    anew and has them zeroed page by page: up to a third of its time on a CPU. Only glibc has these
    settings; with another C library, nothing changes. What is left on a GPU is given back too, as
    children may be trained on it next.
    """
    # all blocks come from the heap, and its free end stays ours
    _set_limits(mmap_max=0, trim_threshold=_NEVER)
    try:
        yield
    finally:
        _set_limits(mmap_max=_USUAL_MMAP_MAX, trim_threshold=_USUAL_TRIM_THRESHOLD)
        gc.collect()
        if _has_glibc():
            ctypes.CDLL(None).malloc_trim(0)
        if "torch" in sys.modules:
            sys.modules["torch"].cuda.empty_cache()


def _set_limits(*, mmap_max: int, trim_threshold: int) -> None:
    if _has_glibc():
        libc = ctypes.CDLL(None)
        libc.mallopt(_MMAP_MAX, mmap_max)
        libc.mallopt(_TRIM_THRESHOLD, trim_threshold)


def _has_glibc() -> bool:
    return platform.libc_ver()[0] == "glibc"
