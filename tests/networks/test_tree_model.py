"""Letters: T words of a piece, B pieces side by side, H units, V words of the vocabulary."""

from __future__ import annotations

import itertools
from typing import cast

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from toy_text import NO_DROPOUT

from nas_lib.config import TextTrainingConfig
from nas_lib.networks import build_language_model, count_language_model
from nas_lib.networks.nas_rnn import TreeLayer, TreeModel
from nas_lib.spaces import NasRnnPlan
from nas_lib.spaces.published import PUBLISHED

CELL = "add tanh | mul relu | add sigmoid | inject add tanh into 0 | memory of 1"
WORDS = torch.tensor([[3], [1], [6], [2]])  # [T, 1]
KEEPS_ALL = NO_DROPOUT.model_copy(update={"init_range": 1.0})


def model_of(
    size: str = "2 layers, 2 units", *, cell: str = CELL, num_words: int = 7, **training: object
) -> TreeModel:
    torch.manual_seed(0)
    plan = NasRnnPlan.parse(f"{size} | {cell}")
    settings = KEEPS_ALL.model_copy(update=training)
    return cast(TreeModel, build_language_model(plan, num_words=num_words, training=settings))


def layers_of(model: TreeModel) -> list[TreeLayer]:
    return [cast(TreeLayer, layer) for layer in model.layers]


@pytest.mark.parametrize(("tied", "embeddings"), [(True, 1), (False, 2)])
def test_there_are_as_many_parameters_as_the_formula_says(tied: bool, embeddings: int) -> None:
    plan = NasRnnPlan.parse(PUBLISHED["nas-cell"].architecture)
    training = TextTrainingConfig(tied=tied)
    with torch.device("meta"):
        model = build_language_model(plan, num_words=10_000, training=training)

    cost = count_language_model(model)

    # two layers, 8 leaves, two matrices of 740 x 740; 10,000 words, twice where they are untied:
    # 24.9 million, and 32.3 million. The paper's table: 25 and 32
    cells = 2 * 8 * 2 * 740**2
    assert cost.num_parameters == cells + embeddings * 10_000 * 740
    assert cost.num_multiply_adds == cells + 10_000 * 740  # embeddings are looked up


def test_of_one_size_all_cells_have_equally_many_parameters() -> None:
    cells = (CELL, CELL.replace("add tanh", "mul identity").replace("memory of 1", "memory of 2"))

    sizes = {
        count_language_model(model_of("3 layers, 5 units", cell=cell)).num_parameters
        for cell in cells
    }

    assert sizes == {7 * 5 + 3 * 2 * 2 * 5**2}  # embeddings; layers, leaves, two matrices each


def test_a_layer_takes_the_outputs_of_the_one_below() -> None:
    model = model_of("3 layers, 4 units")
    words_TB = torch.tensor([[3, 0], [1, 6], [1, 2]])

    outputs_TBH, state_BS = model(words_TB, model.initial_state(2))

    x_TBH, states = F.embedding(words_TB, model.embedding), []
    for layer in layers_of(model):
        x_TBH, state = layer(x_TBH)
        states += state
    assert torch.equal(outputs_TBH, x_TBH)
    assert torch.equal(state_BS, torch.cat(states, dim=1))  # output and memory of each layer
    assert state_BS.shape == (2, 3 * 2 * 4)


def test_layers_have_weights_of_their_own() -> None:
    first, second = layers_of(model_of())

    assert not torch.equal(first.from_input, second.from_input)
    assert not torch.equal(first.from_output, second.from_output)


def test_before_a_text_the_state_of_every_layer_is_zero() -> None:
    assert not model_of("3 layers, 4 units").initial_state(5).any()


def test_a_text_in_two_pieces_is_as_hard_as_in_one() -> None:
    model = model_of().eval()
    words_TB = torch.randint(7, (7, 3))

    whole = model.loss(words_TB[:6], words_TB[1:], model.initial_state(3))
    first = model.loss(words_TB[:2], words_TB[1:3], model.initial_state(3))
    second = model.loss(words_TB[2:6], words_TB[3:], first.state_BH)

    mean = (2 * first.cross_entropy + 4 * second.cross_entropy) / 6  # of six rows two are the first
    torch.testing.assert_close(mean, whole.cross_entropy)
    torch.testing.assert_close(second.state_BH, whole.state_BH)
    assert not second.state_BH.requires_grad


def masks(rate: float) -> list[Tensor]:
    """Every mask of one piece and two units."""
    kept = 1 / (1 - rate)
    return [torch.tensor([units]) for units in itertools.product((0.0, kept), repeat=2)]


def drawn(model: TreeModel, possible: dict[tuple[int, int], Tensor]) -> set[tuple[int, int]]:
    """Return which of the possible outputs come up."""
    found = set()
    for _ in range(12):
        outputs, _ = model(WORDS, model.initial_state(1))
        off = {pair: (each - outputs).abs().max().item() for pair, each in possible.items()}
        nearest = min(off, key=off.__getitem__)
        assert off[nearest] < 1e-6
        found.add(nearest)
    return found


def test_dropout_of_the_state_is_one_mask_for_each_layer_and_all_words() -> None:
    model = model_of(state_dropout=0.5)
    lower, upper = layers_of(model)
    x_TBH = F.embedding(WORDS, model.embedding)

    found = drawn(
        model,
        {
            (one, other): upper(lower(x_TBH, keep_BH=below)[0], keep_BH=above)[0]
            for one, below in enumerate(masks(0.5))
            for other, above in enumerate(masks(0.5))
        },
    )

    assert len(found) > 2  # anew for each piece
    assert any(one != other for one, other in found)  # and for each layer


def test_dropout_between_layers_hides_units_of_the_lower_ones_outputs() -> None:
    model = model_of(input_dropout=0.5)
    lower, upper = layers_of(model)
    x_TBH = F.embedding(WORDS, model.embedding)

    found = drawn(
        model,
        {
            (one, other): upper(lower(x_TBH * of_words)[0] * between)[0]
            for one, of_words in enumerate(masks(0.5))
            for other, between in enumerate(masks(0.5))
        },
    )

    assert len(found) > 2
    assert any(one != other for one, other in found)  # a mask of its own


def test_in_evaluation_nothing_is_dropped() -> None:
    words_TB = torch.tensor([[3], [1]])
    dropping = model_of(state_dropout=0.5, input_dropout=0.5, word_dropout=0.5).eval()
    keeping = model_of()

    outputs = [model(words_TB, model.initial_state(1))[0] for model in (dropping, keeping)]

    assert torch.equal(*outputs)


def test_an_untied_softmax_has_weights_of_its_own() -> None:
    model = model_of(tied=False).eval()
    words_TB = torch.tensor([[3], [1], [6]])

    outputs_TBH, _ = model(words_TB[:-1], model.initial_state(1))
    loss = model.loss(words_TB[:-1], words_TB[1:], model.initial_state(1))

    assert model.untied is not None
    logits_MV = outputs_TBH.flatten(0, 1) @ model.untied.t()
    torch.testing.assert_close(
        loss.cross_entropy, F.cross_entropy(logits_MV, words_TB[1:].flatten())
    )
    assert not torch.equal(model.untied, model.embedding)
