"""Classes of which there are few images: what they weigh, and how often they are drawn."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_class_weight
from torch import Tensor
from toy_images import CLASSES, IMAGE_SPACE, IMAGES, children, image_trainer, write_toy_images

from nas_lib.config import SearchConfig
from nas_lib.errors import ConfigError
from nas_lib.tasks import ImageTask
from nas_lib.tasks.images.batches import ImageSplits, ImageTensors
from nas_lib.tasks.images.imbalance import balanced_order, class_weights

COUNTS = st.lists(st.integers(0, 40), min_size=1, max_size=8).filter(lambda counts: sum(counts) > 1)


def labels_of(counts: list[int]) -> Tensor:
    """Return so many labels of each class, mixed."""
    labels = torch.repeat_interleave(torch.arange(len(counts)), torch.tensor(counts))
    return labels[torch.randperm(len(labels), generator=seeded(1))]


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@settings(deadline=None, max_examples=30)
@given(COUNTS, st.integers(0, 10**6))
def test_each_class_is_drawn_as_often_and_each_of_its_images(counts: list[int], seed: int) -> None:
    labels_N = labels_of(counts)

    order_N = balanced_order(labels_N, seeded(seed))

    assert len(order_N) == len(labels_N)
    drawn = labels_N[order_N].bincount(minlength=len(counts))
    there = drawn[torch.tensor(counts) > 0]
    assert there.sum() == len(labels_N)
    assert there.max() - there.min() <= 1
    of_image = order_N.bincount(minlength=len(labels_N))
    for number, count in enumerate(counts):
        if count:
            own = of_image[labels_N == number]
            assert own.max() - own.min() <= 1
    assert torch.equal(order_N, balanced_order(labels_N, seeded(seed)))


def test_every_epoch_draws_others_of_a_common_class_in_another_order() -> None:
    labels_N = labels_of([90, 10])

    one, other = (balanced_order(labels_N, seeded(seed)) for seed in (1, 2))

    assert set(one.tolist()) != set(other.tolist())
    assert labels_N[one].tolist() != sorted(labels_N[one].tolist())
    rare = one[labels_N[one] == 1]
    assert rare.bincount(minlength=100)[labels_N == 1].tolist() == [5] * 10


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=8))
def test_balanced_weights_are_scikit_learns(counts: list[int]) -> None:
    labels_N = labels_of(counts)
    names = [str(number) for number in range(len(counts))]

    found = class_weights(children(class_weights="balanced"), labels_N, names)

    expected = compute_class_weight("balanced", classes=np.arange(len(counts)), y=labels_N.numpy())
    assert found is not None
    assert found.tolist() == pytest.approx(expected)


def test_weights_by_name_keep_their_proportion_and_have_the_mean_1_over_the_images() -> None:
    labels_N = labels_of([6, 2])

    found = class_weights(children(class_weights={"dog": 3.0}), labels_N, ["cat", "dog"])
    drawn = class_weights(
        children(class_weights={"dog": 3.0}, sampling="balanced"), labels_N, ["cat", "dog"]
    )

    # the mean is (6 x 1 + 2 x 3) / 8 = 1.5; of as many of each (1 + 3) / 2 = 2
    assert found is not None
    assert drawn is not None
    assert found.tolist() == pytest.approx([1 / 1.5, 3 / 1.5])
    assert drawn.tolist() == pytest.approx([1 / 2, 3 / 2])


def test_classes_that_are_drawn_as_often_weigh_the_same() -> None:
    both = children(class_weights="balanced", sampling="balanced")

    found = class_weights(both, labels_of([30, 3]), ["cat", "dog"])

    assert found is not None
    assert found.tolist() == [1, 1]
    assert class_weights(children(), labels_of([30, 3]), ["cat", "dog"]) is None


def test_an_epoch_of_a_child_has_as_many_images_of_each_class() -> None:
    train = IMAGES.train
    some = torch.cat(
        [(train.labels == number).nonzero()[: (4, 18, 29)[number]] for number in (0, 1, 2)]
    )
    few = ImageTensors(train.images[some.flatten()], train.labels[some.flatten()])
    one = image_trainer(
        children(sampling="balanced", batch_size=17, min_steps=6),
        images=ImageSplits(few, IMAGES.valid),
    )

    labels = torch.cat([y_B for _, y_B in one._batches(1)])

    # 51 images, gone through twice in 3 batches
    assert few.labels.bincount().tolist() == [4, 18, 29]
    assert labels.bincount().tolist() == [34, 34, 34]


@pytest.mark.parametrize("section", ["children", "final.children"])
def test_a_weight_of_no_class_is_refused_before_the_search(tmp_path: Path, section: str) -> None:
    weighted = {"class_weights": {"row": 2.0}}
    parts = {"children": children(**weighted if section == "children" else {})}
    if section == "final.children":
        parts["final"] = {"children": {"kind": "images", **weighted}}
    config = SearchConfig(task=write_toy_images(tmp_path / "toy.npz"), space=IMAGE_SPACE, **parts)

    with pytest.raises(ConfigError) as caught:
        ImageTask(config).prepare()

    assert str(caught.value) == (
        f"{section}.class_weights has a weight of row, which is none of the classes 0, 1, 2"
    )


def test_so_it_is_by_a_trainer() -> None:
    with pytest.raises(ConfigError, match=f"none of the classes {', '.join(CLASSES)}"):
        image_trainer(children(class_weights={"row": 2.0}))
