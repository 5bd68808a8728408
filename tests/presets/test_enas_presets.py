"""The presets of ENAS: figures of the paper and of its codes, and what they amount to here."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from nas_lib.config import ImageChildrenConfig, ImageWeightsConfig, SharedConfig
from nas_lib.presets import preset


def weights(name: str) -> Any:
    """How shared weights are trained."""
    search = preset(name).search
    assert isinstance(search, SharedConfig)
    return search.weights


def controller(name: str) -> Any:
    """Who proposes, and how it learns."""
    return preset(name).controller


def children(name: str) -> Any:
    """How children are trained."""
    return preset(name).children


@pytest.mark.parametrize(
    ("settings", "penalty"),
    [
        (weights("enas-macro-official-code"), 2.5e-4),
        (children("enas-macro-official-code"), 2e-4),
        (weights("enas-micro-official-code"), 1e-4),
        (children("enas-micro-official-code"), 2e-4),
        (weights("enas-rnn-official-code"), 8e-7),
        (children("enas-rnn-official-code"), 8e-7),
    ],
)
def test_a_weight_decays_as_by_the_codes_penalty_times_the_sum_of_squares(
    settings: Any, penalty: float
) -> None:
    weight = torch.tensor([3.0], dtype=torch.float64)
    weight.grad = torch.zeros_like(weight)

    torch.optim.SGD([weight], lr=20.0, weight_decay=settings.weight_decay).step()

    # A weight of 3 costs penalty x 9, so its gradient is penalty x 2 x 3. With 8e-7 that is 4.8e-6,
    # and a step at a rate of 20 leaves 3 - 9.6e-5.
    assert weight.item() == pytest.approx(3 - 20 * penalty * 2 * 3, abs=1e-12)


def test_the_codes_cells_have_a_second_classifier_while_they_share_weights_too() -> None:
    assert weights("enas-micro-official-code").auxiliary_weight == 0.4
    assert children("enas-micro-official-code").auxiliary_weight == 0.4
    assert weights("enas-micro-paper").auxiliary_weight == 0  # the paper tells of none


def test_the_codes_cells_are_trained_without_cutout_and_the_papers_with_it() -> None:
    for name, cutout in (("enas-micro-official-code", 0), ("enas-micro-paper", 16)):
        found = children(name)
        assert isinstance(found, ImageChildrenConfig)
        assert found.augment.cutout == cutout
        assert isinstance(shared := weights(name), ImageWeightsConfig)
        assert shared.augment.cutout == 0  # neither has it while weights are shared


@pytest.mark.parametrize("variant", ["paper", "official-code"])
@pytest.mark.parametrize("space", ["macro", "micro", "rnn"])
def test_the_published_systems_judge_each_architecture_on_a_batch_of_its_own_and_by_an_average(
    space: str, variant: str
) -> None:
    name = f"enas-{space}-{variant}"
    search = preset(name).search
    assert isinstance(search, SharedConfig)
    assert not search.judges_in_common(controller(name))
    assert controller(name).baseline == "moving_average"


@pytest.mark.parametrize("name", ["enas-macro-digits", "enas-micro-digits", "enas-rnn-pydoc"])
def test_small_ones_judge_a_step_in_common_and_each_against_the_others(name: str) -> None:
    search = preset(name).search
    assert isinstance(search, SharedConfig)
    assert search.judges_in_common(controller(name))
    assert controller(name).baseline == "leave_one_out"
