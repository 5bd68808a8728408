from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nas_lib.config.series import Lengths
from nas_lib.errors import DataError
from nas_lib.tasks.series.fitting import completed, each_standardised, fitted, of_length
from nas_lib.tasks.series.found import Array

lengths: st.SearchStrategy[Lengths] = st.sampled_from(["pad", "crop", "resample"])
shapes = st.tuples(st.integers(1, 3), st.integers(1, 9))
some = arrays(np.float64, shapes, elements=st.floats(-9, 9))


@settings(max_examples=50, deadline=None)
@given(some, st.integers(1, 12), lengths)
def test_any_series_becomes_of_any_length_and_keeps_its_beginning(
    series: Array, length: int, how: Lengths
) -> None:
    found = of_length(series, length, how)

    assert found.shape == (series.shape[0], length)
    np.testing.assert_array_equal(found[:, 0], series[:, 0])
    assert found.min() >= series.min()
    assert found.max() <= series.max()
    if length == series.shape[1]:
        np.testing.assert_array_equal(found, series)
    if how == "resample" and length > 1:
        np.testing.assert_allclose(found[:, -1], series[:, -1])


@settings(max_examples=50, deadline=None)
@given(some, st.data())
def test_known_values_stay_and_missing_ones_lie_between_those_beside_them(
    series: Array, data: st.DataObject
) -> None:
    is_missing = data.draw(arrays(np.bool_, series.shape))
    is_missing[:, data.draw(st.integers(0, series.shape[1] - 1))] = False
    with_gaps = np.where(is_missing, np.nan, series)

    (found,), notice = completed([with_gaps], "interpolate", str, "x")

    assert not np.isnan(found).any()
    np.testing.assert_array_equal(found[~is_missing], series[~is_missing])
    assert bool(notice) == bool(is_missing.any())
    for known, whole in zip(with_gaps, found, strict=True):
        assert np.nanmin(known) <= whole.min()
        assert whole.max() <= np.nanmax(known)


def test_a_gap_is_filled_along_a_straight_line() -> None:
    series = np.array([[np.nan, 1, np.nan, np.nan, 4]])

    (found,), notice = completed([series], "interpolate", str, "")

    assert found.tolist() == [[1, 1, 2, 3, 4]]
    assert notice == "3 values of 1 of 1 series were missing and were interpolated"


def test_a_channel_without_any_value_is_refused() -> None:
    with pytest.raises(DataError, match="1 series have a channel without any value, such as 0"):
        completed([np.array([[1.0], [np.nan]])], "interpolate", str, "x")


def test_a_series_standardised_by_itself_does_not_depend_on_its_scale() -> None:
    rng = np.random.default_rng(0)
    series = rng.normal(size=(5, 2, 40)).astype(np.float32)

    found = each_standardised(series)

    np.testing.assert_allclose(found.mean(axis=2), 0, atol=1e-6)
    np.testing.assert_allclose(found.std(axis=2), 1, rtol=1e-5)
    np.testing.assert_allclose(each_standardised(3 * series + 5), found, atol=1e-5)


def test_a_flat_series_standardised_by_itself_is_zero() -> None:
    flat = np.full((1, 1, 7), 1e6 + 0.1, np.float32)

    assert each_standardised(flat).tolist() == [[[0.0] * 7]]


def test_series_of_a_model_are_refused_in_other_words() -> None:
    with pytest.raises(DataError, match="which has 2: the model's data all had so many"):
        fitted([np.zeros((1, 2))], 3, "refuse", "series {}".format, "x", is_of_model=True)
    with pytest.raises(DataError, match="the model's data had none missing"):
        completed([np.array([[np.nan, 1]])], "refuse", str, "x", is_of_model=True)
