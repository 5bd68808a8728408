"""Models that tell labels of pictures, or a number."""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
from model_infos import model_info
from onnx import TensorProto, helper
from PIL import Image
from toy_models import COLOUR_INPUTS, COLOURS, _graph, _tensor, colour_model, write_model

from nas_lib.models import LabelModel, NumberModel, open_model
from nas_lib.models.bulk import answers_of
from nas_lib.models.files import find_files
from nas_lib.models.info import ONLY, parse_info
from nas_lib.serving import asked


@pytest.fixture
def labels(tmp_path: Path) -> LabelModel:
    """The model of colours, whose probabilities are taken for those of labels."""
    colour_model(tmp_path / "labels", target="labels")
    model = open_model(str(tmp_path / "labels"))
    assert isinstance(model, LabelModel)
    return model


@pytest.fixture
def brightness(tmp_path: Path) -> NumberModel:
    """A model whose number is how bright an image is."""
    uint8, float32 = TensorProto.UINT8, TensorProto.FLOAT
    nodes = [
        helper.make_node("Cast", ["images"], ["floats"], to=float32),
        helper.make_node("ReduceMean", ["floats", "axes"], ["values"], keepdims=0),
    ]
    inputs = [_tensor("images", uint8, "N", "H", "W", 3)]
    outputs = [_tensor("values", float32, "N")]
    graph = _graph(nodes, inputs, outputs, {"axes": np.array([1, 2, 3])})
    info = replace(model_info(COLOUR_INPUTS), name="light", labels=("light",), target="number")
    write_model(str(tmp_path / "number"), "", info, {ONLY: graph})
    model = open_model(str(tmp_path / "number"))
    assert isinstance(model, NumberModel)
    return model


def picture(folder: Path, *colour: int) -> Path:
    path = folder / f"{'-'.join(map(str, colour))}.png"
    Image.new("RGB", (5, 4), colour).save(path)
    return path


def test_labels_are_those_above_one_half_and_there_may_be_none(
    labels: LabelModel, tmp_path: Path
) -> None:
    red, grey = picture(tmp_path, 255, 0, 0), picture(tmp_path, 90, 90, 90)

    found = labels.predict([red, grey])

    assert found.labels == (("red",), ())
    # softmax of three equal ones
    assert found.top(1)[1] == {"red": pytest.approx(1 / 3)}
    assert found.classes == COLOURS
    assert repr(found) == "LabelPredictions(2 images, 3 labels)"


def test_a_number_is_told_of_pictures_of_any_size(brightness: NumberModel, tmp_path: Path) -> None:
    files = [picture(tmp_path, 30, 60, 90), picture(tmp_path, 0, 0, 0)]

    assert brightness.predict(files).values.tolist() == [60, 0]
    assert len(brightness.predict([])) == 0
    answers = list(answers_of(brightness, find_files(list(map(str, files))), top=0))
    assert [each.values for each in answers] == [(60.0,), (0.0,)]


def test_people_are_answered_with_labels_or_a_number(
    labels: LabelModel, brightness: NumberModel, tmp_path: Path
) -> None:
    content = picture(tmp_path, 200, 0, 100).read_bytes()
    answer = asked.answer_to_people(labels, content)

    assert answer["labels"] == ("red",)
    assert [each["label"] for each in answer["best"]] == ["red", "blue", "green"]
    assert asked.answer_to_people(brightness, content) == {
        "name": "light",
        "number": 100.0,
        "best": [],
    }
    assert asked.about(brightness)["label"] == "number"


def test_a_model_of_a_release_before_tells_classes() -> None:
    fields = asdict(model_info(COLOUR_INPUTS))
    del fields["target"]
    text = json.dumps(fields, indent=2).removeprefix("{\n").encode()
    data = b'{\n  "crc32": "%08x",\n' % zlib.crc32(text) + text

    assert parse_info(data, where="model.json").target == "class"
