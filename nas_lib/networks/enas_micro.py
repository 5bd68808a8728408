"""Networks of the micro space, trained from scratch (ENAS's code, "fixed" architectures).

A stack of normal cells, with a reduction cell after each of the first two thirds. A cell brings its
two inputs to its own size, sums up operations on them node by node, and puts out its loose ends in
depth. Operations on the inputs of a reduction cell have stride 2. ReLU comes before convolutions.
In training, an edge is dropped for some examples (drop-path), but identities never are.

The auxiliary classifier sits on the cell after the last reduction. Its weights are trained with
all others (the code leaves them as they begin).

Shapes: B images, C channels, H x W pixels, K classes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nas_lib.networks.cell_parts import AuxiliaryClassifier, drop_path
from nas_lib.networks.image_network import NOTHING, ImageNetwork, Regularisation
from nas_lib.networks.layers import (
    ConvNorm,
    FactorisedReduction,
    Head,
    Output,
    Pool,
    SeparableConvNorm,
)
from nas_lib.spaces.enas_micro import (
    NUM_INPUTS,
    Cell,
    MicroOperation,
    MicroPlan,
    loose_ends,
    reduction_cells,
)

_STEM = 3  # times the filters of a node


class MicroNetwork(ImageNetwork):
    """The stem, the stack of cells, and a linear classifier."""

    def __init__(
        self,
        plan: MicroPlan,
        *,
        image_channels: int,
        num_classes: int,
        regularisation: Regularisation = NOTHING,
    ) -> None:
        super().__init__()
        self._drop_path = regularisation.drop_path
        reductions, filters = reduction_cells(plan.cells), plan.filters
        # Section 2.4: as many normal cells in each third, and two reduction cells between them.
        self.stem = ConvNorm(image_channels, _STEM * filters, window=3)
        self.cells = nn.ModuleList()
        widths = [_STEM * filters] * NUM_INPUTS  # the stem stands for both outputs before it
        for number in range(plan.cells + len(reductions)):
            reduces = number in reductions
            filters = 2 * filters if reduces else filters
            cell = CellNetwork(
                plan.reduction if reduces else plan.normal,
                (widths[-2], widths[-1]),
                filters,
                stride=2 if reduces else 1,
                halves_first=number - 1 in reductions,  # its second input comes from there
            )
            self.cells.append(cell)
            widths.append(cell.num_channels)
        self.head = Head(widths[-1], num_classes, dropout=regularisation.dropout)
        self._auxiliary_at = reductions[-1] + 1
        self.auxiliary = None
        if regularisation.auxiliary:  # made last: all else begins as it does without
            width = widths[NUM_INPUTS + self._auxiliary_at]
            self.auxiliary = AuxiliaryClassifier(width, num_classes)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Return the logits, `[B, K]`."""
        last, _ = self._features(images_BCHW)
        logits_BK: Tensor = self.head(last.active)
        return logits_BK

    def both_logits(self, images_BCHW: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the logits, and those of the auxiliary classifier, None if there is none."""
        last, middle = self._features(images_BCHW)
        auxiliary_BK = None if self.auxiliary is None else self.auxiliary(middle.active)
        return self.head(last.active), auxiliary_BK

    def _features(self, images_BCHW: Tensor) -> tuple[Output, Output]:
        """Return the outputs of the last cell and of the one that the auxiliary classifier sees."""
        before = last = middle = Output(self.stem(images_BCHW))
        for number, cell in enumerate(self.cells):
            # NASNet's schedule: linear in depth, so that early cells stay whole, and in time
            dropped = self._drop_path * self.progress * (number + 1) / len(self.cells)
            before, last = last, cell(before, last, dropped)
            if number == self._auxiliary_at:
                middle = last
        return last, middle


class CellNetwork(nn.Module):
    """One cell of the stack.

    Attributes:
        num_channels: Of its output.
    """

    def __init__(
        self,
        cell: Cell,
        in_channels: tuple[int, int],
        filters: int,
        *,
        stride: int,
        halves_first: bool,
    ) -> None:
        """Make a cell.

        Args:
            cell: What it computes.
            in_channels: Of its two inputs.
            filters: Channels of its nodes.
            stride: Of operations on its inputs.
            halves_first: Whether its first input is twice as high and wide as the second.
        """
        super().__init__()
        # The number of loose ends, and so the width of a cell, is up to the architecture.
        self._loose_ends = loose_ends(cell)
        self.num_channels = len(self._loose_ends) * filters
        first, second = in_channels
        self.first = _resize(first, filters, halves=halves_first)
        self.second = _resize(second, filters)
        self.base = ConvNorm(filters, filters)  # of the second input once more, as in the code
        edges = [edge for node in cell for edge in node]
        self._inputs = [edge.input for edge in edges]
        # In a reduction cell, only what reads an input has a stride: nodes are small already.
        self.edges = nn.ModuleList(
            CellEdge(edge.operation, filters, stride=stride if edge.input < NUM_INPUTS else 1)
            for edge in edges
        )
        # An input that no node takes must be as small as the nodes that it is joined with.
        self.loose_inputs = nn.ModuleDict(
            {
                str(number): FactorisedReduction(filters, filters)
                for number in self._loose_ends
                if number < NUM_INPUTS and stride > 1
            }
        )

    def forward(self, first: Output, second: Output, dropped: float) -> Output:
        """Return the loose ends in depth, `[B, num_channels, H / stride, W / stride]`.

        Args:
            first: Of the last cell but one.
            second: Of the last cell.
            dropped: Fraction of examples for which an edge is dropped, in training.
        """
        base_BCHW = self.base(_resized(second, self.second).active)  # [B, filters, H, W]
        outputs = [_resized(first, self.first), Output(base_BCHW)]
        for at in range(0, len(self.edges), 2):
            one_BCHW, other_BCHW = (
                self.edges[edge](outputs[self._inputs[edge]], dropped) for edge in (at, at + 1)
            )
            outputs.append(Output(one_BCHW + other_BCHW))  # nodes: H and W by the stride
        ends = {number: outputs[number].raw for number in self._loose_ends}
        for number, reduction in self.loose_inputs.items():
            ends[int(number)] = reduction(ends[int(number)])
        return Output(torch.cat([*ends.values()], dim=1))


class CellEdge(nn.Module):
    """One operation on one input of a node."""

    def __init__(self, operation: MicroOperation, filters: int, *, stride: int) -> None:
        super().__init__()
        self.operation = _operation(operation, filters, stride)
        self._takes_active = operation in ("sep3", "sep5")
        self._drops = operation != "identity"

    def forward(self, x: Output, dropped: float) -> Tensor:
        y_BCHW: Tensor = self.operation(x.active if self._takes_active else x.raw)
        return drop_path(y_BCHW, dropped) if self.training and self._drops and dropped else y_BCHW


def _resize(in_channels: int, filters: int, *, halves: bool = False) -> nn.Module | None:
    """Return what gives a cell's input its channels and, where asked to, half the size."""
    if halves:  # the second input comes from a reduction cell, the first from before it
        return FactorisedReduction(in_channels, filters)
    return ConvNorm(in_channels, filters) if in_channels != filters else None


def _resized(output: Output, resize: nn.Module | None) -> Output:
    return output if resize is None else Output(resize(output.active))


def _operation(operation: MicroOperation, filters: int, stride: int) -> nn.Module:
    match operation:
        case "identity":
            # nothing can be the identity where the size is halved
            return nn.Identity() if stride == 1 else FactorisedReduction(filters, filters)
        case "avg3" | "max3":
            return Pool(operation, stride=stride)
        case "sep3" | "sep5":
            window = int(operation[-1])
            # twice, as NASNet's (Zoph et al. 2018, appendix A); the second keeps the size
            return nn.Sequential(
                SeparableConvNorm(filters, filters, window=window, stride=stride),
                nn.ReLU(),
                SeparableConvNorm(filters, filters, window=window),
            )
