"""Standings against hand-computed ones: means of all trainings, before all that was seen once."""

from __future__ import annotations

import pytest

from nas_lib.architecture import Architecture
from nas_lib.config import SearchConfig
from nas_lib.records import ChildRow, Status
from nas_lib.results import PERPLEXITY, SearchView, standings, winner
from nas_lib.results.standings import by_mean


def row(
    number: int,
    name: str,
    score: float | None,
    *,
    round: int = 0,
    again: int | None = None,
    status: Status = "ok",
    size: int | None = None,
    reward: float | None = None,
) -> ChildRow:
    """Return a child of the architecture of this name; one that trains child `again` again."""
    return ChildRow(
        id=f"r000-{round:06d}-{number:02d}",
        architecture=Architecture("toy", (), name),
        status=status,
        reward=(score or 0.0) if reward is None else reward,
        score=score,
        num_parameters=size,
        num_multiply_adds=None,
        seconds=1.0,
        confirms=None if again is None else f"r000-000000-{again:02d}",
    )


LUCKY = [row(0, "a", 0.90), row(1, "b", 0.88), row(2, "c", 0.86), row(3, "d", 0.50)]
AGAIN = [
    row(0, "a", 0.80, round=1, again=0),
    row(1, "b", 0.89, round=1, again=1),
    row(2, "a", 0.82, round=1, again=0),
    row(3, "b", 0.87, round=1, again=1),
]


def test_the_best_mean_comes_first_and_what_was_seen_once_last() -> None:
    found = standings([*LUCKY, *AGAIN])

    assert [each.first.architecture.config for each in found] == ["b", "a", "c", "d"]
    # b: (.88 + .89 + .87) / 3; a: (.90 + .80 + .82) / 3, which is below c's one .86
    assert [each.seeds.mean for each in found] == pytest.approx([0.88, 0.84, 0.86, 0.5])
    # b: deviations 0, .01, -.01: sqrt(.0002 / 2); a: .06, -.04, -.02: sqrt(.0056 / 2)
    assert found[0].seeds.spread == pytest.approx(0.01)
    assert found[1].seeds.spread == pytest.approx(0.0028**0.5)
    assert [each.seeds.spread for each in found[2:]] == [None, None]
    assert [len(each.seeds.scores) for each in found] == [3, 3, 1, 1]
    assert [each.is_confirmed for each in found] == [True, True, False, False]


def test_without_confirmation_it_is_the_leaderboard() -> None:
    twice = row(4, "a", 0.85)
    found = standings([*LUCKY, twice])

    assert [each.row for each in found] == [*LUCKY[:3], twice, LUCKY[3]]


def test_where_lower_is_better_so_is_the_lower_mean() -> None:
    rows = [
        row(0, "a", 80.0, reward=0.5),
        row(1, "b", 90.0, reward=0.4),
        row(0, "a", 120.0, round=1, again=0),
        row(1, "b", 92.0, round=1, again=1),
    ]
    view = SearchView("memory://x", SearchConfig(), measure=PERPLEXITY, rows=tuple(rows))

    assert [each.first.id for each in view.standings] == [rows[1].id, rows[0].id]
    assert view.best is not None
    assert view.best.seeds.mean == 91.0


def test_one_that_failed_when_it_was_trained_again_comes_after_those_that_did_not() -> None:
    rows = [*LUCKY, *AGAIN, row(4, "b", None, round=1, again=1, status="diverged")]
    first, second = standings(rows)[:2]

    assert (first.first.architecture.config, first.num_failed) == ("a", 0)
    assert (second.first.architecture.config, second.num_failed) == ("b", 1)
    assert second.seeds.mean == pytest.approx(0.88)


@pytest.mark.parametrize("status", ["crashed", "missing"])
def test_one_that_the_machine_took_does_not_count(status: Status) -> None:
    rows = [*LUCKY, *AGAIN, row(4, "b", None, round=1, again=1, status=status)]

    assert standings(rows)[0] == standings([*LUCKY, *AGAIN])[0]


def test_the_best_training_whose_weights_are_kept_stands_for_its_architecture() -> None:
    rows = [*LUCKY, *AGAIN]

    assert standings(rows)[1].row == LUCKY[0]
    assert standings(rows, kept={AGAIN[0].id, AGAIN[2].id})[1].row == AGAIN[2]
    assert standings(rows, kept={"r000-000000-03"})[1].row == LUCKY[0]


def test_of_equal_means_the_smaller_network_comes_first() -> None:
    rows = [row(0, "a", 0.5, size=20), row(1, "b", 0.5, size=10)]
    again = [row(number, name, 0.5, round=1, again=number) for number, name in enumerate("ab")]

    assert [each.first.id for each in standings([*rows, *again])] == [rows[1].id, rows[0].id]


def test_means_count_what_was_seen_once_too_where_it_is_to_be_known_what_lacks_trainings() -> None:
    found = by_mean([*LUCKY, *AGAIN], higher_is_better=True)

    assert [each.first.architecture.config for each in found] == ["b", "c", "a", "d"]


def test_the_first_ranking_is_still_known() -> None:
    assert winner([*LUCKY, *AGAIN, row(5, "a", 0.99, round=1, again=0)]) == LUCKY[0]
