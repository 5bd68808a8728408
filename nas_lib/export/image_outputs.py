"""What graphs of images give, behind the network: by what is told of an image.

Letters: N images, K classes or labels; of a number K is 1.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import onnx

from nas_lib.config import ImageTarget
from nas_lib.export.graphs import FLOAT, Array, constant, node, value
from nas_lib.tasks.images.preparation import ImageManifest

_NEAR: Final = 0.01  # of the deviation of numbers: nearer ones are the same


class ImageOutputs(ABC):
    """What becomes of the `logits` of a network.

    Attributes:
        what: What a graph and Pillow with torch should say the same of.
    """

    what: str = "labels"

    def __init__(self, manifest: ImageManifest) -> None:
        """Take what is known of the data."""
        self._manifest = manifest

    @abstractmethod
    def nodes(self) -> Sequence[onnx.NodeProto]:
        """Return what computes the outputs."""

    def constants(self) -> Sequence[onnx.TensorProto]:
        """Return the numbers that this takes."""
        return ()

    def values(self) -> Sequence[onnx.ValueInfoProto]:
        """Return what the outputs are."""
        shape: list[int | str] = ["N", self._manifest.num_classes]
        return [value(name, FLOAT, shape) for name in ("logits", "probabilities")]

    def logits(self, found: Mapping[str, Array]) -> Array:
        """Return the network's own outputs, `[N, K]`, from those of a graph."""
        return found["logits"]

    @abstractmethod
    def same(self, one_NK: Array, other_NK: Array) -> Array:
        """Return whether two networks' outputs say the same, `[...]`."""


class _Classes(ImageOutputs):
    """Probabilities of classes, 1 in all."""

    def nodes(self) -> Sequence[onnx.NodeProto]:
        return [node("Softmax", ["logits"], ["probabilities"], axis=1)]

    def same(self, one_NK: Array, other_NK: Array) -> Array:
        same: Array = one_NK.argmax(axis=1) == other_NK.argmax(axis=1)
        return same


class _Labels(ImageOutputs):
    """A probability of each label."""

    def nodes(self) -> Sequence[onnx.NodeProto]:
        return [node("Sigmoid", ["logits"], ["probabilities"])]

    def same(self, one_NK: Array, other_NK: Array) -> Array:
        same: Array = (one_NK > 0) == (other_NK > 0)
        return same


class _Numbers(ImageOutputs):
    """A number in its own unit."""

    what = "numbers"

    def nodes(self) -> Sequence[onnx.NodeProto]:
        return [
            node("Squeeze", ["logits", "last_axis"], ["deviations"]),
            node("Mul", ["deviations", "target_std"], ["differences"]),
            node("Add", ["differences", "target_mean"], ["values"]),
        ]

    def constants(self) -> Sequence[onnx.TensorProto]:
        mean, std = self._manifest.target_mean, self._manifest.target_std
        return [
            constant("last_axis", [1]),
            constant("target_std", np.array(std, np.float32)),
            constant("target_mean", np.array(mean, np.float32)),
        ]

    def values(self) -> Sequence[onnx.ValueInfoProto]:
        return [value("values", FLOAT, ["N"])]

    def logits(self, found: Mapping[str, Array]) -> Array:
        mean, std = self._manifest.target_mean, self._manifest.target_std
        deviations: Array = (found["values"].astype(np.float64)[:, np.newaxis] - mean) / std
        return deviations

    def same(self, one_NK: Array, other_NK: Array) -> Array:
        same: Array = np.abs(one_NK - other_NK) <= _NEAR
        return same


_OUTPUTS: Mapping[ImageTarget, type[ImageOutputs]] = {
    "class": _Classes,
    "labels": _Labels,
    "number": _Numbers,
}


def outputs_of(manifest: ImageManifest) -> ImageOutputs:
    """Return what graphs for such data give."""
    return _OUTPUTS[manifest.target](manifest)
