"""LSTMs (Hochreiter & Schmidhuber 1997; Zaremba et al. 2014): layers, and a language model of them.

With a word x, the last output h and the memory c:

    i, f, o = sigmoid(W x + U h + b),  g = tanh(W x + U h + b)
    c = f c + i g,  h = o tanh(c)

The bias of f begins at 1, so that it remembers (Jozefowicz et al. 2015). The state holds h and c of
each layer side by side.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nas_lib.networks.references.gated import GatedCell, GatedLayer, GatedModel


def _outputs(
    x_TBI: Tensor, state: list[Tensor], weights: list[Tensor]
) -> tuple[Tensor, list[Tensor]]:
    outputs_TBH, last_1BH, memory_1BH = torch.lstm(
        x_TBI,
        [part_BH[None].contiguous() for part_BH in state],
        weights,
        has_biases=True,
        num_layers=1,
        dropout=0.0,
        train=torch.is_grad_enabled(),
        bidirectional=False,
        batch_first=False,
    )
    return outputs_TBH, [last_1BH[0], memory_1BH[0]]


LSTM = GatedCell(num_gates=4, num_parts=2, remembering=(1,), outputs=_outputs)  # i, f, g, o


class LstmLayer(GatedLayer):
    """A layer of LSTMs."""

    cell = LSTM


class LstmModel(GatedModel):
    """A language model of LSTMs."""

    cell = LSTM
