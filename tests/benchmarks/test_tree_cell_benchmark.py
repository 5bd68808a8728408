"""The benchmark of trees runs; how fast on a busy machine is not judged."""

from __future__ import annotations

import pytest
from torch import nn

from benchmarks import tree_cell
from nas_lib.config import TextTrainingConfig
from nas_lib.networks import build_language_model
from nas_lib.spaces.references import LstmPlan


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    small = {"HIDDEN": 4, "WORDS": 20, "BPTT": 2, "BATCH": 2, "NUM_RANDOM": 1, "NUM_STEPS": 1}
    for name, value in small.items():
        monkeypatch.setattr(tree_cell, name, value)


def test_layers_and_models_are_timed_beside_an_lstm() -> None:
    layers, models = list(tree_cell.measure_layers()), list(tree_cell.measure_models())

    assert {figure.name for figure in layers if figure.is_met is not None} == {
        "layer, published: times the LSTM's",
        "layer, random, median: times the LSTM's",
        "layer, random, slowest: times the LSTM's",
    }
    assert sum("times as fast as the LSTM" in figure.name for figure in models) == 2 * 4
    assert all(figure.value > 0 for figure in (*layers, *models))


def test_its_lstms_have_the_parameters_that_it_counts() -> None:
    model = build_language_model(
        LstmPlan(hidden=5, layers=2), num_words=20, training=TextTrainingConfig()
    )

    assert sum(each.numel() for each in nn.LSTM(5, 5).parameters()) == 8 * 5**2 + 8 * 5
    counted = 20 * 5 + 2 * (8 * 5**2 + 4 * 5)
    assert sum(each.numel() for each in model.parameters()) == counted
