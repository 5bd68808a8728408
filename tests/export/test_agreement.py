"""A network says the same to the same, whoever asks it: command, Python, server, a bare graph."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from exports import CLASSES, image_exporter, text_exporter, translation_exporter
from model_infos import model_info
from nas_command import Nas
from PIL import Image
from served import ask, served
from toy_images import PLAN
from toy_models import write_model
from toy_text import TEXT_PLAN, TEXT_SPACE

from nas_lib.config import ImageFolderData, TranslationTrainingConfig
from nas_lib.data.allowance import Allowance
from nas_lib.errors import visible
from nas_lib.export.exporter import Exporter
from nas_lib.models import ImageModel, TextModel, TranslationModel, open_model
from nas_lib.models.info import onnx_file
from nas_lib.tasks.images.readers.image_folder import read_image_folder
from nas_lib.tasks.text.trainer import text_loss
from nas_lib.tasks.translation.batches import load_pairs
from nas_lib.tasks.translation.translating import translations

SIDE = 8


def handed_on(exporter: Exporter[Any], place: Path) -> Any:
    """Write a model as `nas export` does, and open it."""
    info = replace(model_info(exporter.inputs), name="toy", labels=tuple(exporter.labels))
    write_model(str(place), "", info, exporter.graphs(), exporter.files())
    return open_model(str(place))


@pytest.fixture
def nas(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Nas:
    return Nas(monkeypatch, capsys)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures of many sizes, some turned, some with transparent parts."""
    root = tmp_path_factory.mktemp("pictures")
    generator = np.random.default_rng(3)
    for number in range(12):
        size = tuple(generator.integers(5, 90, 2).tolist())
        small = generator.integers(0, 256, (3, 3, 4 if number % 3 == 0 else 3), np.uint8)
        exif = Image.Exif()
        exif[274] = 1 + number % 8
        folder = root / CLASSES[number % 3]
        folder.mkdir(exist_ok=True)
        picture = Image.fromarray(small).resize(size, Image.Resampling.BICUBIC)
        picture.save(folder / f"{number}.png", exif=exif)
    return root


def test_torch_command_python_server_and_a_bare_graph_say_the_same_of_pictures(
    pictures: Path, tmp_path: Path, nas: Nas
) -> None:
    exporter = image_exporter(tmp_path, PLAN, shape=(3, SIDE, SIDE))
    model = handed_on(exporter, tmp_path / "model")
    assert isinstance(model, ImageModel)
    paths = sorted(path for path in pictures.rglob("*") if path.is_file())

    of_python = model.predict(paths)

    # as validation has it: read by the reader of training, standardised, through torch
    config = ImageFolderData(path=str(pictures), size=SIDE)
    images = read_image_folder(config, Allowance(2**30)).train.images
    inputs = exporter.inputs
    mean, std = (np.reshape(each, (3, 1, 1)) for each in (inputs.mean, inputs.std))
    pixels = torch.from_numpy((images / 255 - mean) / std).float()
    with torch.inference_mode():
        of_torch = exporter._network(pixels).softmax(1).numpy()
    np.testing.assert_allclose(of_python.probabilities, of_torch, atol=1e-5)
    assert of_python.labels == tuple(CLASSES[index] for index in of_torch.argmax(1))

    graph = tmp_path / "model" / onnx_file("toy")
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    (bare,) = session.run(["probabilities"], {"images": images.transpose(0, 2, 3, 1)})
    np.testing.assert_allclose(bare, of_python.probabilities, atol=1e-6)

    code, printed, _ = nas("predict", tmp_path / "model", pictures, "--json")
    lines = [json.loads(line) for line in printed.splitlines()]
    assert code == 0
    assert [line["file"] for line in lines] == [str(path) for path in paths]
    assert [line["label"] for line in lines] == list(of_python.labels)
    for line, top in zip(lines, of_python.top(3), strict=True):
        assert line["probabilities"] == pytest.approx(top, abs=1e-6)

    with served(tmp_path / "model") as url:
        for path, top in zip(paths, of_python.top(3), strict=True):
            status, _, answered = ask(f"{url}/predict", path.read_bytes())
            assert status == 200
            answer = json.loads(answered)
            said = {each["label"]: each["probability"] for each in answer["best"]}
            assert said == pytest.approx(top, abs=1e-6)


def test_torch_command_and_python_translate_alike(tmp_path: Path, nas: Nas) -> None:
    training = TranslationTrainingConfig(init_range=1.0, beam=3)  # says something, untrained
    exporter = translation_exporter(tmp_path, TEXT_PLAN, training=training)
    model = handed_on(exporter, tmp_path / "model")
    assert isinstance(model, TranslationModel)
    valid = load_pairs(exporter._data.blob, exporter._manifest).valid

    of_torch = translations(  # side by side, as the test data are translated
        exporter._translator,
        valid,
        model.subwords,
        beam=3,
        length_penalty=training.length_penalty,
        max_length=exporter._manifest.max_length,
    )

    sentences = [model.subwords.decode(valid.source.numbers(row)) for row in range(len(valid))]
    assert len({*of_torch}) > len(of_torch) / 2
    assert [model.translate(each).text for each in sentences[:10]] == of_torch[:10]
    (tmp_path / "lines.txt").write_text("\n".join(sentences), encoding="utf-8")
    assert nas("predict", tmp_path / "model", tmp_path / "lines.txt") == (
        0,
        "".join(f"{visible(each)}\n" for each in of_torch),  # some bytes would steer a terminal
        "",
    )


def test_a_text_is_as_hard_to_tell_as_for_torch(tmp_path: Path) -> None:
    exporter = text_exporter(tmp_path, TEXT_PLAN, TEXT_SPACE)
    model = handed_on(exporter, tmp_path / "model")
    assert isinstance(model, TextModel)
    language_model: Any = exporter._network
    words = np.random.default_rng(4).choice(["a", "c", "d", "e", "unheard"], 323)
    text = " ".join(words) + "\n"
    indices = torch.from_numpy(model.words(text)).int()

    long = math.log(model.perplexity(text))

    assert len(indices) - 1 >= 10 * model.info.inputs.bptt
    assert long == pytest.approx(text_loss(language_model, indices), abs=1e-5)

    short = model.perplexity(" ".join(words[:47]) + "\n")  # too short for ten columns: in one go
    some = torch.from_numpy(model.words(" ".join(words[:47]) + "\n"))[:, None]
    with torch.inference_mode():
        loss = language_model.loss(some[:-1], some[1:], language_model.initial_state(1))
    assert math.log(short) == pytest.approx(loss.cross_entropy.item(), abs=1e-5)
