"""One round in one pod: how long it waits for its last children."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
import searches
from searches import tabular

from nas_lib import pods, steps
from nas_lib.open_search import OpenSearch
from nas_lib.records import ChildResult, Rewarded, Status
from nas_lib.steps import RoundSummary, view_search
from nas_lib.store import SearchStore, layout

RUN = "run"
HANGING = "searches:hanging_at_the_least"
FIRST, SECOND, THIRD, LAST = CHILDREN = [f"r000-000000-{index:02d}" for index in range(4)]
SEED = 166
"""With this one LAST, and none but LAST, has the numbers 1, 1 and 1."""


def prepared(folder: Path, evaluate: str = HANGING, **rounds: float) -> str:
    """A search of two rounds of four children, the first of whom are sampled."""
    uri = str(folder)
    config = tabular(evaluate, max_children=8, **rounds).model_copy(update={"seed": SEED})
    steps.prepare_data(OpenSearch(uri), config=config)
    assert steps.sample_architectures(OpenSearch(uri), replica=0, run=RUN) == CHILDREN
    return uri


def train(uri: str, children: list[str] = CHILDREN) -> list[float]:
    return pods.train_children(OpenSearch(uri), children=children, run=RUN)


def learn(uri: str) -> RoundSummary:
    summary = steps.aggregate_rewards(OpenSearch(uri), children=CHILDREN, run=RUN)
    steps.update_controller(OpenSearch(uri), replica=0, round=0, run=RUN)
    return summary


def rewards_of(summary: RoundSummary) -> Rewarded:
    assert summary.rewarded is not None
    return summary.rewarded


def settle(uri: str, child: str, status: Status) -> None:
    SearchStore.open(uri).settle(layout.child_result(child), ChildResult(child, status, 0.0))


def result(uri: str, child: str) -> ChildResult | None:
    return SearchStore.open(uri).find(ChildResult, layout.child_result(child))


def right_rewards(uri: str) -> list[float]:
    children = SearchStore.open(uri).proposed(FIRST).children
    return [searches.product(child.architecture) for child in children]


def wait_until_gone(process: str) -> None:
    deadline_s = time.monotonic() + 5
    stat = Path(f"/proc/{process}/stat")
    while stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < deadline_s, f"still alive: {process}"
        time.sleep(0.05)


def test_a_round_that_has_enough_closes_without_a_child_that_hangs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    uri = prepared(tmp_path / "state", wait_for=3, grace_s=0.5)

    given = train(uri)
    rewarded = rewards_of(learn(uri))

    assert given == [*right_rewards(uri)[:3], 0.0]
    assert [row.status for row in rewarded.rows] == ["ok", "ok", "ok", "missing"]
    assert rewarded.rows[3].message == "had no result when 3 of 4 children had one"
    (file,) = tmp_path.glob("hanging-*.pid")
    wait_until_gone(file.stem.removeprefix("hanging-"))


def test_the_controller_learns_from_the_others_as_if_the_missing_one_had_crashed(
    tmp_path: Path,
) -> None:
    """A child that crashed stays out of gradient and baseline."""
    uris = [prepared(tmp_path / name, wait_for=3, grace_s=60) for name in ("one", "other")]
    settle(uris[1], LAST, "crashed")
    for uri in uris:
        train(uri, CHILDREN[:3])
        learn(uri)

    (one,), (other,) = (view_search(OpenSearch(uri)).learned for uri in uris)
    # a=3 b=4 c=3, a=1 b=2 c=2 and a=2 b=1 c=1: (36 + 4 + 2) / 48 / 3
    assert one.metrics["mean_reward"] == pytest.approx(42 / 48 / 3)
    assert one.metrics == other.metrics
    proposed = [
        [child.architecture for child in SearchStore.open(uri).proposed(next_one).children]
        for uri in uris
        for next_one in steps.sample_architectures(OpenSearch(uri), replica=0, run=RUN)[:1]
    ]
    assert proposed[0] == proposed[1]


@pytest.mark.parametrize("rounds", [{"grace_s": 0}, {"wait_for": 3, "grace_s": 60}])
def test_a_round_waits_for_a_child_without_a_quorum_and_within_the_grace(
    tmp_path: Path, rounds: dict[str, float]
) -> None:
    uri = prepared(tmp_path / "state", "searches:late_at_the_least", **rounds)

    assert train(uri) == right_rewards(uri)
    assert {row.status for row in rewards_of(learn(uri)).rows} == {"ok"}


def test_a_round_with_too_few_results_stays_open(tmp_path: Path) -> None:
    uri = prepared(tmp_path / "state", wait_for=3)
    train(uri, [FIRST, SECOND])

    assert learn(uri).num_missing == 2
    assert result(uri, LAST) is None
    assert steps.sample_architectures(OpenSearch(uri), replica=0, run=RUN) == [THIRD, LAST]


def test_results_of_an_earlier_tick_count(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # what hangs leaves a file
    uri = prepared(tmp_path / "state", wait_for=3, grace_s=0.5)
    for child in CHILDREN[:3]:
        steps.train_child(OpenSearch(uri), child=child, run="earlier")

    assert train(uri, [LAST]) == [0.0]
    assert learn(uri).num_missing == 0


def test_who_comes_late_comes_too_late(tmp_path: Path) -> None:
    uri = prepared(tmp_path / "state", "searches:product", wait_for=3)
    train(uri, CHILDREN[:3])
    learned = learn(uri)

    assert pods.train_child(OpenSearch(uri), child=LAST, run=RUN) == 0.0
    late = result(uri, LAST)
    assert late is not None
    assert late.status == "missing"
    assert learn(uri) == learned


def test_a_child_in_a_pod_of_its_own_is_not_taken_for_the_last_one(tmp_path: Path) -> None:
    """Of its round it is given nothing but itself."""
    uri = prepared(tmp_path / "state", "searches:slow_product", wait_for=3, grace_s=0)

    assert pods.train_child(OpenSearch(uri), child=FIRST, run=RUN) == right_rewards(uri)[0]
