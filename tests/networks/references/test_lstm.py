"""Letters: T words of a piece, B pieces side by side, H units, L layers, S = 2 L H of a state."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from nas_lib.config import TextTrainingConfig
from nas_lib.networks import LanguageModel, build_language_model, count_language_model
from nas_lib.spaces.references import LstmPlan

NOTHING = {
    "word_dropout": 0.0,
    "embedding_dropout": 0.0,
    "input_dropout": 0.0,
    "state_dropout": 0.0,
    "output_dropout": 0.0,
    "slowness_weight": 0.0,
}


ORDER = ("from_word", "from_output", "bias")


def lstm(
    hidden: int = 4, *, layers: int = 1, num_words: int = 7, **settings: float
) -> LanguageModel:
    torch.manual_seed(0)
    training = TextTrainingConfig(init_range=0.5, **{**NOTHING, **settings})
    return build_language_model(LstmPlan(hidden, layers), num_words=num_words, training=training)


def words(length: int = 5, columns: int = 3) -> Tensor:
    return torch.randint(7, (length, columns), generator=torch.Generator().manual_seed(1))


def by_hand(
    model: LanguageModel, words_TB: Tensor, state_BS: Tensor, from_output: Tensor
) -> tuple[Tensor, Tensor]:
    """The outputs and the last state, gate by gate."""
    weights = dict(model.named_parameters())
    h, c = state_BS.chunk(2, dim=1)
    outputs = []
    for words_B in words_TB:
        x = model.embedding[words_B]
        gates = x @ weights["from_word"].t() + h @ from_output.t() + weights["bias"]
        i, f, g, o = gates.chunk(4, dim=1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        outputs.append(h)
    return torch.stack(outputs), torch.cat([h, c], dim=1)


def test_outputs_and_state_are_those_computed_by_hand() -> None:
    model, state_BS = lstm(), torch.randn(3, 8)

    outputs_TBH, last_BS = model(words(), state_BS)

    expected_TBH, expected_BS = by_hand(
        model, words(), state_BS, dict(model.named_parameters())["from_output"]
    )
    torch.testing.assert_close(outputs_TBH, expected_TBH)
    torch.testing.assert_close(last_BS, expected_BS)


def test_the_states_dropout_drops_the_same_weights_at_all_words() -> None:
    model, state_BS = lstm(state_dropout=0.25).train(), torch.randn(3, 8)
    from_output = dict(model.named_parameters())["from_output"]

    torch.manual_seed(3)
    outputs_TBH, _ = model(words(), state_BS)
    torch.manual_seed(3)
    keep = torch.empty(16, 4).bernoulli_(0.75) / 0.75
    expected_TBH, _ = by_hand(model, words(), state_BS, from_output * keep)
    kept_TBH, _ = model.eval()(words(), state_BS)

    torch.testing.assert_close(outputs_TBH, expected_TBH)
    torch.testing.assert_close(kept_TBH, by_hand(model, words(), state_BS, from_output)[0])


def test_a_layer_takes_what_the_one_below_it_gives_with_dropout_in_between() -> None:
    model, state_BS = lstm(layers=2, input_dropout=0.5).train(), torch.randn(3, 16)
    weights = dict(model.named_parameters())

    torch.manual_seed(3)
    outputs_TBH, last_BS = model(words(), state_BS)
    torch.manual_seed(3)
    kept_BH = [torch.empty(3, 4).bernoulli_(0.5) / 0.5 for _ in range(2)]  # the same for all words
    x_TBH, after = model.embedding[words()], []
    for number in range(2):
        below = [nn.Parameter(weights[name].chunk(2)[number]) for name in ORDER]
        cell = nn.LSTM(4, 4)
        cell.weight_ih_l0, cell.weight_hh_l0, cell.bias_ih_l0 = below
        nn.init.zeros_(cell.bias_hh_l0)
        h_1BH, c_1BH = state_BS[None].chunk(4, dim=2)[2 * number : 2 * number + 2]
        x_TBH, (h_1BH, c_1BH) = cell(
            x_TBH * kept_BH[number], (h_1BH.contiguous(), c_1BH.contiguous())
        )
        after += [h_1BH[0], c_1BH[0]]

    torch.testing.assert_close(outputs_TBH, x_TBH)
    torch.testing.assert_close(last_BS, torch.cat(after, dim=1))


@pytest.mark.parametrize("kind", ["word", "embedding", "input", "output"])
def test_other_dropout_is_that_of_all_language_models(kind: str) -> None:
    model = lstm(**{f"{kind}_dropout": 0.5})
    words_TB, state_BS = words(6), model.initial_state(3)

    trained = model.train().loss(words_TB[:-1], words_TB[1:], state_BS)
    evaluated = model.eval().loss(words_TB[:-1], words_TB[1:], state_BS)

    assert trained.cross_entropy != evaluated.cross_entropy
    # what is carried on is the state before the output's dropout
    assert torch.equal(trained.state_BH, evaluated.state_BH) == (kind == "output")


def test_a_text_in_two_pieces_gives_what_it_gives_in_one() -> None:
    model = lstm().eval()

    whole_TBH, whole_BS = model(words(6), model.initial_state(3))
    first_TBH, state_BS = model(words(6)[:2], model.initial_state(3))
    second_TBH, last_BS = model(words(6)[2:], state_BS)

    torch.testing.assert_close(torch.cat([first_TBH, second_TBH]), whole_TBH)
    torch.testing.assert_close(last_BS, whole_BS)


def test_it_begins_remembering() -> None:
    bias = dict(lstm().named_parameters())["bias"]

    assert bias.tolist() == [0] * 4 + [1] * 4 + [0] * 8
    assert dict(lstm(layers=2).named_parameters())["bias"].tolist() == 2 * bias.tolist()


def test_the_cost_counts_what_is_learnt() -> None:
    cost = count_language_model(lstm(5, num_words=11))

    # embedding and softmax are one: 11 x 5; from word and output 20 x 5 each
    assert cost.num_multiply_adds == 55 + 100 + 100
    assert cost.num_parameters == 255 + 20  # and biases
