"""Translations of a translator in torch, and what a test comes to."""

from __future__ import annotations

from typing import cast

import numpy as np
import pytest
import torch
from allowances import AMPLE
from parallel import parallel_task, write_parallel
from toy_translation import NUM_SUBWORDS, PAIRS, PLAN

from nas_lib.config import TranslationTrainingConfig
from nas_lib.data.subwords import BEGIN, END, Subwords
from nas_lib.networks.translator import Translator
from nas_lib.results.measure import perplexity
from nas_lib.tasks.translation import metrics, translating
from nas_lib.tasks.translation.batches import (
    PairRows,
    evaluation_batches,
    load_test_pairs,
    load_vocabulary,
)
from nas_lib.tasks.translation.preparation import TranslationManifest, prepare_translation
from nas_lib.tasks.translation.scoring import SCORINGS, bleu, chrf
from nas_lib.tasks.translation.translating import greedy_bleu, translation_loss, translations


class Spelled:
    """A vocabulary whose subwords are written as their numbers."""

    def __len__(self) -> int:
        return 12

    def decode(self, numbers: list[int]) -> str:
        return " ".join(map(str, numbers))


SUBWORDS = cast(Subwords, Spelled())


@pytest.fixture(scope="module")
def model() -> Translator:
    """Return a translator that has learnt nothing, and tells any sentence apart from others."""
    return untrained(NUM_SUBWORDS, init_range=1.0)


def untrained(num_subwords: int, *, init_range: float) -> Translator:
    torch.manual_seed(1)
    training = TRAINING.model_copy(update={"init_range": init_range})
    return Translator(PLAN, num_subwords=num_subwords, training=training).eval()


TRAINING = TranslationTrainingConfig(beam=2, length_penalty=0.5)


def translated(model: Translator, rows: PairRows, *, beam: int) -> list[str]:
    how = {"beam": beam, "length_penalty": 0.6, "max_length": 5}
    return translations(model, rows, SUBWORDS, **how)  # type: ignore[arg-type]


@torch.inference_mode()
def test_with_a_beam_of_one_each_sentence_gets_the_likeliest_subwords(model: Translator) -> None:
    found = translated(model, PAIRS.valid, beam=1)

    assert len(set(found)) > 3  # they are not all alike
    for row, text in enumerate(found):
        numbers = PAIRS.valid.source.numbers(row)
        encoded = model.encode(torch.tensor(numbers)[:, None], torch.tensor([len(numbers)]))
        last, state, told = BEGIN, model.initial_state(1), list[int]()
        while last != END and len(told) < 5:
            logits, state = model.step(torch.tensor([last]), state, encoded)
            last = int(logits.argmax())
            told += [] if last == END else [last]
        assert text == " ".join(map(str, told))


def test_translations_do_not_depend_on_what_lies_beside_them(
    model: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = translated(model, PAIRS.valid, beam=3)
    monkeypatch.setattr(translating, "_LOGITS", 1)  # so that sentences are translated one by one

    assert translated(model, PAIRS.valid, beam=3) == together


def test_the_loss_is_a_mean_over_all_subwords_to_be_told(model: Translator) -> None:
    losses = [
        (model.loss(pairs).cross_entropy.item(), int(pairs.target_lengths_B.sum()))
        for _, pairs in evaluation_batches(PAIRS.valid, batch_size=1)
    ]

    expected = np.average([loss for loss, _ in losses], weights=[num for _, num in losses])
    assert translation_loss(model.train(), PAIRS.valid) == pytest.approx(float(expected), rel=1e-5)
    assert not model.training


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[PairRows, bytes, int]:
    """Return test data, their vocabulary, and how many subwords that has."""
    folder = tmp_path_factory.mktemp("pairs")
    found = prepare_translation(parallel_task(write_parallel(folder / "pairs.tsv", 300)), AMPLE)
    (folder / "test").write_bytes(found.test_blob)
    manifest = cast(TranslationManifest, found.manifest)
    test, vocabulary = load_test_pairs(folder / "test", manifest), load_vocabulary(folder / "test")
    return test, vocabulary, manifest.num_subwords


def test_a_test_has_bleu_and_chrf_of_beam_search_and_some_translations(
    prepared: tuple[PairRows, bytes, int],
) -> None:
    test, vocabulary, num_subwords = prepared
    network, subwords = untrained(num_subwords, init_range=0.5), Subwords(vocabulary)

    found = metrics.tested(
        network, test, vocabulary, SCORINGS["perplexity"], TRAINING, max_length=9
    )

    how = {"beam": 2, "length_penalty": 0.5, "max_length": 9}
    texts = translations(network, test, subwords, **how)  # type: ignore[arg-type]
    assert found.score == pytest.approx(perplexity(translation_loss(network, test)))
    expected = [bleu(texts, test.references), chrf(texts, test.references)]
    assert [(each.name, each.value) for each in found.metrics] == [
        (each.name, each.value) for each in expected
    ]
    assert found.metrics[0].how == f"{expected[0].how}; beam 2, length penalty 0.5"
    assert len(found.samples) == 20
    assert found.samples[0].found == texts[0]
    assert {each.wanted for each in found.samples} <= set(test.references)
    for sample in found.samples:  # the same sentence in both languages, but for its end
        assert sample.given
        assert abs(len(sample.given.split()) - len(sample.wanted.split())) <= 1


def test_where_bleu_is_the_score_it_is_greedy_and_the_perplexity_is_told_besides(
    prepared: tuple[PairRows, bytes, int],
) -> None:
    test, vocabulary, num_subwords = prepared
    network = untrained(num_subwords, init_range=0.5)

    found = metrics.tested(network, test, vocabulary, SCORINGS["bleu"], TRAINING, max_length=9)

    assert found.score == greedy_bleu(network, test, Subwords(vocabulary), 9)
    assert [each.name for each in found.metrics] == ["BLEU", "chrF", "perplexity"]
    assert found.metrics[2].value == pytest.approx(perplexity(translation_loss(network, test)))


def test_a_network_whose_numbers_are_none_tells_nothing(
    prepared: tuple[PairRows, bytes, int],
) -> None:
    test, vocabulary, num_subwords = prepared
    network = untrained(num_subwords, init_range=0.5)
    torch.nn.init.constant_(network.telling, torch.inf)

    found = metrics.tested(network, test, vocabulary, SCORINGS["bleu"], TRAINING, max_length=9)

    assert found.score == 0
    assert [(each.name, each.value) for each in found.metrics] == [("BLEU", 0), ("chrF", 0)]
    assert {each.found for each in found.samples} == {""}
