"""What the two graphs of a translator are, and how they are compared with torch."""

from __future__ import annotations

import numpy as np
import pytest
from exports import translation_exporter
from toy_text import TEXT_PLAN

from nas_lib.beam_search import Hypothesis
from nas_lib.config import TranslationTrainingConfig
from nas_lib.data.subwords import END
from nas_lib.export.children import opened
from nas_lib.export.translations import TranslationExporter
from nas_lib.models import translating
from nas_lib.models.graph import Graphs
from nas_lib.models.info import DECODER, ENCODER, SUBWORDS, Parity
from nas_lib.models.translating import TranslatorNetwork
from nas_lib.networks.recurrent import RecurrentLayer


@pytest.fixture(scope="module")
def exporter(tmp_path_factory: pytest.TempPathFactory) -> TranslationExporter:
    training = TranslationTrainingConfig(init_range=1.0)
    return translation_exporter(
        tmp_path_factory.mktemp("translation"), TEXT_PLAN, training=training
    )


@pytest.fixture(scope="module")
def data(exporter: TranslationExporter) -> dict[str, bytes]:
    return exporter.graphs()


@pytest.fixture(scope="module")
def graphs(data: dict[str, bytes]) -> Graphs:
    return opened(data)


def test_one_reads_a_sentence_and_the_other_tells_a_subword(graphs: Graphs) -> None:
    found = {
        name: [str(spec) for spec in (*graph.inputs, *graph.outputs)]
        for name, graph in graphs.items()
    }

    assert found == {  # 6 units; 2 layers of a state of 6; 330 subwords
        ENCODER: ["int64 [any]", "float32 [any, 6]"],
        DECODER: [
            *("int64 [any]", "float32 [any, 12]", "float32 [any, 6]"),
            *("float32 [any, 330]", "float32 [any, 12]"),
        ],
    }


def test_a_graph_is_no_larger_for_a_longer_sentence(
    exporter: TranslationExporter, data: dict[str, bytes]
) -> None:
    num_bytes = sum(each.numel() * 4 for each in exporter._translator.parameters())

    assert len(data[ENCODER]) < num_bytes + 35_000  # some nodes, and the labels


def test_layers_compute_as_before_once_they_were_exported(exporter: TranslationExporter) -> None:
    layers = [each for each in exporter._translator.modules() if isinstance(each, RecurrentLayer)]

    assert len(layers) == 5  # of the encoder 3, as the first one reads both ways
    assert all("forward" not in vars(each) for each in layers)


def test_the_vocabulary_lies_beside_the_graphs(exporter: TranslationExporter) -> None:
    assert [*exporter.files()] == [SUBWORDS]
    assert exporter.labels[END] == "</s>"


def test_parity_is_that_of_logits_and_of_translations(
    exporter: TranslationExporter, graphs: Graphs
) -> None:
    parity = exporter.parity(graphs)

    assert parity.num_examples == 24
    assert 0 < parity.max_difference < 1e-5
    assert parity.agreement == 1
    assert exporter.misfit(parity) == ""


def test_graphs_that_tell_something_else_are_found_out(
    exporter: TranslationExporter, graphs: Graphs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporter, "_pairs", exporter._pairs[:4], raising=False)

    class Halved(TranslatorNetwork):
        """Half of its translations are others."""

        def best(self, source_T: np.ndarray, inputs: object) -> Hypothesis:
            is_even = any((source_T == pair[0]).all() for pair in exporter._pairs[::2]
                          if len(pair[0]) == len(source_T))  # fmt: skip
            found = super().best(source_T, exporter.inputs)
            return found._replace(words=(*found.words, 9)) if is_even else found

    network = translating.network_of(graphs, exporter.inputs)
    halved = Halved(network.read, network.tell, network.state_size)
    monkeypatch.setattr("nas_lib.export.translations.network_of", lambda *_: halved)

    parity = exporter.parity(graphs)

    assert parity.agreement == 0.5
    assert exporter.misfit(parity) == (
        "the graphs and torch should translate 90% of the sentences alike at least, and do so with "
        "50%"
    )


def test_logits_that_differ_are_said(exporter: TranslationExporter) -> None:
    said = exporter.misfit(Parity(32, 2e-4, 1.0, ""))

    assert said.startswith("logits of the graph and of torch should differ by 0.0001 at most, and")


def test_what_is_timed_is_one_sentence_told_as_it_should_be(
    exporter: TranslationExporter, graphs: Graphs
) -> None:
    counted = {name: Counted(graph) for name, graph in graphs.items()}

    run, num = exporter.timed(counted)  # type: ignore[arg-type]
    run()

    assert num == 1
    lengths = sorted(len(source) for source, _ in exporter._pairs)
    assert counted[ENCODER].shapes == [(lengths[12],)]
    assert {*counted[DECODER].shapes} == {(4,)}  # beam


class Counted:
    """A graph that notes what it is given first."""

    def __init__(self, graph: object) -> None:
        self.shapes: list[tuple[int, ...]] = []
        self._graph = graph

    def run(self, inputs: dict[str, np.ndarray]) -> object:
        self.shapes.append(next(iter(inputs.values())).shape)
        return self._graph.run(inputs)  # type: ignore[attr-defined]
