"""Cells with gates that torch has an operation of its own for: what LSTMs and GRUs have in common.

Weights begin uniformly, as those of the cells that are searched; biases at 0, but for those of some
gates at 1, so that the cell remembers. Embedding, softmax and dropout are those of other language
models, too. The state's dropout is of single weights U, one mask for a piece of text (DropConnect,
Merity et al. 2018): of units it would keep torch's fast operation from being used. A layer takes
the outputs of the one below it, with the dropout of all language models in between.

Letters: T words of a piece, B pieces side by side, I values of an input, H units, G gates, L
layers, P parts of a cell's state, S = L P H values of a state.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from nas_lib.config import TextTrainingConfig
from nas_lib.networks.enas_rnn import uniform
from nas_lib.networks.language_model import LanguageModel, masked
from nas_lib.networks.recurrent import CellPlan, RecurrentLayer

Outputs = Callable[[Tensor, list[Tensor], list[Tensor]], tuple[Tensor, list[Tensor]]]
"""Of words `[T, B, I]`, the state's parts `[B, H]` and weights (as torch has them: `[G H, I]`,
`[G H, H]`, and two biases `[G H]`) the output after each word, `[T, B, H]`, and the state's parts
after the last."""


class GatedCell(NamedTuple):
    """What is special to one of these cells.

    Attributes:
        num_gates: Of each unit, what is proposed among them.
        num_parts: Of the state, of H values each.
        remembering: The gates whose biases begin at 1.
        outputs: What it does.
    """

    num_gates: int
    num_parts: int
    remembering: tuple[int, ...]
    outputs: Outputs


class GatedPlan(CellPlan, Protocol):
    """A plan of layers of such a cell."""

    @property
    def layers(self) -> int:
        """Those of a language model."""
        ...


class GatedLayer(RecurrentLayer):
    """A layer of one cell; its state's parts lie side by side."""

    cell: ClassVar[GatedCell]
    no_bias: Tensor

    def __init__(self, plan: CellPlan, inputs: int, *, init_range: float) -> None:
        """Make a layer; see `RecurrentLayer`."""
        super().__init__(plan, inputs, init_range=init_range)
        self.hidden, rows = plan.hidden, self.cell.num_gates * plan.hidden
        self.state_size = self.cell.num_parts * plan.hidden
        self.from_input = uniform(rows, inputs, init_range=init_range)
        self.from_output = uniform(rows, plan.hidden, init_range=init_range)
        self.bias = _first_bias(self.cell, plan.hidden, layers=1)
        self.register_buffer("no_bias", torch.zeros(rows), persistent=False)

    def forward(self, x_TBI: Tensor, state_BS: Tensor) -> tuple[Tensor, Tensor]:
        """Return the output after each step, and the state after the last."""
        weights = [self.from_input, self.from_output, self.bias, self.no_bias]
        before = torch.split(state_BS, self.hidden, dim=1)
        outputs_TBH, after = self.cell.outputs(x_TBI, [*before], weights)
        return outputs_TBH, torch.cat(after, dim=1)


class GatedModel(LanguageModel):
    """An embedding, such cells one on top of the other, and a softmax."""

    cell: ClassVar[GatedCell]
    no_bias: Tensor

    def __init__(self, plan: GatedPlan, *, num_words: int, training: TextTrainingConfig) -> None:
        hidden, rows = plan.hidden, self.cell.num_gates * plan.layers * plan.hidden
        super().__init__(hidden=hidden, num_words=num_words, training=training)
        # [L G H, H]: the gates one below the other, in torch's order; layer below layer
        self.from_word = uniform(rows, hidden, init_range=training.init_range)
        self.from_output = uniform(rows, hidden, init_range=training.init_range)
        self.bias = _first_bias(self.cell, hidden, layers=plan.layers)
        # torch adds two biases, of which one is enough
        no_bias = torch.zeros(self.cell.num_gates * hidden)
        self.register_buffer("no_bias", no_bias, persistent=False)
        self._num_layers = plan.layers

    def initial_state(self, batch: int) -> Tensor:
        """Return the state before a text: zeros, `[B, S]`."""
        num_parts = self._num_layers * self.cell.num_parts
        return self.embedding.new_zeros(batch, num_parts * self.embedding.shape[1])

    def forward(self, inputs_TB: Tensor, state_BS: Tensor) -> tuple[Tensor, Tensor]:
        """Return the last layer's output after each word, `[T, B, H]`, and the state, `[B, S]`."""
        x_TBH, states_BH, num_parts = self.words(inputs_TB), [], self.cell.num_parts
        from_output = masked(
            self.from_output, self.mask(self._training.state_dropout, *self.from_output.shape)
        )
        weights = (self.from_word, from_output, self.bias)
        layers = zip(*(each.chunk(self._num_layers) for each in weights), strict=True)
        befores = torch.split(state_BS, self.embedding.shape[1], dim=1)
        for number, of_layer in enumerate(layers):
            if number:
                x_TBH = self.between(x_TBH)
            before = [*befores[num_parts * number : num_parts * (number + 1)]]
            x_TBH, after = self.cell.outputs(x_TBH, before, [*of_layer, self.no_bias])
            states_BH += after
        return x_TBH, torch.cat(states_BH, dim=1)


def _first_bias(cell: GatedCell, hidden: int, *, layers: int) -> nn.Parameter:
    bias = torch.zeros(layers, cell.num_gates, hidden)
    bias[:, list(cell.remembering)] = 1
    return nn.Parameter(bias.flatten())
