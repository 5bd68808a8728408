from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from nas_lib.errors import CorruptStateError
from nas_lib.training.tensors import pack, unpack

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
    ],
    ids=["empty", "foreign", "truncated", "one bit", "another text", "no text"],
)
def test_damage_is_found_and_named(damage: Callable[[bytes], bytes]) -> None:
    with pytest.raises(CorruptStateError, match="stored object some/key is damaged: expected"):
        unpack(damage(pack(TENSORS, "text")), key="some/key")
