"""A cell of a tree over all words of a piece as one operation, with a backward pass by hand.

As in `fused_rnn`, what torch's operations one after another lose is memory traffic and small
products. Here

- results are written where the backward pass looks for them, and functions applied in place;
- leaves are computed side by side (`tree_leaves`), and their gradients take the place of their
  values: they are multiplied once for each weight, what fed it at all words by those of all words;
- gradients of other nodes (`tree_nodes`) go down the tree depth first, from place to place in the
  cache.

Letters: T words of a piece, B pieces side by side, I values of an input, H units, L leaves; F = I +
H: a word and the last output.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from nas_lib.networks.pieces import words
from nas_lib.networks.tree_backward import INJECT, WayBack
from nas_lib.networks.tree_leaves import Leaves, Pairs, Sums, side_by_side
from nas_lib.networks.tree_nodes import Node, Values
from nas_lib.spaces.nas_rnn import Tree, TreeNode


def fused_outputs(
    tree: Tree,
    weights: tuple[Tensor, Tensor],
    x_TBI: Tensor,
    state: tuple[Tensor, Tensor],
    keep_BH: Tensor | None,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """Return the output after each word, `[T, B, H]`, and output and memory after the last.

    Args:
        tree: The cell.
        weights: Of the words, `[I, L H]`, and of the last output, `[H, L H]`.
        x_TBI: Words.
        state: Output and memory before the first word, `[B, H]` each.
        keep_BH: Dropout: what the last output is multiplied with; None to keep all.
    """
    if torch.is_grad_enabled():
        outputs_TBH, memory_BH = _Fused.apply(  # type: ignore[no-untyped-call]
            tree, keep_BH, x_TBI, *state, *weights
        )
    else:
        done = _Pass(tree, weights, x_TBI, state, keep_BH, remembers=False)
        outputs_TBH, memory_BH = done.forward()
    return outputs_TBH, (outputs_TBH[-1], memory_BH)


class _Fused(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        tree: Tree,
        keep_BH: Tensor | None,
        x_TBI: Tensor,
        output_BH: Tensor,
        memory_BH: Tensor,
        from_input: Tensor,
        from_output: Tensor,
    ) -> tuple[Tensor, Tensor]:
        weights, state = (from_input, from_output), (output_BH, memory_BH)
        ctx.save_for_backward(*weights)  # where torch sees that none was changed since
        ctx.done = _Pass(tree, weights, x_TBI, state, keep_BH, remembers=True)
        made: tuple[Tensor, Tensor] = ctx.done.forward()
        return made

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_TBH: Tensor, grad_memory_BH: Tensor) -> tuple[Tensor | None, ...]:
        from_input, from_output = ctx.saved_tensors
        done: _Pass | None = ctx.done
        if done is None:
            raise RuntimeError("a recurrent cell goes backward once: its values are gradients now")
        ctx.done = None
        grad_x_TBI, *grad_state = done.backward(grad_TBH, grad_memory_BH)
        grads = torch.empty_like(from_input), torch.empty_like(from_output)
        done.weights_backward(grad_x_TBI, grads)
        return None, None, grad_x_TBI, *grad_state, *grads


class _Pass:
    """A piece's way through the cell; not `remembers` keeps one word's values only."""

    def __init__(
        self,
        tree: Tree,
        weights: tuple[Tensor, Tensor],
        x_TBI: Tensor,
        state: tuple[Tensor, Tensor],
        keep_BH: Tensor | None,
        *,
        remembers: bool,
    ) -> None:
        num_words, columns, self._inputs = x_TBI.shape
        hidden = len(weights[1])
        self._tree, self._keep_BH = tree, keep_BH
        # After each word, and before the first: what it makes is what the next one takes.
        self._outputs_TBH, self._memories_TBH = (
            x_TBI.new_empty(num_words + 1, columns, hidden) for _ in state
        )
        self._outputs_TBH[0], self._memories_TBH[0] = state
        self._outputs, self._memories = self._outputs_TBH.unbind(), self._memories_TBH.unbind()
        self._fed_TBF = x_TBI.new_empty(num_words, columns, self._inputs + hidden)
        self._fed_TBF[..., : self._inputs] = x_TBI
        self._fed = self._fed_TBF.unbind()
        self._fed_outputs = self._fed_TBF[..., self._inputs :].unbind()
        self._leaves = dict(self._grown_leaves(weights, x_TBI, remembers=remembers))
        self._nodes: dict[int, Node] = {}
        self._grow(remembers=remembers)

    def forward(self) -> tuple[Tensor, Tensor]:
        """Return the output after each word, `[T, B, H]`, and the memory after the last."""
        tree, nodes = self._tree, list(self._nodes.values())
        for t, (fed_BF, fed_BH) in enumerate(zip(self._fed, self._fed_outputs, strict=True)):
            if self._keep_BH is None:
                fed_BH.copy_(self._outputs[t])
            else:
                torch.mul(self._outputs[t], self._keep_BH, out=fed_BH)
            for numbers, leaves in self._leaves.items():
                before_BW = leaves.forward(t, fed_BF)
                if tree.memory in numbers:
                    of_each = before_BW.chunk(len(numbers), dim=1)
                    self._memories[t + 1].copy_(of_each[numbers.index(tree.memory)])
                leaves.apply(t, before_BW)
            for node in nodes:
                node.forward(t)
        return self._outputs_TBH[1:], self._memories_TBH[-1]

    def backward(self, grad_TBH: Tensor, grad_memory_BH: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Make values of leaves gradients; return those of words and of the first state."""
        grad_x_TBI = grad_TBH.new_zeros(*grad_TBH.shape[:2], self._inputs)
        output_BH, memory_BH = torch.zeros_like(grad_memory_BH), grad_memory_BH.clone()
        way_back = WayBack(self._tree, self._nodes, self._leaf_values(), output_BH, memory_BH)
        for t, grad_BH in reversed([*enumerate(grad_TBH.unbind())]):
            # An output's gradient: from what is above, and from the next word.
            output_BH.add_(grad_BH)
            way_back(t)
            output_BH.zero_()
            for leaves in self._leaves.values():
                leaves.backward(t, grad_x_TBI[t], output_BH)
            if self._keep_BH is not None:
                output_BH.mul_(self._keep_BH)
        return grad_x_TBI, output_BH, memory_BH

    def weights_backward(self, grad_x_TBI: Tensor, grads: tuple[Tensor, Tensor]) -> None:
        """Put gradients of the weights in two places; add what gradients of words lack."""
        for numbers, leaves in self._leaves.items():
            of_leaves = leaves.weights_backward(self._fed_TBF, grad_x_TBI)
            for grad, of_these in zip(grads, of_leaves, strict=True):
                # one by one: a copy is a few times as fast as what puts many by their numbers
                for number, of_leaf in zip(
                    numbers, of_these.chunk(len(numbers), dim=1), strict=True
                ):
                    _of_leaf(number, grad, self._tree).copy_(of_leaf)

    def _grown_leaves(
        self, weights: tuple[Tensor, Tensor], x_TBI: Tensor, *, remembers: bool
    ) -> Iterator[tuple[tuple[int, ...], Leaves]]:
        tree = self._tree
        order = side_by_side(tree, range(tree.base))
        for kind in (Sums, Pairs):
            numbers = tuple(
                number
                for number in order
                if (tree.nodes[number].combination == "add") == (kind is Sums)
            )
            if numbers:
                of_words, of_outputs = (
                    torch.cat([_of_leaf(number, weight, tree) for number in numbers], dim=1)
                    for weight in weights
                )
                nodes = [tree.nodes[number] for number in numbers]
                yield numbers, kind(nodes, (of_words, of_outputs), x_TBI, remembers=remembers)

    def _grow(self, *, remembers: bool) -> None:
        tree, last = self._tree, len(self._tree.nodes) - 1
        taken = {number: (left, right) for number, left, right in tree.parents()}
        made = {number: values.results for number, values in self._leaf_values().items()}
        for number, node in enumerate(tree.nodes):
            if number in taken:
                left, right = (made[each] for each in taken[number])
                is_output = number == last != tree.injected
                values = self._values(node, is_output=is_output, remembers=remembers)
                memories = self._memories[1:] if number == tree.memory else ()
                self._nodes[number] = Node(node, left, right, values, memories)
                made[number] = values.results
            if number == tree.injected:
                values = self._values(tree.inject, is_output=number == last, remembers=remembers)
                self._nodes[INJECT] = Node(tree.inject, made[number], self._memories, values)
                made[number] = values.results

    def _leaf_values(self) -> dict[int, Values]:
        return {
            number: values
            for numbers, leaves in self._leaves.items()
            for number, values in zip(numbers, leaves.values, strict=True)
        }

    def _values(self, node: TreeNode, *, is_output: bool, remembers: bool) -> Values:
        results: Sequence[Tensor] = self._outputs[1:]
        if not is_output:
            num_words, (columns, hidden) = len(results), results[0].shape
            kept = num_words if remembers else 1
            results = words(self._outputs_TBH.new_empty(kept, columns, hidden), num_words)
        return Values(node.activation, results, remembers=remembers)


def _of_leaf(number: int, weight: Tensor, tree: Tree) -> Tensor:
    """Return a leaf's columns of a weight."""
    return weight.chunk(tree.base, dim=1)[number]
