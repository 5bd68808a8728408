from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from nas_lib.data import LocalData
from nas_lib.data.tensors import MappedRows, joined, load_rows
from nas_lib.errors import CorruptStateError

WHOLE = torch.arange(14, dtype=torch.int32).reshape(7, 2)


@pytest.fixture
def rows() -> MappedRows:
    return MappedRows([WHOLE[:3], WHOLE[3:4], WHOLE[4:]])


@pytest.mark.parametrize("index", [[6, 0, 3, 3, 2], [], [4, 5]])
def test_rows_are_those_of_the_whole_in_any_order(rows: MappedRows, index: list[int]) -> None:
    wanted = torch.tensor(index, dtype=torch.int64)
    assert torch.equal(rows[wanted], WHOLE[wanted])


@pytest.mark.parametrize("some", [slice(2, 5), slice(5, 9), slice(None)])
def test_rows_that_follow_each_other_may_lie_in_several_files(
    rows: MappedRows, some: slice
) -> None:
    assert torch.equal(rows[some], WHOLE[some])


def test_they_have_the_shape_and_type_of_the_whole(rows: MappedRows) -> None:
    assert (rows.shape, rows.dtype, len(rows)) == (WHOLE.shape, WHOLE.dtype, 7)


def test_they_stay_where_they_are_and_come_to_a_device_when_asked_for(rows: MappedRows) -> None:
    elsewhere = rows.to("meta")
    assert (rows.device.type, elsewhere.device.type) == ("cpu", "meta")
    assert elsewhere[torch.tensor([1])].device.type == "meta"


def test_rows_in_files_and_in_memory_are_joined(rows: MappedRows) -> None:
    more = torch.tensor([[20, 21]], dtype=torch.int32)
    for found, expected in (
        (joined(rows, more), [WHOLE, more]),
        (joined(more, rows), [more, WHOLE]),
        (joined(WHOLE, more), [WHOLE, more]),
    ):
        assert torch.equal(found[torch.arange(8)], torch.cat(expected))


def test_rows_are_found_in_the_blob_or_in_shards(tmp_path: Path) -> None:
    data = LocalData(tmp_path / "blob", (tmp_path / "0", tmp_path / "1"))
    save_file({"small": WHOLE[:2]}, data.blob)
    for path, part in zip(data.shards, (WHOLE[:3], WHOLE[3:]), strict=True):
        save_file({"large": part.clone()}, path)

    large, small = load_rows(data, "large", "small")

    assert isinstance(large, MappedRows)
    assert torch.equal(large[:], WHOLE)
    assert torch.equal(small[:], WHOLE[:2])
    with pytest.raises(CorruptStateError, match=r"prepared data with large and other: .* no other"):
        load_rows(data, "large", "other")


def test_shards_that_do_not_go_together_are_refused(tmp_path: Path) -> None:
    data = LocalData(tmp_path / "blob", (tmp_path / "0", tmp_path / "1"))
    save_file({"other": WHOLE}, data.blob)
    save_file({"large": WHOLE}, data.shards[0])
    save_file({"large": WHOLE.float()}, data.shards[1])
    with pytest.raises(CorruptStateError, match="expected all shards with large to be alike"):
        load_rows(data, "large")
