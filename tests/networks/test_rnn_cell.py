"""Letters: T words of a piece, B pieces side by side, H units."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from space_strategies import tokens_of
from torch import Tensor, nn

from nas_lib.config import EnasRnnSpaceConfig, HiddenConfig
from nas_lib.networks.enas_rnn import Cell, plain_outputs
from nas_lib.networks.fused_rnn import fused_outputs
from nas_lib.spaces import EnasRnnSpace, RnnPlan

Array = NDArray[np.float64]

PAPERS_EXAMPLE = "3 units | tanh | relu(0) | relu(1) | tanh(0) | mean of 2,3"
ALL_FUNCTIONS = "3 units | tanh | sigmoid(0) | relu(1) | identity(0) | mean of 1,2,3"


def cell_of(config: str, *, seed: int = 0, dtype: torch.dtype = torch.float64) -> Cell:
    """A cell with random weights that need gradients."""
    torch.manual_seed(seed)
    plan = RnnPlan.parse(config)
    weights = [
        torch.randn((2 if number == 0 else 1) * plan.hidden, 2 * plan.hidden, dtype=dtype)
        for number in range(len(plan.nodes))
    ]
    return Cell(plan, tuple(weight.requires_grad_() for weight in weights))


def words_and_state(
    plan: RnnPlan, *, num_words: int = 4, columns: int = 2, dtype: torch.dtype = torch.float64
) -> tuple[Tensor, Tensor]:
    x_TBH = torch.randn(num_words, columns, plan.hidden, dtype=dtype).requires_grad_()
    return x_TBH, torch.randn(columns, plan.hidden, dtype=dtype).requires_grad_()


def test_the_papers_example_has_the_values_of_its_formulas() -> None:
    """Section 2.1, figure 1: its nodes 1 to 4 are ours 0 to 3."""
    cell = cell_of(PAPERS_EXAMPLE)
    x_TBH, state_BH = words_and_state(cell.plan)
    w_1, w_12, w_23, w_14 = (weight.detach().numpy() for weight in cell.weights)

    def highway(s: Array, pre: Array, function: np.ufunc | None) -> Array:
        h, c = pre[:, :3], 1 / (1 + np.exp(-pre[:, 3:]))
        return c * (np.maximum(h, 0) if function is None else function(h)) + (1 - c) * s

    state, expected = state_BH.detach().numpy(), []
    for x in x_TBH.detach().numpy():
        s_1 = highway(state, x @ w_1[:3] + state @ w_1[3:], np.tanh)
        s_2 = highway(s_1, s_1 @ w_12, None)  # None: ReLU
        s_3 = highway(s_2, s_2 @ w_23, None)
        s_4 = highway(s_1, s_1 @ w_14, np.tanh)
        state = (s_3 + s_4) / 2  # the loose ends
        expected.append(state)

    outputs = cell.outputs(x_TBH, state_BH, None)
    np.testing.assert_allclose(outputs.detach().numpy(), expected, rtol=1e-12)


def test_dropout_of_the_state_hides_units_from_products_and_not_from_highways() -> None:
    cell = cell_of("2 units | identity | identity(0) | mean of 1")
    x_TBH, state_BH = torch.zeros(1, 1, 2).double(), torch.tensor([[3.0, 5.0]]).double()
    keep_BH = torch.tensor([[0.0, 2.0]]).double()

    output_BH = cell.outputs(x_TBH, state_BH, keep_BH)[0]

    w_0, w_1 = (weight.detach() for weight in cell.weights)
    states = [state_BH]
    for row in (w_0[3], w_1[1]):  # unit 0 is hidden, unit 1 counts twice
        h_BH, c_BH = (2 * states[-1][0, 1] * row).chunk(2)
        states.append(states[-1] + c_BH.sigmoid() * (h_BH - states[-1]))
    torch.testing.assert_close(output_BH, states[-1])


@given(st.data())
def test_the_fast_way_equals_the_plain_one_in_values_and_gradients(data: st.DataObject) -> None:
    variant = data.draw(st.sampled_from(["enas_lm", "original"]))
    space = EnasRnnSpace(
        EnasRnnSpaceConfig(
            nodes=data.draw(st.integers(1, 5)), variant=variant, child=HiddenConfig(hidden=3)
        )
    )
    plan = space.plan(data.draw(tokens_of(space.decisions(1))))
    cell = cell_of(str(plan), seed=data.draw(st.integers(0, 99)))
    x_TBH, state_BH = words_and_state(plan, num_words=data.draw(st.integers(1, 4)))
    keep_BH = 2 * torch.ones(2, 3).double().bernoulli(0.5) if data.draw(st.booleans()) else None
    leaves = [x_TBH, state_BH, *cell.weights]

    fast = fused_outputs(plan, cell.weights, x_TBH, state_BH, keep_BH)
    plain = plain_outputs(cell, x_TBH, state_BH, keep_BH)

    torch.testing.assert_close(fast, plain)
    towards = torch.randn_like(plain)
    for of_fast, of_plain in zip(
        torch.autograd.grad(fast, leaves, towards),
        torch.autograd.grad(plain, leaves, towards),
        strict=True,
    ):
        torch.testing.assert_close(of_fast, of_plain)


def test_the_plain_ways_gradients_are_those_of_finite_differences() -> None:
    cell = cell_of(ALL_FUNCTIONS)
    x_TBH, state_BH = words_and_state(cell.plan)

    def outputs(x_TBH: Tensor, state_BH: Tensor, *weights: Tensor) -> Tensor:
        return plain_outputs(Cell(cell.plan, weights), x_TBH, state_BH, None)

    assert torch.autograd.gradcheck(outputs, (x_TBH, state_BH, *cell.weights))


@pytest.mark.parametrize("keeps_all", [True, False])
def test_without_gradients_the_values_are_the_same(keeps_all: bool) -> None:
    cell = cell_of(ALL_FUNCTIONS, dtype=torch.float32)
    words = words_and_state(cell.plan, dtype=torch.float32)
    keep_BH = None if keeps_all else torch.tensor([[0.0, 2.0, 2.0], [2.0, 0.0, 0.0]])

    with torch.no_grad():
        without = cell.outputs(*words, keep_BH)

    assert torch.equal(without, cell.outputs(*words, keep_BH))


def test_a_second_backward_pass_is_refused() -> None:
    cell = cell_of(ALL_FUNCTIONS)
    total = cell.outputs(*words_and_state(cell.plan), None).sum()
    total.backward(retain_graph=True)

    with pytest.raises(RuntimeError, match="goes backward once"):
        total.backward()


def test_a_pass_that_never_goes_backward_leaves_no_memory_behind() -> None:
    cell = cell_of(ALL_FUNCTIONS)
    words = words_and_state(cell.plan)
    gc.disable()  # what only the collector finds would stay for a while
    try:
        outputs = cell.outputs(*words, None)
        left = weakref.ref(outputs)
        del outputs
        assert left() is None
    finally:
        gc.enable()


def test_norms_are_applied_to_what_each_weight_gives_and_to_the_mean() -> None:
    cell = cell_of("2 units | tanh | relu(0) | mean of 1")
    x_TBH, state_BH = words_and_state(cell.plan, num_words=1)
    norms: Sequence[nn.Module] = [Scale(2.0), Scale(3.0), Scale(5.0)]

    output_BH = Cell(cell.plan, cell.weights, tuple(norms)).outputs(x_TBH, state_BH, None)[0]

    first, second = cell.weights
    scaled = Cell(cell.plan, (2 * first, 3 * second))
    torch.testing.assert_close(output_BH, 5 * scaled.outputs(x_TBH, state_BH, None)[0])


def test_autocast_computes_products_in_bfloat16() -> None:
    cell = cell_of(ALL_FUNCTIONS, dtype=torch.float32)
    words = words_and_state(cell.plan, dtype=torch.float32)

    exact = cell.outputs(*words, None)
    with torch.autocast("cpu", torch.bfloat16):
        rough = cell.outputs(*words, None)

    assert rough.dtype == torch.float32
    assert not torch.equal(rough, exact)
    torch.testing.assert_close(rough, exact, atol=0.1, rtol=0.1)  # 8 bits: 1/256 in each product


class Scale(nn.Module):
    """Stands for a normalisation."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * x
