from __future__ import annotations

import zlib
from collections.abc import Callable

import pytest
import torch
from safetensors.numpy import save

from nas_lib.errors import CorruptStateError
from nas_lib.training.tensors import misfit, pack, unpack

TENSORS = {
    "weight": torch.arange(24.0).reshape(1, 2, 3, 4).to(memory_format=torch.channels_last),
    "count": torch.tensor(7),
}


def test_tensors_and_text_come_back() -> None:
    tensors, text = unpack(pack(TENSORS, "a text, {}"), key="key")

    torch.testing.assert_close(tensors, TENSORS, rtol=0, atol=0)
    assert text == "a text, {}"


def test_equal_values_give_equal_bytes() -> None:
    assert pack(dict(reversed(TENSORS.items())), "text") == pack(TENSORS, "text")


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: b"no such file" * 10,
        lambda data: data[:-1],
        lambda data: data[:-1] + bytes([data[-1] ^ 1]),
        lambda data: data.replace(b" text", b" next"),
        lambda data: data.replace(b'"nas"', b'"nap"'),
        lambda data: data.replace(b'"F32"', b'"I32"'),
        lambda data: data.replace(b"[1,2,3,4]", b"[4,3,2,1]"),
        lambda data: data.replace(b"weight", b"height"),
        lambda data: data.replace(b'"F32"', b'"F8_E4M3"'),
    ],
    ids=[
        *("empty", "foreign", "truncated", "one bit", "another text", "no text"),
        *("another type", "another shape", "another name", "a type that numpy has not"),
    ],
)
def test_damage_is_found_and_named(damage: Callable[[bytes], bytes]) -> None:
    with pytest.raises(CorruptStateError, match="stored object some/key is damaged: expected"):
        unpack(damage(pack(TENSORS, "text")), key="some/key")


def test_no_byte_of_a_file_can_change_unnoticed() -> None:
    data = pack(TENSORS, "text")
    for place in range(len(data)):
        for bit in (1, 32):  # 32 turns letters into small ones
            changed = data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :]
            with pytest.raises(CorruptStateError):
                unpack(changed, key="key")


def test_files_whose_checksum_is_over_the_numbers_only_are_read() -> None:
    checksum = zlib.crc32(TENSORS["weight"].numpy().tobytes(), zlib.crc32(b"text"))
    arrays = {"weight": TENSORS["weight"].contiguous().numpy()}
    older = save(arrays, metadata={"nas": f"{checksum:08x} text"})

    assert unpack(older, key="key")[1] == "text"


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        ({"w": torch.ones(2, 3)}, ""),
        ({}, "'w' is missing"),
        ({"w": torch.ones(2, 3), "v": torch.ones(1)}, "'v' is none of its tensors"),
        ({"w": torch.ones(3, 2)}, "expected w to be float32 [2, 3], got float32 [3, 2]"),
        ({"w": torch.ones(2, 3).long()}, "expected w to be float32 [2, 3], got int64 [2, 3]"),
        ({"w": torch.full((2, 3), torch.nan)}, "w has numbers that are not finite"),
    ],
)
def test_tensors_that_are_not_those_of_a_network_are_named(
    found: dict[str, torch.Tensor], wrong: str
) -> None:
    assert misfit(found, {"w": torch.zeros(2, 3)}) == wrong
