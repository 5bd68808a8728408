"""Models that fit on a page, made without torch: of colours, of a text's words, of translations.

Letters: N images, H x W pixels, C channels, K classes; T words of a piece, B texts, S numbers of a
state, V words of the vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import onnx
from model_infos import IMAGES, TEXT, TRANSLATION, model_info
from onnx import TensorProto, helper, numpy_helper
from parallel import HERE, THERE, VOCABULARY, pairs

from nas_lib.data import BlobInfo
from nas_lib.data.subwords import Subwords
from nas_lib.models.info import (
    DECODER,
    ENCODER,
    INFO,
    ONLY,
    SUBWORDS,
    ImageInputs,
    ModelInfo,
    TextInputs,
    pack_info,
)
from nas_lib.store.open import open_store

COLOURS = ("red", "green", "blue")
"""An image is of the colour that it has the most of."""
COLOUR_INPUTS = replace(
    IMAGES, height=6, width=4, channels=3, mean=(0.5,) * 3, std=(0.25,) * 3, background="black"
)

WORDS = ("<unk>", "<eos>", "the", "cat", "sat")
STATE = 3
WORD_INPUTS = replace(TEXT, bptt=4, state_size=STATE)
FIGURE_INPUTS = replace(TRANSLATION, hidden=1, state_size=1)


def colour_logits(images_NHWC: np.ndarray) -> np.ndarray:
    """What the model of colours computes, `[N, K]`."""
    scale = 1 if images_NHWC.dtype == np.float32 else 255
    return 8 * images_NHWC.mean(axis=(1, 2), dtype=np.float64) / scale


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Softmax over the last axis."""
    odds = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return odds / odds.sum(axis=-1, keepdims=True)


