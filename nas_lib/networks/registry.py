"""From an architecture's space to the module that builds it."""

from __future__ import annotations

from collections.abc import Callable

from nas_lib.architecture import Architecture
from nas_lib.errors import ArchitectureError
from nas_lib.networks.cnn import CnnNetwork
from nas_lib.networks.enas_macro import MacroNetwork
from nas_lib.networks.enas_micro import MicroNetwork
from nas_lib.networks.image_network import ImageNetwork, Regularisation
from nas_lib.spaces.cnn import parse_layers
from nas_lib.spaces.enas_macro import parse_macro
from nas_lib.spaces.enas_micro import parse_micro

Builder = Callable[[str, int, int, Regularisation], ImageNetwork]
"""From a configuration string, channels of an image and number of classes to the network."""


def build_network(
    architecture: Architecture,
    *,
    image_shape: tuple[int, int, int],
    num_classes: int,
    regularisation: Regularisation | None = None,
) -> ImageNetwork:
    """Return the network that an architecture's configuration string spells out.

    Its initial weights come from torch's global generator; seed that first.

    Args:
        architecture: Of a space that networks can be built for.
        image_shape: Channels, height and width of one input image.
        num_classes: Outputs of the network, one logit each.
        regularisation: What it does only in training; None for nothing.

    Raises:
        ArchitectureError: No network can be built for this space, or the string is not of its form.
    """
    if architecture.space not in _BUILDERS:
        raise ArchitectureError(
            f"networks can be built for the spaces {sorted(_BUILDERS)}, got {architecture.space!r}"
        )
    build = _BUILDERS[architecture.space]
    return build(
        architecture.config, image_shape[0], num_classes, regularisation or Regularisation()
    )


def _build_cnn(
    config: str, channels: int, num_classes: int, regularisation: Regularisation
) -> ImageNetwork:
    return CnnNetwork(
        parse_layers(config),
        image_channels=channels,
        num_classes=num_classes,
        dropout=regularisation.dropout,
    )


def _build_macro(
    config: str, channels: int, num_classes: int, regularisation: Regularisation
) -> ImageNetwork:
    return MacroNetwork(
        parse_macro(config),
        image_channels=channels,
        num_classes=num_classes,
        dropout=regularisation.dropout,
    )


def _build_micro(
    config: str, channels: int, num_classes: int, regularisation: Regularisation
) -> ImageNetwork:
    return MicroNetwork(
        parse_micro(config),
        image_channels=channels,
        num_classes=num_classes,
        regularisation=regularisation,
    )


_BUILDERS: dict[str, Builder] = {
    "cnn": _build_cnn,
    "enas-macro": _build_macro,
    "enas-micro": _build_micro,
}
