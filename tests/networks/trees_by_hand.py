"""Cells of the nas-rnn space in NumPy, by the formulas of the paper (Zoph & Le 2017, 3.4).

Letters: T words of a piece, B pieces side by side, I values of an input, H units, L leaves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from nas_lib.spaces.nas_rnn import Tree, TreeNode

Array = NDArray[np.float64]
Step = Callable[[Sequence[Array], Sequence[Array], Array], tuple[Array, Array]]
"""What leaves take from the word and from the last output, and the last memory; returned are the
output and the memory."""

_COMBINED = {"add": np.add, "mul": np.multiply, "max": np.maximum}
APPLIED: dict[str, Callable[[Array], Array]] = {
    "identity": lambda x: x,
    "tanh": np.tanh,
    "sigmoid": lambda x: 1 / (1 + np.exp(-x)),
    "relu": lambda x: x * (x > 0),
    "sin": np.sin,
}


def published_step(
    words: Sequence[Array], last: Sequence[Array], memory_BH: Array
) -> tuple[Array, Array]:
    """The cell that the paper found, as TensorFlow's NASCell computes it."""
    tanh, sigmoid, relu = (APPLIED[name] for name in ("tanh", "sigmoid", "relu"))
    leaf_0 = sigmoid(words[0] + last[0])
    leaf_1 = relu(words[1] + last[1])
    leaf_2 = sigmoid(words[2] + last[2])
    leaf_3 = relu(words[3] * last[3])
    leaf_4 = tanh(words[4] + last[4])
    leaf_5 = sigmoid(words[5] + last[5])
    leaf_6 = tanh(words[6] + last[6])
    leaf_7 = sigmoid(words[7] + last[7])
    second_0 = tanh(leaf_0 * leaf_1)
    second_1 = tanh(leaf_2 + leaf_3)
    second_2 = tanh(leaf_4 * leaf_5)
    second_3 = sigmoid(leaf_6 + leaf_7)
    injected = tanh(second_0 + memory_BH)
    third_0 = injected * second_1  # the new memory, which nothing is applied to
    third_1 = tanh(second_2 + second_3)
    return tanh(third_0 * third_1), third_0


def step_of(tree: Tree) -> Step:
    """Any cell, from its root down: each node asks for the values of the two that it takes."""
    below = {number: (left, right) for number, left, right in tree.parents()}

    def step(
        words: Sequence[Array], last: Sequence[Array], memory_BH: Array
    ) -> tuple[Array, Array]:
        def combined(number: int) -> Array:
            taken = (
                [value(each) for each in below[number]]
                if number in below
                else [words[number], last[number]]
            )
            found: Array = _COMBINED[tree.nodes[number].combination](*taken)
            return found

        def value(number: int) -> Array:
            found = APPLIED[tree.nodes[number].activation](combined(number))
            return _of(tree.inject, found, memory_BH) if number == tree.injected else found

        return value(len(tree.nodes) - 1), combined(tree.memory)

    return step


def outputs_by_hand(
    step: Step,
    x_TBI: Array,
    weights: tuple[Array, Array],
    state: tuple[Array, Array],
    keep_BH: Array | float = 1.0,
) -> tuple[Array, tuple[Array, Array]]:
    """Return the output after each word, `[T, B, H]`, and output and memory after the last.

    Args:
        step: The cell.
        x_TBI: Words.
        weights: Of the words, `[I, L H]`, and of the last output, `[H, L H]`.
        state: Output and memory before the first word, `[B, H]` each.
        keep_BH: Dropout of the output, where the leaves take it.
    """
    from_input, from_output = weights
    hidden = len(from_output)
    leaves = [slice(first, first + hidden) for first in range(0, from_output.shape[1], hidden)]
    output_BH, memory_BH = state
    outputs = []
    for x_BI in x_TBI:
        output_BH, memory_BH = step(
            [x_BI @ from_input[:, leaf] for leaf in leaves],
            [(keep_BH * output_BH) @ from_output[:, leaf] for leaf in leaves],
            memory_BH,
        )
        outputs.append(output_BH)
    return np.stack(outputs), (output_BH, memory_BH)


def _of(node: TreeNode, left: Array, right: Array) -> Array:
    return APPLIED[node.activation](_COMBINED[node.combination](left, right))
