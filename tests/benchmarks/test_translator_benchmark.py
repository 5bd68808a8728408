"""The benchmark of translators runs; how fast on a busy machine is not judged."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from benchmarks import translator
from nas_lib.config import TranslationTrainingConfig
from nas_lib.networks.translator import Translator
from nas_lib.spaces.references import LstmPlan


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    small = {"HIDDEN": (4,), "WORDS": 20, "BATCH": 3, "LENGTHS": range(4, 5), "NUM_STEPS": 1}
    for name, value in small.items():
        monkeypatch.setattr(translator, name, value)


def test_cells_are_timed_beside_torchs_lstm() -> None:
    figures = list(translator.measure())

    (judged,) = [figure for figure in figures if figure.is_met is not None]
    assert "published tree: times as fast as torch's LSTM" in judged.name
    assert sum("times as fast as torch's LSTM" in figure.name for figure in figures) == 3
    assert all(figure.value > 0 for figure in figures)


def test_torchs_translator_is_ours_of_lstms(monkeypatch: pytest.MonkeyPatch) -> None:
    training = TranslationTrainingConfig(dropout=0.0, init_range=0.5)
    monkeypatch.setattr(translator, "TRAINING", training)
    torch.manual_seed(0)
    ours = Translator(LstmPlan(5), num_subwords=20, training=training)
    theirs = translator.TorchTranslator(5)
    pairs = translator._pairs()
    _give(ours, theirs)

    expected, found = ours.loss(pairs).objective, theirs.objective(pairs)

    torch.testing.assert_close(found, expected)
    # torch has two biases of each layer
    num_more = sum(weight.numel() for name, weight in _named(theirs) if "bias_hh" in name)
    assert num_more == 5 * 4 * 5
    counted = translator.num_weights(LstmPlan(5))
    assert sum(weight.numel() for _, weight in _named(theirs)) - num_more == counted


def _named(network: nn.Module) -> list[tuple[str, nn.Parameter]]:
    return [*network.named_parameters()]


@torch.no_grad()
def _give(ours: Translator, theirs: translator.TorchTranslator) -> None:
    """Let torch's have the weights of ours."""
    some: Any = [*ours.both_ways, *ours.encoder, *ours.decoder]
    others = [
        *[(theirs.both_ways, end) for end in ("", "_reverse")],
        *[(layer, "") for layer in (theirs.encoder, theirs.first, theirs.second)],
    ]
    for layer, (lstm, end) in zip(some, others, strict=True):
        getattr(lstm, f"weight_ih_l0{end}").copy_(layer.from_input)
        getattr(lstm, f"weight_hh_l0{end}").copy_(layer.from_output)
        getattr(lstm, f"bias_ih_l0{end}").copy_(layer.bias)
        getattr(lstm, f"bias_hh_l0{end}").zero_()
    theirs.embedding.weight.copy_(ours.embedding)
    theirs.asking.weight.copy_(ours.asking.t())
    theirs.telling.weight.copy_(ours.telling.t())
