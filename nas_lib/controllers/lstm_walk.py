"""The LSTM of ENAS, one step after the other, and the way back.

An input may be made of the LSTM's own earlier states, so there is no pass over whole sequences as
torch's LSTM takes it. The way back is written out: with autograd, an update of 256 architectures
takes an eighth longer.

Letters in names: S steps, B architectures, H hidden units, G = 4 H gates, R rows of learned inputs,
X anchors that a decision sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

from nas_lib.controllers.lstm_layer import Layer, LayerBack


@dataclass(frozen=True, eq=False)
class Row:
    """An input that is a learned vector, for each architecture one of the rows."""

    index: Tensor  # [B], int64


@dataclass(frozen=True, eq=False)
class Mixture:
    """An input that is a weighted sum of anchors' states.

    Attributes:
        seen: The anchors' places.
        weight: What each one counts, `[X, B, 1]`.
    """

    seen: slice
    weight: Tensor


Input = Row | Mixture


class Walk:
    """The LSTM's way through a batch of architectures.

    Args:
        rows_RH: The learned inputs.
        weights: Of each layer those of its input and of its state, both `[H, G]`.
        num_steps: How many steps there will be.
        num: How many architectures.
        remembers: Whether there will be a way back.

    Attributes:
        hidden_SBH: The top layer's states, each at the place that its step was given.
        layers: The layers.
        mixed: The inputs that are mixtures, by the place of their step, if it remembers them.
    """

    def __init__(
        self,
        rows_RH: Tensor,
        weights: Sequence[Tensor],
        *,
        num_steps: int,
        num: int,
        remembers: bool,
    ) -> None:
        self._remembers = remembers
        self.layers = [Layer(*pair, remembers=remembers) for pair in _pairs(weights)]
        self._rows_RG = rows_RH @ self.layers[0].of_input_HG
        self.mixed: dict[int, Tensor] = {}
        self.hidden_SBH = rows_RH.new_empty(num_steps, num, rows_RH.shape[1])

    def step(self, given: Input, *, place: int) -> Tensor:
        """Return the top layer's next state `[B, H]`."""
        if isinstance(given, Row):
            gates_BG = self._rows_RG.index_select(0, given.index)
        else:
            mixed_BH = (self.hidden_SBH[given.seen] * given.weight).sum(0)
            gates_BG = mixed_BH @ self.layers[0].of_input_HG
            if self._remembers:
                self.mixed[place] = mixed_BH
        for layer, above in pairwise(self.layers):
            gates_BG = layer.step(gates_BG) @ above.of_input_HG
        return self.layers[-1].step(gates_BG, out=self.hidden_SBH[place])


def walk(
    rows_RH: Tensor,
    weights: Sequence[Tensor],
    *,
    inputs: Sequence[Input],
    places: Sequence[int],
    sizes: Sequence[int],
) -> tuple[Tensor, ...]:
    """Return the top layer's states for known inputs; differentiable.

    Args:
        rows_RH: The learned inputs.
        weights: As `Walk` takes them.
        inputs: Of each step.
        places: Where each step's state is to lie.
        sizes: Into how many places each the states are cut, in order.

    Returns:
        The states by their places, `[N, B, H]` for each N of `sizes`.
    """
    hidden: tuple[Tensor, ...] = _Recurrence.apply(  # type: ignore[no-untyped-call]
        inputs, places, sizes, rows_RH, *weights
    )
    return hidden


class _Recurrence(torch.autograd.Function):
    """A `Walk` for torch's autograd."""

    @staticmethod
    def forward(
        ctx: Any,
        inputs: Sequence[Input],
        places: Sequence[int],
        sizes: Sequence[int],
        rows_RH: Tensor,
        *weights: Tensor,
    ) -> tuple[Tensor, ...]:
        first = inputs[0]
        assert isinstance(first, Row)  # there is nothing to mix yet
        taken = Walk(rows_RH, weights, num_steps=len(inputs), num=len(first.index), remembers=True)
        for given, place in zip(inputs, places, strict=True):
            taken.step(given, place=place)
        ctx.walk, ctx.inputs, ctx.places = taken, inputs, places
        ctx.save_for_backward(rows_RH, *weights)
        # Aliases: what is returned holds the walk, so the walk must not hold what is returned.
        return torch.split(taken.hidden_SBH.detach(), list(sizes))

    @staticmethod
    def backward(ctx: Any, *d_hidden: Tensor) -> tuple[Tensor | None, ...]:
        rows_RH, *weights = ctx.saved_tensors
        gradients = _walk_back(
            ctx.walk, torch.cat(d_hidden), rows_RH, weights, inputs=ctx.inputs, places=ctx.places
        )
        return None, None, None, *gradients


def _walk_back(
    taken: Walk,
    d_hidden_SBH: Tensor,
    rows_RH: Tensor,
    weights: Sequence[Tensor],
    *,
    inputs: Sequence[Input],
    places: Sequence[int],
) -> tuple[Tensor, ...]:
    """Return the gradients of rows and weights; overwrites that of the states."""
    layers = [
        LayerBack(layer, *pair) for layer, pair in zip(taken.layers, _pairs(weights), strict=True)
    ]
    d_rows_RG = rows_RH.new_zeros(len(rows_RH), weights[0].shape[1])
    below = [torch.zeros_like(d_hidden_SBH[0]) for _ in layers[1:]]  # of the lower layers' states
    for number in reversed(range(len(inputs))):
        d_gates_BG = layers[-1].back(d_hidden_SBH[places[number]])
        if number:
            layers[-1].to_hidden(d_gates_BG, d_hidden_SBH[places[number - 1]])
        for depth in reversed(range(len(below))):
            input_BH = taken.layers[depth].steps[number].hidden
            below[depth] += layers[depth + 1].to_input(d_gates_BG, input_BH)
            d_gates_BG = layers[depth].back(below[depth])
            if number:
                layers[depth].to_hidden(d_gates_BG, below[depth].zero_())
        given = inputs[number]
        if isinstance(given, Row):
            d_rows_RG.index_add_(0, given.index, d_gates_BG)
        else:
            d_mixed_BH = layers[0].to_input(d_gates_BG, taken.mixed[places[number]])
            d_hidden_SBH[given.seen].addcmul_(d_mixed_BH, given.weight)
    d_rows_RH = layers[0].to_input(d_rows_RG, rows_RH)
    gradients = [(layer.d_of_input_HG, layer.d_of_hidden_HG) for layer in layers]
    return d_rows_RH, *(each for pair in gradients for each in pair)


def _pairs(weights: Sequence[Tensor]) -> list[tuple[Tensor, Tensor]]:
    """Return each layer's weights of input and state."""
    return list(zip(weights[::2], weights[1::2], strict=True))
