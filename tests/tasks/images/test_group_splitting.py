"""Images of one thing are never on two sides of a split."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from allowances import AMPLE
from hypothesis import given
from hypothesis import strategies as st
from image_files import random_images, write_png

from nas_lib.config import ImageFolderData, ImageTaskConfig
from nas_lib.errors import DataError
from nas_lib.tasks.images.raw import LabelledImages, RawImages
from nas_lib.tasks.images.readers import read_images
from nas_lib.tasks.images.splitting import split_images, split_indices

Array = npt.NDArray[Any]
Parts = tuple[Array, Array, Array]


def split(
    labels: Sequence[int], groups: Sequence[int], has_valid: bool = False, **task: Any
) -> Parts:
    return split_indices(
        np.array(labels),
        ImageTaskConfig(**task),
        has_valid=has_valid,
        has_test=False,
        groups_N=np.array(groups),
    )


def counts(labels: Sequence[int], parts: Parts) -> list[list[int]]:
    """Return of each part how many images of each class it has."""
    num_classes = max(labels) + 1
    return [np.bincount(np.array(labels)[each], minlength=num_classes).tolist() for each in parts]


class TestSides:
    @given(
        things=st.lists(
            st.tuples(st.integers(0, 3), st.integers(1, 9), st.integers(0, 3)), min_size=1
        ),
        valid_fraction=st.floats(0.05, 0.5),
        test_fraction=st.floats(0.05, 0.5),
        max_train=st.none() | st.integers(2, 100),
        has_valid=st.booleans(),
    )
    def test_no_group_is_on_two_sides_and_no_image_in_two_parts(
        self,
        things: list[tuple[int, int, int]],
        valid_fraction: float,
        test_fraction: float,
        max_train: int | None,
        has_valid: bool,
    ) -> None:
        """Things of a class, with so many images, and some of another class."""
        groups = [number for number, (_, num, more) in enumerate(things) for _ in range(num + more)]
        labels = [
            label for main, num, more in things for label in [main] * num + [(main + 1) % 4] * more
        ]
        parts = split(
            labels,
            groups,
            has_valid,
            valid_fraction=valid_fraction,
            test_fraction=test_fraction,
            max_train=max_train,
        )

        together = np.concatenate(parts)
        assert len({*together.tolist()}) == len(together)
        sides = [{groups[index] for index in part} for part in parts]
        assert sum(map(len, sides)) == len(set.union(*sides))
        assert {labels[index] for index in (*parts[0], *parts[1])} <= {*labels}
        if max_train is None:
            assert len(together) == len(labels)
            assert {labels[index] for index in parts[0]} == {*labels}  # all classes are trained on
            if has_valid:
                assert not len(parts[1])
        else:
            assert len(parts[0]) + len(parts[1]) <= max_train

    @given(st.lists(st.integers(0, 3), min_size=8, max_size=80), st.integers(0, 9))
    def test_groups_of_one_are_split_as_images_without_groups(
        self, labels: list[int], seed: int
    ) -> None:
        labels = [*labels, *range(4), *range(4), *range(4)]
        task = ImageTaskConfig(valid_fraction=0.2, test_fraction=0.25)
        plain = split_indices(np.array(labels), task, has_valid=False, has_test=False)
        grouped = split(labels, range(len(labels)), valid_fraction=0.2, test_fraction=0.25)
        assert counts(labels, grouped) == counts(labels, plain)

    def test_parts_have_about_their_share_of_each_class(self) -> None:
        rng = np.random.default_rng(0)
        sizes = rng.integers(1, 13, 300)
        labels = np.repeat(rng.choice(3, 300, p=[0.6, 0.3, 0.1]), sizes).tolist()
        parts = split(labels, np.repeat(np.arange(300), sizes).tolist())
        has = np.bincount(labels)
        # of each class 20 % for the test, and 10 % of the other 80 % for validation
        for part, share in zip(counts(labels, parts), (0.72, 0.08, 0.2), strict=True):
            np.testing.assert_allclose(part, share * has, atol=3)

    def test_a_class_of_three_things_is_in_every_part(self) -> None:
        labels = [0] * 60 + [1] * 15
        groups = [index // 3 for index in range(60)] + [20 + index // 5 for index in range(15)]
        assert [part[1] for part in counts(labels, split(labels, groups))] == [5, 5, 5]

    def test_the_test_does_not_depend_on_the_validation(self) -> None:
        labels, groups = [0, 1] * 60, [index // 4 for index in range(120)]
        whole = split(labels, groups)
        for changed in ({"max_train": 20}, {"valid_fraction": 0.4}):
            np.testing.assert_array_equal(split(labels, groups, **changed)[2], whole[2])

    def test_too_few_groups_are_refused(self) -> None:
        part = LabelledImages(
            random_images(20, 1, 2, 2), np.arange(20) // 10, groups=np.arange(20) // 10
        )
        raw = RawImages("images", ("a", "b"), part, group_names=np.array(["x", "y"], object))
        with pytest.raises(
            DataError, match="20 images of 2 groups are too few for these fractions"
        ):
            split_images(raw, ImageTaskConfig(), seed=0)

    def test_another_seed_holds_out_other_groups(self) -> None:
        images = random_images(80, 1, 2, 2)
        part = LabelledImages(images, np.arange(80) % 2, groups=np.arange(80) // 4)
        raw = RawImages("images", ("a", "b"), part, group_names=np.arange(20).astype(object))
        first, again, other = (
            split_images(raw, ImageTaskConfig(), seed=seed).test for seed in (0, 0, 1)
        )
        assert first.groups is not None
        assert other.groups is not None
        np.testing.assert_array_equal(first.names, again.names)
        assert {*first.groups.tolist()} != {*other.groups.tolist()}

    def test_files_in_another_order_give_the_same_split(self) -> None:
        images, labels = random_images(80, 1, 2, 2), np.arange(80) % 2
        part = LabelledImages(images, labels, groups=np.arange(80) // 4)
        turned = part.take(np.arange(80)[::-1])
        renumbered = LabelledImages(
            turned.images, turned.labels, turned.names, 19 - np.asarray(turned.groups)
        )
        names = np.arange(20).astype(object)
        one, other = (
            split_images(
                RawImages("images", ("a", "b"), each, group_names=names), ImageTaskConfig(), seed=3
            )
            for each in (part, renumbered)
        )
        np.testing.assert_array_equal(one.valid.images, other.valid.images)
        np.testing.assert_array_equal(one.test.images, other.test.images)

    def test_very_many_groups_take_no_time_that_grows_with_their_square(self) -> None:
        labels, groups = np.arange(40_000) % 1000, np.arange(40_000) // 2
        began_s = time.process_time()
        split(labels, groups)
        assert time.process_time() - began_s < 3  # about 0.3 s; one by one for each class 10 s


class TestFolder:
    """Groups by the names of files."""

    @pytest.fixture
    def folder(self, tmp_path: Path) -> Path:
        for label in ("a", "b"):
            for thing in range(6):
                for view in range(3):
                    name = f"{label}{thing}_{view}.png"
                    seed = 100 * thing + view
                    write_png(tmp_path / label / name, random_images(4, 4, 3, seed=seed))
        return tmp_path

    def read(self, folder: Path, group: str = "^(.*)_[0-9]+") -> RawImages:
        return read_images(ImageFolderData(path=str(folder), size=4, group=group), AMPLE)

    def test_pictures_whose_names_begin_alike_stay_together(self, folder: Path) -> None:
        raw = self.read(folder)
        assert raw.notices == (
            "36 images are 12 groups (task.data.group) of up to 3 images, each on one side of the "
            "split",
        )
        found = split_images(raw, ImageTaskConfig(), seed=0)
        things = [
            {name.rpartition("_")[0] for name in part.names}
            for part in (found.train, found.valid, found.test)
        ]
        assert sum(map(len, things)) == len(set.union(*things)) == 12
        assert [len(part) for part in (found.train, found.valid, found.test)] == [24, 6, 6]

    def test_the_whole_match_counts_where_there_are_no_parentheses(self, folder: Path) -> None:
        raw = self.read(folder, "[0-9]+")  # the first number: of both classes the same
        assert raw.notices[0].startswith("36 images are 6 groups")
        assert raw.notices[0].endswith("; 6 of them have images of several classes")

    def test_files_without_a_group_are_said(self, folder: Path) -> None:
        write_png(folder / "a" / "cat.png", random_images(4, 4, 3))
        assert self.read(folder).notices[0] == (
            "task.data.group is not found in the names of 1 of 37 files, such as a/cat.png: each "
            "is a group of its own"
        )

    def test_files_that_are_no_pictures_do_not_count_as_any(self, folder: Path) -> None:
        (folder / "a" / "a0_notes.txt").write_text("no picture")
        (folder / "a" / "z9_0.txt").write_text("no picture")
        assert self.read(folder).notices[-1].startswith("36 images are 12 groups (task.data.group)")

    def test_a_pattern_that_no_file_has_is_refused(self, folder: Path) -> None:
        with pytest.raises(DataError, match="is found in none of the 36 files' names, such as a0_"):
            self.read(folder, "session")

    def test_a_group_on_two_sides_of_the_folders_own_split_is_refused(self, folder: Path) -> None:
        for label in ("a", "b"):
            (folder / "train").mkdir(exist_ok=True)
            (folder / label).rename(folder / "train" / label)
            write_png(folder / "test" / label / f"{label}0_9.png", random_images(4, 4, 3))
        with pytest.raises(
            DataError,
            match=r"2 groups \(task.data.group\) with images among both the training and the test "
            r"images, such as 'a0'",
        ):
            self.read(folder)