@cache
def colour_graph(dtype: str = "uint8") -> bytes:
    """The graph of the model of colours."""
    uint8, float32 = TensorProto.UINT8, TensorProto.FLOAT
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=float32),
        helper.make_node("ReduceMean", ["floats", "pixels"], ["colour"], keepdims=0),
        helper.make_node("Mul", ["colour", "scale"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probabilities"], axis=-1),
    ]
    factor = 8 if dtype == "float32" else 8 / 255
    constants = {"pixels": np.array([1, 2]), "scale": np.array(factor, np.float32)}
    inputs = [_tensor("images", uint8 if dtype == "uint8" else float32, "N", "H", "W", 3)]
    outputs = [_tensor(name, float32, "N", 3) for name in ("logits", "probabilities")]
    return _graph(nodes, inputs, outputs, constants)


def word_weights() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights of the model of words: of words `[V, S]`, of states `[S, S]`, of logits `[S, V]`."""
    generator = np.random.default_rng(3)
    num = len(WORDS)
    shapes = ((num, STATE), (STATE, STATE), (STATE, num))
    weights = [generator.normal(size=shape).astype(np.float32) for shape in shapes]
    return weights[0], weights[1], weights[2]


@cache
def word_graph() -> bytes:
    """The graph of the model of words: `tanh(words + state x states)`, one after the other."""
    int64, float32 = TensorProto.INT64, TensorProto.FLOAT
    weights = dict(zip(("words_VS", "states_SS", "logits_SV"), word_weights(), strict=True))
    state, word = _tensor("before", float32, "B", STATE), _tensor("word", int64, "B")
    steps = [
        helper.make_node("Gather", ["words_VS", "word"], ["x"]),
        helper.make_node("MatMul", ["before", "states_SS"], ["y"]),
        helper.make_node("Add", ["x", "y"], ["z"]),
        helper.make_node("Tanh", ["z"], ["after"]),
        helper.make_node("Identity", ["after"], ["row"]),
    ]
    ends = [_tensor(name, float32, "B", STATE) for name in ("after", "row")]
    body = helper.make_graph(steps, "word", [state, word], ends)
    scanned = ["next_state", "states"]
    nodes = [
        helper.make_node("Scan", ["state", "words"], scanned, body=body, num_scan_inputs=1),
        helper.make_node("MatMul", ["states", "logits_SV"], ["logits"]),
    ]
    inputs = [_tensor("words", int64, "T", "B"), _tensor("state", float32, "B", STATE)]
    outputs = [
        _tensor("logits", float32, "T", "B", len(WORDS)),
        _tensor("states", float32, "T", "B", STATE),
        _tensor("next_state", float32, "B", STATE),
    ]
    return _graph(nodes, inputs, outputs, weights)


def colour_model(place: Path | str, folder: str = "", **changes: Any) -> ModelInfo:
    """Write the model of colours to a place, as `nas export` would; return what is known of it.

    Args:
        place: A folder, or the URI of a store.
        folder: In it.
        changes: To the description; those of the inputs as `inputs`.
    """
    inputs: ImageInputs = changes.pop("inputs", COLOUR_INPUTS)
    info = replace(model_info(inputs), **{"name": "colours", "labels": COLOURS, **changes})
    return write_model(str(place), folder, info, {ONLY: colour_graph(inputs.dtype)})


def word_model(place: Path | str, folder: str = "", **changes: Any) -> ModelInfo:
    """Write the model of words to a place, likewise."""
    inputs: TextInputs = changes.pop("inputs", WORD_INPUTS)
    info = replace(model_info(inputs), **{"name": "words", "labels": WORDS, **changes})
    return write_model(str(place), folder, info, {ONLY: word_graph()})


@cache
def figure_subwords() -> Subwords:
    """The vocabulary of the model of figures; each of their names is a subword."""
    sentences = [sentence for pair in pairs(400) for sentence in pair]
    return Subwords.trained(sentences, size=VOCABULARY, where="toy")


@cache
def figure_graphs() -> dict[str, bytes]:
    """The graphs of the model of figures: it tells one subword after another, the figures anew.

    What the decoder looks at is the sentence itself; its state is how many subwords it has told.
    """
    int64, float32 = TensorProto.INT64, TensorProto.FLOAT
    node, pieces = helper.make_node, figure_subwords().pieces
    anew = [*range(len(pieces))]
    for here, there in zip(HERE, THERE, strict=True):
        anew[pieces.index(f"\u2581{here}")] = pieces.index(f"\u2581{there}")
    reading = [
        node("Cast", ["source"], ["numbers"], to=float32),
        node("Unsqueeze", ["numbers", "one"], ["values"]),
    ]
    telling = [
        node("Cast", ["state"], ["place"], to=int64),
        node("Gather", ["values", "place"], ["said"]),  # [K, 1, 1]
        node("Squeeze", ["said", "one"], ["number"]),
        node("Cast", ["number"], ["whole"], to=int64),
        node("Gather", ["anew_V", "whole"], ["wanted"]),
        node("Sub", ["wanted", "numbers_V"], ["far"]),
        node("Mul", ["far", "far"], ["square"]),
        node("Neg", ["square"], ["logits"]),
        node("Add", ["state", "step"], ["further"]),
        node("Shape", ["values"], ["length"], start=0, end=1),
        node("Cast", ["length"], ["end"], to=float32),
        node("Sub", ["end", "step"], ["last_place"]),
        node("Min", ["further", "last_place"], ["next_state"]),
    ]
    values, state = _tensor("values", float32, "T", 1), _tensor("state", float32, "K", 1)
    constants = {
        "one": np.array([1]),
        "step": np.array([1], np.float32),
        "anew_V": np.array(anew, np.float32),
        "numbers_V": np.arange(len(pieces), dtype=np.float32),
    }
    logits = _tensor("logits", float32, "K", len(pieces))
    outputs = [logits, _tensor("next_state", float32, "K", 1)]
    inputs = [_tensor("last", int64, "K"), state, values]
    return {
        ENCODER: _graph(reading, [_tensor("source", int64, "T")], [values], constants),
        DECODER: _graph(telling, inputs, outputs, constants),
    }


def figure_model(place: Path | str, **changes: Any) -> ModelInfo:
    """Write the model of figures to a folder, likewise: it translates their names, word by word."""
    inputs = changes.pop("inputs", FIGURE_INPUTS)
    fields = {"name": "figures", "labels": figure_subwords().pieces, **changes}
    info = replace(model_info(inputs), **fields)
    others = {SUBWORDS: figure_subwords().data}
    return write_model(str(place), "", info, figure_graphs(), others)


def write_model(
    place: str,
    folder: str,
    info: ModelInfo,
    graphs: Mapping[str, bytes],
    others: Mapping[str, bytes] = MappingProxyType({}),
) -> ModelInfo:
    """Write a model with these graphs and other files to a place; return what is known of it."""
    files = {**{path: graphs[name] for name, path in info.onnx.items()}, **others}
    info = replace(info, files={path: BlobInfo.of(data) for path, data in files.items()})
    store = open_store(place)
    prefix = f"{folder}/" if folder else ""
    for path, data in files.items():
        store.replace(f"{prefix}{path}", data)
    store.replace(f"{prefix}{INFO}", pack_info(info))
    return info


def _tensor(name: str, kind: int, *shape: int | str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, shape)


def _graph(nodes: list, inputs: list, outputs: list, constants: dict[str, np.ndarray]) -> bytes:
    tensors = [numpy_helper.from_array(array, name) for name, array in constants.items()]
    graph = helper.make_graph(nodes, "toy", inputs, outputs, tensors)
    opset = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opset, ir_version=10)
    onnx.checker.check_model(model)
    return model.SerializeToString()
