"""The mistakes that a network was most sure of, as pictures."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
import torch
from image_files import random_images
from PIL import Image

from nas_lib.data.tensors import MappedRows
from nas_lib.records import MAX_PICTURE, TestReading, from_json, to_json
from nas_lib.tasks.images.batches import ImageTensors
from nas_lib.tasks.images.mistakes import small_picture, surest_mistakes


def opened(picture: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(picture)))


def pixels(image: np.ndarray) -> list[int]:
    return np.asarray(opened(small_picture(image))).flatten().tolist()


def images(num: int, *, labels: list[int] | None = None) -> ImageTensors:
    values = torch.arange(num, dtype=torch.uint8).reshape(num, 1, 1, 1).expand(num, 1, 4, 4)
    return ImageTensors(values.contiguous(), torch.tensor(labels or [0] * num))


def test_the_surest_mistake_comes_first_and_what_is_right_is_none() -> None:
    # shares of class 1: 1/2, e/(1+e), e^2/(1+e^2); the last image is right
    logits_NK = torch.tensor([[0.0, 0.0], [0.0, 1.0], [0.0, 2.0], [9.0, 0.0]])
    found = surest_mistakes(logits_NK, images(4, labels=[1, 0, 0, 0]))
    assert [(each.true, each.found) for each in found] == [(0, 1), (0, 1), (1, 0)]
    assert [each.confidence for each in found] == pytest.approx([0.8808, 0.7311, 0.5], abs=1e-4)
    assert [opened(each.picture).getpixel((0, 0)) for each in found] == [2, 1, 0]


def test_there_are_24_at_most() -> None:
    logits_NK = torch.stack([torch.zeros(40), torch.arange(1.0, 41.0) / 10], dim=1)
    found = surest_mistakes(logits_NK, images(40))
    assert len(found) == 24
    assert opened(found[0].picture).getpixel((0, 0)) == 39


def test_images_that_stay_in_files_are_shown_too() -> None:
    whole = images(4)
    parts = ImageTensors(MappedRows([whole.images[:1], whole.images[1:]]), whole.labels)
    logits_NK = torch.tensor([[0.0, 1.0], [0.0, 3.0], [1.0, 0.0], [0.0, 2.0]])
    assert surest_mistakes(logits_NK, parts) == surest_mistakes(logits_NK, whole)


def test_logits_that_overflowed_have_no_confidence() -> None:
    logits_NK = torch.tensor([[0.0, float("nan")], [0.0, float("inf")]])
    assert [each.confidence for each in surest_mistakes(logits_NK, images(2))] == [0.0, 0.0]


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "L"), (3, "RGB"), (5, "L")])
def test_a_small_image_is_shown_as_it_is(channels: int, mode: str) -> None:
    image = random_images(channels, 6, 9)
    picture = opened(small_picture(image))
    assert (picture.mode, picture.size) == (mode, (9, 6))
    if channels in (1, 3):
        np.testing.assert_array_equal(
            np.asarray(picture).reshape(6, 9, channels), image.transpose(1, 2, 0)
        )


def test_of_other_numbers_the_lowest_is_black_and_the_highest_white() -> None:
    image = np.array([[[-3.0], [1.0], [5.0]]], dtype=np.float32)
    assert pixels(image) == [0, 128, 255]  # 4 / 8 of 255: 127.5
    assert pixels(np.full((1, 2, 1), 7.0)) == [0, 0]


def test_a_series_is_seen_as_a_line_for_each_channel() -> None:
    rising, falling = np.arange(9.0), np.arange(9.0)[::-1]
    picture = opened(small_picture(np.stack([rising, falling])[:, None].astype(np.float32)))
    alpha = np.asarray(picture)[:, :, 3]
    width, height = picture.size
    assert (picture.mode, width, height) == ("RGBA", 224, 112)
    corners = (alpha[:10, :10], alpha[:10, -10:], alpha[-10:, :10], alpha[-10:, -10:])
    assert all(corner.max() > 0 for corner in corners)
    assert alpha[:10, width // 2 - 5 : width // 2 + 5].max() == 0
    flat = np.full((1, 1, 9), 7.0, np.float32)
    assert np.asarray(opened(small_picture(flat)))[height // 2, width // 2, 3] > 0


@pytest.mark.parametrize("shape", [(3, 300, 300), (3, 40, 2000), (1, 1, 5000)])
def test_a_large_image_is_shrunk_until_it_has_room(shape: tuple[int, ...]) -> None:
    text = small_picture(random_images(*shape))  # noise, of which a PNG has the most bytes
    assert len(text) <= MAX_PICTURE
    width, height = opened(text).size
    assert 8 <= max(width, height) <= 64


def test_a_reading_with_pictures_is_stored_and_read() -> None:
    found = surest_mistakes(torch.tensor([[0.0, 1.0]]), images(1))
    reading = TestReading("r000-000000-00", 0.0, 1, 1.0, mistakes=found)
    assert from_json(TestReading, to_json(reading), key="test.json") == reading


def test_a_reading_from_before_there_were_pictures_is_still_read() -> None:
    stored = (
        b'{"crc32":"85ce3c2d",'
        b'"child":"r000-000000-00","score":0.5,"num_examples":2,"created_s":1.0,'
        b'"confusion":[[0,0,1],[1,0,1]],"metrics":[],"samples":[]}'
    )
    reading = from_json(TestReading, stored, key="test.json")
    assert (reading.score, reading.mistakes) == (0.5, ())
