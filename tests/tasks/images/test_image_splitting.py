from __future__ import annotations

import time
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas_lib.config import ImageTaskConfig
from nas_lib.errors import DataError
from nas_lib.tasks.images.raw import LabelledImages, RawImages
from nas_lib.tasks.images.splitting import Split, split_images, split_indices

SEEDS = range(20)


def images_of(*counts: int, base: int = 0) -> LabelledImages:
    """Return so many different images of each class, all of a class in a row."""
    numbers = np.arange(base, base + sum(counts), dtype=np.int64)
    pixels = np.stack([numbers % 251, numbers // 251], axis=1).astype(np.uint8)
    labels = np.repeat(np.arange(len(counts)), counts)
    return LabelledImages(pixels.reshape(-1, 1, 1, 2), labels)


def raw_of(train: LabelledImages, **more: Any) -> RawImages:
    names = tuple("abcdefgh"[: int(train.labels.max()) + 1])
    return RawImages("images", names, train, **more)


def split_of(*counts: int, seed: int = 0, **task: Any) -> Split:
    return split_images(raw_of(images_of(*counts)), ImageTaskConfig(**task), seed=seed)


def counts(part: LabelledImages, num_classes: int = 2) -> list[int]:
    found: list[int] = np.bincount(part.labels, minlength=num_classes).tolist()
    return found


def parts_of(split: Split) -> tuple[LabelledImages, ...]:
    return split.train, split.valid, split.test


def same(one: Split, other: Split) -> bool:
    return all(
        np.array_equal(mine.images, its.images) and np.array_equal(mine.labels, its.labels)
        for mine, its in zip(parts_of(one), parts_of(other), strict=True)
    )


class TestShares:
    def test_each_part_has_its_share_of_each_class(self) -> None:
        split = split_of(60, 40, valid_fraction=0.25, test_fraction=0.2)
        # test 0.2 * 100 = 20 as 12 + 8; of the 48 + 32 left 0.25 * 80 = 20 as 12 + 8
        assert [counts(part) for part in parts_of(split)] == [[36, 24], [12, 8], [12, 8]]

    def test_what_is_left_over_goes_to_the_largest_remainders(self) -> None:
        split = split_of(17, 13, 10, test_fraction=0.2, valid_fraction=0.25)
        # test 8: shares 3.4, 2.6, 2.0 -> 3, 3, 2; of 14, 10, 8 valid 8: 3.5, 2.5, 2.0 -> 4, 2, 2
        assert counts(split.test, 3) == [3, 3, 2]
        assert counts(split.valid, 3) == [4, 2, 2]

    @pytest.mark.parametrize("seed", SEEDS)
    def test_a_rare_class_of_three_is_in_every_part(self, seed: int) -> None:
        split = split_of(3, 20, valid_fraction=0.2, test_fraction=0.2, seed=seed)
        # test 5 with a share of 0.65; of the 18 left valid 4 with one of 2 * 4 / 18 = 0.44
        assert [counts(part) for part in parts_of(split)] == [[1, 13], [1, 3], [1, 4]]
        assert not split.notices

    @pytest.mark.parametrize("seed", SEEDS)
    def test_a_class_of_one_is_trained_on_and_said(self, seed: int) -> None:
        split = split_of(1, 20, valid_fraction=0.2, test_fraction=0.2, seed=seed)
        assert [counts(part)[0] for part in parts_of(split)] == [1, 0, 0]
        assert split.notices == (
            "the 3 validation images have none of class 'a', of which the validation accuracy says "
            "nothing: add images, or set a larger task.valid_fraction",
            "the 4 test images have none of class 'a', of which the test accuracy says "
            "nothing: add images, or set a larger task.test_fraction",
        )

    @pytest.mark.parametrize("seed", SEEDS)
    def test_of_a_class_of_two_one_is_for_the_reward(self, seed: int) -> None:
        split = split_of(2, 40, valid_fraction=0.1, test_fraction=0.1, seed=seed)
        assert [counts(part)[0] for part in parts_of(split)] == [1, 1, 0]
        (notice,) = split.notices
        assert notice.startswith("the 4 test images have none of class 'a'")

    def test_a_part_smaller_than_there_are_classes_keeps_its_size(self) -> None:
        split = split_of(*[10] * 8, valid_fraction=0.05, test_fraction=0.1)
        assert len(split.test) == 8  # one each
        assert len(split.valid) == 4  # round(0.05 * 72) = 4
        (notice,) = split.notices
        assert "none of classes 'e', 'f', 'g' and 1 more, of which" in notice

    def test_long_names_and_control_characters_are_not_shown_as_they_are(self) -> None:
        raw = RawImages("images", ("\x1b[2J" + "a" * 500, "b"), images_of(1, 20))
        for notice in split_images(raw, ImageTaskConfig(), seed=0).notices:
            assert len(notice) < 250
            assert notice.isprintable()

    def test_very_many_classes_take_no_time_that_grows_with_their_square(self) -> None:
        labels_N = np.repeat(np.arange(100_000), 3)
        began_s = time.process_time()
        parts = split_indices(labels_N, ImageTaskConfig(), has_valid=False, has_test=False)
        assert time.process_time() - began_s < 2  # one by one it is 10 s, at once 0.1 s
        # a test of 60,000; a tenth of the other 240,000 is for the reward
        assert [len(part) for part in parts] == [216_000, 24_000, 60_000]

    def test_too_few_images_are_refused_by_every_seed(self) -> None:
        for seed in SEEDS:
            with pytest.raises(
                DataError, match="2 classes: training, validation and test would get 3, 0, 1"
            ):
                split_of(2, 2, seed=seed)

    def test_a_class_that_is_not_among_the_images_to_train_on_is_named(self) -> None:
        for seed in SEEDS:
            with pytest.raises(DataError, match=r"class 'c' has no image among the 3 left"):
                split_of(9, 9, 9, 9, max_train=3, valid_fraction=0.25, seed=seed)


class TestMaxTrain:
    def test_the_images_that_are_used_are_stratified(self) -> None:
        split = split_of(50, 30, 20, max_train=40, valid_fraction=0.25, test_fraction=0.2)
        # 40 as 20 + 12 + 8, of which 10 are held out: 5 + 3 + 2
        assert counts(split.valid, 3) == [5, 3, 2]
        assert counts(split.train, 3) == [15, 9, 6]

    def test_a_rare_class_is_kept_in_both_parts(self) -> None:
        split = split_of(3, 97, max_train=10, valid_fraction=0.2)
        assert [counts(part) for part in parts_of(split)] == [[1, 7], [1, 1], [1, 19]]

    def test_the_test_images_do_not_depend_on_it_nor_on_the_validation(self) -> None:
        whole = split_of(7, 50, 23)
        for changed in ({"max_train": 20}, {"valid_fraction": 0.4}):
            np.testing.assert_array_equal(
                split_of(7, 50, 23, **changed).test.images, whole.test.images
            )


class TestOrder:
    def test_files_in_another_order_give_the_same_split(self) -> None:
        train, test = images_of(30, 20), images_of(5, 5, base=60)
        task = ImageTaskConfig()
        for seed in range(3):
            order = np.random.default_rng(seed)
            first = split_images(raw_of(train, test=test), task, seed=1)
            again = split_images(
                raw_of(train.take(order.permutation(50)), test=test.take(order.permutation(10))),
                task,
                seed=1,
            )
            assert same(first, again)

    def test_duplicates_of_one_class_and_of_two_are_no_obstacle(self) -> None:
        images = np.zeros((20, 1, 2, 2), np.uint8)
        part = LabelledImages(images, np.arange(20) % 2)
        turned = LabelledImages(images, np.arange(20)[::-1] % 2)
        task = ImageTaskConfig()
        assert same(
            split_images(raw_of(part), task, seed=0), split_images(raw_of(turned), task, seed=0)
        )

    def test_another_seed_gives_another_split(self) -> None:
        assert not same(split_of(30, 20), split_of(30, 20, seed=1))

    def test_classes_are_mixed(self) -> None:
        labels = split_of(30, 20).train.labels
        assert 0 < labels[: len(labels) // 2].mean() < 1


class TestOwnParts:
    def test_validation_images_of_its_own_stay_whole_and_none_are_taken_from_training(self) -> None:
        valid = images_of(4, 2, base=100)
        split = split_images(
            raw_of(images_of(30, 20), valid=valid), ImageTaskConfig(test_fraction=0.2), seed=0
        )
        assert [counts(part) for part in parts_of(split)] == [[24, 16], [4, 2], [6, 4]]
        assert {*split.valid.images[:, 0, 0, 0]} == {*range(100, 106)}

    def test_with_all_parts_given_all_training_images_are_trained_on(self) -> None:
        raw = raw_of(images_of(3, 1), valid=images_of(1, 1), test=images_of(1, 2))
        split = split_images(raw, ImageTaskConfig(), seed=0)
        assert [counts(part) for part in parts_of(split)] == [[3, 1], [1, 1], [1, 2]]

    def test_parts_of_its_own_that_lack_a_class_are_said(self) -> None:
        raw = raw_of(images_of(30, 20), valid=images_of(4), test=images_of(5))
        assert split_images(raw, ImageTaskConfig(), seed=0).notices == (
            "the 4 validation images have none of class 'b', of which the validation accuracy says "
            "nothing: add images",
            "the 5 test images have none of class 'b', of which the test accuracy says "
            "nothing: add images",
        )


FRACTIONS = st.floats(0.01, 0.99)


class TestEverySplit:
    @given(
        labels=st.lists(st.integers(0, 5), min_size=1, max_size=300),
        valid_fraction=FRACTIONS,
        test_fraction=FRACTIONS,
        max_train=st.none() | st.integers(1, 300),
        has_valid=st.booleans(),
        has_test=st.booleans(),
    )
    def test_is_disjoint_of_the_right_size_and_within_one_of_each_share(
        self,
        labels: list[int],
        valid_fraction: float,
        test_fraction: float,
        max_train: int | None,
        has_valid: bool,
        has_test: bool,
    ) -> None:
        task = ImageTaskConfig(
            valid_fraction=valid_fraction, test_fraction=test_fraction, max_train=max_train
        )
        labels_N = np.array(labels)
        train, valid, test = split_indices(labels_N, task, has_valid=has_valid, has_test=has_test)

        together = [*train, *valid, *test]
        assert len({*together}) == len(together)
        assert {*together} <= {*range(len(labels))}
        pool = len(labels) - len(test)
        assert len(train) + len(valid) == min(pool, max_train or pool)
        has = np.bincount(labels_N, minlength=6)
        spare = np.maximum(has - 1, 0)  # one of each class is never held out
        if has_test:
            assert not len(test)
        else:
            assert len(test) == min(round(test_fraction * len(labels)), spare.sum())
            self.check_shares(has, np.bincount(labels_N[test], minlength=6), len(test))
        assert not (has_valid and len(valid))

    def check_shares(
        self, has: npt.NDArray[np.int64], part: npt.NDArray[np.int64], total: int
    ) -> None:
        """No class is further from its share than another by more than 1, but at a bound."""
        off = part - has * total / has.sum()
        free = (part < has - 1) & (part > 1)
        assert not free.any() or np.ptp(off[free]) <= 1 + 1e-9
