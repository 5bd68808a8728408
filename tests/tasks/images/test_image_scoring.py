"""Scores of images: as scikit-learn has them, and what becomes of them where it has none."""

from __future__ import annotations

import math
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics
from torch import Tensor
from toy_images import IMAGE_SPACE, children, image_trainer, write_toy_images

from nas_lib.config import ImageTaskConfig, NpzData, SearchConfig
from nas_lib.config.tasks import ImageScore
from nas_lib.errors import DataError
from nas_lib.tasks import ImageTask
from nas_lib.tasks.images.scoring import SCORINGS, other_metrics
from nas_lib.training.epoch_trainer import DivergedError

NAN = float("nan")


@st.composite
def told(draw: st.DrawFn) -> tuple[Tensor, Tensor]:
    """Return logits, often equal ones, and classes, of which some may have no image."""
    num_classes, num = draw(st.integers(2, 8)), draw(st.integers(2, 30))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    logits_NK = rng.integers(-2, 3, (num, num_classes)).astype(np.float32)
    return torch.from_numpy(logits_NK), torch.from_numpy(rng.integers(0, num_classes, num))


@settings(deadline=None, max_examples=30)
@given(told())
def test_scores_of_classes_are_scikit_learns(found: tuple[Tensor, Tensor]) -> None:
    logits_NK, y_N = found
    classes_N = logits_NK.argmax(dim=1)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of classes without images
        balanced = sklearn_metrics.balanced_accuracy_score(y_N, classes_N)
    f1 = sklearn_metrics.f1_score(y_N, classes_N, average="macro")
    assert score("balanced_accuracy", logits_NK, y_N) == pytest.approx(balanced)
    assert score("macro_f1", logits_NK, y_N) == pytest.approx(f1)
    assert score("accuracy", logits_NK, y_N) == sklearn_metrics.accuracy_score(y_N, classes_N)


@settings(deadline=None, max_examples=30)
@given(told())
def test_areas_are_scikit_learns_of_each_class_that_has_one(found: tuple[Tensor, Tensor]) -> None:
    logits_NK, y_N = found
    probability_NK = logits_NK.double().softmax(dim=1)

    areas = [
        sklearn_metrics.roc_auc_score(y_N == number, probability_NK[:, number])
        for number in set(y_N.tolist())
        if len(set(y_N.tolist())) > 1
    ]

    expected = np.mean(areas) if areas else NAN
    assert score("auc", logits_NK, y_N) == pytest.approx(expected, nan_ok=True)


def test_with_all_classes_there_the_whole_area_is_scikit_learns() -> None:
    generator = torch.Generator().manual_seed(3)
    for num_classes in (2, 7):
        logits_NK = torch.randn(60, num_classes, generator=generator)
        y_N = torch.arange(60) % num_classes
        probability_NK = logits_NK.double().softmax(dim=1)
        expected = sklearn_metrics.roc_auc_score(
            y_N, probability_NK[:, 1] if num_classes == 2 else probability_NK, multi_class="ovr"
        )
        assert score("auc", logits_NK, y_N) == pytest.approx(expected)
    top_5 = sklearn_metrics.top_k_accuracy_score(y_N, probability_NK, k=5)
    assert score("top_5", logits_NK, y_N) == pytest.approx(top_5)
    assert 0.5 < top_5 < 1


def test_scores_are_those_computed_by_hand() -> None:
    y_N = torch.tensor([0, 0, 0, 0, 1])
    logits_NK = torch.tensor([[2.0, 0.0], [2.0, 0.0], [2.0, 0.0], [0.0, 1.0], [1.0, 0.0]])

    assert score("accuracy", logits_NK, y_N) == 3 / 5
    assert score("balanced_accuracy", logits_NK, y_N) == (3 / 4 + 0) / 2
    # class 0: 2 x 3 / (4 true + 4 told); class 1: none right
    assert score("macro_f1", logits_NK, y_N) == pytest.approx((6 / 8 + 0) / 2)
    # of the 4 pairs of the one image of class 1 with others it is the likelier of it in 3
    assert score("auc", logits_NK, y_N) == 3 / 4


def test_a_class_without_images_is_left_out_but_of_f1_where_images_are_told_to_be_of_it() -> None:
    y_N = torch.tensor([0, 1])
    logits_NK = torch.eye(3)[[0, 1]]
    assert {name: score(name, logits_NK, y_N) for name in SCORINGS if name != "top_5"} == {
        "accuracy": 1,
        "balanced_accuracy": 1,
        "macro_f1": 1,
        "auc": 1,
    }
    told_to_be_of_it_NK = torch.eye(3)[[0, 2]]
    assert score("balanced_accuracy", told_to_be_of_it_NK, y_N) == 1 / 2
    assert score("macro_f1", told_to_be_of_it_NK, y_N) == pytest.approx(1 / 3)


def test_there_is_no_area_where_all_are_of_one_class_or_a_logit_is_no_number() -> None:
    one_class = torch.zeros(3, dtype=torch.int64)
    assert math.isnan(score("auc", torch.randn(3, 2), one_class))
    broken_NK = torch.tensor([[0.0, NAN], [0.0, 1.0]])
    assert math.isnan(score("auc", broken_NK, torch.tensor([0, 1])))
    assert "AUC" not in [each.name for each in other_metrics("accuracy", broken_NK, one_class[:2])]


def test_a_network_whose_logits_are_no_numbers_has_diverged() -> None:
    one = image_trainer(children())
    one._scoring = SCORINGS["auc"]
    with torch.no_grad():
        dict(one.network.named_parameters())["classifier.weight"].fill_(NAN)

    with pytest.raises(DivergedError, match="in epoch 1 the training loss became nan"):
        one.run_epoch()


def test_top_5_is_told_of_six_classes_or_more() -> None:
    for num_classes in (5, 6):
        metrics = other_metrics("auc", torch.randn(9, num_classes), torch.arange(9) % num_classes)
        assert ("top-5 accuracy" in [each.name for each in metrics]) == (num_classes == 6)


# --- of a task ---------------------------------------------------------------------------------


def task_of(folder: Path, score: ImageScore) -> ImageTask:
    task = write_toy_images(folder / "toy.npz").model_copy(update={"score": score})
    return ImageTask(SearchConfig(task=task, space=IMAGE_SPACE, children=children()))


@pytest.mark.parametrize(
    ("score", "labels", "sentence"),
    [
        ("top_5", [0, 1, 2], "task.score top_5: top-5 accuracy is for 6 classes or more, got 3"),
        (
            "auc",
            [1],
            "task.score auc: AUC needs test images of two classes or more, got those of one",
        ),
    ],
)
def test_a_score_that_says_nothing_of_the_data_is_refused_before_the_search(
    tmp_path: Path, score: ImageScore, labels: list[int], sentence: str
) -> None:
    task = task_of(tmp_path, score)
    assert isinstance(task.config.task, ImageTaskConfig)
    assert isinstance(task.config.task.data, NpzData)
    arrays = dict(np.load(task.config.task.data.path))
    arrays["y_test"] = np.resize(labels, len(arrays["y_test"]))
    np.savez(task.config.task.data.path, **arrays)

    with pytest.raises(DataError, match=sentence):
        task.prepare()


def test_only_of_a_share_of_images_is_it_known_by_their_number_how_sure_it_is() -> None:
    shares = {name for name, each in SCORINGS.items() if each.measure.is_share}
    assert shares == {"accuracy", "top_5"}


def score(name: ImageScore, logits_NK: Tensor, y_N: Tensor) -> float:
    return SCORINGS[name].of(logits_NK, y_N)
