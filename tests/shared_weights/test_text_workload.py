"""Letters: T words of a piece, B columns of text, H units."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor
from toy_text import TEXT_MANIFEST
from workload_contract import MODES, Make, WorkloadContract

from nas_lib.config import (
    EnasRnnSpaceConfig,
    HiddenConfig,
    RandomConfig,
    SharedConfig,
    TextLevel,
    TextTrainingConfig,
    TextWeightsConfig,
)
from nas_lib.controllers import build_controller
from nas_lib.results import BITS, PERPLEXITY
from nas_lib.shared_weights.norm import BatchNormMode
from nas_lib.shared_weights.trainer import SharedTrainer
from nas_lib.spaces import EnasRnnSpace
from nas_lib.tasks.text.batches import TextSplits
from nas_lib.tasks.text.workload import TextWorkload

SPACE = EnasRnnSpaceConfig(nodes=2, shared=HiddenConfig(hidden=8))
TEXT = TextTrainingConfig(bptt=5, init_range=0.3)
TOKENS, OTHERS = (0, 1, 1, 0), (0, 2, 0, 3)
NUM_WORDS = 6
MANIFEST = replace(TEXT_MANIFEST, words=tuple("abcdef"))

REPEATED = TextSplits(torch.arange(800) % NUM_WORDS, torch.arange(400) % NUM_WORDS)
LEARNABLE = TextTrainingConfig(bptt=10, init_range=0.3, input_dropout=0.2, output_dropout=0.2)


def words_of(num: int, *, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(NUM_WORDS, (num,), generator=generator, dtype=torch.int32)


def workload_of(
    *,
    text: TextSplits | None = None,
    space: EnasRnnSpaceConfig = SPACE,
    training: TextTrainingConfig = TEXT,
    num_train: int = 100,
    num_valid: int = 64,
    weights: int = 0,
    seed: int = 3,
    batch_norm: BatchNormMode = "refit",
    level: TextLevel = "words",
    **settings: Any,
) -> TextWorkload:
    torch.manual_seed(weights)
    of_weights = TextWeightsConfig(**{"batch_size": 3, "text": training, **settings})
    return TextWorkload(
        space,
        SharedConfig(weights=of_weights, batch_norm=batch_norm),
        text or TextSplits(words_of(num_train, seed=1), words_of(num_valid, seed=2)),
        replace(MANIFEST, level=level),
        seed=seed,
        device=torch.device("cpu"),
    )


class TestTextWorkload(WorkloadContract):
    one, other = TOKENS, OTHERS
    of_one, of_other = "weights.1_from_0_relu", "weights.1_from_0_sigmoid"
    learning_rate = 2.0
    good = 1.5  # 6 at random

    @pytest.fixture
    def make(self) -> Make:
        return partial(workload_of, text=REPEATED, training=LEARNABLE, batch_size=8)


class TestTextWorkloadWithBatchNorm(TestTextWorkload):
    @pytest.fixture
    def make(self) -> Make:
        space = SPACE.model_copy(update={"batch_norm": True})
        return partial(workload_of, text=REPEATED, training=LEARNABLE, batch_size=8, space=space)


def mean_loss(workload: TextWorkload, inputs_TB: Tensor, targets_TB: Tensor) -> float:
    """The cross-entropy of one piece, read from a state of zeros without dropout."""
    network = workload.network.eval()
    state_BH = network.initial_state(inputs_TB.shape[1])
    return network.loss(inputs_TB, targets_TB, state_BH, TOKENS).cross_entropy.item()


def test_the_lengths_of_pieces_are_drawn_anew_for_each_epoch() -> None:
    workload = workload_of()

    lengths = [[len(batch.inputs) for batch in workload.batches(epoch)] for epoch in (1, 2)]

    assert lengths[0] != lengths[1]


def test_the_learning_rate_goes_by_the_length_of_the_piece() -> None:
    for batch in workload_of().batches(1):
        assert batch.weight == len(batch.inputs) / 5


def test_without_random_lengths_all_batches_are_alike() -> None:
    workload = workload_of(training=TEXT.model_copy(update={"random_bptt": False}))

    # 99 words with a next one in 3 columns are 33 rows: 6 pieces of 5 and one of 3
    assert [len(batch.inputs) for batch in workload.batches(1)] == [5] * 6 + [3]


def test_the_state_is_carried_from_batch_to_batch_and_begins_with_zeros() -> None:
    no_dropout = dict.fromkeys(
        ["word_dropout", "embedding_dropout", "input_dropout", "state_dropout", "output_dropout"],
        0.0,
    )
    workload = workload_of(training=TEXT.model_copy(update=no_dropout))

    batches = list(workload.batches(1))
    losses = [workload.loss(batch, TOKENS)[1].item() for batch in batches]
    first_again = workload.loss(next(iter(workload.batches(1))), TOKENS)[1].item()

    inputs, targets = (
        torch.cat([getattr(batch, name) for batch in batches]) for name in ("inputs", "targets")
    )
    weighted = sum(len(b.inputs) * loss for b, loss in zip(batches, losses, strict=True))
    assert weighted / len(inputs) == pytest.approx(mean_loss(workload, inputs, targets), rel=1e-5)
    assert first_again == losses[0]


def test_slowness_is_penalised() -> None:
    workload = workload_of()

    objective, cross_entropy = workload.loss(next(workload.batches(1)), TOKENS)

    assert objective > cross_entropy


def test_a_state_that_overflowed_is_zero_before_the_next_batch() -> None:
    workload = workload_of()
    batches = workload.batches(1)
    batch = next(batches)
    with torch.no_grad():
        healthy = workload.network.embedding.clone()
        workload.network.embedding.fill_(math.inf)
    assert not workload.loss(batch, TOKENS)[1].isfinite()
    with torch.no_grad():
        workload.network.embedding.copy_(healthy)

    assert workload.loss(next(batches), TOKENS)[1].isfinite()


def test_a_quick_score_is_the_perplexity_of_one_validation_piece() -> None:
    workload = workload_of(num_valid=16)  # 15 words with a next one, 3 columns: a piece of 5

    score = workload.quick_score(TOKENS, number=0)

    words = words_of(16, seed=2).long()
    inputs_TB, targets_TB = words[:15].view(3, 5).T, words[1:].view(3, 5).T
    assert workload.num_validation_batches == 1
    assert score == pytest.approx(math.exp(mean_loss(workload, inputs_TB, targets_TB)), rel=1e-6)


def test_each_validation_piece_has_its_turn_in_an_order_of_its_own() -> None:
    workload = workload_of()  # 63 words in 3 columns are 21 rows: 4 pieces of 5, and 1 row

    assert workload.num_validation_batches == 4  # the last row's perplexity would be all noise
    passes = [
        [workload.quick_score(TOKENS, number=4 * passes + i) for i in range(4)]
        for passes in range(8)
    ]

    assert all(len(set(scores)) == 4 for scores in passes)
    assert all(sorted(scores) == sorted(passes[0]) for scores in passes)
    assert len({tuple(scores) for scores in passes}) > 1
    assert workload.quick_score(TOKENS, number=5) == passes[1][1]


def test_a_score_is_the_perplexity_of_all_validation_words() -> None:
    workload = workload_of()

    score = workload.score(TOKENS, mode="refit")

    words = words_of(64, seed=2).long()
    inputs_TB, targets_TB = words[:63].view(3, 21).T, words[1:].view(3, 21).T
    assert score == pytest.approx(math.exp(mean_loss(workload, inputs_TB, targets_TB)), rel=1e-6)


def test_with_batch_norm_each_mode_judges_by_its_own_statistics() -> None:
    workload = workload_of(space=SPACE.model_copy(update={"batch_norm": True}))
    for batch in workload.batches(1):
        workload.loss(batch, TOKENS)

    assert len({workload.score(TOKENS, mode=mode) for mode in MODES}) == 3


def test_bfloat16_is_close_to_float32() -> None:
    exact = workload_of().score(TOKENS, mode="refit")

    rough = workload_of(precision="bfloat16").score(TOKENS, mode="refit")

    assert rough != exact
    assert rough == pytest.approx(exact, rel=0.02)


@pytest.mark.parametrize("mode", MODES)
def test_characters_are_judged_by_the_bits_that_the_same_words_would_take(
    mode: BatchNormMode,
) -> None:
    words, characters = workload_of(batch_norm=mode), workload_of(level="characters")

    assert (words.measure, characters.measure) == (PERPLEXITY, BITS)
    bits = math.log2(words.score(TOKENS, mode=mode))
    assert characters.score(TOKENS, mode=mode) == pytest.approx(bits)
    bits = math.log2(words.quick_score(TOKENS, number=1))
    assert characters.quick_score(TOKENS, number=1) == pytest.approx(bits)


def test_a_text_shorter_than_a_piece_can_be_worked_on() -> None:
    workload = workload_of(num_train=3, num_valid=2)

    (batch,) = workload.batches(1)

    assert batch.inputs.shape == (1, 2)
    assert workload.loss(batch, TOKENS)[0].isfinite()
    assert math.isfinite(workload.score(TOKENS, mode="refit"))


def test_shared_weights_learn_a_text_that_repeats_itself() -> None:
    weights = TextWeightsConfig(
        text=LEARNABLE,
        batch_size=3,
        epochs=6,
        learning_rate=2.0,
        schedule="constant",
        momentum=0.0,
        nesterov=False,
    )
    shared = SharedConfig(weights=weights, architectures_per_step=2)
    torch.manual_seed(0)
    text = TextSplits(torch.arange(400) % NUM_WORDS, torch.arange(100) % NUM_WORDS)
    workload = TextWorkload(SPACE, shared, text, MANIFEST, seed=0, device=torch.device("cpu"))
    decisions = EnasRnnSpace(SPACE).decisions(1)
    controller = build_controller(RandomConfig(), decisions)
    trainer = SharedTrainer(
        shared,
        workload,
        controller,
        decisions,
        shards=controller.init(seed=0, num_shards=1),
        in_common=False,
        goodness=lambda score: 80 / score,
        seed=0,
        run="r",
    )

    epochs = [trainer.run_epoch() for _ in range(6)]

    assert epochs[0].train_loss > 1.0  # of log 6 = 1.79 at chance
    assert workload.score(TOKENS, mode="refit") < 1.5
    assert workload.score(OTHERS, mode="refit") < 1.5


def test_a_batch_is_what_the_text_says() -> None:
    workload = workload_of(training=TEXT.model_copy(update={"random_bptt": False}))

    batch = next(workload.batches(1))

    words = words_of(100, seed=1).long()
    assert torch.equal(batch.inputs[:, 1], words[33:38])  # the second column begins at 99 / 3
    assert torch.equal(batch.targets[:, 1], words[34:39])
