"""A child that takes too long is a result, and one that takes long is spoken of."""

from __future__ import annotations

from pathlib import Path

import pytest
import searches
from searches import store_of, tabular

from nas_lib import pods, steps
from nas_lib.config import SearchConfig
from nas_lib.engine import SearchHandle, search
from nas_lib.engine.time_limits import TimeLimits, automatic_limit_s
from nas_lib.open_search import OpenSearch
from nas_lib.procedures import Listener
from nas_lib.records import ChildResult, Status
from nas_lib.store import layout

HANGING = "searches:hanging_at_the_least"
SEED = 166
"""With this one the last child of the first round, and no other of it, has 1, 1 and 1."""
LAST = "r000-000000-03"


@pytest.mark.parametrize(
    ("finished_s", "limit_s"),
    [
        ([], None),
        ([100, 100, 100, 100], None),  # too few to tell
        ([500, 100, 400, 200, 300], 3000),  # 10 x 300
        ([60, 110, 70, 100, 80, 90], 850),  # 10 x (80 + 90) / 2
        ([1, 1, 1, 1, 1], 600),  # the least
    ],
)
def test_an_automatic_limit_is_ten_times_the_median_of_five_or_more(
    finished_s: list[float], limit_s: float | None
) -> None:
    assert automatic_limit_s(finished_s) == limit_s


def limited(timeout_s: float, *, max_children: int = 4) -> SearchConfig:
    children = {"timeout_s": timeout_s}
    config = tabular(HANGING, max_children=max_children, children=children)
    return config.model_copy(update={"seed": SEED})


def check(handle: SearchHandle, message: str) -> None:
    """See that the last child timed out, and counts with reward 0."""
    *others, last = sorted(handle.children, key=lambda row: row.id)[:4]
    assert [row.status for row in others] == ["ok"] * 3
    assert (last.status, last.reward, last.score, last.counts) == ("timed_out", 0, None, True)
    assert last.message == message
    assert last.seconds > 0
    mean = sum(row.reward for row in others) / 4
    assert handle.view.learned[0].metrics["mean_reward"] == pytest.approx(mean)
    assert handle.leaderboard(8)[-1] == last


def test_a_child_that_hangs_is_ended_and_the_search_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    uri = str(tmp_path / "state")

    handle = search(limited(1), store=uri, workers=2)

    check(handle, "took longer than 1 s (children.timeout_s)")
    (left,) = tmp_path.glob("hanging-*.pid")
    assert not Path(f"/proc/{left.stem.partition('-')[2]}").exists()

    longer = search(limited(2, max_children=8), store=uri, workers=2, rounds=1)
    check(longer, "took longer than 1 s (children.timeout_s)")  # it is not tried again
    assert store_of(longer).numbers(layout.attempts(LAST)) == [1]


def test_so_it_is_where_it_is_evaluated_in_this_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    handle = search(limited(0.2), store="memory://hangs-inline")

    check(handle, "took longer than 0.2 s (children.timeout_s)")


def prepared(uri: str, config: SearchConfig) -> list[str]:
    steps.prepare_data(OpenSearch(uri), config=config)
    return steps.sample_architectures(OpenSearch(uri), replica=0, run="run")


def test_a_pod_ends_its_child_and_has_its_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    uri = str(tmp_path / "state")
    children = prepared(uri, limited(1))

    assert pods.train_child(OpenSearch(uri), child=children[-1], run="run") == 0
    assert pods.train_children(OpenSearch(uri), children=children[:-1], run="run") == [
        searches.product(child.architecture)
        for child in OpenSearch(uri).store.proposed(LAST).children[:-1]
    ]

    assert f"{LAST}: timed_out, reward 0.0000" in capsys.readouterr().out


def settle(search: OpenSearch, child: str, seconds: float, status: Status = "ok") -> None:
    score = 0.5 if status == "ok" else None
    result = ChildResult(child, status, score or 0.0, score, seconds=seconds)
    search.store.settle(layout.child_result(child), result)


def learned_round(search: OpenSearch, seconds: list[float], replica: int = 0) -> None:
    """Do a round whose children took so long."""
    children = steps.sample_architectures(search, replica=replica, run="run")
    for child, each in zip(children, seconds, strict=True):
        settle(search, child, each)
    summary = steps.aggregate_rewards(search, children=children, run="run")
    steps.update_controller(search, replica=replica, round=summary.round, run="run")


def fresh(name: str, **settings: object) -> OpenSearch:
    opened = OpenSearch(f"memory://limits-{name}")
    steps.prepare_data(opened, config=tabular(replicas=2, **settings))
    return opened


def test_another_process_knows_how_long_children_took() -> None:
    opened = fresh("stored")
    learned_round(opened, [9000, 9000, 9000, 9000], replica=1)  # of another replica
    learned_round(opened, [100, 200, 300, 400])
    children = steps.sample_architectures(opened, replica=0, run="run")
    assert TimeLimits(opened).limit_s(children[0]) is None  # of four

    settle(opened, children[0], 500)
    settle(opened, children[1], 7, "crashed")
    assert TimeLimits(opened).limit_s(children[2]) == 3000  # 10 x 300

    limits = TimeLimits(opened)
    assert limits.excess(children[2], 2999) == ""
    said = "took longer than 3,000 s (10 times as long as others, children.timeout_s)"
    assert limits.excess(children[2], 3000) == said
    limits.note(ChildResult(children[2], "ok", 0.5, seconds=600))
    assert limits.limit_s(children[3]) == 3500  # 10 x (300 + 400) / 2
    limits.note(ChildResult(children[3], "timed_out", 0.0, seconds=9999))
    assert limits.limit_s(children[3]) == 3500


def test_without_a_limit_nothing_takes_too_long() -> None:
    opened = fresh("none", children={"timeout_s": None})
    learned_round(opened, [100, 100, 100, 100])

    assert TimeLimits(opened).excess("r000-000001-00", 1e9) == ""


def test_a_child_that_takes_far_longer_is_spoken_of_rarely() -> None:
    opened = fresh("remarks")
    learned_round(opened, [20, 20, 20, 20])
    children = steps.sample_architectures(opened, replica=0, run="run")
    limits = TimeLimits(opened)

    said = {seconds: limits.remark(children[0], seconds) for seconds in (99, 100, 199, 200, 399)}

    times = "has run for 100 s, 5 times as long as others (no limit: children.timeout_s)"
    assert {seconds: text for seconds, text in said.items() if text} == {
        100: f"{children[0]} {times}",
        200: f"{children[0]} {times}".replace("100 s, 5", "200 s, 10"),
    }
    settle(opened, children[1], 20)
    ended = "has run for 120 s, 6 times as long as others (ended after 600 s: children.timeout_s)"
    assert TimeLimits(opened).remark(children[0], 120) == f"{children[0]} {ended}"


def test_where_others_were_fast_nothing_is_said_in_the_first_minute() -> None:
    opened = fresh("fast")
    learned_round(opened, [0.01, 0.01, 0.01, 0.01])

    assert TimeLimits(opened).remark("r000-000001-00", 59) == ""
    assert "6,000 times as long" in TimeLimits(opened).remark("r000-000001-00", 60)


def test_it_is_the_listener_that_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("nas_lib.engine.time_limits._LONG_S", 0.7)
    monkeypatch.setattr("nas_lib.engine.workers._LOOK_S", 0.1)
    told: list[str] = []

    class Hears(Listener):
        def warned(self, message: str) -> None:
            told.append(message)

    search(limited(1.5), store=str(tmp_path / "state"), workers=2, listener=Hears())

    assert told
    assert all(message.startswith(f"{LAST} has run for ") for message in told)
