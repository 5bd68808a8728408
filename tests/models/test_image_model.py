from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
from PIL import Image
from toy_models import (
    COLOUR_INPUTS,
    COLOURS,
    colour_graph,
    colour_logits,
    colour_model,
    probabilities,
)

from nas_lib.config import Fit, ImageFolderData
from nas_lib.data.allowance import Allowance
from nas_lib.errors import DataError
from nas_lib.models import ImageModel, open_model
from nas_lib.tasks.images.readers.image_folder import read_image_folder

SQUARE = replace(COLOUR_INPUTS, height=8, width=8)


@pytest.fixture
def model(tmp_path: Path) -> ImageModel:
    return model_of(tmp_path)


def model_of(folder: Path, **inputs: Any) -> ImageModel:
    colour_model(folder / "model", inputs=replace(COLOUR_INPUTS, **inputs))
    model = open_model(str(folder / "model"), threads=1)
    assert isinstance(model, ImageModel)
    return model


def images(num: int, height: int = 7, width: int = 5, seed: int = 0) -> np.ndarray:
    shape = (num, height, width, 3)
    tints = np.eye(3)[np.arange(num) % 3][:, np.newaxis, np.newaxis]  # red, green, blue, ...
    noise = np.random.default_rng(seed).integers(0, 200, shape)
    return (noise + 50 * tints).astype(np.uint8)


def test_an_image_is_of_the_colour_that_it_has_most_of(model: ImageModel) -> None:
    found = model.predict(images(7))

    assert found.labels == tuple(COLOURS[index % 3] for index in range(7))
    assert found.classes == COLOURS
    expected = probabilities(colour_logits(images(7)))
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-6)


def test_the_best_classes_come_with_their_probabilities_in_order(model: ImageModel) -> None:
    image = np.full((4, 4, 3), [0, 255, 51], np.uint8)

    (top,) = model.predict(image).top(2)

    assert list(top) == ["green", "blue"]
    # logits 0, 8 and 8 x 51 / 255 = 1.6
    total = 1 + np.exp(8) + np.exp(1.6)
    assert top["green"] == pytest.approx(np.exp(8) / total, abs=1e-6)
    assert top["blue"] == pytest.approx(np.exp(1.6) / total, abs=1e-6)


def test_of_equally_probable_classes_the_first_is_the_label(model: ImageModel) -> None:
    found = model.predict(np.full((4, 4, 3), 9, np.uint8))

    assert found.labels == ("red",)
    assert list(found.top(3)[0]) == list(COLOURS)


def test_an_image_may_be_given_in_many_ways(model: ImageModel, tmp_path: Path) -> None:
    pixels = images(1, 6, 4)[0]  # of the network's own size: no way resizes it
    picture = Image.fromarray(pixels)
    path = tmp_path / "a picture"
    picture.save(path, format="PNG")

    ways: list[Any] = [pixels, pixels[np.newaxis], picture, path, str(path), path.read_bytes()]
    found = [model.predict(way).probabilities for way in ways]
    found.append(model.predict([way for way in ways if np.ndim(way) != 4]).probabilities)

    assert [len(each) for each in found] == [1] * 6 + [5]
    np.testing.assert_array_equal(np.concatenate(found), np.repeat(found[0], 11, axis=0))


def test_images_of_several_sizes_stay_in_order(model: ImageModel) -> None:
    mixed = [*images(5), *images(4, 9, 9, seed=1), *images(3, seed=2)]

    together = model.predict(mixed).probabilities

    alone = [model.predict(image).probabilities[0] for image in mixed]
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_more_images_than_fit_at_once_are_predicted_in_order(model: ImageModel) -> None:
    many = images(3 * 64 + 1, 2, 2)

    found = model.predict(many)

    np.testing.assert_allclose(found.probabilities, probabilities(colour_logits(many)), atol=1e-6)
    np.testing.assert_array_equal(model.predict(many).probabilities, found.probabilities)


def test_no_images_are_no_predictions(model: ImageModel) -> None:
    assert model.predict([]).labels == ()
    assert model.predict(images(0)).probabilities.shape == (0, 3)


def test_a_batch_of_large_images_takes_no_more_memory(model: ImageModel) -> None:
    sizes = [model.reader.batch_size((side, side, 3)) for side in (8, 1000, 4000, 2**16)]

    assert sizes[0] == 64
    assert sizes[1] >= sizes[2] >= sizes[3] == 1


