from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from toy_text import TEXT, TEXT_CHILD, TEXT_MANIFEST, WORDS, text_children, toy_text

from nas_lib.config import ChildrenConfig
from nas_lib.data.loading import TextSplits
from nas_lib.data.text_batches import text_batches
from nas_lib.networks import LanguageModel, build_language_model
from nas_lib.records import Child
from nas_lib.training.checkpoints import Checkpoint
from nas_lib.training.epochs import DivergedError
from nas_lib.training.evaluation import perplexity, text_loss
from nas_lib.training.schedule import best_epoch
from nas_lib.training.text_trainer import TextTrainer

CPU = torch.device("cpu")
NO_DROPOUT = dict.fromkeys(
    ("word_dropout", "embedding_dropout", "input_dropout", "state_dropout", "output_dropout"), 0.0
)


def trainer(config: ChildrenConfig, text: TextSplits = TEXT, seed: int = 5) -> TextTrainer:
    child = Child(TEXT_CHILD.id, TEXT_CHILD.architecture, seed)
    return TextTrainer(child, config, text, TEXT_MANIFEST, CPU)


def trained(config: ChildrenConfig, text: TextSplits = TEXT, seed: int = 5) -> TextTrainer:
    done = trainer(config, text, seed)
    while not done.is_done:
        done.run_epoch()
    return done


