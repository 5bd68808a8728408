"""Language models as graphs: a piece of text after another, with a state in and out.

One word is traced, and a Scan does it for all words of a piece: so the graph has the size of the
cell, however long a piece is. The logits of all words are one product behind it.

Shapes: T words of a piece, B pieces side by side, S numbers of a state, H units, V words of the
vocabulary.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from typing import cast

import onnx
import torch
import torch.nn.functional as F
from onnx import helper
from torch import Tensor, nn

from nas_lib.export.exporter import Exporter, difference, too_different
from nas_lib.export.graphs import FLOAT, INT64, constant, node, packed, traced, value
from nas_lib.models.graph import Arrays, Graph, Graphs
from nas_lib.models.info import ONLY, Parity, TextInputs
from nas_lib.networks import LanguageModel
from nas_lib.tasks.text.batches import check_text, evaluation_text_batches, load_text
from nas_lib.tasks.text.preparation import TextManifest
from nas_lib.tasks.text.raw import END, UNKNOWN
from nas_lib.tasks.text.trainer import text_loss

_COLUMNS = 10
_NUM_WORDS = 2000
_MAX_RELATIVE = 1e-4  # of perplexities


class TextExporter(Exporter[TextManifest]):
    """Words to logits of those that follow them."""

    @property
    def inputs(self) -> TextInputs:
        """Pieces as the model was trained on."""
        return TextInputs(
            bptt=self._config.children.text.bptt,  # type: ignore[union-attr]
            state_size=self._model.initial_state(1).shape[1],
            unknown=self.labels.index(UNKNOWN),
            end=self.labels.index(END),
            words=self._task.data.format,
            level=self._task.level,
        )

    @property
    def labels(self) -> Sequence[str]:
        """The vocabulary."""
        return self._manifest.words

    @property
    def _model(self) -> LanguageModel:
        return cast(LanguageModel, self._network)

    def graphs(self) -> dict[str, bytes]:
        """Return the model of one word in a Scan, and the softmax's product behind it."""
        size = self.inputs.state_size
        num_words, hidden = self._model.softmax_VH.shape
        word = traced(
            _Word(self._model),
            [torch.zeros(2, dtype=torch.int64), self._model.initial_state(2)],
            inputs=["word", "before"],
            outputs=["output", "after"],
        )
        body = _body(word, size=size, hidden=hidden)
        scanned = ["next_state", "states", "outputs"]
        piece, softmax = ["T", "B"], f"model.{self._softmax}"
        graph = helper.make_graph(
            [
                node("Scan", ["state", "words"], scanned, body=body, num_scan_inputs=1),
                node("Reshape", ["outputs", "rows"], ["predictions"]),
                node("Gemm", ["predictions", softmax], ["flat_logits"], transB=1),
                node("Shape", ["words"], ["piece"]),
                node("Concat", ["piece", "vocabulary"], ["shape"], axis=0),
                node("Reshape", ["flat_logits", "shape"], ["logits"]),
            ],
            self.name,
            [value("words", INT64, piece), value("state", FLOAT, ["B", size])],
            [
                value("logits", FLOAT, [*piece, num_words]),
                value("next_state", FLOAT, ["B", size]),
                value("states", FLOAT, [*piece, size]),
            ],
            [
                *self._weights(word, softmax),
                constant("rows", [-1, hidden]),
                constant("vocabulary", [num_words]),
            ],
        )
        return {ONLY: packed(graph, name=self.name, task="text", labels=self.labels)}

    @property
    def _softmax(self) -> str:
        """What the model calls the weights of its softmax."""
        weights, wanted = self._model.named_parameters(), self._model.softmax_VH
        return next(name for name, weight in weights if weight is wanted)

    def _weights(self, word: onnx.GraphProto, softmax: str) -> Iterator[onnx.TensorProto]:
        """Yield those of a word's graph, and of the softmax: the embedding's are among them."""
        yield from word.initializer
        if all(each.name != softmax for each in word.initializer):
            yield constant(softmax, self._model.softmax_VH.detach().numpy())

    def parity(self, graphs: Graphs) -> Parity:
        """Measure it on the beginning of the validation text, in columns as it is judged by."""
        largest, loss, num_rows = 0.0, 0.0, 0
        for logits_TBV, wanted_TBV, targets_TB in self._both(graphs[ONLY]):
            largest = max(largest, difference(logits_TBV.numpy(), wanted_TBV.numpy()))
            loss += (
                len(targets_TB)
                * F.cross_entropy(logits_TBV.flatten(0, 1).double(), targets_TB.flatten()).item()
            )
            num_rows += len(targets_TB)
        wanted = text_loss(self._model, self._valid)
        num_words = len(self._valid) - 1
        return Parity(
            num_words,
            largest,
            max(0.0, 1 - abs(math.expm1(loss / num_rows - wanted))),
            f"logits and perplexity of {num_words:,} {self._manifest.scoring.token}s of the "
            "validation text",
        )

    def misfit(self, parity: Parity) -> str:
        """Say which of the two is missed."""
        different = too_different(parity)
        if different or 1 - parity.agreement <= _MAX_RELATIVE:
            return different
        return (
            f"perplexities by the graph and by torch should agree to {_MAX_RELATIVE:g}, and differ "
            f"by {1 - parity.agreement:.2g}"
        )

    def timed(self, graphs: Graphs) -> tuple[Callable[[], object], int]:
        """Return one piece of the text."""
        words_TB = self._valid[: self.inputs.bptt, None].long().numpy()
        inputs = {"words": words_TB, "state": self._model.initial_state(1).numpy()}
        return partial(graphs[ONLY].run, inputs), len(words_TB)

    @cached_property
    def _valid(self) -> Tensor:
        found = self._manifest
        valid = check_text("valid", load_text(self._data.blob).valid, found, found.num_valid)
        return valid[: _NUM_WORDS + 1]

    @torch.inference_mode()
    def _both(self, graph: Graph) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yield logits by the graph and by torch, and the right words, piece by piece."""
        pieces = evaluation_text_batches(self._valid, batch_size=_COLUMNS, bptt=self.inputs.bptt)
        state_BS = self._model.initial_state(pieces[0][0].shape[1])
        found: Arrays = {"next_state": state_BS.numpy()}
        for words_TB, targets_TB in pieces:
            found = graph.run({"words": words_TB.numpy(), "state": found["next_state"]})
            outputs_TBH, state_BS = self._model(words_TB, state_BS)
            wanted_TBV = F.linear(outputs_TBH, self._model.softmax_VH)
            yield torch.from_numpy(found["logits"]), wanted_TBV, targets_TB


def _body(word: onnx.GraphProto, *, size: int, hidden: int) -> onnx.GraphProto:
    """Return the model of one word as a Scan wants it: the state first, in and out."""
    return helper.make_graph(
        [*word.node, node("Identity", ["after"], ["after_word"])],
        "word",
        [value("before", FLOAT, ["B", size]), value("word", INT64, ["B"])],
        [
            value("after", FLOAT, ["B", size]),
            value("after_word", FLOAT, ["B", size]),
            value("output", FLOAT, ["B", hidden]),
        ],
    )


class _Word(nn.Module):
    """A language model that reads one word."""

    def __init__(self, model: LanguageModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, word_B: Tensor, state_BS: Tensor) -> tuple[Tensor, Tensor]:
        outputs_TBH, state_BS = self.model(word_B[None], state_BS)
        return outputs_TBH[0], state_BS
