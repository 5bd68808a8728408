from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Generator, Tensor

from nas_lib.config import SeriesAugmentConfig
from nas_lib.tasks.series.augmentation import augment_series


def changed(x_BC1W: Tensor, seed: int = 0, **augment: float) -> Tensor:
    settings_ = SeriesAugmentConfig.model_validate(augment)
    return augment_series(x_BC1W, settings_, Generator().manual_seed(seed))


def series(num: int = 200, channels: int = 2, steps: int = 12) -> Tensor:
    return torch.arange(1.0, num * channels * steps + 1).reshape(num, channels, 1, steps)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(1, 4),
    st.integers(1, 3),
    st.integers(1, 20),
    st.integers(0, 30),
    st.floats(0, 1),
    st.floats(0, 0.9),
    st.integers(0, 30),
)
def test_shapes_stay_numbers_are_finite_and_the_seed_decides(
    num: int, channels: int, steps: int, shift: int, noise: float, scale: float, cutout: int
) -> None:
    x = series(num, channels, steps)
    augment = {"shift": shift, "noise": noise, "scale": scale, "cutout": cutout}

    found = changed(x, 3, **augment)

    assert found.shape == x.shape
    assert found.isfinite().all()
    assert torch.equal(found, changed(x, 3, **augment))
    assert torch.equal(x, series(num, channels, steps))


def test_nothing_is_changed_by_itself() -> None:
    assert torch.equal(changed(series()), series())


def test_a_shift_holds_the_value_at_the_end_and_is_the_same_for_all_channels() -> None:
    x = series()

    found = changed(x, shift=3)

    by = []
    for one, moved in zip(x[:, :, 0], found[:, :, 0], strict=True):
        fits = [
            steps
            for steps in range(-3, 4)
            if torch.equal(moved, one[:, (torch.arange(12) - steps).clamp(0, 11)])
        ]
        assert len(fits) == 1
        by += fits
    assert {*by} == {-3, -2, -1, 0, 1, 2, 3}


def test_each_channel_is_scaled_by_a_factor_of_its_own() -> None:
    factor_BC = (changed(series(), scale=0.25) / series())[:, :, 0]

    assert factor_BC.std(dim=2).max() < 1e-5  # one for all steps
    first_BC = factor_BC[:, :, 0]
    assert 0.75 <= first_BC.min() < 0.77
    assert 1.23 < first_BC.max() <= 1.25
    assert (first_BC[:, 0] != first_BC[:, 1]).all()


def test_noise_has_its_deviation() -> None:
    added = changed(torch.zeros(200, 2, 1, 12), noise=0.5)

    assert added.mean() == pytest.approx(0, abs=0.03)  # 0.5 / sqrt(4800) = 0.007
    assert added.std() == pytest.approx(0.5, rel=0.05)


def test_a_cutout_blanks_steps_that_follow_each_other_in_all_channels() -> None:
    found = changed(series(), cutout=4)

    blank_BW = (found == 0).all(dim=1)[:, 0]
    assert torch.equal(blank_BW[:, None, None].expand_as(found), found == 0)
    counts = blank_BW.sum(dim=1)
    assert {*counts.tolist()} == {2, 3, 4}  # fewer at an end: 4 // 2 before the place
    steps_B = (blank_BW[:, 1:] != blank_BW[:, :-1]).sum(dim=1)
    assert steps_B.max() <= 2
