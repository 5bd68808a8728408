"""How much memory unpacked data may take."""

from __future__ import annotations

import gzip
import io
import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import pytest

from nas_lib.data.allowance import Allowance
from nas_lib.errors import DataError

MIB = 2**20


def test_what_is_taken_adds_up_until_nothing_is_left() -> None:
    allowance = Allowance(10 * MIB)
    allowance.take(6 * MIB, "a.gz")
    allowance.take(4 * MIB, "b.gz")
    assert allowance.left == 0
    with pytest.raises(DataError, match=r"^c\.gz: .* 10\.5 MiB or more unpacked, more than the "):
        allowance.take(MIB // 2, "c.gz")


def test_the_error_says_what_is_allowed_and_which_setting_says_it() -> None:
    with pytest.raises(DataError, match=r"the 3 MiB allowed: set resources\.unpacked_mb$"):
        Allowance(3 * MIB).take(10**18, "a bomb")


def test_what_is_refused_takes_nothing() -> None:
    allowance = Allowance(100)
    with pytest.raises(DataError):
        allowance.take(101, "a")
    assert allowance.left == 100


def test_a_stream_is_read_to_its_end_and_taken() -> None:
    allowance = Allowance(20 * MIB)
    data = bytes(range(256)) * (9 * MIB // 256) + b"end"
    assert allowance.read(io.BytesIO(data), "data") == data
    assert allowance.left == 20 * MIB - len(data)


def test_a_stream_that_fits_to_the_byte_is_read() -> None:
    assert Allowance(3).read(io.BytesIO(b"abc"), "data") == b"abc"


def test_a_stream_without_an_end_is_refused_without_the_memory() -> None:
    bomb = gzip.compress(bytes(64 * MIB))
    allowance = Allowance(MIB)
    tracemalloc.start()
    with pytest.raises(DataError, match="bomb"), gzip.open(io.BytesIO(bomb)) as file:
        allowance.read(file, "bomb")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * MIB


def test_threads_take_from_it_together() -> None:
    allowance = Allowance(10_000)
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda number: allowance.take(1, str(number)), range(10_000)))
    assert allowance.left == 0
