"""What TextTrainer does besides what `trainer_contract` asks of every trainer."""

from __future__ import annotations

import math
from collections.abc import Mapping

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor
from toy_text import TEXT, TEXT_PLAN, WORDS, text_children, text_trainer

from nas_lib.config import TextChildrenConfig
from nas_lib.networks import LanguageModel, build_language_model
from nas_lib.results.measure import perplexity
from nas_lib.tasks.text.batches import text_batches
from nas_lib.tasks.text.trainer import first_averaged_epoch, text_loss
from nas_lib.training.epoch_trainer import DivergedError

NO_DROPOUT = dict.fromkeys(
    ("word_dropout", "embedding_dropout", "input_dropout", "state_dropout", "output_dropout"), 0.0
)


def model_with(config: TextChildrenConfig, state: Mapping[str, Tensor]) -> LanguageModel:
    model = build_language_model(TEXT_PLAN, num_words=len(WORDS), training=config.text)
    model.load_state_dict(dict(state))
    return model


def first_model() -> LanguageModel:
    config = text_children()
    return model_with(config, text_trainer(config).network.state_dict())


def test_an_epoch_is_plain_sgd_with_clipped_gradients_and_a_rate_by_length() -> None:
    config = text_children(epochs=1, random_bptt=False, weight_decay=0.1, **NO_DROPOUT)
    one = text_trainer(config)
    model = model_with(config, one.network.state_dict())
    state, total = torch.zeros(8, 6), 0.0
    pieces = text_batches(TEXT.train, batch_size=8, bptt=10, random_lengths=False, seed=0)
    assert [len(inputs) for inputs, _ in pieces] == [10] * 7 + [4]  # (600 - 1) // 8 = 74 rows

    for inputs, targets in pieces:
        loss = model.loss(inputs, targets, state)
        gradients = torch.autograd.grad(loss.objective, [*model.parameters()])
        norm = torch.cat([gradient.flatten() for gradient in gradients]).norm().item()
        rate = 2.0 * len(inputs) / 10
        with torch.no_grad():
            for weight, gradient in zip(model.parameters(), gradients, strict=True):
                clipped = gradient * min(1.0, 0.5 / norm)
                weight.sub_(rate * (clipped + 0.1 * weight))
        state, total = loss.state_BH, total + len(inputs) * loss.cross_entropy.item()
    metrics = one.run_epoch()

    assert metrics.train_loss == pytest.approx(total / 74, rel=1e-5)
    for mine, theirs in zip(one.network.parameters(), model.parameters(), strict=True):
        assert torch.allclose(mine, theirs, atol=1e-5)


def test_every_epoch_has_lengths_and_dropout_of_its_own() -> None:
    one = text_trainer(text_children())
    lengths = [[len(inputs) for inputs, _ in one._pieces(epoch)] for epoch in (1, 2, 1)]

    assert lengths[0] == lengths[2] != lengths[1]
    assert sum(lengths[0]) == sum(lengths[1]) == 74
    assert min(lengths[0][:-1]) >= 5


def test_the_score_is_the_perplexity_of_the_loss() -> None:
    metrics = text_trainer(text_children()).run_epoch()

    assert metrics.score == math.exp(metrics.valid_loss)


def test_a_loss_whose_perplexity_is_infinite_is_divergence() -> None:
    one = text_trainer(text_children(epochs=1))
    with torch.no_grad():  # so that some words have hardly any probability
        dict(one.network.named_parameters())["embedding"].mul_(1e5)
        one._train = one._train[:2]

    with pytest.raises(DivergedError, match=r"in epoch 1 the validation perplexity became inf$"):
        one.run_epoch()
    assert one.epochs == []


def test_the_size_counts_every_weight_once_for_a_word() -> None:
    cost = text_trainer(text_children()).cost

    # embedding 8 x 6, node 0 (6 + 6) x 12, two nodes 6 x 12
    assert cost.num_parameters == cost.num_multiply_adds == 48 + 144 + 2 * 72


