"""From a space's settings to the network that owns the weights of all its architectures."""

from __future__ import annotations

import torch

from nas_lib.config import EnasMacroSpaceConfig, EnasMicroSpaceConfig
from nas_lib.shared_weights.macro import MacroSuperNetwork
from nas_lib.shared_weights.micro import MicroSuperNetwork

ImageSpaceConfig = EnasMacroSpaceConfig | EnasMicroSpaceConfig


def build_super_network(
    space: ImageSpaceConfig,
    *,
    image_shape: tuple[int, int, int],
    num_classes: int,
    dropout: float = 0.0,
) -> MacroSuperNetwork | MicroSuperNetwork:
    """Return the super-network of a space, with its first, random weights.

    Args:
        space: The space.
        image_shape: Channels, height, width; the network runs on images of any size.
        num_classes: Classes.
        dropout: Fraction of the features before the classifier that is dropped in training.
    """
    channels = image_shape[0]
    network: MacroSuperNetwork | MicroSuperNetwork
    match space:
        case EnasMacroSpaceConfig():
            network = MacroSuperNetwork(
                space, image_channels=channels, num_classes=num_classes, dropout=dropout
            )
        case EnasMicroSpaceConfig():
            network = MicroSuperNetwork(
                space, image_channels=channels, num_classes=num_classes, dropout=dropout
            )
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network
