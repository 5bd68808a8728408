"""What is in a graph of a language model besides its words."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from exports import text_exporter
from toy_text import TEXT_PLAN, TEXT_SPACE

from nas_lib.export.children import opened
from nas_lib.export.texts import TextExporter
from nas_lib.models.graph import Graph
from nas_lib.models.info import ONLY, Parity


@pytest.fixture(scope="module")
def exporter(tmp_path_factory: pytest.TempPathFactory) -> TextExporter:
    return text_exporter(tmp_path_factory.mktemp("text"), TEXT_PLAN, TEXT_SPACE)


@pytest.fixture(scope="module")
def graph(exporter: TextExporter) -> Graph:
    return opened(exporter.graphs())[ONLY]


def test_a_text_may_be_read_in_pieces_of_any_length(graph: Graph) -> None:
    words_TB = np.arange(8)[:, np.newaxis]
    state_BS = np.zeros((1, 6), np.float32)
    whole = graph.run({"words": words_TB, "state": state_BS})

    first = graph.run({"words": words_TB[:3], "state": state_BS})
    then = graph.run({"words": words_TB[3:], "state": first["next_state"]})

    np.testing.assert_allclose(
        np.concatenate([first["logits"], then["logits"]]), whole["logits"], atol=1e-6
    )
    np.testing.assert_array_equal(whole["states"][2], first["next_state"])


def test_a_graph_is_no_larger_for_a_longer_piece(exporter: TextExporter, tmp_path: Path) -> None:
    num_bytes = sum(each.numel() * 4 for each in exporter._model.parameters())

    assert len(exporter.graphs()[ONLY]) < num_bytes + 12_000  # 3 nodes, and the labels


def test_embeddings_are_there_once_for_words_and_softmax(exporter: TextExporter) -> None:
    embedding = exporter._model.embedding.detach().numpy().tobytes()

    assert exporter.graphs()[ONLY].count(embedding) == 1


def test_parity_is_that_of_logits_and_perplexity(exporter: TextExporter, graph: Graph) -> None:
    parity = exporter.parity({ONLY: graph})

    assert parity.num_examples == 210  # all but the first of 211
    assert parity.max_difference < 1e-5
    assert 1 - parity.agreement < 1e-5


def test_perplexities_that_differ_are_said(exporter: TextExporter) -> None:
    said = exporter.misfit(Parity(210, 0.0, 1 - 2e-4, ""))

    assert (
        said
        == "perplexities by the graph and by torch should agree to 0.0001, and differ by 0.0002"
    )
    assert exporter.misfit(Parity(210, 0.0, 1 - 9e-5, "")) == ""
