"""Every procedure that a search may have is told of, and compared."""

from __future__ import annotations

import pytest
from synthetic import final_view, search_view, shared_view, transfer_view

from nas_lib.config.procedures import PROCEDURES
from nas_lib.procedures import Procedure, procedure_of
from nas_lib.report.reporter import Reporter, reporter_of
from nas_lib.results import SearchView
from nas_lib.results.yardsticks import Yardstick, yardstick_of

VIEWS = {
    "rounds": search_view(40),
    "shared": shared_view(),
    "final": final_view([0.7, 0.8], [0.6, 0.7], test=[[0.7, 0.7]], retrained=0.75),
    "transfer": transfer_view(),
}


def test_every_kind_is_told_of_here() -> None:
    assert VIEWS.keys() == PROCEDURES.keys()


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_settings_name_what_works_reports_and_compares_by_them(view: SearchView) -> None:
    assert isinstance(procedure_of(view.config), Procedure)
    assert isinstance(reporter_of(view), Reporter)
    assert isinstance(yardstick_of(view.config.search.kind), Yardstick)


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_a_comparison_shows_all_that_a_yardstick_measures(view: SearchView) -> None:
    yardstick = yardstick_of(view.config.search.kind)
    values, curves = yardstick.values(view), yardstick.curves(view)
    figures = set(yardstick.quantities)
    assert figures == set(values) | (figures & set(curves))
    assert list(reporter_of(view).comparison.charts) == list(curves)
