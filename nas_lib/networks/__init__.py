"""HOW an architecture becomes a torch module. Importing this loads torch."""

from __future__ import annotations

from nas_lib.networks.cnn import CnnNetwork
from nas_lib.networks.cost import Cost, count
from nas_lib.networks.image_network import ImageNetwork, Regularisation, without_auxiliary
from nas_lib.networks.registry import build_network

__all__ = [
    "CnnNetwork",
    "Cost",
    "ImageNetwork",
    "Regularisation",
    "build_network",
    "count",
    "without_auxiliary",
]
