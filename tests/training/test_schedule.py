from __future__ import annotations

import pytest
from toy_images import children

from nas_lib.config import RewardConfig
from nas_lib.records import EpochMetrics
from nas_lib.training.schedule import best_epoch, learning_rate


def test_a_constant_rate_stays() -> None:
    config = children(learning_rate=0.1, schedule="constant")

    assert [learning_rate(config, progress) for progress in (0, 0.5, 1)] == [0.1, 0.1, 0.1]


def test_a_cosine_falls_from_the_rate_to_zero() -> None:
    config = children(learning_rate=0.1, schedule="cosine")

    rates = [learning_rate(config, progress) for progress in (0, 1 / 3, 0.5, 2 / 3, 1)]

    # 0.1 x (1 + cos) / 2 with cos of 0, 60, 90, 120, 180 degrees: 1, 1/2, 0, -1/2, -1
    assert rates == pytest.approx([0.1, 0.075, 0.05, 0.025, 0])


def epochs(*accuracies: float) -> list[EpochMetrics]:
    return [
        EpochMetrics(number, 1.0, 1.0, accuracy, learning_rate=0.1, seconds=1.0)
        for number, accuracy in enumerate(accuracies, start=1)
    ]


@pytest.mark.parametrize(
    ("accuracies", "best"),
    [
        ((0.9, 0.8, 0.5, 0.6, 0.7), 5),  # the first two are better, but only the last three count
        ((0.1, 0.1, 0.7, 0.6, 0.7), 3),  # a tie goes to the earlier one
        ((0.9, 0.8, 0.5, 0.6), 4),  # so far
        ((0.9, 0.8), None),  # none of the last three yet
    ],
)
def test_the_best_of_the_last_epochs_counts(
    accuracies: tuple[float, ...], best: int | None
) -> None:
    config = children(epochs=5, reward=RewardConfig(last_epochs=3))

    found = best_epoch(epochs(*accuracies), config)

    assert (found.epoch if found else None) == best


def test_all_epochs_count_where_there_are_fewer_than_the_last_ones() -> None:
    config = children(epochs=2, reward=RewardConfig(last_epochs=5))

    found = best_epoch(epochs(0.9, 0.8), config)

    assert found is not None
    assert found.epoch == 1
