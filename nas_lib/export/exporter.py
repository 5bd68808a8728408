"""The interface of an exporter: what a task knows of its trained networks as graphs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt
from torch import nn

from nas_lib.config import SearchConfig
from nas_lib.data import LocalData, Manifest
from nas_lib.models.graph import Arrays, Graph
from nas_lib.models.info import ImageInputs, Parity, TextInputs

M = TypeVar("M", bound=Manifest)

OPSET = 18  # the first whose Resize takes into account all pixels that it makes one of
MAX_DIFFERENCE = 1e-4
"""Of logits, between a graph and torch: as `difference` has it."""

_LARGE_LOGIT = 100.0


class Exporter(ABC, Generic[M]):
    """One trained network, with the data that it learned.

    Attributes:
        name: The search's, of the model too.
    """

    def __init__(
        self, network: nn.Module, manifest: M, data: LocalData, config: SearchConfig
    ) -> None:
        """Take a network on the CPU.

        Args:
            network: With its weights, in evaluation mode.
            manifest: What its data are.
            data: Training and validation data, as files.
            config: By which it was trained.
        """
        self.name = config.name
        self._network = network
        self._manifest = manifest
        self._data = data
        self._config = config

    @property
    @abstractmethod
    def inputs(self) -> ImageInputs | TextInputs:
        """What the graph takes."""

    @property
    @abstractmethod
    def labels(self) -> Sequence[str]:
        """What the outputs mean."""

    @abstractmethod
    def graph(self) -> bytes:
        """Return the network as an ONNX file."""

    @abstractmethod
    def parity(self, graph: Graph) -> Parity:
        """Measure on validation data how well a graph agrees with torch."""

    @abstractmethod
    def misfit(self, parity: Parity) -> str:
        """Say where the two agree too little, empty if nowhere."""

    @abstractmethod
    def example(self) -> tuple[Arrays, int]:
        """Return what the graph is timed with, and how many images or words that are."""

    @property
    def _task(self) -> Any:
        return self._config.task


def difference(found: npt.NDArray[Any], wanted: npt.NDArray[Any]) -> float:
    """Return the largest difference of logits; of logits in the hundreds and more, their share.

    Numbers of 32 bits have some 7 digits: logits in the thousands, as a network has that was hardly
    trained, cannot agree to 1e-4. Up to 100 they can, and must.
    """
    return float(np.abs(found - wanted).max() / max(1.0, np.abs(wanted).max() / _LARGE_LOGIT))


def too_different(parity: Parity) -> str:
    """Say that logits differ too much, empty if they do not."""
    if parity.max_difference <= MAX_DIFFERENCE:
        return ""
    return (
        f"logits of the graph and of torch should differ by {MAX_DIFFERENCE:g} at most, and differ "
        f"by {parity.max_difference:.2g}"
    )
