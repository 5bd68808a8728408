"""Networks for images as graphs that take pictures of any size.

All that lies between a picture's pixels and the network is in the graph, so that nobody can do it
otherwise: Pillow's bilinear filter, which training data were made by, and standardisation.

Shapes: N images, H x W pixels as they come, h x w as the network sees them, C channels, K classes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from typing import cast

import numpy as np
import onnx
import torch
from onnx import helper
from PIL import Image
from torch import Tensor

from nas_lib.config import Fit, ImageTarget
from nas_lib.export.exporter import Exporter, difference, too_different
from nas_lib.export.graphs import FLOAT, UINT8, Array, constant, node, packed, traced, value
from nas_lib.export.image_outputs import ImageOutputs, outputs_of
from nas_lib.models.graph import Graphs
from nas_lib.models.info import ONLY, ImageInputs, Parity
from nas_lib.tasks.images.batches import check_images, evaluation_batches, load_images
from nas_lib.tasks.images.preparation import ImageManifest
from nas_lib.tasks.images.readers.fitting import fill, padded, resized

_MIN_AGREEMENT = 0.995
_NUM_PICTURES = 400
_AT_ONCE = 64
_ENLARGED = 4  # times, at most
_STRETCHED = 2  # times as wide as high, or as high as wide, at most: few pictures are more


class ImageExporter(Exporter[ImageManifest]):
    """Pictures to probabilities of classes or labels, or to numbers."""

    @property
    def target(self) -> ImageTarget:
        """What is told of a picture."""
        return self._manifest.target

    @property
    def inputs(self) -> ImageInputs:
        """Pictures as the network's data were."""
        found = self._manifest
        channels, height, width = found.image_shape
        return ImageInputs(
            height,
            width,
            channels,
            found.dtype,
            found.mean,
            found.std,
            background=getattr(self._task.data, "background", None),
            range_32=found.range_32,
            fit=getattr(self._task.data, "fit", "stretch"),
        )

    @property
    def labels(self) -> Sequence[str]:
        """The classes or labels, or what the number is called."""
        return self._manifest.class_names

    def graphs(self) -> dict[str, bytes]:
        """Return the network behind its preprocessing, and before what its outputs become."""
        inputs, outputs = self.inputs, self._outputs
        channels, size = inputs.channels, [inputs.height, inputs.width]
        pixels_NCHW = torch.zeros(2, channels, *size)
        network = traced(self._network, [pixels_NCHW], inputs=["pixels"], outputs=["logits"])
        unit = np.float32(255 if inputs.dtype == "uint8" else 1)
        taken = UINT8 if inputs.dtype == "uint8" else FLOAT
        mean_C11, std_C11 = (
            (np.array(each, np.float32) * unit)[:, None, None] for each in (inputs.mean, inputs.std)
        )
        empty_C11 = np.zeros_like(mean_C11)
        if inputs.fit == "pad":
            empty_C11 = fill(inputs.background or "white", channels).astype(np.float32)
        graph = helper.make_graph(
            [
                *_preprocessing(inputs.fit),
                *network.node,
                *outputs.nodes(),
            ],
            self.name,
            [value("images", taken, ["N", "H", "W", channels])],
            outputs.values(),
            [
                *network.initializer,
                constant("size", size),
                constant("mean", mean_C11 - empty_C11),
                constant("std", std_C11),
                *_constants(inputs.fit, empty_C11),
                *outputs.constants(),
            ],
        )
        return {ONLY: packed(graph, name=self.name, task="images", labels=self.labels)}

    def parity(self, graphs: Graphs) -> Parity:
        """Measure it on images as they are stored, and on enlarged ones as pictures of any size."""
        graph, images_NHWC, outputs = graphs[ONLY], self._valid, self._outputs
        differences = [
            difference(outputs.logits(graph.run({"images": some})), self._logits(some))
            for some in _batches(images_NHWC)
        ]
        pictures = list(_enlarged(images_NHWC))
        told = [outputs.logits(graph.run({"images": each[None]})) for each in pictures]
        small_NHWC = np.stack([self._fitted(each) for each in pictures])
        trained = np.concatenate([self._logits(some) for some in _batches(small_NHWC)])
        return Parity(
            len(pictures),
            max(differences),
            float(outputs.same(trained, np.concatenate(told)).mean()),
            f"logits of {len(images_NHWC):,} validation images; {outputs.what} of "
            f"{len(pictures):,} pictures, which are these enlarged up to {_ENLARGED} times and "
            f"stretched up to {_STRETCHED} times, by the graph and by Pillow's bilinear filter "
            "with torch",
        )

    def _fitted(self, image_HWC: Array) -> Array:
        """Return what Pillow makes of an image, which treats each channel by itself."""
        inputs = self.inputs
        wanted = inputs.width, inputs.height
        planes = [
            np.asarray(resized(Image.fromarray(image_HWC[:, :, c]), wanted, inputs.fit))
            for c in range(inputs.channels)
        ]
        if inputs.fit != "pad":
            return np.stack(planes, axis=2)
        fill_C11 = fill(inputs.background or "white", inputs.channels)
        return padded(np.stack(planes), wanted, fill_C11).transpose(1, 2, 0)

    def misfit(self, parity: Parity) -> str:
        """Say which of the two is missed."""
        different = too_different(parity)
        if different or parity.agreement >= _MIN_AGREEMENT:
            return different
        return (
            f"the graph and Pillow with torch should say the same of {_MIN_AGREEMENT:.1%} of the "
            f"pictures at least, and do so of {parity.agreement:.1%}"
        )

    def timed(self, graphs: Graphs) -> tuple[Callable[[], object], int]:
        """Return one image of the size that the network sees."""
        return partial(graphs[ONLY].run, {"images": self._valid[:1]}), 1

    @property
    def _outputs(self) -> ImageOutputs:
        return outputs_of(self._manifest)

    @cached_property
    def _valid(self) -> Array:
        """Validation images, `[N, h, w, C]`; of many some, evenly spread."""
        found = self._manifest
        valid = check_images("valid", load_images(self._data).valid, found, found.num_valid)
        num = min(len(valid.images), _NUM_PICTURES)
        chosen = torch.linspace(0, len(valid.images) - 1, num).long()
        return valid.images[chosen].permute(0, 2, 3, 1).contiguous().numpy()

    @torch.inference_mode()
    def _logits(self, images_NHWC: Array) -> Array:
        """Return what torch says of images of the size that the network sees."""
        images_NCHW = torch.from_numpy(images_NHWC).permute(0, 3, 1, 2)
        mean, std, none = self._manifest.mean, self._manifest.std, torch.zeros(len(images_NCHW))
        batches = evaluation_batches(images_NCHW, none, batch_size=_AT_ONCE, mean=mean, std=std)
        return torch.cat([cast(Tensor, self._network(x)) for x, _ in batches]).numpy()


