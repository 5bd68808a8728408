"""Letters: T words of a piece, B pieces side by side, I values of an input, H units."""

from __future__ import annotations

import gc
import weakref
from dataclasses import dataclass

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from space_strategies import tokens_of
from torch import Tensor, nn

from nas_lib.config import NasRnnSpaceConfig
from nas_lib.networks.fused_tree import fused_outputs
from nas_lib.networks.nas_rnn import TreeLayer, plain_outputs
from nas_lib.spaces.nas_rnn import NasRnnPlan, NasRnnSpace, Tree
from nas_lib.spaces.published import PUBLISHED

ALL_KINDS = (
    "add tanh | mul relu | max sin | add sin | mul sigmoid | mul identity | max sigmoid "
    "| inject mul sin into 4 | memory of 5"
)
ROOT_INJECTED = "add tanh | mul tanh | max identity | inject max identity into 2 | memory of 2"
LEAF_KEPT = "mul sigmoid | add identity | add relu | inject add identity into 1 | memory of 1"
ONLY_PRODUCTS = "mul tanh | mul tanh | mul tanh | inject mul tanh into 0 | memory of 0"


PUBLISHED_CELL = NasRnnPlan.parse(PUBLISHED["nas-cell"].architecture).tree


def tree_of(text: str) -> Tree:
    return Tree.parse(text.split(" | "))


@dataclass(frozen=True)
class Piece:
    """What a cell takes; all but dropout needs gradients."""

    tree: Tree
    x_TBI: Tensor  # noqa: N815
    state: tuple[Tensor, Tensor]
    weights: tuple[Tensor, Tensor]
    keep_BH: Tensor | None = None  # noqa: N815

    @property
    def sources(self) -> list[Tensor]:
        return [self.x_TBI, *self.state, *self.weights]

    def fast(self) -> list[Tensor]:
        outputs_TBH, state = fused_outputs(
            self.tree, self.weights, self.x_TBI, self.state, self.keep_BH
        )
        return [outputs_TBH, *state]

    def plain(self) -> list[Tensor]:
        from_input, from_output = self.weights
        from_words_TBW = self.x_TBI @ from_input
        outputs_TBH, state = plain_outputs(
            self.tree, from_words_TBW, from_output, self.state, self.keep_BH
        )
        return [outputs_TBH, *state]


def piece_of(
    tree: Tree,
    *,
    seed: int = 0,
    num_words: int = 3,
    columns: int = 2,
    inputs: int = 4,
    hidden: int = 3,
    drops_out: bool = False,
    dtype: torch.dtype = torch.float64,
) -> Piece:
    torch.manual_seed(seed)
    width = tree.base * hidden

    def drawn(*shape: int, by: float = 1.0) -> Tensor:
        return (by * torch.randn(*shape, dtype=dtype)).requires_grad_()

    return Piece(
        tree,
        drawn(num_words, columns, inputs),
        (drawn(columns, hidden), drawn(columns, hidden)),
        (drawn(inputs, width, by=inputs**-0.5), drawn(hidden, width, by=hidden**-0.5)),
        2 * torch.ones(columns, hidden, dtype=dtype).bernoulli(0.5) if drops_out else None,
    )


def check_both_ways(piece: Piece, **tolerance: float) -> None:
    fast, plain = piece.fast(), piece.plain()

    torch.testing.assert_close(fast, plain, **tolerance)
    towards = [torch.randn_like(each) for each in plain]
    of_fast, of_plain = (
        torch.autograd.grad(each, piece.sources, towards) for each in (fast, plain)
    )
    torch.testing.assert_close(of_fast, of_plain, **tolerance)


@given(st.data())
@settings(max_examples=50, deadline=None)
def test_a_tree_is_the_plain_one_in_values_and_gradients(data: st.DataObject) -> None:
    space = NasRnnSpace(
        NasRnnSpaceConfig(
            base=data.draw(st.sampled_from([2, 4, 8])),
            combinations=("add", "mul", "max"),
            activations=("identity", "tanh", "sigmoid", "relu", "sin"),
        )
    )
    tree = space.plan(data.draw(tokens_of(space.decisions(1)))).tree

    check_both_ways(
        piece_of(
            tree,
            seed=data.draw(st.integers(0, 99)),
            num_words=data.draw(st.integers(1, 3)),
            columns=data.draw(st.sampled_from([1, 2, 5])),
            drops_out=data.draw(st.booleans()),
        )
    )


@pytest.mark.parametrize("text", [ALL_KINDS, ROOT_INJECTED, LEAF_KEPT, ONLY_PRODUCTS])
def test_so_it_is_of_many_units_in_single_precision(text: str) -> None:
    """What is large goes other ways: products by oneDNN, tanh by a sigmoid."""
    piece = piece_of(
        tree_of(text), columns=32, inputs=130, hidden=128, drops_out=True, dtype=torch.float32
    )

    check_both_ways(piece, atol=1e-4, rtol=1e-4)  # sums of 130 numbers, of 2^-24 each


