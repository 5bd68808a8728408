"""Cells of the same kind that others published, and what they are made of that NASNet's are not.

AmoebaNet-A (Real et al. 2019) as in model_specs.py of the code at tensorflow/tpu, PNASNet-5 (Liu et
al. 2018) as in slim's pnasnet.py: their number 0 is the newest input, and what they put out they
say. Operations that they have and NASNet's space has not stay here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import nn

from nas_lib.networks.nasnet import NasNet
from nas_lib.networks.nasnet_operations import OPERATIONS, Active, SameConv
from nas_lib.spaces import NasNetPlan
from nas_lib.spaces.cells import Edge, in_order
from nas_lib.spaces.nasnet_plan import Block, Cell

OLDER, NEWEST = 0, 1  # here


def cell(operations: str, inputs: list[int], *, used: list[int]) -> Cell:
    """Return a cell of what the published code has of it: operations and their inputs in pairs."""
    turned = [{0: NEWEST, 1: OLDER}.get(number, number) for number in inputs]
    edges: list[Edge[Any]] = [
        Edge(at, name) for at, name in zip(turned, operations.split(), strict=True)
    ]
    blocks = [
        Block(*in_order(one, other), "add")
        for one, other in zip(edges[::2], edges[1::2], strict=True)
    ]
    # of seven numbers those that count as used
    outputs = [{0: NEWEST, 1: OLDER}.get(number, number) for number in range(7) if not used[number]]
    return Cell(tuple(blocks), tuple(sorted(outputs)))


AMOEBANET_A = {
    "normal": cell(
        "avg3 max3 sep3 identity identity avg3 sep3 sep5 avg3 sep3",
        [0, 0, 1, 1, 0, 1, 0, 2, 5, 0],
        used=[1, 0, 1, 0, 0, 1, 0],
    ),
    "reduction": cell(
        "sep3 avg3 max3 sep7 max3 max3 sep3 narrow1x7 avg3 sep7",
        [1, 0, 0, 2, 1, 0, 4, 0, 1, 0],
        used=[1, 1, 0, 0, 0, 0, 0],
    ),
}
_PNASNET_5 = cell(
    "sep5 max3 sep7 max3 sep5 sep3 sep3 max3 sep3 identity",
    [1, 1, 0, 0, 0, 0, 4, 0, 1, 0],
    used=[1, 1, 0, 0, 0, 0, 0],
)
PNASNET_5 = {"normal": _PNASNET_5, "reduction": _PNASNET_5}  # it has one cell for both


def narrow1x7(in_channels: int, filters: int, stride: int) -> nn.Module:
    """Return 1x7 and 7x1 of a quarter of the filters, between two 1x1 convolutions."""
    quarter = filters // 4
    layers: list[nn.Module] = []
    for num, filters_after, window, steps in (
        (in_channels, quarter, (1, 1), (1, 1)),
        (quarter, quarter, (1, 7), (1, stride)),
        (quarter, quarter, (7, 1), (stride, 1)),
        (quarter, filters, (1, 1), (1, 1)),
    ):
        layers += [nn.ReLU()] if layers else []
        layers += [
            SameConv(num, filters_after, window=window, stride=steps),
            nn.BatchNorm2d(filters_after),
        ]
    return Active(*layers)


class AmoebaNet(NasNet):
    """AmoebaNet's networks: those of NASNet's, with another operation."""

    operations = {**OPERATIONS, "narrow1x7": narrow1x7}


class PNasNet(NasNet):
    """PNASNet's networks: stages of N cells, of which the first one has the stride."""

    @staticmethod
    def cells_of(plan: NasNetPlan) -> Iterator[tuple[bool, int]]:
        filters = plan.filters
        if plan.large_stem:
            yield from [(True, filters // 4), (True, filters // 2)]
        for stage in range(3):
            for number in range(plan.cells):
                yield stage > 0 and number == 0, filters * 2**stage
