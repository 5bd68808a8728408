"""Freed memory, kept for the next tensors."""

from __future__ import annotations

import ctypes
import platform

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4  # of glibc's malloc.h
_NEVER = -1


def keep_freed_memory() -> bool:
    """Let this process keep the memory that it frees; return whether it will.

    Otherwise glibc gives large blocks back to the kernel, and every training step asks for them
    anew and has them zeroed page by page: up to a third of its time on a CPU. Only glibc has these
    settings; with another C library, nothing changes.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    is_set = [libc.mallopt(_M_MMAP_MAX, 0), libc.mallopt(_M_TRIM_THRESHOLD, _NEVER)]
    return all(is_set)


def release_freed_memory() -> None:
    """Give back once what `keep_freed_memory` has kept."""
    if platform.libc_ver()[0] == "glibc":
        ctypes.CDLL(None).malloc_trim(0)
