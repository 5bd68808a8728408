"""Leaves of a tree over all words of a piece: their products, what they make, and the way back.

Leaves that add take one product, of word and last output side by side, as an LSTM's gates do. Of
others both products are needed on the way back: theirs from the words is one for all words. Leaves
lie side by side in an order of their own: one call serves all that do the same.

Letters: T words of a piece, B pieces side by side, I values of an input, H units; F = I + H: a word
and the last output; W = n H: n leaves side by side.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from itertools import groupby

import torch
from torch import Tensor

from nas_lib.networks.pieces import flat, words
from nas_lib.networks.products import product
from nas_lib.networks.tree_nodes import Values, combine, combine_backward
from nas_lib.spaces.nas_rnn import Tree, TreeNode


def side_by_side(tree: Tree, numbers: Sequence[int]) -> list[int]:
    """Return the leaves in an order in which those that do the same are neighbours."""
    return sorted(numbers, key=lambda number: str(tree.nodes[number]))


class Leaves(ABC):
    """Some leaves, side by side.

    Attributes:
        values: What each of them makes.
        width: Units of all of them.
    """

    def __init__(
        self,
        nodes: Sequence[TreeNode],
        weights: tuple[Tensor, Tensor],
        x_TBI: Tensor,
        *,
        remembers: bool,
    ) -> None:
        """Prepare for a piece.

        Args:
            nodes: What they do.
            weights: Of the words, `[I, W]`, and of the last output, `[H, W]`.
            x_TBI: Words.
            remembers: Whether values of all words are kept.
        """
        num_words, columns, self._inputs = x_TBI.shape
        self._remembers = remembers
        self._hidden, width = weights[1].shape
        self._values_TBW = x_TBI.new_empty(num_words if remembers else 1, columns, width)
        self._values = words(self._values_TBW, num_words)
        groups = [(node, self._hidden * len([*group])) for node, group in groupby(nodes)]
        self._combinations = [node.combination for node, _ in groups]
        self._widths = [width for _, width in groups]
        self._groups = [
            Values(node.activation, words(group_TBW, num_words), remembers=remembers)
            for (node, _), group_TBW in zip(groups, self._by_group(self._values_TBW), strict=True)
        ]
        self.values = [one for group in self._groups for one in group.chunks(self._hidden)]

    @abstractmethod
    def forward(self, t: int, fed_BF: Tensor) -> Tensor:
        """Return what they combine at a word, `[B, W]`, of it and the last output."""

    def apply(self, t: int, before_BW: Tensor) -> None:
        """Make values of what they combined."""
        for group, chunk_BW in zip(self._groups, self._by_group(before_BW), strict=True):
            group.forward(t, chunk_BW)

    @abstractmethod
    def backward(self, t: int, grad_x_BI: Tensor, grad_fed_BH: Tensor) -> None:
        """Add gradients of what they took; in the place of values are those of combinations."""

    @abstractmethod
    def weights_backward(self, fed_TBF: Tensor, grad_x_TBI: Tensor) -> tuple[Tensor, Tensor]:
        """Return gradients of both weights, when all words are done; add what words lack."""

    def _by_group(self, whole: Tensor) -> tuple[Tensor, ...]:
        return torch.split(whole, self._widths, dim=-1)


class Sums(Leaves):
    """Leaves that add."""

    def __init__(
        self,
        nodes: Sequence[TreeNode],
        weights: tuple[Tensor, Tensor],
        x_TBI: Tensor,
        *,
        remembers: bool,
    ) -> None:
        super().__init__(nodes, weights, x_TBI, remembers=remembers)
        self._weight_FW = torch.cat(weights)
        # on the way back, its transposition, laid out as products like it
        self._weight_WF = self._weight_FW.t().contiguous() if remembers else self._weight_FW.t()

    def forward(self, t: int, fed_BF: Tensor) -> Tensor:
        """Return what they combine at a word."""
        return product(fed_BF, self._weight_FW)

    def backward(self, t: int, grad_x_BI: Tensor, grad_fed_BH: Tensor) -> None:
        """Add gradients of what they took."""
        grad_BF = product(self._values[t], self._weight_WF)
        grad_x_BI.add_(grad_BF[:, : self._inputs])
        grad_fed_BH.add_(grad_BF[:, self._inputs :])

    def weights_backward(self, fed_TBF: Tensor, grad_x_TBI: Tensor) -> tuple[Tensor, Tensor]:
        """Return gradients of both weights."""
        grad_FW = product(flat(fed_TBF).t(), flat(self._values_TBW))
        return grad_FW[: self._inputs], grad_FW[self._inputs :]


class Pairs(Leaves):
    """Leaves that combine both products in some other way, and need each on the way back."""

    def __init__(
        self,
        nodes: Sequence[TreeNode],
        weights: tuple[Tensor, Tensor],
        x_TBI: Tensor,
        *,
        remembers: bool,
    ) -> None:
        super().__init__(nodes, weights, x_TBI, remembers=remembers)
        self._from_word_IW, self._from_output_HW = weights
        from_words_MW = product(flat(x_TBI), self._from_word_IW)  # M = T x B
        self._from_words_TBW = from_words_MW.view(*x_TBI.shape[:2], weights[0].shape[1])
        self._from_words = self._from_words_TBW.unbind()
        self._from_outputs: list[Tensor] = []

    def forward(self, t: int, fed_BF: Tensor) -> Tensor:
        """Return what they combine at a word."""
        from_output_BW = product(fed_BF[:, self._inputs :], self._from_output_HW)
        if self._remembers:
            self._from_outputs.append(from_output_BW)
        before_BW = self._values[t]
        for combination, *taken, out in zip(
            self._combinations,
            *map(self._by_group, (self._from_words[t], from_output_BW, before_BW)),
            strict=True,
        ):
            combine(combination, *taken, out=out)
        return before_BW

    def backward(self, t: int, grad_x_BI: Tensor, grad_fed_BH: Tensor) -> None:
        """Add gradients of what they took."""
        from_word_BW, grad_BW = self._from_words[t], self._values[t]
        taken = (from_word_BW, self._from_outputs.pop())
        # The products' gradients: of words in the place of values, of outputs in that of words.
        for combination, from_word, from_output, grad in zip(
            self._combinations, *map(self._by_group, (*taken, grad_BW)), strict=True
        ):
            combine_backward(combination, grad, (from_word, from_output), out=(grad, from_word))
        grad_fed_BH.add_(product(from_word_BW, self._from_output_HW.t()))

    def weights_backward(self, fed_TBF: Tensor, grad_x_TBI: Tensor) -> tuple[Tensor, Tensor]:
        """Return gradients of both weights; add the words'."""
        fed_MF, from_word_MW = flat(fed_TBF), flat(self._values_TBW)
        grad_x_TBI.add_(product(from_word_MW, self._from_word_IW.t()).view_as(grad_x_TBI))
        return (
            product(fed_MF[:, : self._inputs].t(), from_word_MW),
            product(fed_MF[:, self._inputs :].t(), flat(self._from_words_TBW)),
        )
