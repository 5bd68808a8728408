"""Recurrent cells: from a plan and its weights to the outputs (ENAS, Pham et al. 2018, 2.1).

Node 0 takes the word x and the last state s', any other node n an earlier node's state s_p:

    [h, c] = [x, s'] W_0 or s_p W_n,  s_n = s_p + sigmoid(c) (f(h) - s_p),  with s_p = s' for node 0

and the new state, which is also the output, is the mean of some nodes. Dropout of the state hides
the same units of s' and s_p from all products, at all words of a piece.

There are two ways to compute that. The plain one is torch's operations one after another. The fast
one, in `fused_rnn`, is used where it can be: without BatchNorm and autocast.

Letters: T words of a piece, B pieces side by side, I values of an input, H units.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from nas_lib.networks.activations import ACTIVATIONS
from nas_lib.networks.fused_rnn import fused_outputs
from nas_lib.networks.recurrent import RecurrentLayer
from nas_lib.spaces.enas_rnn import RnnPlan

Normalise = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Cell:
    """A cell with its weights.

    Attributes:
        plan: Which node takes which, and its function.
        weights: Of each node: `[I + H, 2H]` for node 0, the word's rows before the state's; `[H,
            2H]` for the others. The left half gives h, the right half c.
        norms: BatchNorm of each node's `[B, 2H]` and, last, of the new state; none if empty.
    """

    plan: RnnPlan
    weights: tuple[Tensor, ...]
    norms: tuple[Normalise, ...] = ()

    def outputs(self, x_TBI: Tensor, state_BH: Tensor, keep_BH: Tensor | None) -> Tensor:
        """Return the state after each word, `[T, B, H]`.

        Args:
            x_TBI: Words, as node 0 takes them.
            state_BH: Before the first one.
            keep_BH: Dropout of the state: what units are multiplied with; None to keep all.
        """
        # The fast way knows no BatchNorm, writes products where autocast would want its own, and
        # shows nobody its operations.
        is_fast = not (self.norms or torch.onnx.is_in_onnx_export())
        if not is_fast or torch.is_autocast_enabled(x_TBI.device.type):
            return plain_outputs(self, x_TBI, state_BH, keep_BH)
        return fused_outputs(self.plan, self.weights, x_TBI, state_BH, keep_BH)


def plain_outputs(cell: Cell, x_TBI: Tensor, state_BH: Tensor, keep_BH: Tensor | None) -> Tensor:
    """Return what `Cell.outputs` does, by torch's operations one after another."""
    outputs = []
    for x_BI in x_TBI:  # word by word: each needs the state after the last
        state_BH = _next_state(cell, x_BI, state_BH, keep_BH)
        outputs.append(state_BH)
    return torch.stack(outputs)


class EnasRnnLayer(RecurrentLayer):
    """A layer of one cell; its state is its output."""

    def __init__(self, plan: RnnPlan, inputs: int, *, init_range: float) -> None:
        """Make a layer; see `RecurrentLayer`."""
        super().__init__(plan, inputs, init_range=init_range)
        self.plan, self.hidden, self.state_size = plan, plan.hidden, plan.hidden
        self.weights = initial_weights(plan, inputs, init_range=init_range)

    def forward(self, x_TBI: Tensor, state_BS: Tensor) -> tuple[Tensor, Tensor]:
        """Return the output after each step, and the last one."""
        outputs_TBH = Cell(self.plan, tuple(self.weights)).outputs(x_TBI, state_BS, None)
        return outputs_TBH, outputs_TBH[-1]


def initial_weights(plan: RnnPlan, inputs: int, *, init_range: float) -> nn.ParameterList:
    """Return weights for every node, uniform in +- init_range from torch's global generator.

    Args:
        plan: The cell.
        inputs: Values of what node 0 takes beside the state, I.
        init_range: See above.
    """
    hidden = plan.hidden
    return nn.ParameterList(
        # rows: what is taken, of node 0 word and state; columns: h and c
        uniform((0 if number else inputs) + hidden, 2 * hidden, init_range=init_range)
        for number in range(len(plan.nodes))
    )


def uniform(rows: int, columns: int, *, init_range: float) -> nn.Parameter:
    """Return a matrix, uniform in +- init_range from torch's global generator."""
    return nn.Parameter(torch.empty(rows, columns).uniform_(-init_range, init_range))


def _next_state(cell: Cell, x_BI: Tensor, state_BH: Tensor, keep_BH: Tensor | None) -> Tensor:
    states: list[Tensor] = []
    for number, (node, weight) in enumerate(zip(cell.plan.nodes, cell.weights, strict=True)):
        taken_BH = state_BH if node.previous is None else states[node.previous]
        fed = taken_BH if keep_BH is None else taken_BH * keep_BH
        if node.previous is None:
            fed = torch.cat([x_BI, fed], dim=1)  # [B, I + H]; dropout of words is done already
        # Highway connections (section 2.1): the gate c mixes what is new with what was taken.
        gates_B2H = _normalised(cell.norms, number, fed @ weight)
        h_BH, c_BH = torch.split(gates_B2H, taken_BH.shape[1], dim=1)
        h_BH = ACTIVATIONS[node.function](h_BH)
        # that is c * f(h) + (1 - c) * s, in one product less
        states.append(taken_BH + torch.sigmoid(c_BH) * (h_BH - taken_BH))
    # [outputs, B, H] to [B, H]: the loose ends in the paper, all but node 0 in the later code
    mean_BH = torch.stack([states[number] for number in cell.plan.outputs]).mean(dim=0)
    return _normalised(cell.norms, len(states), mean_BH)


def _normalised(norms: Sequence[Normalise], number: int, x: Tensor) -> Tensor:
    return norms[number](x) if norms else x
