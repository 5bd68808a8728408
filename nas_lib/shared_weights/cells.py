"""What the super-networks of cells have in common: the stack, and what their cells are made of.

A reduction cell is a factorised reduction of the layer before, and then a cell of stride 1 as any
other: other than in a network of its own, where the operations on its inputs have stride 2. So the
code of ENAS has it, and it takes a quarter of the time.

Shapes: B images, C channels, H x W pixels, K classes, F filters of a cell.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from nas_lib.networks.cell_parts import AuxiliaryClassifier
from nas_lib.networks.image_network import NOTHING, Regularisation
from nas_lib.networks.layers import Head, convolution
from nas_lib.shared_weights.image_layers import (
    ConvNorm,
    FactorisedReduction,
    ImageSuperNetwork,
    SeparableConvNorm,
    convolve_and_norm,
)
from nas_lib.shared_weights.norm import Norm, Running, Statistics, Training


@dataclass(frozen=True)
class Stack:
    """The cells of a network.

    Attributes:
        filters: Of each cell, from the stem on.
        reduced: Numbers of the reduction cells, from 0 and among all, ascending.
        auxiliary_at: Number of the cell that the auxiliary classifier sees.
    """

    filters: tuple[int, ...]
    reduced: tuple[int, ...]
    auxiliary_at: int

    @classmethod
    def doubling(cls, filters: int, num: int, reduced: tuple[int, ...], auxiliary_at: int) -> Stack:
        """Return so many cells whose filters double in each reduction cell."""
        doubled = (filters * 2 ** sum(at <= number for at in reduced) for number in range(num))
        return cls(tuple(doubled), reduced, auxiliary_at)


class CellSuperNetwork(ImageSuperNetwork):
    """The stem, the stack of cells, and a linear classifier.

    The cells of one kind compute the same, each place with its own weights. A cell has the outputs
    of the last two before it as inputs.
    """

    def __init__(
        self,
        stack: Stack,
        stem: nn.Module,
        stem_channels: int,
        cell: Callable[[int, Sequence[int], bool], nn.Module],
        *,
        reduction: Callable[[int, int], nn.Module] = FactorisedReduction,
        num_states: int = 1,
        num_classes: int,
        regularisation: Regularisation = NOTHING,
    ) -> None:
        """Make the network.

        Args:
            stack: Its cells.
            stem: What comes before them ...
            stem_channels: ... and puts out so many channels.
            cell: Makes a cell of so many filters, for two inputs of so many channels, the older
                first; last, whether it is a reduction cell, whose older input is twice as high
                and wide.
            reduction: Makes what halves height and width, from and to so many channels.
            num_states: A cell puts out so many states of as many channels as it has filters.
            num_classes: Classes.
            regularisation: Of training.
        """
        super().__init__()
        self._stack = stack
        self.stem = stem
        self.reductions = nn.ModuleList()
        self.cells = nn.ModuleList()
        channels = [stem_channels, stem_channels]  # of the last two outputs, the older first
        for number, filters in enumerate(stack.filters):
            is_reduced, width = number in stack.reduced, filters * num_states
            if is_reduced:
                self.reductions.append(reduction(channels[1], width))
                channels = [channels[1], width]
            # The older output was not reduced with the newer one: it is larger, in this cell only.
            self.cells.append(cell(filters, channels, is_reduced))
            channels = [channels[1], width]  # whatever a cell puts out
        self.head = Head(channels[1], num_classes, dropout=regularisation.dropout)
        self.auxiliary: AuxiliaryClassifier | None = None
        if regularisation.auxiliary:  # made last: all else begins as it does without
            seen = stack.filters[stack.auxiliary_at] * num_states
            self.auxiliary = AuxiliaryClassifier(seen, num_classes)

    @abstractmethod
    def _choices(self, tokens: Sequence[int]) -> tuple[Any, Any]:
        """Return what tokens mean to the normal and to the reduction cells."""

    def forward(
        self, images_BCHW: Tensor, tokens: Sequence[int], statistics: Statistics | None = None
    ) -> Tensor:
        """Return an architecture's logits, `[B, K]`."""
        last_BCHW, _ = self._features(images_BCHW, tokens, statistics)
        logits_BK: Tensor = self.head(last_BCHW.relu())
        return logits_BK

    def both_logits(
        self, images_BCHW: Tensor, tokens: Sequence[int]
    ) -> tuple[Tensor, Tensor | None]:
        """Return the logits, and those of the auxiliary classifier, None if there is none."""
        last_BCHW, middle_BCHW = self._features(images_BCHW, tokens, None)
        auxiliary_BK = None if self.auxiliary is None else self.auxiliary(middle_BCHW.relu())
        return self.head(last_BCHW.relu()), auxiliary_BK

    def _features(
        self, images_BCHW: Tensor, tokens: Sequence[int], statistics: Statistics | None
    ) -> tuple[Tensor, Tensor]:
        """Return the outputs of the last cell and of the one that the auxiliary classifier sees."""
        statistics = statistics or (Training() if self.training else Running())
        normal, reduced = self._choices(tokens)
        # layers keep what they are given: once here, not in every one of them
        images_BCHW = images_BCHW.contiguous(memory_format=torch.channels_last)
        x_BCHW = y_BCHW = self.stem(images_BCHW, statistics)  # the last two outputs, y the newer
        reductions = iter(self.reductions)
        for number, cell in enumerate(self.cells):
            is_reduced = number in self._stack.reduced
            if is_reduced:
                x_BCHW, y_BCHW = y_BCHW, next(reductions)(y_BCHW, statistics)
            choices = reduced if is_reduced else normal
            x_BCHW, y_BCHW = y_BCHW, cell(x_BCHW, y_BCHW, choices, statistics)
            if number == self._stack.auxiliary_at:
                middle_BCHW = y_BCHW
        return y_BCHW, middle_BCHW