@pytest.mark.parametrize("text", [ROOT_INJECTED, LEAF_KEPT, ONLY_PRODUCTS])
def test_the_plain_ways_gradients_are_those_of_finite_differences(text: str) -> None:
    piece = piece_of(tree_of(text), num_words=2, columns=1, inputs=2, hidden=2)

    def made(x_TBI: Tensor, output_BH: Tensor, memory_BH: Tensor, *weights: Tensor) -> object:
        from_words_TBW = x_TBI @ weights[0]
        outputs_TBH, (_, last_BH) = plain_outputs(
            piece.tree, from_words_TBW, weights[1], (output_BH, memory_BH), None
        )
        return outputs_TBH, last_BH

    assert torch.autograd.gradcheck(made, tuple(piece.sources))


def test_of_equals_each_has_half_the_gradient() -> None:
    tree = tree_of(
        "max identity | max identity | max identity | inject add identity into 0 | memory of 1"
    )
    piece = piece_of(tree, hidden=1, inputs=1, num_words=1, columns=1)
    with torch.no_grad():  # all are 1 but for the memory
        for source in piece.sources:
            source.fill_(1)
        piece.state[1].zero_()

    gradients = torch.autograd.grad(piece.fast()[0], piece.sources)

    # root: half to each leaf, whose word and output have half of that; words feed both leaves
    assert [grad.flatten().tolist() for grad in gradients] == [
        [0.5],
        [0.5],
        [0.5],
        [0.25, 0.25],
        [0.25, 0.25],
    ]


def test_of_no_pieces_there_is_nothing_on_both_ways() -> None:
    check_both_ways(piece_of(tree_of(ALL_KINDS), columns=0))


@pytest.mark.parametrize("columns", [1, 32])
@pytest.mark.parametrize("text", [ALL_KINDS, ROOT_INJECTED, LEAF_KEPT, ONLY_PRODUCTS])
def test_without_gradients_the_values_are_the_same(text: str, columns: int) -> None:
    piece = piece_of(tree_of(text), columns=columns, hidden=16, drops_out=True)

    with torch.no_grad():
        without = piece.fast()

    torch.testing.assert_close(without, piece.fast())


def test_a_second_backward_pass_is_refused() -> None:
    total = piece_of(tree_of(ALL_KINDS)).fast()[0].sum()
    total.backward(retain_graph=True)

    with pytest.raises(RuntimeError, match="goes backward once"):
        total.backward()


def test_gradients_of_gradients_are_refused() -> None:
    piece = piece_of(tree_of(ALL_KINDS))
    total = piece.fast()[0].square().sum()
    (grad_x_TBI,) = torch.autograd.grad(total, piece.x_TBI, create_graph=True)

    with pytest.raises(RuntimeError, match="once_differentiable"):
        grad_x_TBI.sum().backward()


def test_outputs_and_memory_stay_what_they_were_on_the_way_back() -> None:
    piece = piece_of(tree_of(ROOT_INJECTED))
    made = piece.fast()
    before = [each.detach().clone() for each in made]

    sum(each.sum() for each in made).backward()  # type: ignore[union-attr]

    assert all(torch.equal(one, other) for one, other in zip(made, before, strict=True))


def test_a_pass_that_never_goes_backward_leaves_no_memory_behind() -> None:
    piece = piece_of(tree_of(ALL_KINDS))
    gc.disable()  # what only the collector finds would stay for a while
    try:
        made = piece.fast()
        left = [weakref.ref(each) for each in made]
        del made
        assert [each() for each in left] == [None] * 3
    finally:
        gc.enable()


def test_autocast_goes_the_plain_way() -> None:
    torch.manual_seed(0)
    layer, x_TBI = TreeLayer(tree_of(ALL_KINDS), 8, 8, init_range=0.5), torch.randn(3, 2, 8)

    exact, _ = layer(x_TBI)
    with torch.autocast("cpu", torch.bfloat16):
        rough, _ = layer(x_TBI)

    assert not torch.equal(rough.float(), exact)
    # 8 bits: 1/256 in each product
    torch.testing.assert_close(rough.float(), exact, atol=0.1, rtol=0.1)


@pytest.mark.parametrize("layer_of", [nn.LSTM, TreeLayer])
def test_a_layer_learns_in_the_place_of_an_lstm(layer_of: type[nn.Module]) -> None:
    """What one layer reads, its last state tells another, which starts from it."""
    torch.manual_seed(0)

    def layer() -> nn.Module:
        if layer_of is nn.LSTM:
            return nn.LSTM(4, 8)
        return TreeLayer(PUBLISHED_CELL, 4, 8, init_range=0.5)

    encoder, decoder, out = layer(), layer(), nn.Linear(8, 1)
    parameters = [each for part in (encoder, decoder, out) for each in part.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=0.05)
    x_TBI = torch.randn(5, 16, 4)
    wanted_B = (x_TBI[-1, :, 0] > 0).float()
    losses = []
    for _ in range(30):
        _, (output_BH, memory_BH) = encoder(x_TBI)
        y_TBH, _ = decoder(torch.zeros(2, 16, 4), (output_BH, memory_BH))
        loss = nn.functional.binary_cross_entropy_with_logits(out(y_TBH[-1])[:, 0], wanted_B)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())

    assert losses[-1] < losses[0] / 2
