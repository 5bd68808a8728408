"""NASNet-A is the network of that name in timm, whose weights came from the published code.

But for one thing: where timm pads for a stride, its means count the zeros. TensorFlow's do not, nor
do ours; here they do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import formula_weights
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nas_lib.networks.layers import Output
from nas_lib.networks.nasnet import NasNet
from nas_lib.networks.nasnet_operations import OPERATIONS
from nas_lib.spaces import NasNetPlan, find_published

COMMITTED = Path(__file__).with_name("timm_outputs.json")
FRESH = Path("build/timm.json")  # of `make check-timm`
CELLS = 6  # of each stage, as timm has them

NAMES = {
    "head.linear": "last_linear",
    "stem.conv": "conv0.conv",
    "stem.norm": "conv0.bn",
    # the newest input is the second one here; the older one may have to be halved
    "inputs.1.conv": "conv_1x1.conv",
    "inputs.1.norm": "conv_1x1.bn",
    "inputs.0.conv": "conv_prev_1x1.conv",
    "inputs.0.norm": "conv_prev_1x1.bn",
    "inputs.0.even": "path_1.conv",
    "inputs.0.odd": "path_2.conv",
    # operations stand in another order, and always turned around
    "one.operation": "right",
    "other.operation": "left",
    ".0.": ".separable_1.depthwise_conv2d.",
    ".1.": ".separable_1.pointwise_conv2d.",
    ".2.": ".bn_sep_1.",
    ".4.": ".separable_2.depthwise_conv2d.",
    ".5.": ".separable_2.pointwise_conv2d.",
    ".6.": ".bn_sep_2.",
}


def cell_names() -> Iterator[str]:
    yield from ("cell_stem_0", "cell_stem_1")
    for number in range(3 * CELLS):
        if number and number % CELLS == 0:
            yield f"reduction_cell_{number // CELLS - 1}"
        yield f"cell_{number}"


CELL_NAMES = [*cell_names()]


def timms_name(name: str, *, halves: bool) -> str:
    """Return what a parameter of ours is called in timm; its cell may halve the older input."""
    if not name.startswith("cells."):
        return renamed(name)
    _, number, rest = name.split(".", 2)
    if rest.startswith("blocks."):
        _, block, side, rest = rest.split(".", 3)
        rest = f"comb_iter_{int(block) - 2}_{renamed(f'{side}.{rest}')}"
    elif halves and rest.startswith("inputs.0.norm"):
        rest = rest.replace("inputs.0.norm", "final_path_bn")
    return f"{CELL_NAMES[int(number)]}.{renamed(rest)}"


def renamed(name: str) -> str:
    for ours, theirs in NAMES.items():
        name = name.replace(ours, theirs)
    return name


class MeanWithZeros(nn.Module):
    """The mean of every other window of nine pixels, among them zeros beyond the image."""

    def forward(self, x: Output) -> Tensor:
        height, width = x.raw.shape[2:]
        return F.avg_pool2d(F.pad(x.raw, (width % 2, 1, height % 2, 1)), 3, 2)


class NasNetOfTimm(NasNet):
    operations = {
        **OPERATIONS,
        "avg3": lambda in_channels, filters, stride: (
            MeanWithZeros() if stride == 2 else OPERATIONS["avg3"](in_channels, filters, stride)
        ),
    }


def network_of(timm: dict[str, Any]) -> NasNetOfTimm:
    published = find_published("nasnet-a")
    assert published is not None
    plan = replace(
        NasNetPlan.parse(published.architecture),
        cells=CELLS,
        filters=timm["num_features"] // 24,  # six states of four times as many
        large_stem=timm["stem_size"],
    )
    network = NasNetOfTimm(plan, image_channels=3, num_classes=timm["num_classes"])
    network.double().eval()
    state = network.state_dict()
    for name, x in state.items():
        if not x.is_floating_point():
            continue  # how many batches were seen
        cell = ".".join(name.split(".")[:2])
        theirs = timms_name(name, halves=f"{cell}.inputs.0.even.weight" in state)
        # theirs is a 1x1 convolution where ours is a product of matrices
        shape = (*x.shape, 1, 1) if ".path_" in theirs else (*x.shape,)
        x.copy_(torch.from_numpy(formula_weights.weights(theirs, shape)).view_as(x))
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-3
    return network


@torch.inference_mode()
def assert_equal(timm: dict[str, Any], dtype: torch.dtype, *, within: float) -> None:
    network = network_of(timm).to(dtype)
    assert sum(x.numel() for x in network.parameters()) == timm["parameters"]
    for size, logits in timm["logits"].items():
        height, width = map(int, size.split("x"))
        images = torch.from_numpy(formula_weights.uniform("images", (1, 3, height, width)))
        found = network(images.to(dtype))[0].numpy()
        np.testing.assert_allclose(found, logits, rtol=0, atol=within)


def test_a_small_nasnet_a_is_timms() -> None:
    assert_equal(json.loads(COMMITTED.read_text())["small"], torch.float64, within=1e-9)


@pytest.mark.timm
def test_the_large_nasnet_a_is_timms_and_what_is_committed_is_what_it_puts_out() -> None:
    timm = json.loads(FRESH.read_text())

    assert_equal(timm["large"], torch.float32, within=1e-4)
    assert timm["small"].keys() == json.loads(COMMITTED.read_text())["small"].keys()
    assert_equal(timm["small"], torch.float64, within=1e-9)
