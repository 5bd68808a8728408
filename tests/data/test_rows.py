from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from nas_lib.data import rows
from nas_lib.data.rows import (
    ChosenRows,
    chosen,
    in_file_order,
    num_bytes_of,
    on_disk,
    pieces,
)
from nas_lib.errors import StoreError

ARRAY = np.arange(12, dtype=np.int16).reshape(6, 2)
ORDER = np.array([4, 0, 5])


def test_chosen_rows_are_read_in_their_order_and_copied_only_then() -> None:
    array = ARRAY.copy()
    found = ChosenRows(array, ORDER)
    array[5] = -1

    assert (found.shape, found.dtype, len(found)) == ((3, 2), np.int16, 3)
    assert num_bytes_of(found) == 12  # 3 x 2 of 2 bytes
    assert found[1:].tolist() == [[0, 1], [-1, -1]]


def test_rows_may_be_chosen_of_chosen_ones() -> None:
    found = ChosenRows(ChosenRows(ARRAY, ORDER), np.array([2, 1]))
    assert found[:].tolist() == [[10, 11], [0, 1]]


def test_small_arrays_are_copied_at_once_and_large_ones_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rows, "_LARGE", 24)  # bytes of all rows
    assert isinstance(chosen(ARRAY, ORDER), np.ndarray)
    monkeypatch.setattr(rows, "_LARGE", 23)
    assert isinstance(chosen(ARRAY, ORDER), ChosenRows)


def test_the_last_piece_is_the_rest() -> None:
    assert [len(piece) for piece in pieces(ARRAY, 4)] == [4, 2]


def test_pieces_have_so_many_bytes_where_nothing_else_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rows, "_PIECE_BYTES", 11)  # 2 rows of 4 bytes
    assert [len(piece) for piece in pieces(ARRAY)] == [2, 2, 2]
    monkeypatch.setattr(rows, "_PIECE_BYTES", 1)
    assert len(list(pieces(ARRAY))) == 6
    assert list(pieces(ARRAY[:0])) == []


def test_an_array_on_the_disk_leaves_no_file(tmp_path: Path) -> None:
    array = on_disk((5, 3), np.uint8)
    array[4] = 7
    assert (array.shape, array[4:].tolist()) == ((5, 3), [[7, 7, 7]])
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


@pytest.mark.parametrize(
    "order",
    [[9, 0, 5], [0, 1, 3], [7, 7, 1], []],
    ids=["here and there", "near one another", "twice", "none"],
)
def test_rows_on_the_disk_are_those_of_an_array_in_memory(order: list[int]) -> None:
    array = np.arange(40, dtype=np.int16).reshape(10, 2, 2)
    found, which = on_disk((10, 2, 2), np.int16), np.array(order, np.intp)
    found[:] = array

    assert found[which].tolist() == array[which].tolist()
    assert (found[which].dtype, len(found)) == (np.int16, 10)


def test_who_minds_no_order_reads_from_the_beginning_to_the_end() -> None:
    chosen_twice = ChosenRows(ChosenRows(ARRAY, ORDER), np.array([2, 0]))

    assert in_file_order(chosen_twice)[:].tolist() == [[8, 9], [10, 11]]  # rows 5 and 4
    assert in_file_order(ARRAY) is ARRAY


def test_an_array_can_be_made_where_files_are_reserved_by_writing_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(os, "posix_fallocate")  # macOS has none
    assert on_disk((2**20 + 1,), np.uint8)[:].sum() == 0


def test_a_disk_that_is_full_is_named_before_anything_is_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(StoreError, match=r"cannot write .*NAS_CACHE.*: No space left on device"):
        on_disk((5,), np.uint8)
