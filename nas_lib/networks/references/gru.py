"""GRUs (Cho et al. 2014): layers, and a language model of them.

As torch has them: with a word x and the last output h, which is all of the state,

    r, z = sigmoid(W x + U h + b),  n = tanh(W x + r (U h) + b),  h = (1 - z) n + z h

The biases of r and z begin at 1, so that it neither resets nor updates at first.
"""

from __future__ import annotations

import torch
from torch import Tensor

from nas_lib.networks.references.gated import GatedCell, GatedLayer, GatedModel


def _outputs(
    x_TBI: Tensor, state: list[Tensor], weights: list[Tensor]
) -> tuple[Tensor, list[Tensor]]:
    (output_BH,) = state
    outputs_TBH, last_1BH = torch.gru(
        x_TBI,
        output_BH[None].contiguous(),
        weights,
        has_biases=True,
        num_layers=1,
        dropout=0.0,
        train=torch.is_grad_enabled(),
        bidirectional=False,
        batch_first=False,
    )
    return outputs_TBH, [last_1BH[0]]


GRU = GatedCell(num_gates=3, num_parts=1, remembering=(0, 1), outputs=_outputs)  # r, z, n


class GruLayer(GatedLayer):
    """A layer of GRUs."""

    cell = GRU


class GruModel(GatedModel):
    """A language model of GRUs."""

    cell = GRU