def same_weights(one: nn.Module, other: nn.Module) -> bool:
    pairs = zip(one.parameters(), other.parameters(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)


def model_with(config: ChildrenConfig, state: dict[str, torch.Tensor]) -> LanguageModel:
    assert config.text is not None
    model = build_language_model(
        TEXT_CHILD.architecture, num_words=len(WORDS), training=config.text
    )
    model.load_state_dict(state)
    return model


def test_the_text_is_learnt() -> None:
    first, *_, last = trained(text_children(epochs=10, **NO_DROPOUT)).epochs

    assert last.valid_accuracy is None
    # each word has three successors, so no model has less than log 3 = 1.10 for long
    assert first.valid_loss > last.valid_loss
    assert math.log(3) - 0.05 < last.valid_loss < math.log(4)
    assert last.train_loss < math.log(4)


def test_the_same_seed_gives_the_same_network_and_another_seed_another() -> None:
    config = text_children(epochs=2)
    one = trained(config, seed=5)

    assert same_weights(one.network, trained(config, seed=5).network)
    assert not same_weights(one.network, trained(config, seed=6).network)


def test_the_validation_text_has_no_influence_on_training() -> None:
    config = text_children(epochs=2)
    one, other = trained(config), trained(config, TextSplits(TEXT.train, toy_text(90, seed=9)))

    assert one.epochs[-1].valid_loss != other.epochs[-1].valid_loss
    assert same_weights(one.network, other.network)


def test_an_epoch_is_plain_sgd_with_clipped_gradients_and_a_rate_by_length() -> None:
    config = text_children(epochs=1, random_bptt=False, weight_decay=0.1, **NO_DROPOUT)
    one = trainer(config)
    model = model_with(config, one.network.state_dict())
    state, total = torch.zeros(8, 6), 0.0
    pieces = text_batches(TEXT.train, batch_size=8, bptt=10, random_lengths=False, seed=0)
    assert [len(inputs) for inputs, _ in pieces] == [10] * 7 + [4]  # (600 - 1) // 8 = 74 rows

    for inputs, targets in pieces:
        model.zero_grad()
        loss = model.loss(inputs, targets, state)
        loss.objective.backward()
        norm = torch.cat([weight.grad.flatten() for weight in model.parameters()]).norm().item()
        rate = 2.0 * len(inputs) / 10
        with torch.no_grad():
            for weight in model.parameters():
                clipped = weight.grad * min(1.0, 0.5 / norm)
                weight -= rate * (clipped + 0.1 * weight)
        state, total = loss.state_BH, total + len(inputs) * loss.cross_entropy.item()
    metrics = one.run_epoch()

    assert metrics.train_loss == pytest.approx(total / 74, rel=1e-5)
    for mine, theirs in zip(one.network.parameters(), model.parameters(), strict=True):
        assert torch.allclose(mine, theirs, atol=1e-5)


def test_every_epoch_has_lengths_and_dropout_of_its_own() -> None:
    one = trainer(text_children())
    lengths = [[len(inputs) for inputs, _ in one._pieces(epoch)] for epoch in (1, 2, 1)]

    assert lengths[0] == lengths[2] != lengths[1]
    assert sum(lengths[0]) == sum(lengths[1]) == 74
    assert min(lengths[0][:-1]) >= 5


def test_the_best_of_the_last_epochs_is_the_one_with_the_lowest_loss() -> None:
    config = text_children(epochs=6, learning_rate=8.0)
    one = trained(config)
    losses = [metrics.valid_loss for metrics in one.epochs]
    best = best_epoch(one.epochs, config)

    assert best is not None
    assert best.valid_loss == min(losses[3:])
    assert text_loss(model_with(config, one.best), TEXT.valid) == best.valid_loss


@pytest.mark.parametrize("settings", [{}, {"momentum": 0.5}, {"average_after": 1}], ids=str)
@pytest.mark.parametrize("stop", [1, 5, 7])
def test_a_restored_trainer_goes_on_as_if_nothing_had_happened(
    settings: dict[str, float], stop: int
) -> None:
    config = text_children(epochs=8, learning_rate=8.0, **settings)
    whole, begun, restored = trainer(config), trainer(config), trainer(config)
    while not whole.is_done:
        whole.run_epoch()
    for _ in range(stop):
        begun.run_epoch()
    torch.manual_seed(99)  # another process

    restored.restore(Checkpoint.from_bytes(begun.checkpoint().to_bytes(), key="test"))
    while not restored.is_done:
        restored.run_epoch()

    losses = [[metrics.valid_loss for metrics in each.epochs] for each in (whole, restored)]
    assert losses[0] == losses[1]
    assert same_weights(whole.network, restored.network)
    assert all(torch.equal(whole.best[name], restored.best[name]) for name in whole.best)
    assert bool(begun.checkpoint().average) == (settings == {"average_after": 1} and stop == 7)
    assert bool(whole.checkpoint().average) == (settings == {"average_after": 1})


def test_averaged_weights_are_judged_and_kept_while_training_goes_on_from_its_own() -> None:
    plain_config = text_children(epochs=6, learning_rate=8.0)
    config = text_children(epochs=6, learning_rate=8.0, average_after=1)
    plain, averaged = trained(plain_config), trained(config)
    average = averaged.checkpoint().average

    assert same_weights(plain.network, averaged.network)
    assert text_loss(model_with(config, average), TEXT.valid) == averaged.epochs[-1].valid_loss
    assert averaged.epochs[-1].valid_loss < plain.epochs[-1].valid_loss


def test_a_child_that_diverges_says_when() -> None:
    one = trainer(text_children(learning_rate=1e30, clip_norm=None))
    with pytest.raises(DivergedError, match="in epoch 1 the training loss became"):
        one.run_epoch()


def test_a_loss_whose_perplexity_is_infinite_is_divergence() -> None:
    one = trainer(text_children(epochs=1))
    with torch.no_grad():  # so that some words have hardly any probability
        one.network.embedding.mul_(1e5)
        one._train = one._train[:2]

    with pytest.raises(DivergedError, match="in epoch 1 the validation perplexity became infinite"):
        one.run_epoch()
    assert one.epochs == []


def test_the_perplexity_of_a_uniform_model_is_the_number_of_words() -> None:
    config = text_children()
    model = model_with(config, trainer(config).network.state_dict())
    nn.init.zeros_(model.embedding)

    assert perplexity(text_loss(model, TEXT.valid)) == pytest.approx(8)
    assert not model.training
    assert perplexity(1000.0) == math.inf


def test_the_evaluation_reads_ten_columns_from_zero_states() -> None:
    config = text_children()
    model = model_with(config, trainer(config).network.state_dict()).eval()
    columns = TEXT.valid[:210].view(10, 21).T.long()  # of 211 words the last one is only a target
    targets = TEXT.valid[1:211].view(10, 21).T.long()

    expected = model.loss(columns, targets, torch.zeros(10, 6)).cross_entropy.item()

    assert text_loss(model, TEXT.valid) == pytest.approx(expected, rel=1e-6)
