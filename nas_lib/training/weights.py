"""A trained network as one file that needs nothing else to be used."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ConfigDict
from pydantic.dataclasses import dataclass as checked_dataclass
from torch import Tensor, nn

from nas_lib.architecture import Architecture
from nas_lib.config import TextTrainingConfig
from nas_lib.errors import CorruptStateError
from nas_lib.networks import LanguageModel, build_language_model, build_network
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


@checked_dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class LanguageModelInfo:
    """What a language model is and what it expects.

    Attributes:
        architecture: The architecture.
        words: Its vocabulary, in the order of the words' indices; outputs are one logit each.
    """

    architecture: Architecture
    words: tuple[str, ...]


def pack_network(state: Mapping[str, Tensor], info: NetworkInfo | LanguageModelInfo) -> bytes:
    """Return a network's state dict and description as one safetensors file."""
    return pack(state, to_json(info).decode())


def load_network(data: bytes, *, key: str = "weights") -> tuple[nn.Module, NetworkInfo]:
    """Return the network for images that `pack_network` stored, on the CPU, ready for evaluation.

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
    _load(network, state, key)
    return network, info


def load_language_model(
    data: bytes, *, key: str = "weights"
) -> tuple[LanguageModel, LanguageModelInfo]:
    """Return the language model that `pack_network` stored, as `load_network` does a network."""
    state, text = unpack(data, key=key)
    info = from_json(LanguageModelInfo, text.encode(), key=key)
    model = build_language_model(
        info.architecture, num_words=len(info.words), training=TextTrainingConfig()
    )
    _load(model, state, key)
    return model, info


def _load(network: nn.Module, state: Mapping[str, Tensor], key: str) -> None:
    """Give a network its weights, and set it up for evaluation."""
    try:
        network.load_state_dict(state)
    except RuntimeError as err:
        what = " ".join(str(err).split())  # torch writes several lines
        raise CorruptStateError(f"stored object {key} is damaged: {what}") from err
    network.eval()
