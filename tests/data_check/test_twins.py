"""Which images have a twin in another part."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from nas_lib.data_check import looks, twins
from nas_lib.data_check.looks import looks_of
from nas_lib.data_check.twins import find_twins, near_pairs

Bytes = npt.NDArray[np.uint8]


def scenes(num: int, *, seed: int = 0, side: int = 64) -> Bytes:
    """Return pictures of a few large soft shapes, as photos have them, `[N, 3, H, W]`."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (num, 5, 5, 3), dtype=np.uint8)
    made = [Image.fromarray(each).resize((side, side), Image.Resampling.BICUBIC) for each in coarse]
    return np.stack([np.asarray(each) for each in made]).transpose(0, 3, 1, 2)


def changed(images: Bytes, how: str) -> Bytes:
    made = []
    for image in images:
        picture = Image.fromarray(image.transpose(1, 2, 0))
        if how == "saved again":
            file = io.BytesIO()
            picture.save(file, "JPEG", quality=60)
            picture = Image.open(file)
        elif how == "brighter":
            picture = ImageEnhance.Brightness(picture).enhance(1.1)
        elif how == "smaller and back":
            picture = picture.resize((40, 40)).resize(picture.size)
        elif how == "a little turned":
            picture = picture.rotate(1, Image.Resampling.BILINEAR)
        made.append(np.asarray(picture.convert("RGB")).transpose(2, 0, 1))
    return np.stack(made)


@pytest.mark.parametrize("how", ["saved again", "brighter", "smaller and back", "a little turned"])
def test_a_picture_that_was_changed_a_little_is_found(how: str) -> None:
    train, test = scenes(60), scenes(20, seed=1)
    test[:10] = changed(train[30:40], how)

    found = find_twins(looks_of(test), looks_of(train))

    assert found.ones.tolist() == list(range(10))
    assert found.others.tolist() == list(range(30, 40))
    assert not found.is_equal.any()


def test_the_same_pixels_are_equal_and_the_first_of_them_is_named() -> None:
    train, test = scenes(8), scenes(4, seed=1)
    test[2] = train[5] = train[3]

    found = find_twins(looks_of(test), looks_of(train))

    assert (found.ones.tolist(), found.others.tolist()) == ([2], [3])
    assert found.is_equal.tolist() == [True]


def test_only_equal_ones_are_found_where_nearly_equal_ones_say_nothing() -> None:
    train, test = scenes(8), scenes(4, seed=1)
    test[0], test[1] = train[5], changed(train[6:7], "saved again")[0]

    assert find_twins(looks_of(test), looks_of(train)).ones.tolist() == [0, 1]
    assert find_twins(looks_of(test), looks_of(train), only_equal=True).ones.tolist() == [0]


def test_pictures_of_one_colour_are_no_twins() -> None:
    plain = np.repeat(np.arange(40, 50, dtype=np.uint8), 3 * 32 * 32).reshape(10, 3, 32, 32)
    assert looks_of(plain).is_plain.all()
    assert len(find_twins(looks_of(plain), looks_of(plain))) == 0


def test_a_dot_on_white_is_no_twin_of_a_dot_elsewhere() -> None:
    pages = np.full((16, 1, 32, 32), 255, np.uint8)
    for index, page in enumerate(pages):
        page[0, 8 * (index // 4) : 8 * (index // 4) + 6, 8 * (index % 4) : 8 * (index % 4) + 6] = 0
    assert len(find_twins(looks_of(pages[:8]), looks_of(pages[8:]))) == 0
    assert len(find_twins(looks_of(pages[:8]), looks_of(pages[4:]))) == 4


def test_a_thing_of_another_colour_is_no_twin() -> None:
    red = np.full((1, 3, 32, 32), 255, np.uint8)
    red[0, 1:, 8:24, 6:20] = 0
    blue = red[:, ::-1].copy()
    assert len(find_twins(looks_of(red), looks_of(blue))) == 0


def test_numbers_that_are_no_bytes_have_twins_too() -> None:
    train = scenes(20).astype(np.float32) / 255 - 0.5
    test = train[5:8] + np.float32(0.001)
    found = find_twins(looks_of(test), looks_of(train))
    assert found.others.tolist() == [5, 6, 7]
    assert not looks_of(train).is_plain.any()
    assert looks_of(np.zeros_like(train)).is_plain.all()


def test_a_grey_picture_in_three_channels_has_no_colour() -> None:
    images = scenes(2)
    images[0] = images[0, :1]
    assert looks_of(images).has_colour.tolist() == [False, True]


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 5, 7), (4, 9, 30), (1, 100, 17)])
def test_images_of_any_shape_are_looked_at(shape: tuple[int, int, int]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (6, *shape), dtype=np.uint8)
    found = looks_of(images)
    assert len(np.unique(found.digests)) == len(found) == 6
    assert find_twins(found, found).others.tolist() == list(range(6))


def test_a_hash_says_where_it_gets_lighter_to_the_right() -> None:
    image = np.zeros((1, 1, 8, 9), np.uint8)
    image[0, 0, 2, 5:] = 100  # the one place that is lighter than what is left of it: row 2, bit 4
    # byte k has of row r the bit (r + k) % 8: the bit of row 2 that is 4 is in byte 2, as its
    # third bit of eight
    assert looks_of(image).hashes[0].tolist() == [0, 0, 0b00100000, 0, 0, 0, 0, 0]


@settings(deadline=None, max_examples=60)
@given(st.integers(0, 2**32), st.integers(1, 60), st.integers(1, 60), st.sampled_from([2, 16, 64]))
def test_near_pairs_are_those_of_comparing_each_with_each(
    seed: int, num: int, num_others: int, at_once: int
) -> None:
    rng = np.random.default_rng(seed)
    few = rng.integers(0, 256, (3, 8), dtype=np.uint8)  # from which all are some bits away

    def some(count: int) -> Bytes:
        flips = rng.random((count, 64)) < rng.choice([0.0, 0.05, 0.1, 0.5], (count, 1))
        return few[rng.integers(0, 3, count)] ^ np.packbits(flips, axis=1)

    one, other = some(num), some(num_others)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(twins, "_PAIRS_AT_ONCE", at_once)
        found = [
            pair
            for at, among in near_pairs(one, other)
            for pair in zip(at.tolist(), among.tolist(), strict=True)
        ]
    bits = np.unpackbits(one, axis=1)[:, np.newaxis] != np.unpackbits(other, axis=1)
    wanted = np.argwhere(bits.sum(axis=2) <= 7)
    assert sorted(found) == sorted(map(tuple, wanted.tolist()))  # each once


def test_looks_do_not_depend_on_how_many_are_taken_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = scenes(9)
    whole = looks_of(images)
    monkeypatch.setattr(looks, "_AT_ONCE", 2)
    parts = looks_of(images)
    assert (parts.hashes == whole.hashes).all()
    assert (parts.digests == whole.digests).all()
