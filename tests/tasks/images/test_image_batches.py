from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Generator, Tensor

from nas_lib.config import AugmentConfig
from nas_lib.data.tensors import MappedRows, TensorRows
from nas_lib.tasks.images.batches import (
    Batch,
    alternating_flips,
    augment_images,
    blend,
    evaluation_batches,
    mixed,
    num_training_batches,
    soon,
    spread,
    standardised,
    training_batches,
)

NO_CHANGE = AugmentConfig(pad=0, flip=False)
AS_IS: dict[str, Any] = {"mean": [0.0], "std": [1.0]}


def seeded(seed: int = 0) -> Generator:
    return torch.Generator().manual_seed(seed)


def numbered(num_images: int) -> tuple[Tensor, Tensor]:
    """Return images and labels that both hold the image's number."""
    labels_N = torch.arange(num_images)
    return labels_N.float()[:, None, None, None].expand(-1, 1, 2, 2), labels_N


def epoch(num_images: int, batch_size: int, *, seed: int = 0) -> list[Batch]:
    return list(
        training_batches(
            *numbered(num_images),
            batch_size=batch_size,
            augment=NO_CHANGE,
            generator=seeded(seed),
            **AS_IS,
        )
    )


class TestEpoch:
    def test_an_epoch_is_every_image_once_with_its_label_in_random_order(self) -> None:
        batches = epoch(10, 4)
        order = torch.cat([y_B for _, y_B in batches]).tolist()
        assert sorted(order) == list(range(10))
        assert order != list(range(10))
        for x_BCHW, y_B in batches:
            assert torch.equal(x_BCHW[:, 0, 0, 0], y_B.float())

    @pytest.mark.parametrize(
        ("num_images", "batch_size", "sizes"),
        [
            (10, 4, [4, 4, 2]),
            (8, 4, [4, 4]),
            (9, 4, [4, 4]),  # a last batch of one is left out
            (3, 4, [3]),
            (3, 1, [1, 1, 1]),  # but not where that is what was asked for
        ],
    )
    def test_the_sizes_of_the_batches(
        self, num_images: int, batch_size: int, sizes: list[int]
    ) -> None:
        assert [len(y_B) for _, y_B in epoch(num_images, batch_size)] == sizes
        assert num_training_batches(num_images, batch_size) == len(sizes)

    def test_the_order_follows_from_the_generator_alone(self) -> None:
        orders = [
            torch.cat([y_B for _, y_B in epoch(20, 8, seed=seed)]).tolist() for seed in (1, 1, 2)
        ]
        assert orders[0] == orders[1] != orders[2]

    def test_evaluation_is_every_image_in_order(self) -> None:
        batches = list(evaluation_batches(*numbered(9), batch_size=4, **AS_IS))
        assert [y_B.tolist() for _, y_B in batches] == [[0, 1, 2, 3], [4, 5, 6, 7], [8]]
        assert torch.equal(torch.cat([x_BCHW for x_BCHW, _ in batches]), numbered(9)[0])


class TestStandardising:
    def test_uint8_images_are_fractions_of_255(self) -> None:
        images = torch.tensor([0, 51, 255], dtype=torch.uint8).reshape(1, 3, 1, 1)
        ((x_BCHW, _),) = evaluation_batches(
            images, torch.zeros(1), batch_size=1, mean=[0.5, 0.1, 0.0], std=[0.25, 0.2, 0.5]
        )
        assert x_BCHW.dtype == torch.float32
        # (0 - 0.5) / 0.25 = -2; (0.2 - 0.1) / 0.2 = 0.5; (1 - 0) / 0.5 = 2
        torch.testing.assert_close(x_BCHW.flatten(), torch.tensor([-2.0, 0.5, 2.0]))

    def test_float_images_are_taken_as_they_are_and_left_as_they_were(self) -> None:
        images = torch.full((2, 1, 1, 1), 7.0)
        for batches in (
            evaluation_batches(images, torch.arange(2), batch_size=2, mean=[1.0], std=[3.0]),
            training_batches(
                images,
                torch.arange(2),
                batch_size=2,
                augment=NO_CHANGE,
                generator=seeded(),
                mean=[1.0],
                std=[3.0],
            ),
        ):
            ((x_BCHW, _),) = batches
            assert x_BCHW.flatten().tolist() == [2.0, 2.0]  # (7 - 1) / 3
        assert images.flatten().tolist() == [7.0, 7.0]

    def test_the_padding_is_the_mean_image(self) -> None:
        images = torch.full((50, 1, 1, 1), 255, dtype=torch.uint8)
        ((x_BCHW, _),) = training_batches(
            images,
            torch.zeros(50),
            batch_size=50,
            augment=AugmentConfig(pad=1, flip=False),
            generator=seeded(),
            mean=[0.5],
            std=[0.5],
        )
        assert set(x_BCHW.flatten().tolist()) == {0.0, 1.0}  # padding, and (1 - 0.5) / 0.5


