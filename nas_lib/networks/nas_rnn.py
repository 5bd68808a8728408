"""Recurrent cells as trees: from a tree and its weights to the outputs (Zoph & Le 2017, 3.4).

Of a word x, the last output h' and the last memory c', leaf i of b is

    a_i = f_i(W_i x * U_i h')    with * its combination: a sum, a product, or the greater one

and a node of two others a = f(left * right). Of the node that is injected, a becomes
f_inject(a * c'), after its own activation, and its parent takes that. The memory c is what one node
combined, before its activation; the output h is the root.

There are two ways to compute that. The plain one is torch's operations one after another. The fast
one, in `fused_tree`, is used where it can be, without autocast, and where it is faster.

Letters: T words of a piece, B pieces side by side, I values of an input, H units, L leaves.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from nas_lib.config import TextTrainingConfig
from nas_lib.networks.activations import ACTIVATIONS
from nas_lib.networks.enas_rnn import uniform
from nas_lib.networks.fused_tree import fused_outputs
from nas_lib.networks.language_model import LanguageModel
from nas_lib.networks.recurrent import RecurrentLayer
from nas_lib.spaces.nas_rnn import NasRnnPlan, Tree, TreeCombination, TreeNode

State = tuple[Tensor, Tensor]
"""Output and memory, `[B, H]` each."""

_MANY_WORDS, _MANY_PIECES = 4, 8
"""From which on the fast way is the faster one without gradients, as measured."""

_COMBINATIONS: dict[TreeCombination, Callable[[Tensor, Tensor], Tensor]] = {
    "add": torch.add,
    "mul": torch.mul,
    "max": torch.maximum,
}


class TreeLayer(nn.Module):
    """A layer of one cell, in the place of an LSTM.

    Attributes:
        tree: The cell.
        hidden: Units of its state.
        from_input: Weights of the words, `[I, L H]`: the leaves side by side.
        from_output: Weights of the last output, `[H, L H]`.
    """

    def __init__(self, tree: Tree, inputs: int, hidden: int, *, init_range: float) -> None:
        super().__init__()
        self.tree, self.hidden = tree, hidden
        self.from_input = uniform(inputs, tree.base * hidden, init_range=init_range)
        self.from_output = uniform(hidden, tree.base * hidden, init_range=init_range)

    def initial_state(self, batch: int) -> State:
        """Return the state before a text: zeros."""
        zeros_BH = self.from_output.new_zeros(batch, self.hidden)
        return zeros_BH, zeros_BH

    def forward(
        self, x_TBI: Tensor, state: State | None = None, keep_BH: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Return the output after each word, `[T, B, H]`, and the state after the last.

        Args:
            x_TBI: Words, or outputs of the layer below.
            state: Before the first word; zeros where there is none.
            keep_BH: Dropout: what units of the last output are multiplied with before each product,
                the same for all words; None to keep all.
        """
        if state is None:
            state = self.initial_state(x_TBI.shape[1])
        if not self._is_fast(x_TBI):
            from_words_TBW = x_TBI @ self.from_input
            return plain_outputs(self.tree, from_words_TBW, self.from_output, state, keep_BH)
        weights = (self.from_input, self.from_output)
        return fused_outputs(self.tree, weights, x_TBI, state, keep_BH)

    def _is_fast(self, x_TBI: Tensor) -> bool:
        # The fast way writes products where autocast would want its own, and shows nobody its
        # operations.
        if torch.onnx.is_in_onnx_export() or torch.is_autocast_enabled(x_TBI.device.type):
            return False
        # Its preparations are for many words: predicting a few takes longer than without.
        num_words, columns, _ = x_TBI.shape
        return torch.is_grad_enabled() or (num_words >= _MANY_WORDS and columns >= _MANY_PIECES)


