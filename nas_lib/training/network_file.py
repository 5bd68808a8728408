"""A trained network as one file: its state dict, and which network it is."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic.dataclasses import dataclass as checked_dataclass
from torch import Tensor, nn

from nas_lib.architecture import Architecture
from nas_lib.errors import CorruptStateError
from nas_lib.records import STRICT, from_json, to_json
from nas_lib.training.tensors import misfit, pack, unpack


@checked_dataclass(frozen=True, config=STRICT)
class NetworkInfo:
    """Which network a file holds.

    Attributes:
        architecture: The architecture; its tokens are those of the search's space.
        content_hash: Of the data that it learned; the data's manifest says what it expects.
    """

    architecture: Architecture
    content_hash: str


def pack_network(state: Mapping[str, Tensor], info: NetworkInfo) -> bytes:
    """Return a network's state dict and what it is as one safetensors file."""
    return pack(state, to_json(info).decode())


def read_info(data: bytes, *, key: str = "weights") -> NetworkInfo:
    """Return which network a file holds.

    Raises:
        CorruptStateError: The file is damaged.
    """
    return from_json(NetworkInfo, unpack(data, key=key)[1].encode(), key=key)


def load_weights(network: nn.Module, data: bytes, *, key: str = "weights") -> None:
    """Give a network the weights that `pack_network` stored, and set it up for evaluation.

    Args:
        network: Built as it was for training, on any device.
        data: The file.
        key: Where it lay in the store, for the error.

    Raises:
        CorruptStateError: The file is damaged, or its tensors are not those of this network.
    """
    state, _ = unpack(data, key=key)
    wrong = misfit(state, network.state_dict())
    if wrong:
        raise CorruptStateError(f"stored object {key} is damaged, or of another network: {wrong}")
    network.load_state_dict(state)
    network.eval()
