"""What reports say of networks that were trained again."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from nas_lib.architecture import Architecture
from nas_lib.config import CustomSpaceConfig, RoundsConfig, SearchConfig
from nas_lib.kubeflow_artifacts import report_of
from nas_lib.open_search import OpenSearch
from nas_lib.records import ChildRow
from nas_lib.report import leaderboard_json, leaderboard_text, search_page, summary_lines
from nas_lib.report.children import terminal_leaderboard
from nas_lib.report.confirmation import confirmation_lines
from nas_lib.results import ACCURACY, OWN, PERPLEXITY, Measure, SearchView


def row(number: int, name: str, score: float, *, again: int | None = None) -> ChildRow:
    return ChildRow(
        id=f"r000-{0 if again is None else 1:06d}-{number:02d}",
        architecture=Architecture("toy", (), name),
        status="ok",
        reward=score,
        score=score,
        num_parameters=None,
        num_multiply_adds=None,
        seconds=1.0,
        confirms=None if again is None else f"r000-000000-{again:02d}",
    )


FIRST = (row(0, "a", 0.90), row(1, "b", 0.88), row(2, "c", 0.86))
AGAIN = (
    row(0, "a", 0.80, again=0),
    row(1, "b", 0.89, again=1),
    row(2, "a", 0.82, again=0),
    row(3, "b", 0.87, again=1),
)


def view_of(*rows: ChildRow, measure: Measure = ACCURACY, finished: bool = True) -> SearchView:
    return SearchView(
        "memory://x",
        SearchConfig(
            name="toy",
            space=CustomSpaceConfig(object="inline"),
            search=RoundsConfig(max_children=8),
        ),
        measure=measure,
        rows=rows,
        num_children=3,
        num_again=4,
        finished=finished,
    )


def test_what_confirmation_changed_is_said() -> None:
    first, second = confirmation_lines(view_of(*FIRST, *AGAIN))

    assert first == "The best 2 were trained again with other seeds, 4 trainings in all."
    # a: .90, .80, .82, with mean .84 and deviation sqrt(.0056 / 2); b: .88, .89, .87
    assert second == (
        "r000-000000-00, the best at first with 90.00 %, comes to 84.00 \u00b1 5.29 % in 3 "
        "trainings: 6.00 points of it was luck; the best is "
        "r000-000000-01, with 88.00 \u00b1 1.00 %."
    )


def test_a_first_winner_that_was_not_lucky_stays() -> None:
    better = [replace(each, score=0.95, reward=0.95) for each in AGAIN[::2]]
    _, second = confirmation_lines(view_of(*FIRST, *better))
    assert second.endswith("in 3 trainings; it is the best still.")


def test_where_lower_is_better_luck_is_what_was_too_low() -> None:
    rows = (
        replace(row(0, "a", 80.0), reward=0.5),
        replace(row(1, "b", 90.0), reward=0.4),
        row(0, "a", 84.0, again=0),
        row(1, "b", 90.0, again=1),
    )
    _, second = confirmation_lines(view_of(*rows, measure=PERPLEXITY))
    assert "80, comes to 82 \u00b1 2.8 in 2 trainings: 2 of it was luck; it is the best" in second


def test_nothing_is_said_of_luck_before_all_are_trained_or_where_none_is() -> None:
    assert len([*confirmation_lines(view_of(*FIRST, *AGAIN, finished=False))]) == 1
    assert [*confirmation_lines(view_of(*FIRST))] == []


def test_tables_say_mean_spread_and_how_many_trainings() -> None:
    view = view_of(*FIRST, *AGAIN)
    text = leaderboard_text(view, 3).split("\n")
    shown = io.StringIO()
    Console(file=shown, width=80).print(terminal_leaderboard(view, 3, caption=""))

    assert "r000-000001-01  88.00 \u00b1 1.00 % (3)" in text[1]
    assert "r000-000000-00  84.00 \u00b1 5.29 % (3)" in text[2]
    assert "r000-000000-02  86.00 %" in text[3]
    assert "88.00 \u00b1 1.00 % (3)" in shown.getvalue()
    assert "88.00 \u00b1 1.00 % (3)" in search_page(view)


def test_the_summary_counts_them_apart_from_children() -> None:
    assert summary_lines(view_of(*FIRST, *AGAIN))[0] == (
        "toy: 3 of 3 children, 4 of 4 trainings of the best again, best mean validation accuracy "
        "88.00 \u00b1 1.00 % of 3 trainings (r000-000001-01), finished"
    )


def test_json_has_them() -> None:
    told = leaderboard_json(view_of(*FIRST, *AGAIN, measure=OWN), 3)
    best, _, last = told["leaderboard"]

    assert (told["search"]["children"], told["search"]["trained_again"]) == (3, 4)
    assert (best["child"], best["trainings"]) == ("r000-000001-01", 3)
    assert (round(best["mean_score"], 4), round(best["spread"], 4)) == (0.88, 0.01)
    assert (last["trainings"], last["spread"]) == (1, None)


def test_kubeflow_is_told_the_mean() -> None:
    metrics = report_of(OpenSearch("memory://x"), view_of(*FIRST, *AGAIN)).metrics

    assert round(metrics["best score"], 4) == 0.88
    assert round(metrics["spread of the best"], 4) == 0.01
    assert (metrics["trainings of the best"], metrics["children"]) == (3, 3)
