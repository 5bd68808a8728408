"""How pictures become squares: stretched, padded or cropped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from allowances import AMPLE
from hypothesis import given
from hypothesis import strategies as st
from image_files import random_images, write_png
from PIL import Image

from nas_lib.config import Fit, ImageFolderData
from nas_lib.tasks.images.readers import read_images
from nas_lib.tasks.images.readers.fitting import middle, within

SIZES = st.tuples(st.integers(1, 5000), st.integers(1, 5000))
WANTED = st.tuples(st.integers(1, 300), st.integers(1, 300))


def image_of(folder: Path, picture: Any, fit: Fit, **settings: Any) -> Any:
    """Return what a picture becomes at 4 x 4, `[4, 4, C]`."""
    for name in ("a", "b"):
        write_png(folder / name / "1.png", random_images(4, 4, 3))
    picture.save(folder / "a" / "1.png", **settings.pop("saved", {}))
    config = ImageFolderData(path=str(folder), size=4, fit=fit, **settings)
    return read_images(config, AMPLE).train.images[0].transpose(1, 2, 0)


def stripes(*colours: int) -> Image.Image:
    """Return a picture of squares beside each other, 8 x 8 pixels each, in these levels."""
    row = np.repeat(np.array(colours, np.uint8), 8)
    return Image.fromarray(np.repeat(row[np.newaxis], 8, axis=0)).convert("RGB")


def test_a_wide_picture_is_stretched_where_nothing_is_said(tmp_path: Path) -> None:
    assert ImageFolderData(path=".").fit == "stretch"
    picture = stripes(10, 20, 30, 40)
    stretched = np.asarray(picture.resize((4, 4), Image.Resampling.BILINEAR))
    np.testing.assert_array_equal(image_of(tmp_path, picture, "stretch"), stretched)


def test_what_a_crop_leaves_is_the_middle(tmp_path: Path) -> None:
    # of 24 x 8 pixels the 8 x 8 in the middle, from 8 to 16
    assert (image_of(tmp_path, stripes(10, 20, 30), "crop") == 20).all()


@pytest.mark.parametrize(("background", "grey"), [("#0a141e", False), ("black", True)])
def test_a_padded_picture_lies_in_the_middle_of_the_background(
    tmp_path: Path, background: str, grey: bool
) -> None:
    image = image_of(tmp_path, stripes(99, 99), "pad", background=background, grey=grey)
    # 16 x 8 pixels become 4 x 2, with a row above and one below
    beside = [0] if grey else [10, 20, 30]
    assert (image[[0, 3]] == beside).all()
    assert (image[[1, 2]] == 99).all()


def test_a_photo_that_lies_on_its_side_is_padded_upright(tmp_path: Path) -> None:
    turned = Image.Exif()
    turned[0x0112] = 6
    image = image_of(tmp_path, stripes(99, 99), "pad", saved={"exif": turned})
    assert (image[:, [0, 3]] == 255).all()
    assert (image[:, [1, 2]] == 99).all()


@pytest.mark.parametrize(
    ("dtype", "level"), [(np.uint16, 65_535), (np.int32, 65_535), (np.float32, 1.0)]
)
def test_deep_pictures_are_padded_with_the_background_too(
    tmp_path: Path, dtype: Any, level: float
) -> None:
    deep = Image.fromarray(np.full((8, 16), level, dtype))
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        deep.save(tmp_path / name / "1.tiff")
    config = ImageFolderData(path=str(tmp_path), size=4, fit="pad", background="#0a141e")
    image = read_images(config, AMPLE).train.images[0].transpose(1, 2, 0)
    assert (image[[0, 3]] == [10, 20, 30]).all()
    assert (image[[1, 2]] == 255).all()


@given(SIZES, WANTED)
def test_the_middle_has_the_wanted_proportions_and_lies_within_the_picture(
    size: tuple[int, int], wanted: tuple[int, int]
) -> None:
    left, top, right, bottom = middle(size, wanted)
    assert 0 <= left < right <= size[0]
    assert 0 <= top < bottom <= size[1]
    across, down = right - left, bottom - top
    assert across == size[0] or down == size[1]  # no more is cut than has to be
    is_one_pixel = min(across, down) == 1
    assert is_one_pixel or abs(across * wanted[1] - down * wanted[0]) <= max(wanted)
    assert abs(left - (size[0] - right)) <= 1


@given(SIZES, WANTED)
def test_a_padded_picture_touches_two_sides_and_keeps_its_proportions(
    size: tuple[int, int], wanted: tuple[int, int]
) -> None:
    across, down = within(size, wanted)
    assert 1 <= across <= wanted[0]
    assert 1 <= down <= wanted[1]
    assert across == wanted[0] or down == wanted[1]
    is_one_pixel = min(across, down) == 1
    assert is_one_pixel or abs(across * size[1] - down * size[0]) <= max(size)
