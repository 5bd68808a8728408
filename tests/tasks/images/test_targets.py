"""Several labels of an image, and numbers: what is stored, learnt and read of a test."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pytest
import torch
from allowances import AMPLE
from toy_images import CHILD, IMAGE_SPACE, children, image_trainer
from toy_targets import LABELS, toy_targets, write_targets

from nas_lib.config import ImageTarget, ImageTaskConfig, NpzData, SearchConfig
from nas_lib.errors import ConfigError, CorruptStateError, DataError
from nas_lib.records import LabelMistake, NumberMistake, TestReading, from_json, to_json
from nas_lib.store import SearchStore, layout
from nas_lib.tasks import Task, task_of
from nas_lib.tasks.images.batches import ImageTensors, check_images, load_images, mixed
from nas_lib.tasks.images.imbalance import label_weights
from nas_lib.tasks.images.mistakes import largest_mistakes, surest_label_mistakes
from nas_lib.tasks.images.preparation import ImageManifest, prepare_images
from nas_lib.tasks.images.raw import LabelledImages, RawImages
from nas_lib.tasks.images.splitting import Split, split_images
from nas_lib.tasks.images.targets import TARGETS


def config(folder: Path, target: ImageTarget, **settings: Any) -> SearchConfig:
    task = write_targets(folder / f"{target}.npz", target)
    return SearchConfig(task=task, space=IMAGE_SPACE, children=children(**settings))


def stored(task: Task) -> SearchStore:
    """Return a store in memory with what the task prepares."""
    store, prepared = SearchStore.open(f"memory://targets-{uuid4().hex}"), task.prepare()
    assert prepared is not None
    store.objects.create(layout.DATA_SEARCH, prepared.search_blob)
    store.objects.create(layout.DATA_TEST, prepared.test_blob)
    store.settle(layout.DATA_MANIFEST, prepared.manifest)
    return store


def read(folder: Path, target: ImageTarget) -> TestReading:
    """Train a child, and read its test as it is stored."""
    task = task_of(config(folder, target, mixup=0.1))
    store, space = stored(task), task.config.space.build()
    judged = task.judge(CHILD, space, store)
    assert judged.weights is not None
    assert judged.result.reward == pytest.approx(task.goodness(judged.result.score or 0) ** 3)
    store.objects.create(layout.child_weights(CHILD.id), judged.weights)
    reading = task.read_test(CHILD.id, space, store)
    return from_json(TestReading, to_json(reading), key="test")


class TestALearntTarget:
    def test_labels_are_learnt_and_each_of_them_is_read(self, tmp_path: Path) -> None:
        reading = read(tmp_path, "labels")

        assert reading.score > 0.8  # chance has about one half
        assert [each.name for each in reading.metrics] == [
            "macro F1",
            "micro F1",
            "AUC",
            "exact match",
        ]
        assert [each.num for each in reading.labels] == toy_targets("labels", 60, 3)[1].sum(
            axis=0
        ).tolist()
        precisions = [each.average_precision or 0 for each in reading.labels]
        assert reading.score == pytest.approx(sum(precisions) / 2)
        assert 0 < len(reading.mistakes) <= 24
        assert all(isinstance(each, LabelMistake) for each in reading.mistakes)
        assert (reading.confusion, reading.numbers) == ((), ())

    def test_a_number_is_learnt_and_told_in_its_own_unit(self, tmp_path: Path) -> None:
        reading = read(tmp_path, "number")

        assert reading.score < 0.5  # telling the mean has 1
        true_N, told_N = np.array(reading.numbers).T
        assert sorted(true_N) == pytest.approx(sorted(toy_targets("number", 60, 3)[1]), rel=1e-5)
        metrics = {each.name: each.value for each in reading.metrics}
        assert metrics["RMSE"] == pytest.approx(np.sqrt(np.square(true_N - told_N).mean()))
        errors = [abs(each.true - each.found) for each in reading.mistakes]  # type: ignore[union-attr]
        assert errors == sorted(errors, reverse=True)
        assert errors[0] == pytest.approx(np.abs(true_N - told_N).max())
        assert all(isinstance(each, NumberMistake) for each in reading.mistakes)


class TestWhatIsStored:
    def test_labels_are_zeros_and_ones_with_the_names_that_the_archive_has(
        self, tmp_path: Path
    ) -> None:
        task = task_of(config(tmp_path, "labels"))
        prepared = task.prepare()
        assert prepared is not None

        assert isinstance(prepared.manifest, ImageManifest)
        assert prepared.manifest.class_names == LABELS
        assert prepared.manifest.notices == ()
        sentence = "90 training, 45 validation and 60 test images of 6x6x1 with up to 2 labels each"
        assert task.describe(prepared.manifest).endswith(sentence)

    def test_numbers_are_deviations_from_the_mean_of_those_trained_on(self, tmp_path: Path) -> None:
        task = task_of(config(tmp_path, "number"))
        store = stored(task)
        manifest, data = task.fetched(store)  # type: ignore[attr-defined]

        train = load_images(data).train.labels

        assert train.dtype == torch.float32
        assert float(train.mean()) == pytest.approx(0, abs=1e-6)
        assert float(train.std(correction=0)) == pytest.approx(1)
        told = train * manifest.target_std + manifest.target_mean
        assert 100 < told.min() < told.max() < 140

    def test_classes_are_stored_as_they_were(self, tmp_path: Path) -> None:
        rng = np.random.default_rng(1)
        images = rng.integers(0, 256, (30, 4, 4), np.uint8)
        np.savez(tmp_path / "c.npz", x_train=images, y_train=np.arange(30) % 3)
        prepared = prepare_images(
            ImageTaskConfig(data=NpzData(path=str(tmp_path / "c.npz"))), 0, AMPLE
        )

        # by the release before
        assert prepared.manifest.content_hash == CLASSES_HASH

    def test_what_is_not_as_the_manifest_says_is_no_data_of_it(self, tmp_path: Path) -> None:
        task = task_of(config(tmp_path, "number"))
        manifest = task.prepare().manifest  # type: ignore[union-attr]
        images = ImageTensors(torch.zeros(2, 1, 6, 6), torch.tensor([0.0, math.nan]))

        with pytest.raises(CorruptStateError, match="train_labels are not finite"):
            check_images("train", images, manifest, 2)
        classes = ImageTensors(images.images, torch.tensor([0, 1]))
        with pytest.raises(CorruptStateError, match="train_labels to be float32"):
            check_images("train", classes, manifest, 2)


CLASSES_HASH = "fe831f3a4b377bb8f2443b112e26884aca5fdd7eacda2d54cef8adccc9e51416"


class TestLosses:
    def test_labels_weigh_as_they_are_rare_and_one_on_average(self) -> None:
        labels_NK = torch.tensor([[1, 0], [0, 1], [0, 1], [0, 1]], dtype=torch.uint8)
        balanced = label_weights(children(class_weights="balanced"), labels_NK, LABELS)
        named = label_weights(children(class_weights={"rows": 3.0}), labels_NK, LABELS)

        # n of N images: N / (2 n), and N / (2 (N - n)) of those without it
        assert balanced is not None
        assert balanced.tolist() == [pytest.approx([4 / 6, 4 / 2]), pytest.approx([4 / 2, 4 / 6])]
        assert named is not None  # (3 x 1 + 1 x 3) / 4 = 1.5 on average
        assert named.tolist() == [pytest.approx([1 / 1.5, 1]), pytest.approx([3 / 1.5, 1])]
        assert label_weights(children(), labels_NK, LABELS) is None

    def test_that_of_labels_is_the_cross_entropy_of_each(self) -> None:
        logits_BK, y_BK = torch.tensor([[0.0, 2.0]]), torch.tensor([[1, 0]], dtype=torch.uint8)
        loss = TARGETS["labels"].loss
        weights_2K = torch.tensor([[0.5, 3.0], [2.0, 1.0]])

        absent = math.log(1 + math.exp(2))  # of the second, which is told
        assert float(loss(logits_BK, y_BK, weights=None, smoothing=0.0)) == pytest.approx(
            math.log(2) + absent
        )
        assert float(loss(logits_BK, y_BK, weights=weights_2K, smoothing=0.0)) == pytest.approx(
            2 * math.log(2) + 3 * absent
        )
        smoothed = 0.9 * absent + 0.1 * (absent - 2)  # one tenth of it is there
        assert float(loss(logits_BK, y_BK, weights=None, smoothing=0.2)) == pytest.approx(
            math.log(2) + smoothed
        )
        assert float(TARGETS["labels"].total_loss(logits_BK, y_BK)) == pytest.approx(
            math.log(2) + absent
        )

    def test_that_of_numbers_is_the_squared_error(self) -> None:
        outputs_B1, y_B = torch.tensor([[1.0], [3.0]]), torch.tensor([0.0, 1.0])
        target = TARGETS["number"]
        assert float(target.loss(outputs_B1, y_B, weights=None, smoothing=0.0)) == (1 + 4) / 2
        assert float(target.total_loss(outputs_B1, y_B)) == 1 + 4

    def test_mixed_images_have_mixed_labels_and_numbers(self) -> None:
        x_BCHW = torch.arange(4.0)[:, None, None, None]
        for y_B in (torch.arange(4.0), torch.eye(4, dtype=torch.uint8)):
            generator = torch.Generator().manual_seed(1)
            x, y = mixed(x_BCHW, y_B, alpha=1.0, num_classes=4, generator=generator)
            share = torch.arange(4.0) if y_B.ndim == 1 else torch.eye(4) @ torch.arange(4.0)
            told = y if y.ndim == 1 else y @ torch.arange(4.0)
            assert torch.allclose(told, x.flatten())
            assert not torch.allclose(told, share)


class TestMistakes:
    def test_the_surest_wrong_labels_come_first(self) -> None:
        logits_NK = torch.tensor([[3.0, -1.0], [-2.0, 0.5]])
        images = ImageTensors(torch.zeros(2, 1, 4, 4), torch.tensor([[0, 0], [1, 1]]))

        found = surest_label_mistakes(logits_NK, images)

        # sigmoid(3) of a label that is not there, sigmoid(2) against one that is
        expected = [(0, False, 1 / (1 + math.exp(-3))), (0, True, 1 / (1 + math.exp(-2)))]
        assert [(each.label, each.is_there) for each in found] == [each[:2] for each in expected]
        assert [each.confidence for each in found] == pytest.approx([each[2] for each in expected])

    def test_the_largest_errors_of_numbers_come_first(self) -> None:
        images = ImageTensors(torch.zeros(3, 1, 4, 4), torch.zeros(3))
        found = largest_mistakes(
            torch.tensor([1.0, 9.0, 4.0]), torch.tensor([2.0, 4.0, 4.5]), images
        )
        assert [(each.true, each.found) for each in found] == [(4, 9), (2, 1), (4.5, 4)]


# --- splits --------------------------------------------------------------------------------------


def raw_of(labels: Any, target: ImageTarget, groups: Any = None) -> RawImages:
    numbers = np.arange(len(labels))
    pixels = np.stack([numbers % 251, numbers // 251], axis=1).astype(np.uint8)
    train = LabelledImages(pixels.reshape(-1, 1, 1, 2), np.asarray(labels), groups=groups)
    names = tuple("abcdefgh"[: train.labels.shape[1] if train.labels.ndim > 1 else 1])
    return RawImages("images", names, train, target=target)


def parts_of(split: Split) -> tuple[LabelledImages, ...]:
    return split.train, split.valid, split.test


@pytest.mark.parametrize("in_groups", [False, True])
def test_each_label_is_in_each_part_with_about_its_share(in_groups: bool) -> None:
    for seed in range(5):
        rng = np.random.default_rng(seed)
        labels = (rng.random((400, 4)) < [0.5, 0.2, 0.03, 0.0]).astype(np.uint8)
        labels[:3, 3] = 1  # three images have it: one for each part
        labels[:9, :3] = 0
        groups = rng.permutation(400) // 2 if in_groups else None
        task = ImageTaskConfig(
            target="labels", data=NpzData(path="x"), valid_fraction=0.25, test_fraction=0.2
        )
        split = split_images(raw_of(labels, "labels", groups), task, seed=seed)

        sizes = [len(part) for part in parts_of(split)]
        assert sum(sizes) == 400
        assert sizes == pytest.approx([240, 80, 80], abs=12)
        for part, share in zip(parts_of(split), (0.6, 0.2, 0.2), strict=True):
            has = part.labels.sum(axis=0)
            assert has[:2] == pytest.approx(share * labels.sum(axis=0)[:2], rel=0.2)
            assert in_groups or (has >= 1).all()
        if groups is not None:
            kept = [{*part.groups.tolist()} for part in parts_of(split)]  # type: ignore[union-attr]
            assert sum(map(len, kept)) == len({*groups.tolist()})


def test_a_part_of_the_images_with_labels_still_has_each_of_them() -> None:
    labels = np.zeros((300, 3), np.uint8)
    labels[:, 0], labels[:30, 1], labels[:6, 2] = 1, 1, 1
    task = ImageTaskConfig(target="labels", data=NpzData(path="x"), max_train=50)
    split = split_images(raw_of(labels, "labels"), task, seed=1)

    assert (len(split.train), len(split.valid), len(split.test)) == (45, 5, 60)
    assert (split.train.labels.sum(axis=0) > 0).all()


def test_a_part_has_as_many_low_and_high_numbers_as_others() -> None:
    numbers = np.random.default_rng(1).exponential(10, 500)
    tenths = np.quantile(numbers, np.linspace(0, 1, 11))
    task = ImageTaskConfig(target="number", data=NpzData(path="x"), valid_fraction=0.25)
    split = split_images(raw_of(numbers, "number"), task, seed=1)

    for part, num in zip(parts_of(split), (300, 100, 100), strict=True):
        counts, _ = np.histogram(part.labels, tenths)
        assert counts.tolist() == [num // 10] * 10


def test_the_order_of_the_files_changes_nothing() -> None:
    rng = np.random.default_rng(2)
    labels, order = (rng.random((60, 3)) < 0.4).astype(np.uint8), rng.permutation(60)
    labels[0] = 1
    task = ImageTaskConfig(target="labels", data=NpzData(path="x"))
    one = raw_of(labels, "labels")
    other = RawImages("images", one.class_names, one.train.take(order), target="labels")

    found = [split_images(each, task, seed=3) for each in (one, other)]
    for mine, its in zip(*map(parts_of, found), strict=True):
        assert np.array_equal(mine.images, its.images)
        assert np.array_equal(mine.labels, its.labels)


# --- archives ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "labels", "sentence"),
    [
        (
            "labels",
            [0, 1, 2],
            "y_train must be which labels each image has, as 0 and 1 [N, K], got",
        ),
        ("labels", [[0, 2], [1, 0], [1, 1]], "as 0 and 1 [N, K], got int64 of shape [15, 2]"),
        ("labels", [[1, 0], [1, 0], [1, 0]], "no training image has the label '1'"),
        ("number", ["1", "2", "3"], "must be one number for each image, [N], got <U1"),
        (
            "number",
            [1.0, math.nan, 2.0],
            "numbers must be finite and at most 1e+30, got nan of image 1",
        ),
        ("number", [1.0, -math.inf, 2.0], "must be finite and at most 1e+30, got -inf of image 1"),
        (
            "number",
            [2.5, 2.5, 2.5],
            "the 11 training numbers, such as 2.5, differ by 0 only: expected",
        ),
        ("class", [1.5, 2.5, 0.5], "of shape [15]: numbers are task.target number"),
        ("class", [[1, 1], [0, 1], [0, 0]], "several labels of an image are task.target labels"),
    ],
)
def test_what_is_no_such_target_is_refused_in_a_sentence(
    tmp_path: Path, target: ImageTarget, labels: list[Any], sentence: str
) -> None:
    images = np.arange(15 * 4 * 4, dtype=np.uint8).reshape(15, 4, 4)
    np.savez(tmp_path / "x.npz", x_train=images, y_train=np.array(labels * 5))
    task = ImageTaskConfig(target=target, data=NpzData(path=str(tmp_path / "x.npz")))

    with pytest.raises(DataError) as caught:
        prepare_images(task, 0, AMPLE)

    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_name_of_a_label_weight_has_to_be_one_of_the_labels(tmp_path: Path) -> None:
    task = task_of(config(tmp_path, "labels", class_weights={"rows": 2.0, "cats": 3.0}))
    with pytest.raises(
        ConfigError, match="a weight of cats, which is none of the classes rows, co"
    ):
        task.prepare()
    assert image_trainer(children())  # of classes as before