def plain_outputs(
    tree: Tree, from_words_TBW: Tensor, weight_HW: Tensor, state: State, keep_BH: Tensor | None
) -> tuple[Tensor, State]:
    """Return what a layer does, by torch's operations one after another.

    Args:
        tree: The cell.
        from_words_TBW: What the leaves take from each word, W = L H.
        weight_HW: Of the last output.
        state: Before the first word.
        keep_BH: Dropout of the last output.
    """
    outputs = []
    for from_word_BW in from_words_TBW:
        output_BH, _ = state
        fed_BH = output_BH if keep_BH is None else output_BH * keep_BH
        state = next_state(tree, from_word_BW, fed_BH @ weight_HW, state[1])
        outputs.append(state[0])
    return torch.stack(outputs), state


def next_state(
    tree: Tree, from_word_BW: Tensor, from_output_BW: Tensor, memory_BH: Tensor
) -> State:
    """Return output and memory after a word, of what the leaves take."""
    # by their width, not their number: an exported graph then has one operation for all of them
    hidden = memory_BH.shape[1]
    leaves = [torch.split(each, hidden, dim=1) for each in (from_word_BW, from_output_BW)]
    taken = {number: (left, right) for number, left, right in tree.parents()}
    values: list[Tensor] = []
    kept_BH = memory_BH
    for number, node in enumerate(tree.nodes):
        if number in taken:
            left, right = (values[each] for each in taken[number])
        else:
            left, right = (each[number] for each in leaves)
        before_BH = _COMBINATIONS[node.combination](left, right)
        if number == tree.memory:
            kept_BH = before_BH
        value_BH = ACTIVATIONS[node.activation](before_BH)
        if number == tree.injected:
            value_BH = _applied(tree.inject, value_BH, memory_BH)
        values.append(value_BH)
    return values[-1], kept_BH


def _applied(node: TreeNode, left: Tensor, right: Tensor) -> Tensor:
    return ACTIVATIONS[node.activation](_COMBINATIONS[node.combination](left, right))


class NasRnnLayer(RecurrentLayer):
    """A layer of one cell; its state is output and memory side by side."""

    def __init__(self, plan: NasRnnPlan, inputs: int, *, init_range: float) -> None:
        """Make a layer; see `RecurrentLayer`."""
        super().__init__(plan, inputs, init_range=init_range)
        self.hidden, self.state_size = plan.hidden, 2 * plan.hidden
        self.cell = TreeLayer(plan.tree, inputs, plan.hidden, init_range=init_range)

    def forward(self, x_TBI: Tensor, state_BS: Tensor) -> tuple[Tensor, Tensor]:
        """Return the output after each step, and output and memory after the last."""
        output_BH, memory_BH = torch.split(state_BS, self.hidden, dim=1)
        outputs_TBH, state = self.cell(x_TBI, (output_BH, memory_BH))
        return outputs_TBH, torch.cat(state, dim=1)


class TreeModel(LanguageModel):
    """A language model of layers of one cell, each with weights of its own."""

    def __init__(self, plan: NasRnnPlan, *, num_words: int, training: TextTrainingConfig) -> None:
        hidden = plan.hidden
        super().__init__(hidden=hidden, num_words=num_words, training=training)
        self.layers = nn.ModuleList(
            TreeLayer(plan.tree, hidden, hidden, init_range=training.init_range)
            for _ in range(plan.layers)
        )

    def initial_state(self, batch: int) -> Tensor:
        """Return the state before a text: zeros, `[B, S]`, output and memory of each layer."""
        return self.embedding.new_zeros(batch, 2 * len(self.layers) * self.embedding.shape[1])

    def forward(self, inputs_TB: Tensor, state_BS: Tensor) -> tuple[Tensor, Tensor]:
        """Return the last layer's output after each word, and the state after the last word."""
        x_TBH, states_BH = self.words(inputs_TB), []
        befores = torch.split(state_BS, self.embedding.shape[1], dim=1)
        for number, layer in enumerate(self.layers):
            if number:
                x_TBH = self.between(x_TBH)
            keep_BH = self.mask(self._training.state_dropout, *x_TBH.shape[1:])
            state = (befores[2 * number], befores[2 * number + 1])
            x_TBH, state = layer(x_TBH, state, keep_BH)
            states_BH += state
        return x_TBH, torch.cat(states_BH, dim=1)
