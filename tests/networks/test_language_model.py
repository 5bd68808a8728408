"""Letters: T words of a piece, B pieces side by side, H units, V words of the vocabulary."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from toy_text import NO_DROPOUT

from nas_lib.config import EnasRnnSpaceConfig, TextTrainingConfig
from nas_lib.errors import ArchitectureError
from nas_lib.networks import LanguageModel, build_language_model, count_language_model, tied_softmax
from nas_lib.networks.enas_rnn import Cell
from nas_lib.networks.tied_softmax import mean_cross_entropy
from nas_lib.spaces import CnnPlan, EnasRnnSpace, RnnPlan

SMALL = "4 units | tanh | relu(0) | mean of 1"


def model_of(
    config: str = SMALL, *, num_words: int = 7, training: TextTrainingConfig = NO_DROPOUT
) -> LanguageModel:
    torch.manual_seed(0)
    return build_language_model(RnnPlan.parse(config), num_words=num_words, training=training)


def piece(num_words: int = 7, *, length: int = 5, columns: int = 3) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    words = torch.randint(num_words, (length + 1, columns), generator=generator)
    return words[:-1], words[1:]


def test_the_published_cell_has_as_many_parameters_as_its_formula() -> None:
    space = EnasRnnSpace(EnasRnnSpaceConfig())
    published = space.plan(space.from_published("0 2 1 0 2 1 2 2 4 0 5 0 3 2 6 2").tokens)
    with torch.device("meta"):
        model = build_language_model(published, num_words=10_000, training=NO_DROPOUT)

    cost = count_language_model(model)

    # embedding and softmax are one: 10,000 x 800; node 0: 1,600 x 1,600; 8 nodes: 800 x 1,600
    assert cost.num_parameters == 8_000_000 + 2_560_000 + 8 * 1_280_000  # 20.8 million
    assert cost.num_parameters == sum(weight.numel() for weight in model.parameters())
    assert cost.num_multiply_adds == cost.num_parameters


def test_the_papers_cell_of_twelve_nodes_has_as_many_parameters_as_its_formula() -> None:
    space = EnasRnnSpace(EnasRnnSpaceConfig(variant="original", nodes=12))
    with torch.device("meta"):
        model = build_language_model(space.plan((0,) * 23), num_words=10_000, training=NO_DROPOUT)

    # 10,000 x 800; node 1: 1,600 x 1,600; 11 nodes: 800 x 1,600
    assert count_language_model(model).num_parameters == 8_000_000 + 2_560_000 + 11 * 1_280_000


def test_weights_begin_within_the_initial_range() -> None:
    model = model_of(training=TextTrainingConfig(init_range=0.04))

    assert all(0.03 < weight.abs().max() <= 0.04 for weight in model.parameters())


def test_the_cross_entropy_is_that_of_a_softmax_with_the_embeddings() -> None:
    model = model_of().eval()
    inputs_TB, targets_TB = piece()
    state_BH = torch.randn(3, 4)

    outputs_TBH, last_BH = model(inputs_TB, state_BH)
    loss = model.loss(inputs_TB, targets_TB, state_BH)

    logits_TBV = outputs_TBH @ model.embedding.t()
    expected = F.cross_entropy(logits_TBV.flatten(0, 1), targets_TB.flatten())
    torch.testing.assert_close(loss.cross_entropy, expected)
    assert loss.objective is loss.cross_entropy
    assert torch.equal(loss.state_BH, last_BH)
    assert not loss.state_BH.requires_grad


def test_a_text_in_two_pieces_gives_what_it_gives_in_one() -> None:
    model = model_of().eval()
    inputs_TB, targets_TB = piece(length=6)

    whole = model.loss(inputs_TB, targets_TB, model.initial_state(3))
    first = model.loss(inputs_TB[:2], targets_TB[:2], model.initial_state(3))
    second = model.loss(inputs_TB[2:], targets_TB[2:], first.state_BH)

    # of six rows two are in the first piece
    mean = (2 * first.cross_entropy + 4 * second.cross_entropy) / 6
    torch.testing.assert_close(mean, whole.cross_entropy)
    torch.testing.assert_close(second.state_BH, whole.state_BH)


def test_penalties_are_on_the_output_and_its_change_from_word_to_word() -> None:
    training = NO_DROPOUT.model_copy(update={"activation_weight": 0.7, "slowness_weight": 2.0})
    model = model_of(training=training)
    inputs_TB, targets_TB = piece(length=2, columns=1)

    loss = model.loss(inputs_TB, targets_TB, model.initial_state(1))

    (first, second), _ = model(inputs_TB, model.initial_state(1))
    size = (first.square().sum() + second.square().sum()) / 8  # 2 words x 4 units
    change = (second - first).square().sum() / 4
    torch.testing.assert_close(loss.objective, loss.cross_entropy + 0.7 * size + 2 * change)


def test_a_piece_of_one_word_does_not_change() -> None:
    model = model_of(training=NO_DROPOUT.model_copy(update={"slowness_weight": 1.0}))

    loss = model.loss(*piece(length=1), model.initial_state(3))

    assert torch.equal(loss.objective, loss.cross_entropy)


class SeenCell(Cell):
    """Gives words back as outputs, and remembers what it was given."""

    def outputs(self, x_TBH: Tensor, state_BH: Tensor, keep_BH: Tensor | None) -> Tensor:
        object.__setattr__(self, "seen", (x_TBH, keep_BH))
        return x_TBH


def seen_by_the_cell(training: TextTrainingConfig, words: Tensor) -> tuple[Tensor, Tensor | None]:
    model = model_of("200 units | tanh | mean of 0", num_words=50, training=training)
    torch.nn.init.ones_(model.embedding)
    cell = SeenCell(model.plan, ())
    model.cell_outputs(cell, words, model.initial_state(words.shape[1]))
    x_TBH, keep_BH = cell.seen  # type: ignore[attr-defined]
    return x_TBH, keep_BH


@pytest.mark.parametrize("rate_of", ["embedding_dropout", "input_dropout"])
def test_one_mask_of_units_serves_all_words_of_a_piece(rate_of: str) -> None:
    words = torch.arange(12).reshape(4, 3)

    x_TBH, _ = seen_by_the_cell(NO_DROPOUT.model_copy(update={rate_of: 0.75}), words)

    assert (x_TBH == x_TBH[0]).all()
    assert set(x_TBH.unique().tolist()) == {0, 4}  # 1 / (1 - 0.75)
    assert 0.65 < (x_TBH == 0).float().mean() < 0.85  # of 3 x 200 units
    assert not torch.equal(x_TBH[0, 0], x_TBH[0, 1])


def test_embedding_and_input_dropout_add_up() -> None:
    training = NO_DROPOUT.model_copy(update={"embedding_dropout": 0.5, "input_dropout": 0.5})

    x_TBH, _ = seen_by_the_cell(training, torch.zeros(1, 3, dtype=torch.int64))

    assert set(x_TBH.unique().tolist()) == {0, 4}  # 1 / (0.5 x 0.5)


def test_word_dropout_takes_a_word_away_wherever_it_stands() -> None:
    words = torch.arange(50).repeat(2).reshape(20, 5)

    x_TBH, _ = seen_by_the_cell(NO_DROPOUT.model_copy(update={"word_dropout": 0.5}), words)

    assert torch.equal(x_TBH[:10], x_TBH[10:])  # the same words again
    assert (x_TBH == x_TBH[..., :1]).all()  # whole rows
    assert set(x_TBH.unique().tolist()) == {0, 2}


def test_state_dropout_is_handed_to_the_cell() -> None:
    words = torch.zeros(2, 3, dtype=torch.int64)

    _, keep_BH = seen_by_the_cell(NO_DROPOUT.model_copy(update={"state_dropout": 0.2}), words)

    assert keep_BH is not None
    assert keep_BH.shape == (3, 200)
    assert set(keep_BH.unique().tolist()) == {0, 1.25}  # 1 / (1 - 0.2)


def test_output_dropout_hides_units_from_the_softmax_and_not_from_the_state() -> None:
    model = model_of(training=NO_DROPOUT.model_copy(update={"output_dropout": 0.5}))
    words = piece()

    rough = model.train().loss(*words, model.initial_state(3))
    exact = model.eval().loss(*words, model.initial_state(3))

    assert rough.cross_entropy != exact.cross_entropy
    assert torch.equal(rough.state_BH, exact.state_BH)


def test_in_evaluation_nothing_is_dropped() -> None:
    dropping, keeping = model_of(training=TextTrainingConfig(init_range=0.5)).eval(), model_of()

    losses = [
        model.loss(*piece(), model.initial_state(3)).cross_entropy for model in (dropping, keeping)
    ]

    assert torch.equal(*losses)


def test_the_same_seed_repeats_a_step() -> None:
    model = model_of(training=TextTrainingConfig())

    def step(seed: int) -> Tensor:
        torch.manual_seed(seed)
        return model.loss(*piece(), model.initial_state(3)).objective

    assert torch.equal(step(1), step(1))
    assert not torch.equal(step(1), step(2))


def test_every_weight_gets_a_gradient() -> None:
    model = model_of("4 units | tanh | relu(0) | sigmoid(1) | identity(0) | mean of 2,3")

    model.loss(*piece(), model.initial_state(3)).objective.backward()

    assert all(weight.grad is not None and weight.grad.any() for weight in model.parameters())


def test_a_model_learns_a_text_that_repeats_itself() -> None:
    torch.manual_seed(0)
    model = model_of()
    words = torch.arange(7).repeat(3)[:, None]
    optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
    losses = []
    for _ in range(60):
        loss = model.loss(words[:-1], words[1:], model.initial_state(1))
        optimizer.zero_grad()
        loss.objective.backward()
        optimizer.step()
        losses.append(loss.cross_entropy.item())

    assert losses[0] > 1.5  # of log 7 = 1.95 at chance
    assert losses[-1] < 0.3


def test_a_plan_of_images_is_refused() -> None:
    plan = CnnPlan.parse("conv 3x3x4/1x1 <- image")

    with pytest.raises(
        ArchitectureError, match=r"^CnnNetwork is no language model, got the plan c"
    ):
        build_language_model(plan, num_words=9, training=NO_DROPOUT)


@pytest.mark.parametrize("at_a_time", [1, 9, 14, 1_000_000])
def test_the_tied_softmax_has_values_and_gradients_of_torchs_cross_entropy(
    at_a_time: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tied_softmax, "_LOGITS", at_a_time)  # of 5 x 7; rows at a time: 1, 2, 5
    torch.manual_seed(0)
    outputs_MH = torch.randn(5, 4, dtype=torch.float64, requires_grad=True)
    embeddings_VH = torch.randn(7, 4, dtype=torch.float64, requires_grad=True)
    targets_M = torch.tensor([3, 0, 3, 6, 1])

    ours = mean_cross_entropy(outputs_MH, embeddings_VH, targets_M)
    torchs = F.cross_entropy(outputs_MH @ embeddings_VH.t(), targets_M)

    torch.testing.assert_close(ours, torchs)
    leaves = (outputs_MH, embeddings_VH)
    for mine, theirs in zip(
        torch.autograd.grad(3 * ours, leaves), torch.autograd.grad(3 * torchs, leaves), strict=True
    ):
        torch.testing.assert_close(mine, theirs)
    with torch.no_grad():
        assert torch.equal(mean_cross_entropy(outputs_MH, embeddings_VH, targets_M), ours)


def test_the_tied_softmax_survives_logits_whose_exponentials_overflow() -> None:
    outputs_MH = torch.tensor([[1e4], [-1e4]])
    embeddings_VH = torch.tensor([[1.0], [-1.0]])

    # both words are as good as certain: the first is right, the second 2e4 nats off
    loss = mean_cross_entropy(outputs_MH, embeddings_VH, torch.tensor([0, 0]))

    assert loss.item() == 1e4
