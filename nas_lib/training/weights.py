"""A trained network as one file that needs nothing else to be used."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass as checked_dataclass
from torch import Tensor, nn

from nas_lib.architecture import Architecture
from nas_lib.errors import CorruptStateError
from nas_lib.networks import build_network
from nas_lib.records import from_json, to_json
from nas_lib.training.tensors import pack, unpack


@checked_dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class NetworkInfo:
    """What a network is and what it expects.

    Attributes:
        architecture: The architecture.
        image_shape: Channels, height, width.
        num_classes: Outputs, one logit each.
        mean: Of each channel; images (uint8 ones divided by 255) must be standardised with it.
        std: Likewise.
    """

    architecture: Architecture
    image_shape: tuple[int, int, int]
    num_classes: int
    mean: tuple[float, ...]
    std: tuple[float, ...]


def pack_network(state: Mapping[str, Tensor], info: NetworkInfo) -> bytes:
    """Return a network's state dict and description as one safetensors file."""
    return pack(state, to_json(info).decode())


def load_network(data: bytes, *, key: str = "weights") -> tuple[nn.Module, NetworkInfo]:
    """Return the network that `pack_network` stored, on the CPU and ready for evaluation.

    Args:
        data: The file.
        key: Where it lay in the store, for the error.

    Raises:
        CorruptStateError: The file is damaged, or its tensors are not those of its network.
    """
    state, text = unpack(data, key=key)
    info = from_json(NetworkInfo, text.encode(), key=key)
    network = build_network(
        info.architecture, image_shape=info.image_shape, num_classes=info.num_classes
    )
    try:
        network.load_state_dict(state)
    except RuntimeError as err:
        what = " ".join(str(err).split())  # torch writes several lines
        raise CorruptStateError(f"stored object {key} is damaged: {what}") from err
    return network.eval(), info
