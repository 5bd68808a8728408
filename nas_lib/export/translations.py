"""Translators as two graphs: one reads a sentence, the other tells a subword after another.

Beam search goes on outside of them, in numpy. The vocabulary lies beside them, as sentencepiece
stores it.

Shapes: T subwords of a sentence, K beginnings of its translation, S values of a state, H units, V
subwords of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import cast

import onnx
import torch
from onnx import helper
from torch import Tensor, nn

from nas_lib.beam_search import Floats
from nas_lib.config import TranslationTrainingConfig
from nas_lib.data.subwords import BEGIN, END, Subwords
from nas_lib.export.exporter import Exporter, difference, too_different
from nas_lib.export.graphs import FLOAT, INT64, packed, traced, value
from nas_lib.export.scans import scanned
from nas_lib.models.graph import Graphs
from nas_lib.models.info import DECODER, ENCODER, SUBWORDS, Parity, TranslationInputs
from nas_lib.models.translating import Numbers, TranslatorNetwork, network_of
from nas_lib.networks.translator import Encoded, Translator
from nas_lib.tasks.translation.batches import load_pairs, load_vocabulary
from nas_lib.tasks.translation.preparation import TranslationManifest

_NUM_PAIRS = 24
_MIN_AGREEMENT = 0.9  # of translations: two that are all but equally good may change places


class TranslationExporter(Exporter[TranslationManifest]):
    """Sentences to what the decoder looks at, and that to the next subword."""

    @property
    def inputs(self) -> TranslationInputs:
        """Sentences as the network was trained on, and how a translation is chosen."""
        return TranslationInputs(
            hidden=self._translator.embedding.shape[1],
            state_size=self._translator.initial_state(1).shape[1],
            begin=BEGIN,
            end=END,
            max_length=self._manifest.max_length,
            beam=self._training.beam,
            length_penalty=self._training.length_penalty,
        )

    @cached_property
    def labels(self) -> Sequence[str]:
        """The vocabulary."""
        return Subwords(self._vocabulary).pieces

    def files(self) -> Mapping[str, bytes]:
        """Return the vocabulary as sentencepiece stores it."""
        return {SUBWORDS: self._vocabulary}

    @property
    def _translator(self) -> Translator:
        return cast(Translator, self._network)

    @property
    def _training(self) -> TranslationTrainingConfig:
        return self._config.children.translation  # type: ignore[union-attr]

    @cached_property
    def _vocabulary(self) -> bytes:
        return load_vocabulary(self._data.blob)

    # --- graphs ----------------------------------------------------------------------------------

    def graphs(self) -> dict[str, bytes]:
        """Return the encoder, and one step of the decoder."""
        return {ENCODER: self._encoder(), DECODER: self._decoder()}

    def _encoder(self) -> bytes:
        read = scanned(
            _Reading(self._translator),
            [torch.tensor([END] * 3)],
            inputs=["source"],
            outputs=["values"],
        )
        source, values = value("source", INT64, ["T"]), self._values
        return self._packed(read, ENCODER, [source], [values])

    def _decoder(self) -> bytes:
        state_KS = self._translator.initial_state(2)
        told = traced(
            _Telling(self._translator),
            [torch.tensor([BEGIN] * 2), state_KS, torch.zeros(3, self.inputs.hidden)],
            inputs=["last", "state", "values"],
            outputs=["logits", "next_state"],
        )
        size, num_subwords = self.inputs.state_size, len(self.labels)
        return self._packed(
            told,
            DECODER,
            [value("last", INT64, ["K"]), value("state", FLOAT, ["K", size]), self._values],
            [value("logits", FLOAT, ["K", num_subwords]), value("next_state", FLOAT, ["K", size])],
        )

    @property
    def _values(self) -> onnx.ValueInfoProto:
        return value("values", FLOAT, ["T", self.inputs.hidden])

    def _packed(
        self,
        graph: onnx.GraphProto,
        name: str,
        inputs: Sequence[onnx.ValueInfoProto],
        outputs: Sequence[onnx.ValueInfoProto],
    ) -> bytes:
        named = helper.make_graph(graph.node, name, inputs, outputs, graph.initializer)
        return packed(named, name=self.name, task="translation", labels=self.labels)

    # --- how well they agree with torch ----------------------------------------------------------

    def parity(self, graphs: Graphs) -> Parity:
        """Measure it on some validation pairs: in telling what is right, and in translating."""
        graph, plain = network_of(graphs, self.inputs), self._by_torch()
        largest, num_equal = 0.0, 0
        for source_T, target_T in self._pairs:
            said = zip(graph.told(source_T, target_T), plain.told(source_T, target_T), strict=True)
            largest = max(largest, *(difference(found, wanted) for found, wanted in said))
            found, wanted = (each.best(source_T, self.inputs) for each in (graph, plain))
            num_equal += found.words == wanted.words
        num = len(self._pairs)
        return Parity(
            num,
            largest,
            num_equal / num,
            f"logits of each subword of the translations of {num:,} validation sentences, and what "
            f"beam search makes of these sentences",
        )

    def misfit(self, parity: Parity) -> str:
        """Say which of the two is missed."""
        different = too_different(parity)
        if different or parity.agreement >= _MIN_AGREEMENT:
            return different
        return (
            f"the graphs and torch should translate {_MIN_AGREEMENT:.0%} of the sentences alike at "
            f"least, and do so with {parity.agreement:.0%}"
        )

    def timed(self, graphs: Graphs) -> tuple[Callable[[], object], int]:
        """Return reading a sentence and telling its translation, by as many as beam search has.

        What is told is what is right: so networks are compared by equal work.
        """
        by_length = sorted(self._pairs, key=lambda pair: len(pair[0]))
        source_T, target_T = by_length[len(by_length) // 2]
        network = network_of(graphs, self.inputs)

        def run() -> None:
            for _ in network.told(source_T, target_T, beam=self._training.beam):
                pass

        return run, 1

    def _by_torch(self) -> TranslatorNetwork:
        return TranslatorNetwork(self._read, self._told, self.inputs.state_size)

    @torch.inference_mode()
    def _read(self, source_T: Numbers) -> Floats:
        values_TH: Tensor = _Reading(self._translator)(torch.from_numpy(source_T))
        return values_TH.numpy()

    @torch.inference_mode()
    def _told(self, last_K: Numbers, state_KS: Floats, values_TH: Floats) -> tuple[Floats, Floats]:
        given = (torch.from_numpy(each) for each in (last_K, state_KS, values_TH))
        logits_KV, after_KS = _Telling(self._translator)(*given)
        return logits_KV.numpy(), after_KS.numpy()

    @cached_property
    def _pairs(self) -> list[tuple[Numbers, Numbers]]:
        """Some validation pairs, evenly spread: sentence and translation, each as it is stored."""
        valid = load_pairs(self._data.blob, self._manifest).valid
        chosen_N = torch.linspace(0, len(valid) - 1, min(len(valid), _NUM_PAIRS)).long()
        alone = map(valid.side_by_side, torch.split(chosen_N, 1))
        return [(pair.source_TB[:, 0].numpy(), pair.target_TB[:, 0].numpy()) for pair in alone]


class _Reading(nn.Module):
    """A translator's encoder, for one sentence."""

    def __init__(self, translator: Translator) -> None:
        super().__init__()
        self.translator = translator

    def forward(self, source_T: Tensor) -> Tensor:
        length_1 = torch.ones_like(source_T).sum(0, keepdim=True)  # a tensor: so it is traced
        return self.translator.encode(source_T[:, None], length_1).values_TBH[:, 0]


class _Telling(nn.Module):
    """One step of a translator's decoder, for one sentence."""

    def __init__(self, translator: Translator) -> None:
        super().__init__()
        self.translator = translator

    def forward(self, last_K: Tensor, state_KS: Tensor, values_TH: Tensor) -> tuple[Tensor, Tensor]:
        values_TKH = values_TH[:, None].expand(-1, last_K.shape[0], -1)
        there_TK = torch.ones_like(values_TKH[:, :, 0], dtype=torch.bool)
        return self.translator.step(last_K, state_KS, Encoded(values_TKH, there_TK))
