"""The presets of recurrent trees: figures of the paper, and what they amount to here."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from nas_lib.config import ReinforceConfig, RoundsConfig, SizeConfig
from nas_lib.networks import build_language_model
from nas_lib.presets import preset
from nas_lib.spaces import planned
from nas_lib.tasks import task_of
from nas_lib.training.schedule import learning_rate

PAPER = preset("nas-rnn-paper")
CHILDREN: Any = PAPER.children


def test_the_papers_search_has_400_replicas_of_one_child_and_20_shards_that_step_by_ten() -> None:
    search, controller = PAPER.search, PAPER.controller

    assert isinstance(search, RoundsConfig)
    assert (search.replicas, search.children_per_round, search.shards) == (400, 1, 20)
    assert isinstance(controller, ReinforceConfig)
    assert (controller.gradients_per_update, controller.learning_rate) == (10, 5e-4)


def test_the_papers_cells_are_34_tokens_and_6e16() -> None:
    num_cells = 1
    for decision in PAPER.space.build().decisions(1):
        num_cells *= decision.num_values

    assert len(PAPER.space.build().decisions(1)) == 34
    assert num_cells == 8**15 * 8 * 15**2  # about 6.3e16


def test_the_papers_reward_is_80_over_the_square_of_the_perplexity() -> None:
    assert task_of(PAPER).reward(100.0) == 80 / 10_000


def test_the_papers_children_have_as_many_parameters_as_the_medium_lstm() -> None:
    words, units = 10_000, 650
    layer = 4 * units * (units + units) + 4 * units
    medium = words * units + 2 * layer + units * words + words

    child = PAPER.space.child  # type: ignore[union-attr]
    assert child.layers == 2
    assert child.parameters == medium == 19_775_200
    # 533 units are nearest: 2 x 10,000 x 533 and in each layer 2 x 8 x 533 x 533
    space = PAPER.space.at_size(SizeConfig(hidden=533)).build()
    plan = planned(space).plan((0,) * 34)
    with torch.device("meta"):
        model = build_language_model(plan, num_words=words, training=CHILDREN.text)
    num_parameters = sum(weight.numel() for weight in model.parameters())
    assert num_parameters == 19_750_848
    assert num_parameters == pytest.approx(medium, rel=0.002)


def test_the_papers_children_take_the_medium_lstms_steps_of_a_mean_in_place_of_a_sum() -> None:
    # A gradient of 35 words' mean that is too long: their sum is shortened to 5, and a step at a
    # rate of 1 is of 5.
    assert CHILDREN.learning_rate * CHILDREN.clip_norm == pytest.approx(5)
    # One that is not: 35 times the mean.
    assert CHILDREN.learning_rate == CHILDREN.text.bptt == 35
    rates = [learning_rate(CHILDREN, epoch / CHILDREN.epochs) for epoch in (0, 5, 6, 7, 34)]
    assert CHILDREN.epochs == 35
    # the seventh epoch is the first with less
    assert rates == pytest.approx([35, 35, 35 * 0.8, 35 * 0.8**2, 35 * 0.8**29])


def test_the_papers_best_cell_is_trained_over_a_grid_of_what_the_paper_names() -> None:
    final: Any = PAPER.final

    assert (final.top, final.size.parameters, final.children.text.tied) == (1, 54_000_000, True)
    assert set(final.grid) == {
        "learning_rate",
        "text.init_range",
        "text.state_dropout",
        "text.output_dropout",
        "decay_after",
    }


@pytest.mark.parametrize("name", ["nas-rnn-pydoc", "nas-rnn-pydoc-characters"])
def test_small_ones_have_the_papers_cells_and_reward(name: str) -> None:
    config, paper = preset(name), PAPER

    assert config.space.build().decisions(1) == paper.space.build().decisions(1)
    assert config.children.reward.power == 2  # type: ignore[union-attr]
    assert not config.final.grid
