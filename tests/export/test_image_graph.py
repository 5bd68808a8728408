"""What is in a graph of images besides the network."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
from allowances import AMPLE
from exports import CLASSES, NUM_VALID, image_exporter
from PIL import Image
from toy_images import PLAN

from nas_lib.config import Fit, ImageFolderData, ImageTaskConfig
from nas_lib.errors import DataError
from nas_lib.export.children import opened
from nas_lib.export.exporter import OPSET, difference, too_different
from nas_lib.export.images import ImageExporter
from nas_lib.models.graph import Graph
from nas_lib.models.info import ONLY, ImageInputs, Parity
from nas_lib.tasks.images.readers.pictures import PictureReader

SIZE = 8, 10


@pytest.fixture(scope="module")
def exporter(tmp_path_factory: pytest.TempPathFactory) -> ImageExporter:
    return image_exporter(tmp_path_factory.mktemp("images"), PLAN, shape=(3, *SIZE))


@pytest.fixture(scope="module")
def data(exporter: ImageExporter) -> bytes:
    return exporter.graphs()[ONLY]


@pytest.fixture(scope="module")
def graph(data: bytes) -> Graph:
    return opened({ONLY: data})[ONLY]


@pytest.mark.parametrize("size", [(8, 10), (31, 17), (5, 40), (3, 3), (200, 90)])
def test_pictures_of_any_size_are_resized_as_pillow_does_it(
    graph: Graph, exporter: ImageExporter, size: tuple[int, int]
) -> None:
    smooth = Image.fromarray(exporter._valid[0]).resize(size[::-1], Image.Resampling.BICUBIC)
    by_pillow = smooth.resize(SIZE[::-1], Image.Resampling.BILINEAR)

    found = graph.run({"images": np.asarray(smooth)[np.newaxis]})

    wanted = exporter._logits(np.array(by_pillow)[np.newaxis])
    # where a level is rounded otherwise, a pixel is 1 / 255 / 0.2 deviations off
    np.testing.assert_allclose(found["logits"], wanted, atol=0.02)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("fit", ["pad", "crop"])
def test_pictures_are_padded_or_cropped_as_those_of_training_were(
    tmp_path: Path, fit: Fit, channels: int
) -> None:
    data = ImageFolderData(path=".", fit=fit, background="#205080")
    shape = (channels, *SIZE)
    exporter = image_exporter(tmp_path, PLAN, shape=shape, task=ImageTaskConfig(data=data))
    graph = opened(exporter.graphs())[ONLY]
    reader = PictureReader(shape, background="#205080", allowance=AMPLE, fit=fit)
    mode = "L" if channels == 1 else "RGB"

    for size in ((10, 8), (17, 31), (40, 5), (3, 3), (1, 30), (90, 201)):
        pixels = exporter._valid[0].squeeze()
        picture = Image.fromarray(pixels, mode).resize(size, Image.Resampling.BICUBIC)
        array = np.asarray(picture).reshape(1, *size[::-1], channels)
        found = graph.run({"images": array})["logits"]
        trained = reader.read_image(picture, "picture").pixels.transpose(1, 2, 0)[None]
        # where a level is rounded otherwise, a pixel is 1 / 255 / 0.2 deviations off
        np.testing.assert_allclose(found, exporter._logits(trained.copy()), atol=0.02)

    parity = exporter.parity({ONLY: graph})
    assert exporter.misfit(parity) == ""
    assert exporter.inputs.fit == fit


def test_probabilities_are_the_softmax_of_the_logits(graph: Graph, exporter: ImageExporter) -> None:
    found = graph.run({"images": exporter._valid[:7]})

    odds = np.exp(found["logits"])
    np.testing.assert_allclose(
        found["probabilities"], odds / odds.sum(axis=1, keepdims=True), rtol=1e-5
    )


def test_what_it_takes_has_any_number_and_size_and_levels_in_whole_numbers(graph: Graph) -> None:
    (images,) = graph.inputs
    assert str(images) == "uint8 [any, any, any, 3]"
    assert [(each.name, each.shape) for each in graph.outputs] == [
        ("logits", (None, 3)),
        ("probabilities", (None, 3)),
    ]
    with pytest.raises(DataError):
        graph.run({"images": np.zeros((1, 8, 10, 3), np.float32)})


def test_a_graph_has_its_weights_in_it_and_says_what_its_outputs_mean(data: bytes) -> None:
    model = onnx.load_from_string(data)

    notes = {each.key: each.value for each in model.metadata_props}
    assert json.loads(notes["labels"]) == list(CLASSES)
    assert (notes["name"], notes["task"]) == ("toy", "images")
    assert [each.version for each in model.opset_import] == [OPSET]
    assert not any(each.external_data for each in model.graph.initializer)


def test_the_same_network_gives_the_same_bytes(exporter: ImageExporter, data: bytes) -> None:
    assert exporter.graphs()[ONLY] == data


@pytest.mark.parametrize("channels", [1, 2])
def test_numbers_in_floating_point_are_taken_as_they_are(tmp_path: Path, channels: int) -> None:
    exporter = image_exporter(tmp_path, PLAN, shape=(channels, 6, 6), dtype="float32")
    graph = opened(exporter.graphs())[ONLY]

    assert str(graph.inputs[0]) == f"float32 [any, any, any, {channels}]"
    parity = exporter.parity({ONLY: graph})
    assert exporter.misfit(parity) == ""
    assert exporter.inputs == ImageInputs(
        6, 6, channels, "float32", (0.4,) * channels, (0.2,) * channels
    )


# --- parity --------------------------------------------------------------------------------------


def test_parity_is_measured_on_validation_images_and_enlarged_ones(
    graph: Graph, exporter: ImageExporter
) -> None:
    parity = exporter.parity({ONLY: graph})

    assert parity.num_examples == 400
    assert parity.compared.startswith(f"logits of {NUM_VALID} validation images; labels of 400 ")
    assert parity.max_difference < 1e-4
    assert parity.agreement >= 0.995
    assert exporter.misfit(parity) == ""


def test_a_graph_of_another_network_is_noticed(exporter: ImageExporter, tmp_path: Path) -> None:
    other = image_exporter(tmp_path, PLAN, shape=(3, *SIZE))
    for parameter in other._network.parameters():
        parameter.data += 0.01

    parity = exporter.parity(opened(other.graphs()))

    assert exporter.misfit(parity).startswith("logits of the graph and of torch should differ by ")


def test_large_logits_agree_as_well_as_their_numbers_can(tmp_path: Path) -> None:
    exporter = image_exporter(tmp_path, PLAN, shape=(3, *SIZE))
    for parameter in list(exporter._network.parameters())[-2:]:
        parameter.data *= 1e5  # 1e5 +- 1e-2 are neighbours in 32 bits

    parity = exporter.parity(opened(exporter.graphs()))

    assert abs(exporter._logits(exporter._valid)).max() > 1e4
    assert exporter.misfit(parity) == ""


@pytest.mark.parametrize("odd", [np.nan, np.inf])
def test_a_logit_that_is_no_number_agrees_with_none(odd: float) -> None:
    far = difference(np.array([[1.0, odd]]), np.array([[1.0, 2.0]]))

    assert "should differ by 0.0001 at most" in too_different(Parity(1, far, 1.0, ""))


def test_differences_count_by_the_largest_logit_where_that_is_above_100() -> None:
    assert difference(np.array([0.5, 0.25]), np.array([0.5, 0.125])) == 0.125
    assert difference(np.array([50.0, 1.0]), np.array([50.0, 0.0])) == 1.0
    assert difference(np.array([800.0, 1.0]), np.array([800.0, 0.0])) == 0.125


@pytest.mark.parametrize(
    ("parity", "said"),
    [
        (Parity(400, 1e-4, 0.995, ""), ""),
        (Parity(400, 1.2e-4, 1.0, ""), "should differ by 0.0001 at most, and differ by 0.00012"),
        (Parity(400, 0.0, 0.9925, ""), "the same of 99.5% of the pictures at least, and do so of"),
    ],
)
def test_a_miss_is_said(exporter: ImageExporter, parity: Parity, said: str) -> None:
    found = exporter.misfit(parity)

    assert said in found if said else found == ""
