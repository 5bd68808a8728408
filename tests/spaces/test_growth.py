"""How networks grow until a budget is used up: which rows of sizes there are."""

from __future__ import annotations

import pytest

from nas_lib.config import EnasMicroSpaceConfig, EnasRnnSpaceConfig, SizeConfig
from nas_lib.errors import ConfigError
from nas_lib.spaces.growth import Growth, growth_of_cells

MICRO = EnasMicroSpaceConfig()


def rows(**size: int) -> list[Growth]:
    return [*MICRO.growths(SizeConfig(parameters=1, **size))]


def test_where_both_are_free_filters_grow_at_each_small_number_of_cells() -> None:
    found = rows()

    assert [row.fixed["cells"] for row in found] == [3, 6, 9, 12, 15, 18, 21, 24]  # 3 stages
    assert {row.setting for row in found} == {"filters"}
    # 12 filters per cell of a stage, as published networks have it
    assert [row.wanted for row in found] == [12, 24, 36, 48, 60, 72, 84, 96]


def test_what_is_given_stays_and_the_other_grows() -> None:
    (by_filters,) = rows(cells=6)
    (by_cells,) = rows(filters=20)

    assert by_filters.size(7) == {"cells": 6, "filters": 7}
    assert by_cells.size(9) == {"filters": 20, "cells": 9}
    assert by_cells.values[:3] == range(3, 12, 3)
    assert rows(cells=6, filters=20) == []


def test_a_budget_with_nothing_to_pick_is_refused() -> None:
    with pytest.raises(ConfigError, match="parameters picks those of the other sizes"):
        MICRO.at_size(SizeConfig(parameters=1000, cells=6, filters=20))
    with pytest.raises(ConfigError, match="multiply_adds picks those"):
        EnasRnnSpaceConfig().at_size(SizeConfig(multiply_adds=1000, hidden=20))


def test_a_budget_by_itself_leaves_sizes_as_they_are() -> None:
    assert MICRO.at_size(SizeConfig(parameters=1000)) == MICRO
    assert MICRO.at_size(SizeConfig(parameters=1000, cells=6)).child.cells == 6


def test_half_as_many_as_wanted_is_as_strange_as_twice() -> None:
    row, *_ = growth_of_cells(cells=2, filters=None, cells_per_stage=1, numbers=range(1, 9))

    assert row.wanted == 24
    assert row.strangeness(12) == pytest.approx(row.strangeness(48))
    assert row.strangeness(24) == 0


def test_what_was_picked_takes_the_place_of_the_budget() -> None:
    asked = SizeConfig(parameters=1000, multiply_adds=10, large_stem=8)

    assert asked.budget == {"parameters": 1000, "multiply_adds": 10}
    assert asked.settled({"cells": 3, "filters": 4}) == SizeConfig(cells=3, filters=4, large_stem=8)
