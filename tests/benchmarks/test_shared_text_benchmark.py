"""The benchmark of recurrent super-networks runs; how fast on a busy machine is not judged."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import shared_text

# As the real checkout's two modules, a cell of which is one product.
CHECKOUT = {
    "shared_base": "import torch\n\nclass SharedModel(torch.nn.Module):\n    pass\n",
    "shared_rnn": """
import torch
import models.shared_base
import utils

logger = utils.get_logger()

class RNN(models.shared_base.SharedModel):
    def __init__(self, args, corpus):
        super().__init__()
        self.encoder = torch.nn.Embedding(corpus.num_tokens, args.shared_embed)
        self.averaged = args.num_blocks

    def forward(self, inputs, dag, hidden):
        names = [node.name for nodes in dag.values() for node in nodes if node.id < self.averaged]
        assert len(names) == self.averaged
        assert any(node.id == self.averaged for nodes in dag.values() for node in nodes)
        embedded = self.encoder(inputs) + hidden
        return embedded @ self.encoder.weight.t(), hidden, {}
""",
}


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"WORDS": 50, "BPTT": 2, "BATCH": 2, "CELLS": 2, "WARM_UP": 0}.items():
        monkeypatch.setattr(shared_text, name, value)


def test_words_per_second_are_measured_beside_the_limit() -> None:
    figures = {figure.name: figure.value for figure in shared_text.measure()}

    # multiply-adds: node 0 takes 400 x 400, 11 nodes 200 x 400, the softmax 50 x 200; three such
    # products, two operations each, for 2 x 2 words
    operations = 2 * 3 * (160_000 + 11 * 80_000 + 10_000) * 4 / 1e9
    assert figures["shared text: GFLOP of products per step"] == pytest.approx(operations)
    assert all(value > 0 for value in figures.values())


def test_another_checkout_is_measured_with_the_same_cells(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    for name, text in CHECKOUT.items():
        (tmp_path / "models" / f"{name}.py").write_text(text)

    figures = {figure.name: figure.value for figure in shared_text.measure_beside(tmp_path)}

    assert figures["shared text: times carpedm20's speed"] > 0