def _preprocessing(fit: Fit) -> list[onnx.NodeProto]:
    """Return what makes standardised pixels of images; its numbers are constants of the graph."""
    return [
        node("Transpose", ["images"], ["planes"], perm=[0, 3, 1, 2]),
        # sizes of all axes: onnxruntime 1.32 mistakes those of two, behind a Transpose
        node("Shape", ["planes"], ["number"], start=0, end=2),
        *{"stretch": [], "pad": _sizes_within(), "crop": _middle()}[fit],
        node("Concat", ["number", "inner" if fit == "pad" else "size"], ["sizes"], axis=0),
        # Whole levels in, whole levels out, as Pillow has them; excluding what lies outside
        # is what it does at the edges.
        node(
            "Resize",
            ["middle" if fit == "crop" else "planes", "", "", "sizes"],
            ["small"],
            mode="linear",
            antialias=1,
            exclude_outside=1,
            coordinate_transformation_mode="half_pixel",
        ),
        node("Cast", ["small"], ["small_levels" if fit == "pad" else "levels"], to=FLOAT),
        *(_padding() if fit == "pad" else []),
        node("Sub", ["levels", "mean"], ["centred"]),
        node("Div", ["centred", "std"], ["pixels"]),
    ]


# In whole pixels, as `nas_lib/tasks/images/readers/fitting.py` has it: two sizes, height and width,
# at a time; `crossed` are what each would be for the other, in the wanted proportions.


