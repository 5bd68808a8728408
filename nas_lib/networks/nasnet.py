"""Networks of NASNet's cells (Zoph et al. 2018, and the code that they published).

A cell brings its newest input to its filters by ReLU, 1x1 convolution and BatchNorm; its older one
by a factorised reduction where it is too large, and likewise where its channels differ. The first
cell takes its older input, the stem, as it is: each operation makes of it what it needs. Where a
cell's blocks are the next one's inputs (NASNet-B), each is treated as an older input.

Operations always give a cell's filters, so that any two can be added; joined in depth they are
twice as many. What a cell puts out is joined in depth as well, and an input that is put out has the
size and the channels of a sum then. Nothing is built that nothing takes.

In training, the outcome of an operation is dropped for some examples (drop-path), but of identities
never. The auxiliary classifier sits on the last cell before the last reduction.

Shapes: B images, C channels, H x W pixels, K classes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from nas_lib.networks.cell_parts import AuxiliaryClassifier, drop_path
from nas_lib.networks.image_network import NOTHING, ImageNetwork, Regularisation
from nas_lib.networks.layers import ConvNorm, FactorisedReduction, Head, ImageNorm, Output
from nas_lib.networks.nasnet_operations import OPERATIONS, OperationMaker
from nas_lib.networks.nasnet_stack import STEM, Place, Source, cells_of, stacked
from nas_lib.spaces.cells import Edge
from nas_lib.spaces.nasnet_plan import Block, Combination, NasNetOperation, NasNetPlan

_STEM_FACTOR = 3  # times the filters: of the stem for small images
_OLDEST = 3  # cells that a cell may look back


class NasNet(ImageNetwork):
    """The stem, the stack of cells, and a linear classifier.

    Attributes:
        operations: What makes an operation, by name.
    """

    operations: ClassVar[Mapping[str, OperationMaker]] = OPERATIONS

    def __init__(
        self,
        plan: NasNetPlan,
        *,
        image_channels: int,
        num_classes: int,
        regularisation: Regularisation = NOTHING,
    ) -> None:
        super().__init__()
        self._drop_path = regularisation.drop_path
        self._stack = stacked(plan, self.cells_of(plan))
        self.stem, num_channels = _stem(plan, image_channels)
        self.cells = nn.ModuleDict()
        widths = {Source(STEM, 0): num_channels}
        for place in self._stack.places:
            in_channels = {i: widths[place.sources[i]] for i in place.inputs}
            cell = CellNetwork(place, in_channels, self.operations)
            self.cells[str(place.number)] = cell
            widths |= {Source(place.number, part): num for part, num in cell.num_channels.items()}
        self.head = Head(
            sum(cell.num_channels.values()),
            num_classes,
            dropout=regularisation.dropout,
            bias=True,  # as the published code has
        )
        self.auxiliary = None
        if regularisation.auxiliary:  # made last: all else begins as it does without
            middle = self.cells[str(self._stack.auxiliary)]
            assert isinstance(middle, CellNetwork)
            self.auxiliary = AuxiliaryClassifier(sum(middle.num_channels.values()), num_classes)

    @staticmethod
    def cells_of(plan: NasNetPlan) -> Iterator[tuple[bool, int]]:
        """Yield for each cell whether it is a reduction cell, and its filters."""
        yield from cells_of(plan)

    def forward(self, images_BCHW: Tensor) -> Tensor:
        """Return the logits, `[B, K]`."""
        last, _ = self._features(images_BCHW)
        logits_BK: Tensor = self.head(joined(last).active)
        return logits_BK

    def both_logits(self, images_BCHW: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return the logits, and those of the auxiliary classifier, None if there is none."""
        last, middle = self._features(images_BCHW)
        auxiliary_BK = None if self.auxiliary is None else self.auxiliary(joined(middle).active)
        return self.head(joined(last).active), auxiliary_BK

    def _features(self, images_BCHW: Tensor) -> tuple[list[Output], list[Output]]:
        """Return the outputs of the last cell and of the one that the auxiliary classifier sees."""
        outputs = {Source(STEM): Output(self.stem(images_BCHW))}
        last: dict[int, Output] = {}
        middle: dict[int, Output] = {}
        for place, cell in zip(self._stack.places, self.cells.values(), strict=True):
            # NASNet's schedule: linear in depth, so that early cells stay whole, and in time
            depth = (place.number + 1) / self._stack.num_cells
            last = cell(
                {i: outputs[place.sources[i]] for i in place.inputs},
                self._drop_path * self.progress * depth,
            )
            if place.number == self._stack.auxiliary:
                middle = last
            outputs |= {Source(place.number, part): each for part, each in last.items()}
            # so that what no other cell takes makes room for the next
            oldest = place.number + 1 - _OLDEST
            outputs = {source: each for source, each in outputs.items() if source.cell >= oldest}
        return [*last.values()], [*middle.values()]


