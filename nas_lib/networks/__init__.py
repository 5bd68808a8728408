"""HOW an architecture becomes a torch module. Importing this loads torch."""

from __future__ import annotations

from nas_lib.networks.cnn import CnnNetwork
from nas_lib.networks.cost import Cost, count
from nas_lib.networks.first_weights import initialise
from nas_lib.networks.image_network import (
    ImageNetwork,
    Regularisation,
    build_network,
    without_auxiliary,
)
from nas_lib.networks.language_model import (
    LanguageLoss,
    LanguageModel,
    build_language_model,
    count_language_model,
)

__all__ = [
    "CnnNetwork",
    "Cost",
    "ImageNetwork",
    "LanguageLoss",
    "LanguageModel",
    "Regularisation",
    "build_language_model",
    "build_network",
    "count",
    "count_language_model",
    "initialise",
    "without_auxiliary",
]
