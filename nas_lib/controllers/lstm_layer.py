"""One layer of an LSTM without biases, step by step, and the way back.

tanh(x) is taken as 2 sigmoid(2x) - 1: torch needs half the time for that.

Letters in names: B architectures, H hidden units, G = 4 H gates: input, forget and output gate, and
candidate.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class LayerStep(NamedTuple):
    """What a step came to: gates `[B, G]` after their activations, the rest `[B, H]`."""

    gates: Tensor
    cell: Tensor
    squashed: Tensor  # tanh of the cell
    hidden: Tensor


class Layer:
    """A layer's steps so far.

    Args:
        of_input_HG: Weights of the input.
        of_hidden_HG: Weights of the state before.
        remembers: Whether there will be a way back.

    Attributes:
        of_input_HG: As `step` wants the input to be multiplied.
        steps: What each step came to, or only the last one.
    """

    def __init__(self, of_input_HG: Tensor, of_hidden_HG: Tensor, *, remembers: bool) -> None:
        self._remembers = remembers
        self._size = of_hidden_HG.shape[0]
        scale_G = of_input_HG.new_ones(4 * self._size)
        scale_G[3 * self._size :] = 2  # tanh of the candidate
        self.of_input_HG = of_input_HG * scale_G
        self._of_hidden_HG = of_hidden_HG * scale_G
        self.steps: list[LayerStep] = []

    def step(self, gates_BG: Tensor, *, out: Tensor | None = None) -> Tensor:
        """Return the next state `[B, H]`.

        Args:
            gates_BG: The input times `of_input_HG`; is overwritten.
            out: Where the state is to be written, if that matters.
        """
        if self.steps:
            gates_BG.addmm_(self.steps[-1].hidden, self._of_hidden_HG)
        gates_BG.sigmoid_()
        gates_BG[:, 3 * self._size :].mul_(2).sub_(1)
        input_BH, forget_BH, output_BH, candidate_BH = gates_BG.chunk(4, dim=1)
        cell_BH = input_BH * candidate_BH
        if self.steps:
            cell_BH.addcmul_(forget_BH, self.steps[-1].cell)
        squashed_BH = cell_BH.mul(2).sigmoid_().mul_(2).sub_(1)
        hidden_BH = torch.mul(output_BH, squashed_BH, out=out)
        if not self._remembers:
            self.steps.clear()
        self.steps.append(LayerStep(gates_BG, cell_BH, squashed_BH, hidden_BH))
        return hidden_BH


class LayerBack:
    """The way back through a layer's steps, the last one first.

    Args:
        layer: After its last step.
        of_input_HG: Its weights.
        of_hidden_HG: Its weights.

    Attributes:
        d_of_input_HG: Gradient of these weights, of the steps so far.
        d_of_hidden_HG: The same.
    """

    def __init__(self, layer: Layer, of_input_HG: Tensor, of_hidden_HG: Tensor) -> None:
        self._of_input_HG, self._of_hidden_HG = of_input_HG, of_hidden_HG
        self._sigmoids = slice(3 * of_hidden_HG.shape[0])
        self._steps = list(layer.steps)
        self.d_of_input_HG = torch.zeros_like(of_input_HG)
        self.d_of_hidden_HG = torch.zeros_like(of_hidden_HG)
        # One for all steps: it stays in the processor's cache.
        self._d_gates_BG = torch.empty_like(self._steps[-1].gates)
        self._d_cell_BH = torch.zeros_like(self._steps[-1].cell)  # what the step after adds

    def back(self, d_hidden_BH: Tensor) -> Tensor:
        """Return the gradient of the next earlier step's gates before their activations.

        Args:
            d_hidden_BH: The gradient of its state.

        Returns:
            The gradient `[B, G]`, until the next call.
        """
        step = self._steps.pop()
        input_BH, forget_BH, output_BH, candidate_BH = step.gates.chunk(4, dim=1)
        d_input_BH, d_forget_BH, d_output_BH, d_candidate_BH = self._d_gates_BG.chunk(4, dim=1)
        d_cell_BH = d_hidden_BH * output_BH
        _tanh_back(d_cell_BH, step.squashed)
        d_cell_BH += self._d_cell_BH
        torch.mul(d_cell_BH, candidate_BH, out=d_input_BH)
        torch.mul(d_hidden_BH, step.squashed, out=d_output_BH)
        torch.mul(d_cell_BH, input_BH, out=d_candidate_BH)
        if self._steps:
            torch.mul(d_cell_BH, self._steps[-1].cell, out=d_forget_BH)
        else:
            d_forget_BH.zero_()
        _sigmoid_back(self._d_gates_BG[:, self._sigmoids], step.gates[:, self._sigmoids])
        _tanh_back(d_candidate_BH, candidate_BH)
        self._d_cell_BH = d_cell_BH.mul_(forget_BH)
        return self._d_gates_BG

    def to_hidden(self, d_gates_BG: Tensor, d_hidden_BH: Tensor) -> None:
        """Add to the gradient of the state before a step what the step's gates make of it."""
        self.d_of_hidden_HG.addmm_(self._steps[-1].hidden.T, d_gates_BG)
        d_hidden_BH.addmm_(d_gates_BG, self._of_hidden_HG.T)

    def to_input(self, d_gates_BG: Tensor, input_BH: Tensor) -> Tensor:
        """Return the gradient of a step's input."""
        self.d_of_input_HG.addmm_(input_BH.T, d_gates_BG)
        return d_gates_BG @ self._of_input_HG.T


def _sigmoid_back(gradient: Tensor, sigmoid: Tensor) -> None:
    """Turn the gradient of a sigmoid into that of its argument, in place."""
    torch.ops.aten.sigmoid_backward(gradient, sigmoid, grad_input=gradient)


def _tanh_back(gradient: Tensor, tanh: Tensor) -> None:
    torch.ops.aten.tanh_backward(gradient, tanh, grad_input=gradient)
