"""The study of rare classes: how rare they are, and what is told of a test."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.studies.imbalance import MOST, NUM_TEST, RATIO, class_sizes, told, write_digits


def test_the_commonest_digit_has_twenty_times_the_images_of_the_rarest(tmp_path: Path) -> None:
    write_digits(tmp_path / "digits.npz", seed=1)

    arrays = np.load(tmp_path / "digits.npz")
    sizes = sorted(np.bincount(arrays["y_train"]).tolist(), reverse=True)
    assert sizes == class_sizes(10)
    assert (sizes[0], sizes[-1]) == (MOST, MOST / RATIO)
    assert np.bincount(arrays["y_test"]).tolist() == [NUM_TEST] * 10


def test_a_test_tells_rare_and_common_classes_apart() -> None:
    y_N = torch.tensor([0, 0, 1, 1, 2, 2, 3, 3])
    logits_NK = torch.eye(4)[[0, 0, 1, 1, 2, 0, 0, 0]]
    trained_N = torch.tensor([0] * 5 + [1] * 3 + [2] + [3])

    found = told(logits_NK, y_N, trained_N)

    # recalls 1, 1, 1/2, 0: of classes that are 0.5, 0.3, 0.1 and 0.1 of the training images
    assert found["balanced_accuracy"] == 2.5 / 4
    assert found["accuracy, classes as common as in training"] == pytest.approx(0.85)
    assert found["recall of the commonest three"] > found["recall of the rarest three"]