class TestAugmentation:
    image = torch.tensor([[1.0, 2.0], [3.0, 4.0]])

    def test_a_crop_is_one_of_the_nine_windows_of_a_padded_2x2_image(self) -> None:
        # 0 0 0 0
        # 0 1 2 0   The window at (top, left) is the 2x2 block that starts there.
        # 0 3 4 0
        # 0 0 0 0
        windows = {
            (0.0, 0.0, 0.0, 1.0),
            (0.0, 0.0, 1.0, 2.0),
            (0.0, 0.0, 2.0, 0.0),
            (0.0, 1.0, 0.0, 3.0),
            (1.0, 2.0, 3.0, 4.0),
            (2.0, 0.0, 4.0, 0.0),
            (0.0, 3.0, 0.0, 0.0),
            (3.0, 4.0, 0.0, 0.0),
            (4.0, 0.0, 0.0, 0.0),
        }
        x_BCHW = self.image.expand(500, 1, 2, 2)
        cropped = augment_images(x_BCHW, AugmentConfig(pad=1, flip=False), seeded())
        assert {tuple(crop.tolist()) for crop in cropped.flatten(1)} == windows

    def test_a_reflection_goes_there_and_back_however_far_it_is(self) -> None:
        line = torch.tensor([0.0, 1.0, 2.0]).expand(500, 1, 1, 3)
        augment = AugmentConfig(pad=4, padding="reflect", flip=False)

        cropped = augment_images(line, augment, seeded())

        # 0 1 2 1 [0 1 2] 1 0 1 2: every three that follow each other; above and below the same
        assert {tuple(crop.tolist()) for crop in cropped.flatten(1)} == {
            (0, 1, 2),
            (1, 2, 1),
            (2, 1, 0),
            (1, 0, 1),
        }

    def test_a_reflection_has_the_row_before_the_last_below_the_last(self) -> None:
        x_BCHW = self.image.expand(500, 1, 2, 2)
        augment = AugmentConfig(pad=1, padding="reflect", flip=False)

        cropped = augment_images(x_BCHW, augment, seeded())

        # 4 3 4 3
        # 2 1 2 1   around the image, which is the 2x2 block in the middle
        # 4 3 4 3
        # 2 1 2 1
        assert {tuple(crop.tolist()) for crop in cropped.flatten(1)} == {
            (1, 2, 3, 4),
            (2, 1, 4, 3),
            (3, 4, 1, 2),
            (4, 3, 2, 1),
        }

    def test_a_reflection_leaves_other_random_numbers_as_they_are(self) -> None:
        x_BCHW = torch.rand(64, 2, 5, 6) + 1
        zeros, reflected = (
            augment_images(x_BCHW, AugmentConfig(pad=2, padding=padding), seeded())
            for padding in ("zeros", "reflect")
        )
        inside = zeros != 0
        assert torch.equal(zeros[inside], reflected[inside])
        assert reflected.min() >= 1

    def test_half_of_the_images_are_flipped_left_to_right(self) -> None:
        flipped = augment_images(
            self.image.expand(2000, 1, 2, 2), AugmentConfig(pad=0, flip=True), seeded()
        )
        outcomes = [tuple(image.tolist()) for image in flipped.flatten(1)]
        assert set(outcomes) == {(1.0, 2.0, 3.0, 4.0), (2.0, 1.0, 4.0, 3.0)}
        # 2000 fair coins: mean 1000, deviation sqrt(2000 / 4) = 22.4; five of those on each side
        assert 888 < outcomes.count((2.0, 1.0, 4.0, 3.0)) < 1112

    def test_all_channels_of_an_image_move_together(self) -> None:
        x_BCHW = torch.rand(64, 1, 5, 4, generator=seeded()).repeat(1, 3, 1, 1)
        moved = augment_images(x_BCHW, AugmentConfig(pad=2), seeded())
        assert moved.shape == x_BCHW.shape
        assert torch.equal(moved[:, 0], moved[:, 1])
        assert torch.equal(moved[:, 0], moved[:, 2])

    def test_images_move_independently_of_each_other(self) -> None:
        moved = augment_images(torch.ones(64, 1, 9, 9), AugmentConfig(pad=4), seeded())
        assert len({tuple(image.tolist()) for image in moved.flatten(1)}) > 16

    def test_a_square_around_a_random_pixel_is_blank(self) -> None:
        cut = augment_images(
            torch.ones(3000, 2, 4, 5), AugmentConfig(pad=0, flip=False, cutout=3), seeded()
        )
        assert torch.equal(cut[:, 0], cut[:, 1])
        blank_BHW = cut[:, 0] == 0
        # of 3 pixels around the first or last one there are 2 in the image, around others 3
        sizes = {2, 3}
        assert set(blank_BHW.any(dim=2).sum(dim=1).tolist()) == sizes
        assert set(blank_BHW.any(dim=1).sum(dim=1).tolist()) == sizes
        rows, columns = blank_BHW.any(dim=2).sum(dim=1), blank_BHW.any(dim=1).sum(dim=1)
        assert torch.equal(blank_BHW.sum(dim=(1, 2)), rows * columns)  # a rectangle
        # all 4 x 5 centres, equally often: mean 150, deviation sqrt(3000 x 0.05 x 0.95) = 11.9
        outcomes = Counter(tuple(each.flatten().tolist()) for each in blank_BHW)
        assert len(outcomes) == 20
        assert all(90 < times < 210 for times in outcomes.values())

    def test_a_square_of_even_size_lies_one_more_pixel_before_its_centre(self) -> None:
        cut = augment_images(
            torch.ones(500, 1, 1, 4), AugmentConfig(pad=0, flip=False, cutout=2), seeded()
        )
        lines = {tuple(line) for line in cut[:, 0, 0].tolist()}
        # centres 0 to 3; the pixel before each is blank too
        assert lines == {(0, 1, 1, 1), (0, 0, 1, 1), (1, 0, 0, 1), (1, 1, 0, 0)}

    def test_of_a_cutout_of_16_pixels_14_by_14_lie_on_an_image_of_32_on_average(self) -> None:
        x_BCHW = augment_images(
            torch.ones(4000, 1, 32, 32), AugmentConfig(pad=0, flip=False, cutout=16), seeded()
        )
        # It begins at -8 to 23: 8 + ... + 15 = 92 pixels of the first 8, 17 times 16 = 272, and
        # 15 + ... + 9 = 84 of the last 7: 448 / 32 = 14. An image's area varies by about 50.
        area = (x_BCHW == 0).sum().item() / 4000
        assert area == pytest.approx(14 * 14, abs=4)

    def test_a_cutout_changes_no_other_random_number(self) -> None:
        x_BCHW = torch.rand(64, 1, 5, 5) + 1
        whole = augment_images(x_BCHW, AugmentConfig(pad=2), seeded())
        cut = augment_images(x_BCHW, AugmentConfig(pad=2, cutout=3), seeded())
        assert torch.equal(cut, whole.where(cut != 0, 0))

    def test_nothing_changes_where_nothing_is_asked_for(self) -> None:
        x_BCHW = torch.rand(4, 3, 5, 5)
        assert torch.equal(augment_images(x_BCHW, NO_CHANGE, seeded()), x_BCHW)


