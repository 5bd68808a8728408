"""Letters: T words of a piece, B pieces side by side, I values of an input, H units, L leaves."""

from __future__ import annotations

from collections.abc import Sequence
from math import log, sin, tanh

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from space_strategies import tokens_of, tree_configs
from torch import Tensor
from trees_by_hand import Array, Step, outputs_by_hand, published_step, step_of

from nas_lib.networks.nas_rnn import State, TreeLayer, plain_outputs
from nas_lib.spaces import NasRnnPlan
from nas_lib.spaces.nas_rnn import Tree
from nas_lib.spaces.published import PUBLISHED

PAPERS_EXAMPLE = "add tanh | mul relu | mul sigmoid | inject add relu into 0 | memory of 1"
PUBLISHED_CELL = NasRnnPlan.parse(PUBLISHED["nas-cell"].architecture).tree

Reached = tuple[list[float], float]
"""The output after each word, and the memory after the last."""


def tree_of(text: str) -> Tree:
    return Tree.parse(text.split(" | "))


def one_unit(
    text: str,
    words: Sequence[float],
    *,
    of_words: Sequence[float],
    of_output: Sequence[float],
    state: tuple[float, float],
    keep: float | None = None,
) -> Reached:
    """Return what a cell of one unit comes to, which both ways must agree upon.

    Args:
        text: The cell.
        words: One number each.
        of_words: The weight of each leaf.
        of_output: Likewise, for the last output.
        state: Output and memory before the first word.
        keep: What the last output is multiplied with before it is weighed.
    """
    layer = TreeLayer(tree_of(text), 1, 1, init_range=1.0).double()
    with torch.no_grad():
        layer.from_input.copy_(torch.tensor([of_words], dtype=torch.float64))
        layer.from_output.copy_(torch.tensor([of_output], dtype=torch.float64))
    x_TBI = torch.tensor(words, dtype=torch.float64)[:, None, None]
    before = tuple(torch.full((1, 1), value, dtype=torch.float64) for value in state)
    keep_BH = None if keep is None else torch.full((1, 1), keep, dtype=torch.float64)

    found, plain = both_ways(layer, x_TBI, (before[0], before[1]), keep_BH)

    torch.testing.assert_close(found, plain, rtol=1e-13, atol=1e-13)
    outputs_TBH, (output_BH, memory_BH) = found
    assert torch.equal(outputs_TBH[-1], output_BH)
    return outputs_TBH.flatten().tolist(), memory_BH.item()


def both_ways(
    layer: TreeLayer, x_TBI: Tensor, state: State, keep_BH: Tensor | None
) -> list[tuple[Tensor, State]]:
    """Return what the layer does, and what it does the plain way."""
    from_words_TBW = x_TBI @ layer.from_input
    return [
        layer(x_TBI, state, keep_BH),
        plain_outputs(layer.tree, from_words_TBW, layer.from_output, state, keep_BH),
    ]


def close(reached: Reached, outputs: Sequence[float], memory: float) -> bool:
    return reached == (pytest.approx(outputs, rel=1e-12), pytest.approx(memory, rel=1e-12))


