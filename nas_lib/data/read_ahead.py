"""Tells the kernel what of mapped files is read next, so that a disk is asked for all of it.

Else it is asked when a page is missed, for that page alone, and nothing else is done until it came.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections.abc import Callable
from functools import cache
from typing import Final

_PAGE: Final = mmap.PAGESIZE


def announce(address: int, num_bytes: int) -> None:
    """Say that these bytes of a mapped file are wanted soon; where nobody listens, nothing is done.

    Args:
        address: Of the first one, in this process's memory.
        num_bytes: How many.
    """
    begin = address - address % _PAGE
    _advise()(begin, address + num_bytes - begin)


@cache
def _advise() -> Callable[[int, int], object]:
    if sys.platform != "linux":  # elsewhere a mapping reads ahead by itself, or not at all
        return lambda begin, num_bytes: None
    advise = ctypes.CDLL(None).madvise
    advise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    return lambda begin, num_bytes: advise(begin, num_bytes, mmap.MADV_WILLNEED)
