"""The interface of an exporter: what a task knows of its trained networks as graphs."""

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt
from torch import nn

from nas_lib.config import ImageTarget, SearchConfig
from nas_lib.data import LocalData, Manifest
from nas_lib.models.graph import Graphs
from nas_lib.models.info import Inputs, Parity

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
    def target(self) -> ImageTarget:
        """What the model tells, where its inputs are images."""
        return "class"

    @property
    @abstractmethod
    def inputs(self) -> Inputs:
        """What the model takes."""

    @property
    @abstractmethod
    def labels(self) -> Sequence[str]:
        """What the outputs mean."""

    @abstractmethod
    def graphs(self) -> dict[str, bytes]:
        """Return the network as ONNX files, by the names of the graphs that `inputs` has."""

    def files(self) -> Mapping[str, bytes]:
        """Return what else belongs to the model, by the path in it."""
        return {}

    @abstractmethod
    def parity(self, graphs: Graphs) -> Parity:
        """Measure on validation data how well the graphs agree with torch."""

    @abstractmethod
    def misfit(self, parity: Parity) -> str:
        """Say where the two agree too little, empty if nowhere."""

    @abstractmethod
    def timed(self, graphs: Graphs) -> tuple[Callable[[], object], int]:
        """Return what is to be timed, and how many images, words or sentences that are."""

    @property
    def _task(self) -> Any:
        return self._config.task


def difference(found: npt.NDArray[Any], wanted: npt.NDArray[Any]) -> float:
    """Return the largest difference of logits; of logits in the hundreds and more, their share.

    Numbers of 32 bits have some 7 digits: logits in the thousands, as a network has that was hardly
    trained, cannot agree to 1e-4. Up to 100 they can, and must. What is no number agrees with none.
    """
    share = np.abs(found - wanted).max() / max(1.0, np.abs(wanted).max() / _LARGE_LOGIT)
    return float(share) if math.isfinite(share) else sys.float_info.max


def too_different(parity: Parity) -> str:
    """Say that logits differ too much, empty if they do not."""
    if parity.max_difference <= MAX_DIFFERENCE:
        return ""
    return (
        f"logits of the graph and of torch should differ by {MAX_DIFFERENCE:g} at most, and differ "
        f"by {parity.max_difference:.2g}"
    )
