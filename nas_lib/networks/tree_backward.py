"""A tree's way back at a word: from the output's gradient to those of what leaves combined.

It goes depth first. A node's gradients lie in two places of its depth, the same for all words: few
enough to stay in the cache. What passes a gradient on as it is, a sum or an identity, passes on its
place.

Letters: B pieces side by side, H units.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor

from nas_lib.networks.tree_nodes import Node, Values, combine_backward
from nas_lib.spaces.nas_rnn import Tree

INJECT = -1
"""The number of what is injected, among nodes."""


class WayBack:
    """The way back of one pass."""

    def __init__(
        self,
        tree: Tree,
        nodes: Mapping[int, Node],
        leaves: Mapping[int, Values],
        output_BH: Tensor,
        memory_BH: Tensor,
    ) -> None:
        """Lay it out.

        Args:
            tree: The cell.
            nodes: By number, without leaves; with what is injected.
            leaves: What they make, by number.
            output_BH: Where the gradient of the output lies.
            memory_BH: Where that of the memory lies, and then that of the last one will.
        """
        self._tree, self._nodes, self._leaves = tree, nodes, leaves
        self._memory_BH, self._last_memory_BH = memory_BH, torch.empty_like(memory_BH)
        self._taken = {number: (left, right) for number, left, right in tree.parents()}
        self._places_BH: list[tuple[Tensor, Tensor]] = []
        self._steps = [*self._into(len(tree.nodes) - 1, output_BH, depth=0)]

    def __call__(self, t: int) -> None:
        """Put gradients of what leaves combined at a word in the places of their values."""
        for step in self._steps:
            step(t)
        self._memory_BH.copy_(self._last_memory_BH)

    def _into(self, number: int, grad_BH: Tensor, depth: int) -> Iterator[Callable[[int], None]]:
        if number == self._tree.injected:
            step = self._step(INJECT, grad_BH, depth)
            yield step
            yield self._put_by(step.right_BH)
            grad_BH, depth = step.left_BH, depth + 1
        if number in self._taken:
            step = self._step(number, grad_BH, depth)
            yield step
            for taken, of_taken_BH in zip(
                self._taken[number], (step.left_BH, step.right_BH), strict=True
            ):
                yield from self._into(taken, of_taken_BH, depth + 1)
        else:
            yield self._into_leaf(number, grad_BH)

    def _step(self, number: int, grad_BH: Tensor, depth: int) -> _Step:
        if depth == len(self._places_BH):
            self._places_BH.append((torch.empty_like(grad_BH), torch.empty_like(grad_BH)))
        return _Step(self._nodes[number], grad_BH, self._memory_BH, self._places_BH[depth])

    def _put_by(self, of_memory_BH: Tensor) -> Callable[[int], None]:
        def put_by(t: int) -> None:
            # The memory's own is still needed where this comes before the node that makes it.
            self._last_memory_BH.copy_(of_memory_BH)

        return put_by

    def _into_leaf(self, number: int, grad_BH: Tensor) -> Callable[[int], None]:
        values, is_memory = self._leaves[number], number == self._tree.memory

        def into_leaf(t: int) -> None:
            before_BH = values.results[t]
            values.backward(t, grad_BH, out=before_BH)
            if is_memory:
                before_BH.add_(self._memory_BH)

        return into_leaf


class _Step:
    """A node's way back: from where its gradient lies to where those of what it takes will lie.

    Places `[B, H]` are the same for all words: they stay in the cache.

    Attributes:
        left_BH: Where the gradient of what it takes lies afterwards, ...
        right_BH: ... and the other's; of a sum the same.
    """

    def __init__(
        self, node: Node, grad_BH: Tensor, memory_BH: Tensor, places_BH: tuple[Tensor, Tensor]
    ) -> None:
        self._node, self._grad_BH, self._memory_BH = node, grad_BH, memory_BH
        own_BH, other_BH = places_BH
        passes_on = node.node.activation == "identity" and not node.memories
        self._before_BH = grad_BH if passes_on else own_BH
        is_sum = node.node.combination == "add"
        self.left_BH = self._before_BH if is_sum else own_BH
        self.right_BH = self._before_BH if is_sum else other_BH

    def __call__(self, t: int) -> None:
        """Go back at a word."""
        node, before_BH = self._node, self._before_BH
        if before_BH is not self._grad_BH:
            node.values.backward(t, self._grad_BH, out=before_BH)
        if node.memories:
            before_BH.add_(self._memory_BH)
        taken, places = (node.left[t], node.right[t]), (self.left_BH, self.right_BH)
        combine_backward(node.node.combination, before_BH, taken, out=places)