def test_numbers_in_floating_point_go_to_a_model_of_such(tmp_path: Path) -> None:
    model = model_of(tmp_path, dtype="float32", mean=(0.4,) * 3, std=(0.3,) * 3)
    floats = images(4) / 255

    found = model.predict(floats)  # float64, as numpy makes them

    expected = probabilities(colour_logits(floats.astype(np.float32)))
    np.testing.assert_allclose(found.probabilities, expected, atol=1e-6)
    assert model.predict(floats.astype(np.float32)).labels == found.labels


def test_a_picture_becomes_fractions_where_the_data_may_have_been(tmp_path: Path) -> None:
    model = model_of(tmp_path, dtype="float32", mean=(0.4,) * 3, std=(0.3,) * 3)
    pixels = images(1, 6, 4)[0]

    found = model.predict(Image.fromarray(pixels)).probabilities

    np.testing.assert_allclose(found[0], probabilities(colour_logits(pixels[None]))[0], atol=1e-6)


@pytest.mark.parametrize(("mean", "std"), [(0.0, 1.0), (-0.1, 0.3), (0.5, 0.6), (120.0, 60.0)])
def test_a_picture_is_refused_where_the_data_were_no_fractions(
    tmp_path: Path, mean: float, std: float
) -> None:
    model = model_of(tmp_path, dtype="float32", mean=(mean,) * 3, std=(std,) * 3)

    with pytest.raises(DataError, match="this model learned from numbers that are no fractions"):
        model.predict(Image.fromarray(images(1)[0]))


def test_a_picture_is_refused_where_images_have_channels_of_their_own(tmp_path: Path) -> None:
    model = model_of(tmp_path, channels=4, mean=(0.5,) * 4, std=(0.2,) * 4)

    with pytest.raises(DataError, match="images of 4 channels, which no picture has"):
        model.predict(Image.fromarray(images(1)[0]))


def test_grey_images_need_no_axis_for_their_channel(tmp_path: Path) -> None:
    reader = model_of(tmp_path, channels=1, mean=(0.5,), std=(0.2,)).reader
    grey = images(4)[..., 0]

    (several,) = reader.batches(grey)
    (one,) = reader.batches(grey[0])
    (whole,) = reader.batches(grey[..., np.newaxis])
    (as_it_is,) = reader.batches(grey[0][..., np.newaxis])

    assert several.shape == whole.shape == (4, 7, 5, 1)
    assert one.shape == as_it_is.shape == (1, 7, 5, 1)
    np.testing.assert_array_equal(several, whole)


@pytest.mark.parametrize(
    ("wrong", "got"),
    [
        (np.zeros((2, 3, 5, 5), np.uint8), r"uint8 \[2, 3, 5, 5\]"),
        (np.zeros((5, 5, 3), np.float32), r"float32 \[5, 5, 3\]"),
        (np.zeros((5, 5, 4), np.uint8), r"uint8 \[5, 5, 4\]"),
        (np.zeros((5, 5), np.uint8), r"uint8 \[5, 5\]"),
        (np.zeros((1, 0, 5, 3), np.uint8), r"uint8 \[1, 0, 5, 3\]"),
        (np.zeros((1, 1, 5, 5, 3), np.uint8), r"uint8 \[1, 1, 5, 5, 3\]"),
    ],
)
def test_an_array_of_something_else_is_refused(
    model: ImageModel, wrong: np.ndarray, got: str
) -> None:
    with pytest.raises(DataError, match=rf"^expected images as uint8 \[.*H, W, 3\], got {got}$"):
        model.predict(wrong)


def test_numbers_that_are_none_are_refused(tmp_path: Path) -> None:
    model = model_of(tmp_path, dtype="float32", mean=(0.4,) * 3, std=(0.3,) * 3)
    image = np.zeros((5, 5, 3), np.float32)
    image[0, 0, 0] = np.nan

    with pytest.raises(DataError, match="must be finite numbers"):
        model.predict(image)


def test_what_is_no_image_is_refused(model: ImageModel, tmp_path: Path) -> None:
    text = tmp_path / "words.txt"
    text.write_text("no picture")
    named = tmp_path / "named.png"
    named.write_text("no picture either")
    deep = tmp_path / "deep.tif"
    Image.fromarray(np.eye(9, dtype=np.float32)).save(deep)
    for wrong, told in [
        (text, f"{text}: expected an image, got a file of no known format"),
        (named, f"{named}: expected an image, but it cannot be read"),
        (tmp_path / "none.png", f"{tmp_path / 'none.png'}: expected a file, got nothing"),
        (tmp_path, "expected a file, got a folder"),
        (b"no picture", "the picture: expected an image, got a file of no known format"),
        (deep, f"{deep}: has values of 32 bits, of which a file alone does not tell the range"),
        (7, "an image is an array, a PIL image, a path or the bytes of a file, got int"),
    ]:
        with pytest.raises(DataError) as error:
            model.predict([images(1)[0], wrong])  # type: ignore[list-item]
        assert told in str(error.value)