class TestThePapersExample:
    """Section 3.4: a_0 = tanh(W_1 x + W_2 h), a_1 = relu((W_3 x) (W_4 h)), and so on.

    Weights are such that of the first word every value is a number of few digits: tanh(ln 2) is
    (4 - 1) / (4 + 1), and sigmoid(ln 3) is 3 / 4.
    """

    def reach(self, *words: float, output: float = 0.5, memory: float = -4 / 15) -> Reached:
        return one_unit(
            PAPERS_EXAMPLE,
            words,
            of_words=[log(2), 3],  # W_1 and W_3
            of_output=[-2 * log(2), log(3)],  # W_2 and W_4
            state=(output, memory),
        )

    def test_its_first_word_step_by_step(self) -> None:
        """Of x = 2, h = 1/2 and c = -4/15:

        step 2: a_0 = tanh(2 ln 2 - ln 2) = tanh(ln 2) = 0.6
                a_1 = relu(6 * 0.5 ln 3) = 3 ln 3
        step 3: a_0 becomes relu(0.6 - 4/15) = 1/3
        step 4: a_2 = sigmoid(1/3 * 3 ln 3) = 0.75, the output
        step 5: the memory is 6 * 0.5 ln 3 = 3 ln 3
        """
        assert close(self.reach(2), [0.75], 3 * log(3))

    def test_the_memory_is_what_is_combined_before_its_activation(self) -> None:
        """Of x = -1, h = 3/4 and c = 3 ln 3:

        a_0 = tanh(-ln 2 - 1.5 ln 2) = tanh(-2.5 ln 2) = (1/32 - 1) / (1/32 + 1) = -31/33
        a_1 = relu(-3 * 0.75 ln 3) = 0
        a_0 becomes relu(-31/33 + 3 ln 3) = 3 ln 3 - 31/33
        a_2 = sigmoid(0) = 0.5, the output
        the memory is -2.25 ln 3, which relu would have made 0
        """
        assert close(self.reach(-1, output=0.75, memory=3 * log(3)), [0.5], -2.25 * log(3))

    def test_what_is_injected_is_activated_once_more(self) -> None:
        """Of x = 1, h = 1/2 and c = -2.25 ln 3:

        a_0 = tanh(ln 2 - ln 2) = 0
        a_1 = relu(3 * 0.5 ln 3) = 1.5 ln 3
        a_0 becomes relu(0 - 2.25 ln 3) = 0
        a_2 = sigmoid(0) = 0.5, the output; without relu it would be nearly 0
        the memory is 1.5 ln 3
        """
        assert close(self.reach(1, memory=-2.25 * log(3)), [0.5], 1.5 * log(3))

    def test_output_and_memory_go_from_word_to_word(self) -> None:
        # the three above, each from where the last one ended
        assert close(self.reach(2, -1, 1), [0.75, 0.5, 0.5], 1.5 * log(3))

    def test_without_a_state_the_last_output_and_memory_are_zero(self) -> None:
        layer = TreeLayer(tree_of(PAPERS_EXAMPLE), 1, 1, init_range=1.0)

        outputs_TBH, (_, memory_BH) = layer(torch.tensor([[[2.0]]]))

        # a_1 = relu(2 W_3 * 0) = 0, and sigmoid(a_0 * 0) = 0.5
        assert outputs_TBH.tolist() == [[[0.5]]]
        assert memory_BH.tolist() == [[0.0]]

    def test_dropout_hides_the_output_from_products_and_not_the_memory(self) -> None:
        reach = {
            keep: one_unit(
                PAPERS_EXAMPLE,
                [2],
                of_words=[log(2), 3],
                of_output=[-2 * log(2), log(3)],
                state=(0.5, -4 / 15),
                keep=keep,
            )
            for keep in (0.0, 2.0)
        }

        # a_0 = relu(tanh(2 ln 2) - 4/15) = (16 - 1) / (16 + 1) - 4/15; a_1 = relu(6 * 0) = 0
        assert close(reach[0.0], [0.5], 0.0)
        # a_0 = relu(tanh(2 ln 2 - 2 ln 2) - 4/15) = 0; a_1 = 6 * 2 * 0.5 ln 3 = 6 ln 3
        assert close(reach[2.0], [0.5], 6 * log(3))


class TestWhatThePaperDoesNotSay:
    """Leaves are ln 2 and ln 3: of the word 1 alone, and of no weight of the output."""

    def reach(self, text: str, *, memory: float = 0.5) -> Reached:
        return one_unit(text, [1], of_words=[log(2), log(3)], of_output=[0, 0], state=(9, memory))

    def test_where_the_root_is_injected_its_injected_value_is_the_output(self) -> None:
        found = self.reach(
            "add tanh | add identity | mul sigmoid | inject mul tanh into 2 | memory of 1"
        )

        # a_0 = 0.6, a_1 = ln 3; the root 1 / (1 + 3^-0.6), by half
        assert close(found, [tanh(0.5 / (1 + 3**-0.6))], log(3))

    def test_where_one_node_is_both_the_memory_is_what_was_combined_before_any_injection(
        self,
    ) -> None:
        found = self.reach(
            "add tanh | add identity | add identity | inject add identity into 0 | memory of 0"
        )

        # a_0 = 0.6 + 0.5, the root that and ln 3; the memory is ln 2: no 0.5 is in it
        assert close(found, [1.1 + log(3)], log(2))

    def test_the_root_may_be_both(self) -> None:
        found = self.reach(
            "add tanh | add identity | mul tanh | inject add identity into 2 | memory of 2"
        )

        # a_0 a_1 = 0.6 ln 3 is the memory; the output is its tanh, and 0.5
        assert close(found, [tanh(0.6 * log(3)) + 0.5], 0.6 * log(3))

    def test_a_memory_above_what_is_injected_has_the_injection_in_it(self) -> None:
        found = self.reach(
            "add tanh | add identity | add tanh | inject add identity into 0 | memory of 2"
        )

        assert close(found, [tanh(1.1 + log(3))], 1.1 + log(3))


