from __future__ import annotations

import math

import pytest
from toy_images import children

from nas_lib.config import ImageWeightsConfig
from nas_lib.records import EpochMetrics
from nas_lib.results.measure import ACCURACY, PERPLEXITY
from nas_lib.training.schedule import best_epoch, learning_rate


def test_a_constant_rate_stays() -> None:
    config = children(learning_rate=0.1, schedule="constant")

    assert [learning_rate(config, progress) for progress in (0, 0.5, 1)] == [0.1, 0.1, 0.1]


def test_a_cosine_falls_from_the_rate_to_zero() -> None:
    config = children(learning_rate=0.1, schedule="cosine")

    rates = [learning_rate(config, progress) for progress in (0, 1 / 3, 0.5, 2 / 3, 1)]

    # 0.1 x (1 + cos) / 2 with cos of 0, 60, 90, 120, 180 degrees: 1, 1/2, 0, -1/2, -1
    assert rates == pytest.approx([0.1, 0.075, 0.05, 0.025, 0])


def test_a_cosine_ends_at_the_lowest_rate() -> None:
    config = children(learning_rate=0.05, min_learning_rate=0.01, schedule="cosine")

    # 0.01 + 0.04 x (1 + cos) / 2
    rates = [learning_rate(config, progress) for progress in (0, 0.5, 1)]
    assert rates == pytest.approx([0.05, 0.03, 0.01])


def test_with_restarts_each_cycle_is_twice_as_long_as_the_one_before() -> None:
    config = children(
        epochs=7,
        learning_rate=0.05,
        min_learning_rate=0.01,
        schedule="cosine_restarts",
        first_cycle=2,
    )

    rates = [learning_rate(config, finished / 7) for finished in range(7)]

    # 0.01 + 0.02 x (1 + cos) at 0, 90 | 0, 45, 90, 135 | 0 degrees; cos 45 = 0.70711
    expected = [0.05, 0.03, 0.05, 0.044142, 0.03, 0.015858, 0.05]
    assert rates == pytest.approx(expected, rel=1e-4)


def test_an_exponential_rate_stays_for_some_epochs_and_then_falls_by_a_factor() -> None:
    config = children(
        epochs=5, learning_rate=20.0, schedule="exponential", decay=0.5, decay_after=2
    )

    rates = [learning_rate(config, finished / 5) for finished in range(5)]

    assert rates == [20, 20, 20, 10, 5]  # the third epoch is the last at 20 x 0.5^0
    assert learning_rate(config, 3.9 / 5) == 10  # within an epoch it stays


def test_an_exponential_rate_may_fall_after_parts_of_epochs() -> None:
    config = children(
        epochs=10,
        learning_rate=8.0,
        schedule="exponential",
        decay=0.5,
        decay_after=0,
        decay_every=2.4,
    )

    passed = (0, 2.3, 2.4, 4.7, 4.8, 7.1, 7.2, 9.6)  # epochs

    assert [learning_rate(config, epochs / 10) for epochs in passed] == [8, 8, 4, 4, 2, 2, 1, 0.5]


@pytest.mark.parametrize("epochs", [1, 7, 150, 310])  # 49 / 310 x 310 is below 49 in floats
def test_with_restarts_the_rate_of_every_epoch_is_that_of_its_place_in_the_cycle(
    epochs: int,
) -> None:
    config = children(epochs=epochs, learning_rate=1.0, schedule="cosine_restarts", first_cycle=1)
    places = [
        place / length for length in (1, 2, 4, 8, 16, 32, 64, 128, 256) for place in range(length)
    ]

    # in the first and the last of 7 steps, counted as the trainer does
    for step in (0, 6 / 7):
        rates = [learning_rate(config, (done + step) / epochs) for done in range(epochs)]
        expected = [0.5 * (1 + math.cos(math.pi * place)) for place in places[:epochs]]
        assert rates == expected


def test_the_published_numbers_of_epochs_end_with_a_cycle() -> None:
    for epochs, last in ((310, 160), (150, 80), (630, 320)):  # 310 = 10 + 20 + 40 + 80 + 160
        config = children(epochs=epochs, learning_rate=1.0, schedule="cosine_restarts")

        rate = learning_rate(config, (epochs - 1) / epochs)

        assert rate == pytest.approx(0.5 * (1 + math.cos(math.pi * (last - 1) / last)), rel=1e-6)


def test_shared_weights_have_the_same_schedules() -> None:
    shared = ImageWeightsConfig(epochs=310)

    # 0.0005 + 0.0495 x (1 + cos) / 2: a cycle begins after 10 epochs; 15 are a quarter of it
    assert learning_rate(shared, 0) == pytest.approx(0.05)
    assert learning_rate(shared, 10 / 310) == pytest.approx(0.05)
    assert learning_rate(shared, 15 / 310) == pytest.approx(0.0005 + 0.0495 * 0.85355, rel=1e-4)


def epochs(*scores: float) -> list[EpochMetrics]:
    return [
        EpochMetrics(number, 1.0, 1.0, score, learning_rate=0.1, seconds=1.0)
        for number, score in enumerate(scores, start=1)
    ]


@pytest.mark.parametrize(
    ("scores", "best"),
    [
        ((0.9, 0.8, 0.5, 0.6, 0.7), 5),  # the first two are better, but only the last three count
        ((0.1, 0.1, 0.7, 0.6, 0.7), 3),  # a tie goes to the earlier one
        ((0.9, 0.8, 0.5, 0.6), 4),  # so far
        ((0.9, 0.8), None),  # none of the last three yet
    ],
)
def test_the_best_of_the_last_epochs_counts(scores: tuple[float, ...], best: int | None) -> None:
    # three of five
    found = best_epoch(epochs(*scores), ACCURACY, after=5 - 3)

    assert (found.epoch if found else None) == best


def test_all_epochs_count_where_there_are_fewer_than_the_last_ones() -> None:
    found = best_epoch(epochs(0.9, 0.8), ACCURACY, after=2 - 5)

    assert found is not None
    assert found.epoch == 1


@pytest.mark.parametrize(("scores", "best"), [((3.0, 5.0, 4.0), 3), ((3.0, 4.0, 4.0), 2)])
def test_of_scores_of_which_fewer_are_better_the_lowest_counts(
    scores: tuple[float, ...], best: int
) -> None:
    found = best_epoch(epochs(*scores), PERPLEXITY, after=3 - 2)

    assert found is not None
    assert found.epoch == best