class CellNetwork(nn.Module):
    """One cell of the stack.

    Attributes:
        num_channels: Of its outputs, by `Source.part`.
    """

    def __init__(
        self,
        place: Place,
        in_channels: Mapping[int, int],
        operations: Mapping[str, OperationMaker],
    ) -> None:
        """Make a cell.

        Args:
            place: What it is, and where.
            in_channels: Of its inputs, by number.
            operations: What makes an operation, by name.
        """
        super().__init__()
        self._place, filters = place, place.filters
        self.inputs, self.blocks, self.put_out = nn.ModuleDict(), nn.ModuleDict(), nn.ModuleDict()
        widths = dict(in_channels)
        for number in place.inputs:
            base = _base(place, number, widths[number])
            if base is not None:
                self.inputs[str(number)] = base
                widths[number] = filters
        # In a reduction cell, only what reads an input has a stride: blocks are small already.
        strides = dict.fromkeys(place.inputs, place.stride)
        for number, block in place.blocks.items():
            made = BlockNetwork(block, widths, filters, strides, operations)
            self.blocks[str(number)] = made
            widths[number] = made.num_channels
        for number in set(place.needed) & set(place.inputs):
            fitting = _fitting(place, widths[number])
            if fitting is not None:
                self.put_out[str(number)] = fitting
                widths[number] = filters
        needed = {number: widths[number] for number in place.needed}
        self.num_channels = {0: sum(needed.values())} if place.joins else needed

    def forward(self, inputs: Mapping[int, Output], dropped: float) -> dict[int, Output]:
        """Return its outputs by `Source.part`.

        Args:
            inputs: By number.
            dropped: Fraction of examples for which an operation is dropped, in training.
        """
        states = {
            number: Output(self.inputs[str(number)](x.active)) if str(number) in self.inputs else x
            for number, x in inputs.items()
        }
        for number, block in self.blocks.items():
            states[int(number)] = Output(block(states, dropped))
        for number, fitting in self.put_out.items():
            states[int(number)] = Output(fitting(states[int(number)].raw))
        needed = {number: states[number] for number in self._place.needed}
        return {0: joined([*needed.values()])} if self._place.joins else needed


class BlockNetwork(nn.Module):
    """Two operations, and what makes one state of what they give.

    Attributes:
        num_channels: Of that state.
    """

    def __init__(
        self,
        block: Block,
        widths: Mapping[int, int],
        filters: int,
        strides: Mapping[int, int],
        operations: Mapping[str, OperationMaker],
    ) -> None:
        super().__init__()
        self._inputs = block.one.input, block.other.input
        self.one, self.other = (
            EdgeNetwork(edge, operations, widths[edge.input], filters, strides.get(edge.input, 1))
            for edge in (block.one, block.other)
        )
        self._joins = block.combination == "concat"
        self.norm = _norm(block.combination, filters)
        self.num_channels = 2 * filters if self._joins else filters

    def forward(self, states: Mapping[int, Output], dropped: float) -> Tensor:
        first, second = self._inputs
        one_BCHW: Tensor = self.one(states[first], dropped)
        other_BCHW: Tensor = self.other(states[second], dropped)
        if self._joins:
            return torch.cat([one_BCHW, other_BCHW], dim=1)
        sum_BCHW = one_BCHW + other_BCHW
        return sum_BCHW if self.norm is None else self.norm(sum_BCHW)


class EdgeNetwork(nn.Module):
    """One operation on one input of a block."""

    def __init__(
        self,
        edge: Edge[NasNetOperation],
        operations: Mapping[str, OperationMaker],
        in_channels: int,
        filters: int,
        stride: int,
    ) -> None:
        super().__init__()
        self.operation = operations[edge.operation](in_channels, filters, stride)
        self._drops = edge.operation != "identity"  # as the published code, whatever it is made of

    def forward(self, x: Output, dropped: float) -> Tensor:
        y_BCHW: Tensor = self.operation(x)
        return drop_path(y_BCHW, dropped) if self.training and self._drops and dropped else y_BCHW


def joined(outputs: Sequence[Output]) -> Output:
    """Return them as one, in depth."""
    if len(outputs) == 1:
        return outputs[0]
    return Output(torch.cat([output.raw for output in outputs], dim=1))


def _stem(plan: NasNetPlan, image_channels: int) -> tuple[nn.Module, int]:
    """Return the convolution that begins the network, and its channels."""
    num = plan.large_stem or _STEM_FACTOR * plan.filters
    if plan.large_stem:
        return ConvNorm(image_channels, num, window=3, stride=2, padding=0), num
    return ConvNorm(image_channels, num, window=3), num


def _base(place: Place, number: int, in_channels: int) -> nn.Module | None:
    """Return what a cell makes of an input before all else, None where that is nothing."""
    is_newest = place.joins and number == 1
    if is_newest:
        return ConvNorm(in_channels, place.filters)
    if place.joins and place.sources[0] == place.sources[1]:
        return None  # of the first cell, where only the newest one is brought to the filters
    if place.halves[number]:
        return FactorisedReduction(in_channels, place.filters)
    return ConvNorm(in_channels, place.filters) if in_channels != place.filters else None


def _fitting(place: Place, in_channels: int) -> nn.Module | None:
    """Return what gives an input the size and channels of a sum, without ReLU."""
    if place.stride > 1:
        return FactorisedReduction(in_channels, place.filters)
    return ConvNorm(in_channels, place.filters) if in_channels != place.filters else None


def _norm(combination: Combination, filters: int) -> nn.Module | None:
    """Return the norm after a sum; over one image, all channels of it or each by itself."""
    match combination:
        case "add_layer_norm":
            return ImageNorm(1, filters)
        case "add_instance_norm":
            return ImageNorm(filters, filters)
        case _:
            return None
