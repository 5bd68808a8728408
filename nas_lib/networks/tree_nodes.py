"""Nodes of a tree over all words of a piece: what they make, and the way back.

Letters: T words of a piece, B pieces side by side, H units; W: units of nodes side by side.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nas_lib.networks.activations import activate, activation_backward
from nas_lib.spaces.nas_rnn import TreeActivation, TreeCombination, TreeNode

_HALF = torch.tensor(0.5, device="cpu")  # whatever is set where this is first loaded


class Values:
    """What a node, or some side by side that apply the same, make of what they combined.

    Attributes:
        results: A view `[B, W]` for each word; of leaves, in the end, gradients of what they
            combined.
    """

    def __init__(
        self,
        activation: TreeActivation,
        results: Sequence[Tensor],
        *,
        remembers: bool,
        cosines: Sequence[Tensor] = (),
    ) -> None:
        self._activation, self.results, self._cosines = activation, results, cosines
        # of sines alone, the derivative does not follow from the result
        if remembers and activation == "sin" and not cosines:
            self._cosines = [torch.empty_like(result_BW) for result_BW in results]

    def chunks(self, width: int) -> Iterator[Values]:
        """Yield those of each of the nodes side by side, which have this many units."""
        for at in range(0, self.results[0].shape[1], width):
            results, cosines = (
                [each[:, at : at + width] for each in every]
                for every in (self.results, self._cosines)
            )
            yield Values(self._activation, results, remembers=False, cosines=cosines)

    def forward(self, t: int, before_BW: Tensor) -> None:
        """Apply the activation at a word; what was combined may be in the place of the results."""
        if self._cosines:
            torch.cos(before_BW, out=self._cosines[t])
        activate(self._activation, before_BW, out=self.results[t])

    def backward(self, t: int, grad_BW: Tensor, *, out: Tensor) -> None:
        """Put the gradient of what was combined in a place."""
        known = self._cosines or self.results
        activation_backward(self._activation, grad_BW, known[t], out=out)


@dataclass(frozen=True, eq=False)
class Node:
    """A node that takes two others, and how, each `[B, H]` for each word.

    Attributes:
        node: What it does.
        left: What it takes, ...
        right: ... and the other.
        values: What it makes.
        memories: Where what it combined is kept, if that is the new memory, else empty.
    """

    node: TreeNode
    left: Sequence[Tensor]
    right: Sequence[Tensor]
    values: Values
    memories: Sequence[Tensor] = ()

    def forward(self, t: int) -> None:
        """Compute the value at a word."""
        before_BH = (self.memories or self.values.results)[t]
        combine(self.node.combination, self.left[t], self.right[t], out=before_BH)
        self.values.forward(t, before_BH)


def combine(combination: TreeCombination, left: Tensor, right: Tensor, *, out: Tensor) -> None:
    """Put two values, combined, in a place."""
    match combination:
        case "add":
            torch.add(left, right, out=out)
        case "mul":
            torch.mul(left, right, out=out)
        case "max":
            torch.maximum(left, right, out=out)


def combine_backward(
    combination: TreeCombination,
    grad: Tensor,
    taken: tuple[Tensor, Tensor],
    *,
    out: tuple[Tensor, Tensor],
) -> None:
    """Put the gradients of two values in two places.

    Args:
        combination: How they were combined; a sum's gradients are `grad` itself: nothing is put.
        grad: The gradient of what they came to.
        taken: The values.
        out: The places; the first may be that of `grad`, the second that of the first value.
    """
    (left, right), (left_grad, right_grad) = taken, out
    match combination:
        case "mul":
            torch.mul(grad, left, out=right_grad)
            torch.mul(grad, right, out=left_grad)
        case "max":  # the greater one's, half each where they are equal
            torch.sub(right, left, out=right_grad).heaviside_(_HALF.to(grad.dtype)).mul_(grad)
            torch.sub(grad, right_grad, out=left_grad)
