"""The LSTM of ENAS: its inputs may be made of its own earlier states (Pham et al. 2018, section 2).

Letters in names: S steps, T steps of a run, B architectures, H hidden units, L layers, G = 4 H
gates, R rows of learned inputs, X anchors that a decision sees.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True, eq=False)
class Row:
    """An input that is a learned vector, for each architecture one of the rows."""

    index: Tensor  # [B], int64


@dataclass(frozen=True, eq=False)
class Mixture:
    """An input that is a weighted sum of anchors' states.

    Attributes:
        seen: The anchors' steps, the newest one last; without any, the input is zero.
        weight: What each one counts, `[X, B, 1]`.
    """

    seen: Sequence[int]
    weight: Tensor


Input = Row | Mixture


class EnasLstm(nn.Module):
    """Layers without biases, and the learned rows among their inputs.

    Args:
        size: Units of each layer.
        num_layers: How many.
        num_rows: How many learned inputs.
    """

    def __init__(self, size: int, *, num_layers: int, num_rows: int) -> None:
        super().__init__()
        self.rows = nn.Parameter(torch.empty(num_rows, size))
        # Of each layer those of its input and of its state before, [H, G]. As in the published
        # code, the gates are input, forget, output and candidate.
        self.weights = nn.ParameterList(torch.empty(size, 4 * size) for _ in range(2 * num_layers))

    def forward(self, inputs: Sequence[Input]) -> Tensor:
        """Return the top layer's states `[S, B, H]` for known inputs; differentiable.

        Steps run together as far as no input is made of a state from among them: torch takes half
        the time for a run that it takes for its steps, forward as well as backward. Of cells, a
        node is one run: its inputs are states of the nodes before.

        Args:
            inputs: Of each step; the first one is a row.
        """
        weights, num_layers = self.torch_weights(), len(self.weights) // 2
        index_RB = torch.stack([given.index for given in inputs if isinstance(given, Row)])
        # All learned inputs at once: its gradient would take longer from each step by itself.
        rows = iter(F.embedding(index_RB, self.rows).unbind(0))  # [B, H] of each
        memory_h = memory_c = self.rows.new_zeros(num_layers, index_RB.shape[1], self.rows.shape[1])
        states: list[Tensor] = []  # of the top layer, [B, H] of each step so far
        runs = []  # the same, [T, B, H] of each run
        for run in _runs(inputs):
            given_TBH = torch.stack(
                [
                    next(rows) if isinstance(given, Row) else self.input(given, states)
                    for given in run
                ]
            )
            hidden_TBH, memory_h, memory_c = torch.lstm(
                given_TBH,
                (memory_h, memory_c),
                weights,
                has_biases=False,
                num_layers=num_layers,
                dropout=0.0,
                train=True,
                bidirectional=False,
                batch_first=False,
            )
            states.extend(hidden_TBH.unbind(0))
            runs.append(hidden_TBH)
        return torch.cat(runs)

    def input(self, given: Input, states: Sequence[Tensor]) -> Tensor:
        """Return an input `[B, H]` that is made of these states, `[B, H]` of each step."""
        if isinstance(given, Row):
            return F.embedding(given.index, self.rows)
        if not given.seen:
            return self.rows.new_zeros(given.weight.shape[1], self.rows.shape[1])
        # Gradients flow into the earlier states. In NAS all inputs are rows, known beforehand, and
        # the whole sequence is one run.
        return (torch.stack([states[step] for step in given.seen]) * given.weight).sum(0)

    def torch_weights(self) -> list[Tensor]:
        """Return the weights as torch takes them, `[G, H]`: the candidate is its third gate."""
        return [
            torch.cat([each.chunk(4, 1)[gate] for gate in (0, 1, 3, 2)], 1).T
            for each in self.weights
        ]


def _runs(inputs: Sequence[Input]) -> Iterator[list[Input]]:
    """Cut steps into runs of which each needs the states before it only."""
    run: list[Input] = []
    start = 0
    for step, given in enumerate(inputs):
        if isinstance(given, Mixture) and given.seen and given.seen[-1] >= start:
            yield run
            run, start = [], step
        run.append(given)
    yield run