class Calibration(nn.Module):
    """Makes a cell's two inputs alike, the older of which may be twice as high and wide."""

    def __init__(self, channels: Sequence[int], filters: int, *, is_larger: bool) -> None:
        super().__init__()
        older, newer = channels
        self.older: nn.Module | None = None
        if is_larger:
            self.older = FactorisedReduction(older, filters)
        elif older != filters:
            self.older = ConvNorm(older, filters)
        self.newer = ConvNorm(newer, filters) if newer != filters else None

    def forward(
        self, x_BCHW: Tensor, y_BCHW: Tensor, statistics: Statistics
    ) -> tuple[Tensor, Tensor]:
        if self.older is not None:
            x_BCHW = self.older(x_BCHW.relu(), statistics)
        if self.newer is not None:
            y_BCHW = self.newer(y_BCHW.relu(), statistics)
        return x_BCHW, y_BCHW


class SeparableTwice(nn.Module):
    """Two separable convolutions with ReLU between them; the caller gives the one before."""

    def __init__(self, filters: int, *, window: int) -> None:
        super().__init__()
        self.first = SeparableConvNorm(filters, filters, window=window, relu=True)
        self.second = SeparableConvNorm(filters, filters, window=window)

    def forward(self, x_BCHW: Tensor, statistics: Statistics) -> Tensor:
        y_BCHW: Tensor = self.second(self.first(x_BCHW, statistics), statistics)
        return y_BCHW


class States:
    """A cell's inputs and nodes, and each of them after ReLU, which several edges may ask for."""

    def __init__(self, inputs: Sequence[Tensor]) -> None:
        self._states = list(inputs)
        self._rectified: dict[int, Tensor] = {}

    def append(self, state_BCHW: Tensor) -> None:
        """Add the next node."""
        self._states.append(state_BCHW)

    def __len__(self) -> int:
        return len(self._states)

    def __getitem__(self, index: int) -> Tensor:
        return self._states[index]

    def rectified(self, index: int) -> Tensor:
        """Return a state after ReLU."""
        if index not in self._rectified:
            self._rectified[index] = self._states[index].relu()
        return self._rectified[index]

    def combined(
        self,
        which: Sequence[int],
        slices: nn.ParameterList,
        norm: Norm,
        statistics: Statistics,
    ) -> Tensor:
        """Return a 1x1 convolution of some states after ReLU: each has a slice of its own."""
        ends = [self.rectified(index) for index in which]
        return convolve_slices(ends, [slices[index] for index in which], norm, statistics)


def convolve_slices(
    parts: Sequence[Tensor], slices: Sequence[Tensor], norm: Norm, statistics: Statistics
) -> Tensor:
    """Return a 1x1 convolution of what is joined in depth, of a slice for each part, and BatchNorm.

    Args:
        parts: What is joined, `[B, F, H, W]` each.
        slices: As many, `[F, F, 1, 1]` each.
        norm: That follows.
        statistics: Of it.
    """
    # [F, F x parts, 1, 1] and [B, F x parts, H, W]: one product for all of them
    weight_OI11, joined_BCHW = torch.cat([*slices], dim=1), torch.cat([*parts], dim=1)
    return convolve_and_norm(joined_BCHW, weight_OI11, norm, statistics)


def slices_of(num: int, filters: int) -> nn.ParameterList:
    """Return so many slices of one 1x1 convolution, `[F, F, 1, 1]` each."""
    return nn.ParameterList(convolution(filters, filters).weight for _ in range(num))