def test_the_space_of_the_robustness_study_knows_a_maximum_and_a_sine() -> None:
    found = one_unit(
        "max sin | max identity | max sin | inject max identity into 1 | memory of 2",
        [1.0],
        of_words=[0.3, -5.0],
        of_output=[0.2, -1.0],
        state=(2.0, 0.1),
    )

    # a_0 = sin(max(0.3, 0.4)); a_1 = max(-5, -2), injected max(-2, 0.1); max(a_0, a_1) = sin(0.4)
    assert close(found, [sin(sin(0.4))], sin(0.4))


def arrays(layer: TreeLayer) -> tuple[Array, Array]:
    from_input: Array = layer.from_input.detach().numpy()
    from_output: Array = layer.from_output.detach().numpy()
    return from_input, from_output


def check_by_hand(
    tree: Tree, step: Step, *, seed: int, num_words: int = 4, with_dropout: bool = False
) -> None:
    """Compare a layer of 3 units, of words of 5 values, with NumPy; both ways."""
    torch.manual_seed(seed)
    layer = TreeLayer(tree, 5, 3, init_range=1.0).double()
    x_TBI, output_BH, memory_BH = (
        torch.randn(*shape, dtype=torch.float64) for shape in ((num_words, 2, 5), (2, 3), (2, 3))
    )
    keep_BH = torch.tensor([[0, 2, 2], [2, 0, 0]]).double() if with_dropout else None

    expected_TBH, expected = outputs_by_hand(
        step,
        x_TBI.numpy(),
        arrays(layer),
        (output_BH.numpy(), memory_BH.numpy()),
        1.0 if keep_BH is None else keep_BH.numpy(),
    )

    for outputs_TBH, state in both_ways(layer, x_TBI, (output_BH, memory_BH), keep_BH):
        np.testing.assert_allclose(outputs_TBH.detach(), expected_TBH, rtol=1e-10, atol=1e-12)
        for one, other in zip(state, expected, strict=True):
            np.testing.assert_allclose(one.detach(), other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("with_dropout", [False, True])
def test_the_published_cell_has_the_values_of_its_formulas(with_dropout: bool) -> None:
    check_by_hand(PUBLISHED_CELL, published_step, seed=0, with_dropout=with_dropout)


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_any_cell_has_the_values_of_its_formulas(data: st.DataObject) -> None:
    space = data.draw(tree_configs(max_base=8)).build()
    tree = space.plan(data.draw(tokens_of(space.decisions(1)))).tree

    check_by_hand(
        tree,
        step_of(tree),
        seed=data.draw(st.integers(0, 99)),
        num_words=data.draw(st.integers(1, 3)),
        with_dropout=data.draw(st.booleans()),
    )


def test_a_layer_has_two_matrices_for_each_leaf_and_no_more() -> None:
    layer = TreeLayer(PUBLISHED_CELL, 5, 3, init_range=0.1)

    # 8 leaves, of 5 x 3 weights for the word and 3 x 3 for the last output
    assert sum(weight.numel() for weight in layer.parameters()) == 8 * (15 + 9)
    assert all(0.05 < weight.abs().max() <= 0.1 for weight in layer.parameters())


def test_cells_that_differ_only_in_what_is_left_and_right_compute_the_same() -> None:
    torch.manual_seed(0)
    layer = TreeLayer(tree_of(PAPERS_EXAMPLE), 5, 3, init_range=1.0)
    mirrored = "mul relu | add tanh | mul sigmoid | inject add relu into 1 | memory of 0"
    other = TreeLayer(tree_of(mirrored), 5, 3, init_range=1.0)
    with torch.no_grad():
        for mine, theirs in zip(other.parameters(), layer.parameters(), strict=True):
            mine.copy_(torch.cat([*reversed(theirs.chunk(2, dim=1))], dim=1))
    x_TBI = torch.randn(4, 2, 5)

    torch.testing.assert_close(other(x_TBI), layer(x_TBI))


def test_a_piece_cut_in_two_comes_to_what_the_whole_does() -> None:
    torch.manual_seed(0)
    layer = TreeLayer(PUBLISHED_CELL, 5, 3, init_range=1.0)
    x_TBI = torch.randn(6, 2, 5)

    whole, last = layer(x_TBI)
    first, between = layer(x_TBI[:2])
    second, end = layer(x_TBI[2:], between)

    torch.testing.assert_close(torch.cat([first, second]), whole)
    torch.testing.assert_close(end, last)