def _sizes_within() -> list[onnx.NodeProto]:
    """Return what computes `inner`, the size of pictures that fit into the wanted one."""
    return [
        node("Shape", ["planes"], ["given"], start=2),
        node("Gather", ["given", "swap"], ["given_swapped"]),
        node("Gather", ["size", "swap"], ["size_swapped"]),
        *_rounded("given", "size_swapped", "given_swapped"),
        node("Min", ["crossed", "size"], ["at_most"]),
        node("Max", ["at_most", "one"], ["inner"]),
    ]


def _middle() -> list[onnx.NodeProto]:
    """Return what cuts out `middle`, in the wanted proportions."""
    return [
        node("Shape", ["planes"], ["given"], start=2),
        node("Gather", ["given", "swap"], ["given_swapped"]),
        node("Gather", ["size", "swap"], ["size_swapped"]),
        *_rounded("given_swapped", "size", "size_swapped"),
        node("Min", ["crossed", "given"], ["at_most"]),
        node("Max", ["at_most", "one"], ["kept"]),
        node("Sub", ["given", "kept"], ["beside"]),
        node("Div", ["beside", "two"], ["first"]),
        node("Add", ["first", "kept"], ["last"]),
        node("Slice", ["planes", "first", "last", "axes"], ["middle"]),
    ]


def _rounded(number: str, factor: str, divisor: str) -> list[onnx.NodeProto]:
    """Return what computes `crossed`, number x factor / divisor, rounded."""
    return [
        node("Mul", [number, factor], ["product"]),
        node("Div", [divisor, "two"], ["half"]),
        node("Add", ["product", "half"], ["raised"]),
        node("Div", ["raised", divisor], ["crossed"]),
    ]


def _padding() -> list[onnx.NodeProto]:
    """Return what pads `small_levels` to `levels`, less the background, so that that is zero."""
    return [
        node("Sub", ["small_levels", "background"], ["without"]),
        node("Sub", ["size", "inner"], ["beside"]),
        node("Div", ["beside", "two"], ["before"]),
        node("Sub", ["beside", "before"], ["behind"]),
        node("Concat", ["before", "behind"], ["pads"], axis=0),
        node("Pad", ["without", "pads", "", "axes"], ["levels"]),
    ]


def _constants(fit: Fit, empty_C11: Array) -> list[onnx.TensorProto]:
    if fit == "stretch":
        return []
    found = {"swap": [1, 0], "one": [1], "two": [2], "axes": [2, 3]}
    of_pad = [constant("background", empty_C11)] if fit == "pad" else []
    return [*(constant(name, value) for name, value in found.items()), *of_pad]


def _batches(images_NHWC: Array) -> Iterator[Array]:
    for first in range(0, len(images_NHWC), _AT_ONCE):
        yield images_NHWC[first : first + _AT_ONCE]


def _enlarged(images_NHWC: Array) -> Iterator[Array]:
    """Yield the images at different sizes and proportions; of few images each one several times."""
    height, width = images_NHWC.shape[1:3]
    for number in range(_NUM_PICTURES):
        larger = 1 + (_ENLARGED - 1) * (7 * number % _NUM_PICTURES) / _NUM_PICTURES
        wider = _STRETCHED ** (2 * (11 * number % _NUM_PICTURES) / _NUM_PICTURES - 1)
        size = round(height * larger), round(width * larger)
        size = (size[0], round(size[1] * wider)) if wider > 1 else (round(size[0] / wider), size[1])
        yield _resized(images_NHWC[number % len(images_NHWC)], size, Image.Resampling.BICUBIC)


def _resized(
    image_HWC: Array,
    size: Sequence[int],
    resampling: Image.Resampling = Image.Resampling.BILINEAR,
) -> Array:
    """Return what Pillow makes of an image, which treats each channel by itself."""
    height, width = size
    planes = [
        np.asarray(Image.fromarray(image_HWC[:, :, c]).resize((width, height), resampling))
        for c in range(image_HWC.shape[2])
    ]
    return np.stack(planes, axis=2)