class TestAverage:
    @pytest.mark.parametrize(
        ("losses", "interval", "first"),
        [
            ([], 1, None),
            ([3, 2, 1], 1, None),
            ([3, 2, 2], 1, None),  # epoch 3 against the best before epoch 2: 2 < 3
            ([1, 2], 1, None),  # before epoch 1 there is none
            ([1, 2, 1.1], 1, 4),  # 1.1 > 1
            ([1, 2, 1], 1, None),  # as good is not above
            # interval 2, epoch 5: 1.5 < min(3, 2); epoch 6: 1.2 < min(3, 2, 2.5); 7: 1.1 > 1
            ([3, 2, 2.5, 1, 1.5, 1.2], 2, None),
            ([3, 2, 2.5, 1, 1.5, 1.2, 1.1], 2, 8),
            ([3, 2, 2.5, 1, 1.5, 1.2, 1.1, 0.5, 0.4], 2, 8),  # it does not end again
            ([3, 3, 3, 3], 3, None),
            ([1, 2, 3], None, None),
        ],
    )
    def test_it_begins_once_a_loss_is_above_the_best_of_those_before_the_last_few(
        self, losses: list[float], interval: int | None, first: int | None
    ) -> None:
        assert first_averaged_epoch(losses, interval) == first

    def test_it_is_judged_and_kept_while_training_goes_on_from_its_own_weights(self) -> None:
        config = text_children(epochs=7, learning_rate=8.0, average_after=1)
        averaged = text_trainer(config)
        plain = text_trainer(text_children(epochs=7, learning_rate=8.0))
        for _ in range(7):  # the sixth epoch is worse than the best of the first four
            assert not averaged.checkpoint().average
            averaged.run_epoch()
            plain.run_epoch()

        average = averaged.checkpoint().average
        for mine, theirs in zip(
            plain.network.parameters(), averaged.network.parameters(), strict=True
        ):
            assert torch.equal(mine, theirs)
        assert text_loss(model_with(config, average), TEXT.valid) == averaged.epochs[-1].valid_loss
        assert averaged.epochs[-1].valid_loss < plain.epochs[-1].valid_loss

    def test_it_is_the_mean_of_the_weights_after_each_step(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one = text_trainer(text_children(epochs=8, learning_rate=8.0, average_after=1))
        weights, step = list[Tensor](), one._optimizer.step

        def stepping() -> None:
            step()
            weights.append(one.network.state_dict()["embedding"].clone())

        monkeypatch.setattr(one._optimizer, "step", stepping)
        while not one.is_done:
            one.run_epoch()

        num_steps = len(one._pieces(7)) + len(one._pieces(8))  # of the two epochs after the sixth
        expected = torch.stack(weights[-num_steps:]).mean(dim=0)
        torch.testing.assert_close(one.checkpoint().average["embedding"], expected)

    def test_there_is_one_average_at_most(self) -> None:
        with pytest.raises(ValidationError, match=r"one average: average_decay or text\.average"):
            text_children(average_decay=0.9, average_after=1)


def test_with_the_validation_text_all_is_learnt() -> None:
    one = text_trainer(text_children(include_validation=True, epochs=1))

    last = one.run_epoch()

    assert sum(len(inputs) for inputs, _ in one._pieces(1)) == (600 + 211 - 1) // 8
    assert one.best_epoch() is last


class TestEvaluation:
    def test_the_perplexity_of_a_uniform_model_is_the_number_of_words(self) -> None:
        model = first_model()
        torch.nn.init.zeros_(model.embedding)

        assert perplexity(text_loss(model, TEXT.valid)) == pytest.approx(8)
        assert not model.training
        assert perplexity(1000.0) == math.inf

    @pytest.mark.parametrize("num_words", [2, 10])
    def test_a_text_shorter_than_the_columns_is_read_in_fewer(self, num_words: int) -> None:
        model, words = first_model().eval(), TEXT.valid[:num_words]
        inputs, targets = words[None, :-1].long(), words[None, 1:].long()  # each word a column

        expected = model.loss(inputs, targets, torch.zeros(num_words - 1, 6)).cross_entropy.item()

        assert text_loss(model, words) == pytest.approx(expected, rel=1e-6)

    def test_ten_columns_are_read_from_zero_states(self) -> None:
        model = first_model().eval()
        columns = TEXT.valid[:210].view(10, 21).T.long()  # the last of 211 words is only a target
        targets = TEXT.valid[1:211].view(10, 21).T.long()

        expected = model.loss(columns, targets, torch.zeros(10, 6)).cross_entropy.item()

        assert text_loss(model, TEXT.valid) == pytest.approx(expected, rel=1e-6)