class TestAlternatingFlips:
    def test_each_image_is_flipped_in_every_other_epoch_and_a_random_half_at_first(self) -> None:
        first, second, third = (alternating_flips(1000, seed=3, epoch=epoch) for epoch in (1, 2, 3))

        assert torch.equal(first, ~second)
        assert torch.equal(first, third)
        # 1000 fair coins: mean 500, deviation sqrt(1000 / 4) = 15.8; five of those on each side
        assert 421 < int(first.sum()) < 579
        assert not torch.equal(first, alternating_flips(1000, seed=4, epoch=1))

    def test_they_go_with_the_images_whatever_the_order(self) -> None:
        _, labels_N = numbered(40)
        images = torch.stack([labels_N.float(), labels_N + 0.5], dim=1)[:, None, None, :]
        flipped_N = alternating_flips(40, seed=0, epoch=1)
        (x_BCHW, y_B), *_ = training_batches(
            images,
            labels_N,
            batch_size=40,
            augment=AugmentConfig(pad=0, flip="alternating"),
            generator=seeded(),
            flipped_N=flipped_N,
            **AS_IS,
        )

        begins_B = x_BCHW[:, 0, 0, 0] - y_B
        assert torch.equal(begins_B, flipped_N[y_B] * 0.5)


class TestMixing:
    def test_images_and_targets_are_mixed_in_the_same_shares(self) -> None:
        x_BCHW = torch.tensor([2.0, 6.0]).reshape(2, 1, 1, 1)
        y_BK = torch.tensor([[1, 0, 0], [0, 0, 1]])

        x_BCHW, targets_BK = blend(x_BCHW, y_BK, torch.tensor([1, 0]), 0.75)

        # 0.75 x 2 + 0.25 x 6 = 3 and 0.75 x 6 + 0.25 x 2 = 5
        assert x_BCHW.flatten().tolist() == [3, 5]
        assert targets_BK.tolist() == [[0.75, 0, 0.25], [0.25, 0, 0.75]]

    def test_a_batch_has_one_weight_from_the_beta_distribution(self) -> None:
        y_B = torch.tensor([0, 1])
        images = torch.zeros(2, 1, 1, 1)
        generator, shares = seeded(), []
        while len(shares) < 400:
            _, targets_BK = mixed(images, y_B, alpha=0.2, num_classes=2, generator=generator)
            assert targets_BK[0, 0] == pytest.approx(targets_BK[1, 1].item())
            if targets_BK[0, 0] < 1:  # the others stay where they were, half of all
                shares.append(targets_BK[0, 0].item())
        shares_N = torch.tensor(shares)

        # Beta(0.2, 0.2): mean 1/2, variance 1 / (4 (2 x 0.2 + 1)) = 0.1786, deviation 0.42; of a
        # mean of 400 0.021
        assert shares_N.mean().item() == pytest.approx(0.5, abs=0.1)
        assert shares_N.var().item() == pytest.approx(0.1786, abs=0.02)

    def test_it_follows_from_the_generator_alone(self) -> None:
        x_BCHW, y_B = torch.rand(8, 1, 2, 2), torch.arange(8)
        one, same, other = (
            mixed(x_BCHW, y_B, alpha=1, num_classes=8, generator=seeded(seed)) for seed in (1, 1, 2)
        )
        assert torch.equal(one[0], same[0])
        assert torch.equal(one[1], same[1])
        assert not torch.equal(one[1], other[1])


