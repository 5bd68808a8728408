"""Scores of images with labels, or a number: as scikit-learn has them."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics
from torch import Tensor

from nas_lib.tasks.images.label_scoring import LABEL_SCORINGS, average_precisions
from nas_lib.tasks.images.number_scoring import NUMBER_SCORINGS, metrics_of
from nas_lib.tasks.images.scoring import other_metrics


@st.composite
def told(draw: st.DrawFn) -> tuple[Tensor, Tensor]:
    """Return logits, often equal ones, and labels, of which no image may have some."""
    num_labels, num = draw(st.integers(2, 5)), draw(st.integers(2, 20))
    rng = np.random.default_rng(draw(st.integers(0, 10**6)))
    logits_NK = rng.integers(-3, 4, (num, num_labels)).astype(np.float32) + np.float32(0.5)
    labels_NK = (rng.random((num, num_labels)) < rng.random(num_labels)).astype(np.uint8)
    return torch.from_numpy(logits_NK), torch.from_numpy(labels_NK)


@settings(deadline=None, max_examples=15)
@given(told())
def test_scores_of_labels_are_scikit_learns(found: tuple[Tensor, Tensor]) -> None:
    logits_NK, y_NK = found
    told_NK, labels = (logits_NK > 0).int().numpy(), range(y_NK.shape[1])
    there = [label for label in labels if y_NK[:, label].any()]
    both = [label for label in there if not y_NK[:, label].all()]

    precisions = [
        sklearn_metrics.average_precision_score(y_NK[:, each], logits_NK[:, each]) for each in there
    ]
    areas = [sklearn_metrics.roc_auc_score(y_NK[:, each], logits_NK[:, each]) for each in both]
    known = [each for each in average_precisions(logits_NK, y_NK) if each is not None]
    f1 = sklearn_metrics.f1_score(y_NK, told_NK, average="macro", zero_division=np.nan)
    is_any = bool(y_NK.any() or told_NK.any())
    micro = sklearn_metrics.f1_score(y_NK, told_NK, average="micro") if is_any else math.nan

    assert known == pytest.approx(precisions)
    assert {name: each.of(logits_NK, y_NK) for name, each in LABEL_SCORINGS.items()} == (
        pytest.approx(
            {
                "mean_average_precision": np.mean(precisions) if precisions else math.nan,
                "macro_f1": f1 if is_any else math.nan,
                "micro_f1": micro,
                "auc": np.mean(areas) if areas else math.nan,
                "exact_match": sklearn_metrics.accuracy_score(y_NK, told_NK),
            },
            nan_ok=True,
        )
    )


def test_scores_of_labels_are_those_computed_by_hand() -> None:
    y_NK = torch.tensor([[1, 0], [0, 0], [1, 1], [0, 1]])
    logits_NK = torch.tensor([[3.0, -1.0], [2.0, -2.0], [1.0, 2.0], [-1.0, -3.0]])
    scores = {name: each.of(logits_NK, y_NK) for name, each in LABEL_SCORINGS.items()}

    # first label: right are the 1st and 3rd of the order: (1/1 + 2/3) / 2; second: 1st and 4th
    assert scores["mean_average_precision"] == pytest.approx(
        ((1 + 2 / 3) / 2 + (1 + 2 / 4) / 2) / 2
    )
    # first: 2 x 2 / (2 true + 3 told); second: 2 x 1 / (2 + 1)
    assert scores["macro_f1"] == pytest.approx((4 / 5 + 2 / 3) / 2)
    assert scores["micro_f1"] == pytest.approx(2 * 3 / (4 + 4))
    assert scores["auc"] == pytest.approx((3 / 4 + 2 / 4) / 2)
    assert scores["exact_match"] == 2 / 4
    others = [each.name for each in other_metrics("micro_f1", logits_NK, y_NK, LABEL_SCORINGS)]
    assert others == ["mean average precision", "macro F1", "AUC", "exact match"]


def test_errors_of_numbers_are_scikit_learns_in_their_own_unit() -> None:
    generator = torch.Generator().manual_seed(3)
    true_N = 100 + 20 * torch.randn(50, dtype=torch.float64, generator=generator)
    told_N = true_N + 5 * torch.randn(50, dtype=torch.float64, generator=generator)
    found = {each.name: each.value for each in metrics_of(told_N, true_N)}

    assert found == pytest.approx(
        {
            "RMSE": sklearn_metrics.root_mean_squared_error(true_N, told_N),
            "MAE": sklearn_metrics.mean_absolute_error(true_N, told_N),
            "MSE": sklearn_metrics.mean_squared_error(true_N, told_N),
            "R2": sklearn_metrics.r2_score(true_N, told_N),
        }
    )
    standardised = ((each - 100) / 20 for each in (told_N[:, None], true_N))
    assert NUMBER_SCORINGS["mse"].of(*standardised) == pytest.approx(found["MSE"] / 20**2)


@pytest.mark.parametrize(
    ("name", "labels", "sentence"),
    [
        ("micro_f1", [[0, 0], [0, 0]], "micro F1 needs test images with labels, got none that has"),
        ("auc", [[1, 0], [1, 0]], "AUC needs test images with a label and some without it"),
        ("exact_match", [[0, 0], [0, 0]], ""),
    ],
)
def test_scores_that_say_nothing_of_some_labels_say_so(
    name: str, labels: list[list[int]], sentence: str
) -> None:
    scoring = LABEL_SCORINGS[name]  # type: ignore[index]
    said = scoring.misfit("test", np.array(labels), num_classes=2)
    assert said.startswith(sentence)
    assert bool(said) == bool(sentence)
