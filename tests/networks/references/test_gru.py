"""Letters: T words of a piece, B pieces side by side, H units, S values of a state."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from nas_lib.config import TextTrainingConfig
from nas_lib.networks import LanguageModel, build_language_model, count_language_model
from nas_lib.spaces.references import GruPlan


def gru(layers: int = 1, *, state_dropout: float = 0.0) -> LanguageModel:
    torch.manual_seed(0)
    training = TextTrainingConfig(
        init_range=0.5,
        word_dropout=0.0,
        embedding_dropout=0.0,
        input_dropout=0.0,
        state_dropout=state_dropout,
        output_dropout=0.0,
    )
    return build_language_model(GruPlan(4, layers), num_words=7, training=training)


def words() -> Tensor:
    return torch.randint(7, (5, 3), generator=torch.Generator().manual_seed(1))


def by_hand(
    model: LanguageModel, state_BS: Tensor, from_output: Tensor
) -> tuple[Tensor, list[Tensor]]:
    """The last layer's outputs and each layer's last one, gate by gate."""
    weights, x_TBH, after = dict(model.named_parameters()), model.embedding[words()], []
    for number, h in enumerate(state_BS.split(4, dim=1)):
        of_layer = slice(12 * number, 12 * (number + 1))
        outputs = []
        for x in x_TBH:
            of_word = x @ weights["from_word"][of_layer].t() + weights["bias"][of_layer]
            of_last = h @ from_output[of_layer].t()
            r, z, _ = (of_word + of_last).sigmoid().split(4, dim=1)
            n = (of_word[:, 8:] + r * of_last[:, 8:]).tanh()
            h = (1 - z) * n + z * h
            outputs.append(h)
        x_TBH = torch.stack(outputs)
        after.append(h)
    return x_TBH, after


@pytest.mark.parametrize("layers", [1, 2])
def test_outputs_and_state_are_those_computed_by_hand(layers: int) -> None:
    model, state_BS = gru(layers), torch.randn(3, 4 * layers)

    outputs_TBH, last_BS = model(words(), state_BS)

    from_output = dict(model.named_parameters())["from_output"]
    expected_TBH, after = by_hand(model, state_BS, from_output)
    torch.testing.assert_close(outputs_TBH, expected_TBH)
    torch.testing.assert_close(last_BS, torch.cat(after, dim=1))


def test_the_states_dropout_drops_the_same_weights_at_all_words() -> None:
    model, state_BS = gru(state_dropout=0.25).train(), torch.randn(3, 4)
    from_output = dict(model.named_parameters())["from_output"]

    torch.manual_seed(3)
    outputs_TBH, _ = model(words(), state_BS)
    torch.manual_seed(3)
    keep = torch.empty(12, 4).bernoulli_(0.75) / 0.75

    torch.testing.assert_close(outputs_TBH, by_hand(model, state_BS, from_output * keep)[0])


def test_the_state_before_a_text_is_zeros() -> None:
    assert torch.equal(gru(2).initial_state(3), torch.zeros(3, 8))


def test_it_begins_neither_resetting_nor_updating() -> None:
    bias = dict(gru(2).named_parameters())["bias"]

    assert bias.tolist() == 2 * ([1] * 8 + [0] * 4)


def test_the_cost_counts_what_is_learnt() -> None:
    cost = count_language_model(gru(2))

    # embedding and softmax are one: 7 x 4; of each layer from word and output 12 x 4 each
    assert cost.num_multiply_adds == 28 + 2 * (48 + 48)
    assert cost.num_parameters == 28 + 2 * (48 + 48 + 12)  # and biases