def test_some_images_are_spread_over_all_and_standardised() -> None:
    images, _ = numbered(10)
    some = spread(images, 4)

    # of 10 the ones at 0, 2.5, 5 and 7.5, rounded down
    assert some[:, 0, 0, 0].tolist() == [0, 2, 5, 7]
    assert torch.equal(spread(images, 11), images)
    assert standardised(some, [1.0], [2.0])[:, 0, 0, 0].tolist() == [-0.5, 0.5, 2, 3]


@pytest.mark.parametrize(
    ("size", "is_in_shards", "is_ahead"), [(74, False, True), (73, False, False), (74, True, True)]
)
def test_batches_are_made_in_another_thread_where_images_are_large(
    size: int, is_in_shards: bool, is_ahead: bool
) -> None:
    # 64 x 3 x 74 x 74 are 1,051,392 numbers, 2^20 are 1,048,576
    images: TensorRows = torch.zeros(1, 3, size, size, dtype=torch.uint8)
    if is_in_shards:
        images = MappedRows([images])
    threads = []

    def make() -> Iterator[int]:
        threads.append(threading.get_ident())
        yield 5

    assert list(soon(make(), images, 64)) == [5]
    assert (threads[0] != threading.get_ident()) == is_ahead


def test_images_of_shards_are_batched_as_those_in_memory() -> None:
    images, labels = numbered(23)
    in_shards = MappedRows(images.split(5))
    settings: dict[str, Any] = {"batch_size": 4, "augment": AugmentConfig(pad=1), **AS_IS}
    for mine, its in zip(
        training_batches(in_shards, labels, generator=seeded(3), **settings),
        training_batches(images, labels, generator=seeded(3), **settings),
        strict=True,
    ):
        assert torch.equal(mine[0], its[0])
        assert torch.equal(mine[1], its[1])
    for mine, its in zip(
        evaluation_batches(in_shards, labels, batch_size=7, **AS_IS),
        evaluation_batches(images, labels, batch_size=7, **AS_IS),
        strict=True,
    ):
        assert torch.equal(mine[0], its[0])
