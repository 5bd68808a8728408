from __future__ import annotations

import numpy as np
import pytest

from benchmarks.studies.reward_variance import RewardVariance


def test_the_parts_of_a_rewards_variance_by_hand() -> None:
    parts = RewardVariance.of(np.array([[0.0, 2.0], [1.0, 5.0]]))

    # Architectures' means 1 and 3: variance 2. Batches' 0.5 and 3.5: variance 4.5. What is left is
    # 0 - 1 - 0.5 + 2 = 0.5, and in the others 0.5 up or down too: 4 x 0.25 of one degree of freedom
    # is 1. Half of that is in each variance of means of two: 2 - 0.5, and 4.5 - 0.5.
    assert parts == RewardVariance(architecture=1.5, batch=4.0, rest=1.0)
    assert parts.shared_noise == pytest.approx(4 / 5)


def test_a_part_that_chance_makes_negative_is_none() -> None:
    assert RewardVariance.of(np.array([[1.0, 2.0], [2.0, 1.0]])) == RewardVariance(0.0, 0.0, 1.0)


def test_known_parts_are_found_again() -> None:
    rng = np.random.default_rng(0)
    found = [
        RewardVariance.of(
            rng.normal(0, 2, (10, 1)) + rng.normal(0, 3, (1, 32)) + rng.normal(0, 1.5, (10, 32))
        )
        for _ in range(500)
    ]

    assert np.mean([each.architecture for each in found]) == pytest.approx(2**2, rel=0.1)
    assert np.mean([each.batch for each in found]) == pytest.approx(3**2, rel=0.1)
    assert np.mean([each.rest for each in found]) == pytest.approx(1.5**2, rel=0.1)