def pictures(folder: Path) -> list[Path]:
    """Write pictures of many kinds, as an image folder of one class each."""
    photo = Image.fromarray(images(1, 40, 60, seed=5)[0])
    kinds: dict[str, Image.Image] = {
        "plain.png": photo,
        "jpeg.jpg": photo.resize((640, 400)),  # large enough for a draft of it
        "grey.png": photo.convert("L"),
        "palette.gif": photo.convert("P"),
        "clear.png": photo.convert("RGBA"),
        "deep.png": Image.fromarray(np.arange(0, 60000, 600, dtype=np.uint16).reshape(10, 10)),
    }
    kinds["clear.png"].putalpha(Image.linear_gradient("L").resize(photo.size))
    turned = Image.Exif()
    turned[274] = 6  # to be turned right
    paths = []
    for name, picture in kinds.items():
        for exif, word in ((Image.Exif(), ""), (turned, "turned ")):
            path = folder / name.partition(".")[0] / (word + name)
            path.parent.mkdir(parents=True, exist_ok=True)
            picture.save(path, exif=exif) if path.suffix != ".gif" else picture.save(path)
            paths.append(path)
    return sorted(paths)


@pytest.mark.parametrize("fit", ["stretch", "pad", "crop"])
def test_a_file_goes_exactly_the_way_of_training(tmp_path: Path, fit: Fit) -> None:
    paths = pictures(tmp_path / "pictures")
    model = model_of(tmp_path, height=8, width=8, background="#102030", fit=fit)
    config = ImageFolderData(path=str(tmp_path / "pictures"), size=8, background="#102030", fit=fit)
    trained = read_image_folder(config, Allowance(2**30)).train.images.transpose(0, 2, 3, 1)

    from_files, from_bytes = (
        np.concatenate(list(model.reader.batches(given)))
        for given in (paths, [path.read_bytes() for path in paths])
    )

    assert len(paths) == 12
    np.testing.assert_array_equal(from_files, trained)
    np.testing.assert_array_equal(from_bytes, trained)


@pytest.mark.parametrize("fit", ["stretch", "pad", "crop"])
def test_pictures_of_32_bits_are_scaled_as_those_of_training_were(tmp_path: Path, fit: Fit) -> None:
    ramp = np.linspace(0, 700, 72, dtype=np.float32).reshape(9, 8)
    paths = [tmp_path / "pictures" / name / "a.tif" for name in ("dim", "lit")]
    for path, factor in zip(paths, (0.1, 1), strict=True):
        path.parent.mkdir(parents=True)
        Image.fromarray(factor * ramp).save(path)
    config = ImageFolderData(path=str(tmp_path / "pictures"), size=8, fit=fit)
    raw = read_image_folder(config, Allowance(2**30))
    told = {"range_32": raw.range_32, "fit": fit, "background": config.background}
    model = model_of(tmp_path, height=8, width=8, **told)

    (found,) = model.reader.batches(paths)

    assert raw.range_32 == (0.0, 65535.0)  # which `dim` alone, up to 70, would not tell
    np.testing.assert_array_equal(found, raw.train.images.transpose(0, 2, 3, 1))


def test_an_upright_picture_fills_a_network_that_is_not_square(tmp_path: Path) -> None:
    stored = np.zeros((40, 60, 3), np.uint8)
    stored[:, :30] = 255  # its left half, which is the upper one once it is turned right
    exif = Image.Exif()
    exif[274] = 6
    Image.fromarray(stored).save(tmp_path / "a.png", exif=exif)

    (found,) = model_of(tmp_path, height=6, width=4).reader.batches(tmp_path / "a.png")

    assert found.shape == (1, 6, 4, 3)
    np.testing.assert_array_equal(found[0, :2], 255)
    np.testing.assert_array_equal(found[0, 4:], 0)


def test_a_bare_onnxruntime_says_the_same(model: ImageModel, tmp_path: Path) -> None:
    paths = pictures(tmp_path / "pictures")
    session = onnxruntime.InferenceSession(colour_graph(), providers=["CPUExecutionProvider"])

    found = model.predict(paths)

    for path, label, expected in zip(paths, found.labels, found.probabilities, strict=True):
        array = model.reader.read(path)[np.newaxis]
        logits, bare = session.run(["logits", "probabilities"], {"images": array})
        assert label == COLOURS[int(logits.argmax())]
        np.testing.assert_allclose(bare[0], expected, atol=1e-6)
