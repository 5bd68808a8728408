"""The presets of NASNet: figures of the paper and of its code, and what they amount to here."""

from __future__ import annotations

from typing import Any

import pytest
from torch import nn

from nas_lib.config import AutoConfig, EnasPolicyConfig, PpoConfig, RoundsConfig, SharedConfig
from nas_lib.controllers import build_controller
from nas_lib.presets import preset
from nas_lib.training.optimizers import RmsProp, build_optimizer
from nas_lib.training.schedule import learning_rate

FOR_IMAGENET = ["nasnet-imagenet-mobile", "nasnet-imagenet-large"]


def final_children(name: str) -> Any:
    """How networks are trained in the end."""
    return preset(name).final.children


def test_the_papers_search_has_500_workers_and_20_000_children() -> None:
    search = preset("nasnet-paper").search

    assert isinstance(search, RoundsConfig)
    assert search.replicas * search.children_per_round == 500
    assert search.max_children == 20_000 == 40 * 500  # each worker trains 40


def test_the_papers_controller_has_100_units_and_50_decisions() -> None:
    config = preset("nasnet-paper")
    decisions = config.space.build().decisions(1)
    controller = build_controller(config.controller, decisions)

    assert isinstance(config.controller, PpoConfig)
    assert len(decisions) == 50
    # 2 to 6 states, 13 operations and 2 combinations: 35 options, each a row in, a row out, a bias
    lstm = 4 * 100 * (100 + 100) + 2 * 4 * 100
    assert controller.num_parameters == 100 + lstm + 35 * (100 + 100 + 1) == 87_935


def test_the_papers_children_are_trained_as_its_code_trains_on_cifar_10_but_for_20_epochs() -> None:
    children, final = preset("nasnet-paper").children, final_children("nasnet-paper")

    assert (children.epochs, final.epochs) == (20, 600)  # type: ignore[union-attr]
    # 50,000 images by 32 for 600 epochs are the code's 937,500 steps
    assert 600 * 50_000 / final.batch_size == 937_500
    rates = [learning_rate(final, progress) for progress in (0, 0.5, 1)]
    assert rates == pytest.approx([0.025, 0.0125, 0])


@pytest.mark.parametrize("name", FOR_IMAGENET)
def test_for_imagenet_it_is_rmsprop_at_a_rate_that_falls_every_2_4_epochs(name: str) -> None:
    children = final_children(name)

    rates = [learning_rate(children, epochs / children.epochs) for epochs in (2.39, 2.41, 24.01)]

    assert isinstance(build_optimizer(nn.Linear(1, 1), children), RmsProp)
    first = children.learning_rate
    assert rates == pytest.approx([first, 0.97 * first, 0.97**10 * first])
    # 250,000 steps of 1,600 images, of which there are 1,281,167
    assert children.epochs == 250_000 * 1600 // 1_281_167


def test_for_imagenet_one_replica_has_its_share_of_what_the_codes_had_in_step() -> None:
    mobile, large = map(final_children, FOR_IMAGENET)

    assert (50 * mobile.batch_size, 100 * large.batch_size) == (1600, 1600)
    assert (50 * mobile.learning_rate, 100 * large.learning_rate) == (2.0, 1.5)


def test_the_small_ones_build_the_same_children_and_one_of_them_shares_weights() -> None:
    rounds, shared = preset("nasnet-digits"), preset("nasnet-digits-shared")

    assert (shared.space, shared.children) == (rounds.space, rounds.children)
    assert isinstance(shared.search, SharedConfig)
    # chosen by auto: ENAS's policy, against the mean of architectures judged on the same batches
    assert isinstance(shared.controller, AutoConfig)
    assert isinstance(shared.controller.proposer.policy, EnasPolicyConfig)  # type: ignore[union-attr]
    assert shared.search.judges_in_common(shared.controller)
