"""Layers of every cell do by one interface what the formulas say.

Letters: T steps, B sequences side by side, I values of an input, H units, S values of a state.
"""

from __future__ import annotations

import numpy as np
import pytest
import torch
from cells_by_hand import CELLS, numpy_of, plan_of, step_by_hand
from torch import Tensor

from nas_lib.errors import ArchitectureError
from nas_lib.networks.recurrent import RecurrentLayer, recurrent_layer
from nas_lib.spaces.references import PlainCnnPlan

T, B, I, H = 5, 9, 4, 3  # noqa: E741


@pytest.fixture(params=CELLS)
def layer(request: pytest.FixtureRequest) -> RecurrentLayer:
    torch.manual_seed(0)
    return recurrent_layer(plan_of(request.param, H), I, init_range=0.8).double()


def taken(layer: RecurrentLayer, length: int = T, batch: int = B) -> tuple[Tensor, Tensor]:
    """What it takes, and a state that is not the first one."""
    generator = torch.Generator().manual_seed(1)
    x_TBI = torch.randn(length, batch, I, generator=generator, dtype=torch.float64)
    state_BS = torch.randn(batch, layer.state_size, generator=generator, dtype=torch.float64)
    return x_TBI, state_BS


@pytest.mark.parametrize("learns", [True, False])
def test_a_layer_does_step_by_step_what_its_formulas_say(
    layer: RecurrentLayer, learns: bool
) -> None:
    x_TBI, state_BS = taken(layer)

    with torch.set_grad_enabled(learns):
        outputs_TBH, last_BS = layer(x_TBI, state_BS)

    for column in range(B):
        state_S = numpy_of(state_BS[column])
        for t in range(T):
            output_H, state_S = step_by_hand(layer, numpy_of(x_TBI[t, column]), state_S)
            np.testing.assert_allclose(numpy_of(outputs_TBH[t, column]), output_H, rtol=1e-10)
        np.testing.assert_allclose(numpy_of(last_BS[column]), state_S, rtol=1e-10)


def test_gradients_are_those_of_its_values(layer: RecurrentLayer) -> None:
    x_TBI, state_BS = taken(layer)
    moved = [x_TBI.requires_grad_(), state_BS.requires_grad_(), *layer.parameters()]
    directions = [torch.randn_like(each) for each in moved]
    weigh_TBH, weigh_BS = torch.randn(T, B, H).double(), torch.randn_like(state_BS)

    def value() -> Tensor:
        outputs_TBH, last_BS = layer(x_TBI, state_BS)
        return (outputs_TBH * weigh_TBH).sum() + (last_BS * weigh_BS).sum()

    def value_at(distance: float) -> float:
        with torch.no_grad():
            for each, direction in zip(moved, directions, strict=True):
                each.add_(direction, alpha=distance)
            found = value().item()
            for each, direction in zip(moved, directions, strict=True):
                each.sub_(direction, alpha=distance)
        return found

    value().backward()  # type: ignore[no-untyped-call]

    slope = sum((each.grad * way).sum() for each, way in zip(moved, directions, strict=True))
    assert slope == pytest.approx((value_at(1e-6) - value_at(-1e-6)) / 2e-6, rel=1e-6)


def test_the_state_before_a_sequence_is_zeros(layer: RecurrentLayer) -> None:
    x_TBI, _ = taken(layer)

    assert torch.equal(layer.initial_state(x_TBI), x_TBI.new_zeros(B, layer.state_size))


def test_an_output_has_the_plans_units(layer: RecurrentLayer) -> None:
    outputs_TBH, state_BS = layer(*taken(layer))

    assert outputs_TBH.shape == (T, B, layer.hidden) == (T, B, H)
    assert state_BS.shape == (B, layer.state_size)


def test_a_plan_without_a_recurrent_cell_has_no_such_layers() -> None:
    with pytest.raises(ArchitectureError, match="no recurrent cell in the plan plain-cnn"):
        recurrent_layer(PlainCnnPlan(), 3, init_range=0.1)
