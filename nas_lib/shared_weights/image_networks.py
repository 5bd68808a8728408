"""From a space's settings to the network that owns the weights of all its architectures."""

from __future__ import annotations

import torch
from torch import nn

from nas_lib.config import EnasMacroSpaceConfig, EnasMicroSpaceConfig
from nas_lib.shared_weights.macro import MacroSuperNetwork
from nas_lib.shared_weights.micro import MicroSuperNetwork

ImageSpaceConfig = EnasMacroSpaceConfig | EnasMicroSpaceConfig
ImageSuperNetwork = MacroSuperNetwork | MicroSuperNetwork


def build_super_network(
    space: ImageSpaceConfig,
    *,
    image_shape: tuple[int, int, int],
    num_classes: int,
    dropout: float = 0.0,
) -> ImageSuperNetwork:
    """Return the super-network of a space, with its first, random weights.

    Args:
        space: The space.
        image_shape: Channels, height, width; networks run on images of any size.
        num_classes: Classes.
        dropout: Fraction of the last features that is dropped in training.
    """
    network: ImageSuperNetwork
    match space:
        case EnasMacroSpaceConfig():
            network = MacroSuperNetwork(
                space, image_channels=image_shape[0], num_classes=num_classes, dropout=dropout
            )
        case EnasMicroSpaceConfig():
            network = MicroSuperNetwork(
                space, image_channels=image_shape[0], num_classes=num_classes, dropout=dropout
            )
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
