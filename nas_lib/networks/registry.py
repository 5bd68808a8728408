"""From an architecture's space to the module that builds it."""

from __future__ import annotations

from collections.abc import Callable

from torch import nn

from nas_lib.architecture import Architecture
from nas_lib.errors import ArchitectureError
from nas_lib.networks.cnn import CnnNetwork
from nas_lib.spaces.cnn import parse_layers


def build_network(
    architecture: Architecture, *, image_shape: tuple[int, int, int], num_classes: int
) -> nn.Module:
    """Return the network that an architecture's configuration string spells out.

    Its initial weights come from torch's global generator; seed that first.

    Args:
        architecture: Of a space that networks can be built for.
        image_shape: Channels, height and width of one input image.
        num_classes: Outputs of the network, one logit each.

    Raises:
        ArchitectureError: No network can be built for this space, or the string is not of its form.
    """
    if architecture.space not in _BUILDERS:
        raise ArchitectureError(
            f"networks can be built for the spaces {sorted(_BUILDERS)}, got {architecture.space!r}"
        )
    return _BUILDERS[architecture.space](architecture.config, image_shape, num_classes)


def _build_cnn(config: str, image_shape: tuple[int, int, int], num_classes: int) -> nn.Module:
    return CnnNetwork(parse_layers(config), image_channels=image_shape[0], num_classes=num_classes)


_BUILDERS: dict[str, Callable[[str, tuple[int, int, int], int], nn.Module]] = {"cnn": _build_cnn}
