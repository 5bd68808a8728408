"""What a model is asked by people and by programs, whichever kind it is.

Letters: T words of each of B texts, S numbers of a state.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import numpy as np

from nas_lib.errors import DataError
from nas_lib.models import (
    ImageModel,
    LabelModel,
    ModelInfo,
    NumberModel,
    PictureModel,
    SeriesModel,
    TextModel,
)
from nas_lib.models.graph import TensorSpec
from nas_lib.serving.inference import Network, Run
from nas_lib.serving.tensors import Array

MAX_BYTES: Final = 64 * 2**20
"""Of what is sent, and of tensors that are answered: many times a photo. More is refused."""
_MOST_SHOWN: Final = 10
Served = ImageModel | LabelModel | NumberModel | SeriesModel | TextModel
_CALLED: Final = {"class": "class", "labels": "label", "number": "number"}
"""What it is that is told of an image."""


def network(model: Served) -> Network:
    """Return a model as the protocol asks it.

    Raises:
        ConfigError: There is no onnxruntime.
        CorruptStateError: The network is damaged.
    """
    graph = model.graph
    most = max(1, MAX_BYTES // sum(map(_bytes_of_one, graph.outputs)))
    if isinstance(model, PictureModel):
        run = _on_images(model)
    else:
        run = _on_series(model) if isinstance(model, SeriesModel) else _on_texts(model)

    def within_bounds(inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        examples = inputs.get("images", inputs.get("series"))
        num = inputs["words"].size if examples is None else len(examples)
        if num > most:
            raise DataError(
                f"{model.info.name}: expected at most {most:,} at once, so that the answer has no "
                f"more than {MAX_BYTES // 2**20} MiB, got {num:,}"
            )
        return run(inputs)

    return Network(model.info.name, graph.inputs, graph.outputs, within_bounds)


def _on_images(model: PictureModel) -> Run:
    def run(inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        """Run as many images at once as fit into memory."""
        batches = model.reader.batches(inputs["images"])
        found = [model.graph.run({"images": batch}) for batch in batches]
        return {name: np.concatenate([each[name] for each in found]) for name in found[0]}

    return run


def _on_series(model: SeriesModel) -> Run:
    def run(inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        """Run as many series at once as fit into memory."""
        batches = model.reader.batches(inputs["series"])
        found = [model.graph.run({"series": batch}) for batch in batches]
        return {name: np.concatenate([each[name] for each in found]) for name in found[0]}

    return run


def _on_texts(model: TextModel) -> Run:
    def run(inputs: Mapping[str, Array]) -> Mapping[str, Array]:
        words_TB, state_BS = inputs["words"], inputs["state"]
        if words_TB.shape[1] != len(state_BS):
            raise DataError(
                f"{model.info.name}: expected a state for each of the {words_TB.shape[1]:,} texts, "
                f"got {len(state_BS):,}"
            )
        if words_TB.min() < 0 or words_TB.max() >= len(model.labels):
            raise DataError(
                f"{model.info.name}: expected words from 0 to {len(model.labels) - 1:,}, got "
                f"{words_TB.min()} to {words_TB.max()}"
            )
        return model.graph.run(inputs)

    return run


def _bytes_of_one(output: TensorSpec) -> int:
    """Return how long an output is, at most, for one image or one word."""
    return math.prod(filter(None, output.shape)) * np.dtype(output.dtype).itemsize


def answer_to_people(model: Served, data: bytes) -> dict[str, Any]:
    """Return what a model says of the content of a picture file, of a series, or of a text.

    Raises:
        DataError: It is none.
    """
    if isinstance(model, ImageModel):
        return {"best": _best(model.predict(data).top(_MOST_SHOWN)[0])}
    if isinstance(model, LabelModel):
        found = model.predict(data)
        return {"labels": found.labels[0], "best": _best(found.top(_MOST_SHOWN)[0])}
    if isinstance(model, NumberModel):
        return {"name": model.name, "number": float(model.predict(data).values[0]), "best": []}
    try:
        text = data.decode()
    except UnicodeDecodeError as err:
        raise DataError(f"expected a text in UTF-8, got other bytes ({err})") from err
    if isinstance(model, SeriesModel):
        return {"best": _best(model.predict(model.reader.of_text(text)).top(_MOST_SHOWN)[0])}
    score = model.score(text)
    return {
        "perplexity": score.perplexity,
        "num_words": score.num_words,
        "num_unknown": score.num_unknown,
        "measure": model.scoring.measure.noun,
        "value": score.value,
        "best": _best(model.predict(text).top(_MOST_SHOWN)[0]),
    }


def about(model: Served) -> dict[str, Any]:
    """Return what the page says of a model."""
    info = model.info
    return {
        "name": info.name,
        "id": info.id,
        "kind": info.inputs.kind,
        "num_labels": len(model.labels),
        "label": model.scoring.token if isinstance(model, TextModel) else _CALLED[info.target],
        "score": _score(info),
        "max_bytes": MAX_BYTES,
    }


def _best(probabilities: Mapping[str, float]) -> list[dict[str, Any]]:
    return [{"label": label, "probability": value} for label, value in probabilities.items()]


def _score(info: ModelInfo) -> str:
    """Return how good it is, on data that it never saw; empty where nobody has measured that."""
    for name, score in (("test", info.test), ("validation", info.validation)):
        if score is not None:
            return f"{name} {info.measure.noun} {info.measure.text(score.value)}"
    return ""
