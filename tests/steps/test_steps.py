"""The steps one by one, as a pipeline would call them."""

from __future__ import annotations

from pathlib import Path

import pytest
from searches import tabular

from nas_lib import steps
from nas_lib.config import SearchConfig
from nas_lib.engine import search
from nas_lib.errors import ConfigError, CorruptStateError, ObjectNotFoundError, SearchMismatchError
from nas_lib.open_search import OpenSearch
from nas_lib.procedures.rounds import propose_round
from nas_lib.records import ChildId, ChildResult, Learned, Proposed, to_json
from nas_lib.store import History, SearchStore, layout


@pytest.fixture
def uri(tmp_path: Path) -> str:
    """A prepared tabular search in a folder."""
    uri = str(tmp_path / "state")
    steps.prepare_data(OpenSearch(uri), config=tabular())
    return uri


def store(uri: str) -> SearchStore:
    return SearchStore.open(uri)


def do_round(uri: str) -> list[str]:
    """Do one round of replica 0, as a tick of the pipeline does."""
    children = steps.sample_architectures(OpenSearch(uri), replica=0, run="run")
    finish_round(uri, children)
    return children


def finish_round(uri: str, children: list[str]) -> None:
    for child in children:
        steps.train_child(OpenSearch(uri), child=child, run="run")
    summary = steps.aggregate_rewards(OpenSearch(uri), children=children, run="run")
    steps.update_controller(OpenSearch(uri), replica=0, round=summary.round, run="run")


def test_the_steps_give_what_the_engine_gives(uri: str) -> None:
    plan = steps.plan_rounds(OpenSearch(uri), replica=0, run="run")
    for _ in plan.ticks:
        do_round(uri)

    whole = search(tabular(), store="memory://steps-whole")
    view = steps.view_search(OpenSearch(uri))
    assert [(row.id, row.architecture, row.reward) for row in view.rows] == [
        (row.id, row.architecture, row.reward) for row in whole.children
    ]
    assert view.finished


def test_preparing_again_changes_nothing(uri: str) -> None:
    before = {info.key: info.version for info in store(uri).objects.list("")}

    steps.prepare_data(OpenSearch(uri), config=tabular())
    steps.prepare_data(OpenSearch(uri))

    assert {info.key: info.version for info in store(uri).objects.list("")} == before


def test_preparing_again_puts_back_what_a_kill_left_out(uri: str) -> None:
    key = layout.shard(0, 0)
    shard = store(uri).objects.get(key)
    store(uri).objects.delete(key)

    steps.prepare_data(OpenSearch(uri))

    assert store(uri).objects.get(key) == shard


def test_a_place_without_a_search_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no search at"):
        steps.prepare_data(OpenSearch(str(tmp_path)))


def test_a_lost_race_for_the_search_is_noticed(uri: str) -> None:
    with pytest.raises(SearchMismatchError, match="seed is 0 there and 1 here"):
        steps.prepare_data(OpenSearch(uri), config=tabular().model_copy(update={"seed": 1}))


def test_a_newer_format_is_refused(uri: str) -> None:
    newer = {"format_version": 99, "new": 1}
    store(uri).objects.replace(layout.SEARCH, to_json(newer))

    with pytest.raises(CorruptStateError, match="written in format 99, this release"):
        steps.view_search(OpenSearch(uri))


@pytest.mark.parametrize("replica", [-1, 1])
def test_a_replica_that_there_is_not_is_refused(uri: str, replica: int) -> None:
    with pytest.raises(ConfigError, match=f"replica should be from 0 to 0, got {replica}"):
        steps.plan_rounds(OpenSearch(uri), replica=replica, run="run")


def test_a_run_of_no_rounds_is_refused(uri: str) -> None:
    with pytest.raises(ConfigError, match="rounds_per_run should be at least 1, got 0"):
        steps.plan_rounds(OpenSearch(uri), replica=0, run="run", rounds_per_run=0)


def test_planning_is_cut_to_the_runs_share_and_ends_with_the_budget(uri: str) -> None:
    assert steps.plan_rounds(OpenSearch(uri), replica=0, run="a", rounds_per_run=2).ticks == (0, 1)
    for _ in range(6):
        do_round(uri)

    assert steps.plan_rounds(OpenSearch(uri), replica=0, run="b").ticks == ()


def test_sampling_again_gives_the_open_rounds_children(uri: str) -> None:
    first = steps.sample_architectures(OpenSearch(uri), replica=0, run="a")
    steps.train_child(OpenSearch(uri), child=first[1], run="a")

    again = steps.sample_architectures(OpenSearch(uri), replica=0, run="b")

    assert again == [first[0], first[2], first[3]]


def test_sampling_where_all_are_trained_learns_and_gives_the_next_rounds_children(uri: str) -> None:
    children = steps.sample_architectures(OpenSearch(uri), replica=0, run="a")
    for child in children:
        steps.train_child(OpenSearch(uri), child=child, run="a")

    following = steps.sample_architectures(OpenSearch(uri), replica=0, run="b")

    assert [ChildId.parse(child).round for child in following] == [1, 1, 1, 1]
    assert store(uri).read(Learned, layout.round_state(0, 0, "learned")).run == "b"


def test_sampling_a_finished_search_gives_a_finished_child(uri: str) -> None:
    for _ in range(6):
        do_round(uri)
    before = [info.key for info in store(uri).objects.list("rounds")]

    (child,) = do_round(uri)

    assert child == "r000-000005-00"
    assert [info.key for info in store(uri).objects.list("rounds")] == before


def test_a_run_that_another_one_overtook_begins_no_round_beyond_the_budget(uri: str) -> None:
    for _ in range(6):  # meanwhile, by the other
        do_round(uri)

    assert propose_round(OpenSearch(uri), replica=0, run="late") is None
    assert store(uri).find(Proposed, layout.round_state(0, 6, "proposed")) is None


def test_a_round_with_a_missing_result_stays_open(uri: str) -> None:
    children = steps.sample_architectures(OpenSearch(uri), replica=0, run="a")
    for child in children[:3]:
        steps.train_child(OpenSearch(uri), child=child, run="a")

    summary = steps.aggregate_rewards(OpenSearch(uri), children=children, run="a")

    assert (summary.num_missing, summary.rewarded) == (1, None)
    assert steps.update_controller(OpenSearch(uri), replica=0, round=0, run="a") is None
    assert store(uri).open_round(0) == 0


def test_learning_again_changes_nothing(uri: str) -> None:
    children = do_round(uri)
    learned = store(uri).read(Learned, layout.round_state(0, 0, "learned"))

    steps.aggregate_rewards(OpenSearch(uri), children=children, run="other")
    again = steps.update_controller(OpenSearch(uri), replica=0, round=0, run="other")

    assert again == learned
    assert store(uri).numbers(layout.versions(0)) == [0, 1]


def test_the_lesson_is_gone_once_it_is_learned(uri: str) -> None:
    do_round(uri)

    with pytest.raises(ObjectNotFoundError):
        store(uri).objects.get(layout.round_lesson(0, 0))


def test_training_again_returns_the_stored_reward(uri: str) -> None:
    child = steps.sample_architectures(OpenSearch(uri), replica=0, run="a")[0]
    reward = steps.train_child(OpenSearch(uri), child=child, run="a")

    assert steps.train_child(OpenSearch(uri), child=child, run="b") == reward
    assert store(uri).numbers(layout.attempts(child)) == [1]


def test_the_best_children_are_carried_from_round_to_round(uri: str) -> None:
    for _ in range(3):
        do_round(uri)

    last = store(uri).newest_rewarded(0)
    rewards = sorted((row.reward for row in steps.view_search(OpenSearch(uri)).rows), reverse=True)
    assert last is not None
    assert [row.reward for row in last.best] == rewards[:5]  # children.keep


def test_who_learnt_what_it_would_be_judged_by_is_kept_beside_the_best(uri: str) -> None:
    children = steps.sample_architectures(OpenSearch(uri), replica=0, run="a")
    unjudged = ChildResult(children[0], "ok", 0.0)
    store(uri).settle(layout.child_result(children[0]), unjudged)
    finish_round(uri, children)
    for _ in range(2):
        do_round(uri)

    last = store(uri).newest_rewarded(0)
    assert last is not None
    assert len(last.best) == 5 + 1  # children.keep
    assert last.best[-1].id == children[0]
    assert all(row.score is not None for row in last.best[:-1])


@pytest.mark.parametrize(
    ("key", "sentence"),
    [
        (layout.round_state(0, 0, "proposed"), "rounds/r000/000000.proposed.json is damaged"),
        (layout.shard(0, 0), r"controller/shard-000/00000000.safetensors is damaged"),
    ],
)
def test_damaged_state_stops_the_step_and_is_named(uri: str, key: str, sentence: str) -> None:
    children = steps.sample_architectures(OpenSearch(uri), replica=0, run="a")
    data = store(uri).objects.get(key)
    store(uri).objects.replace(key, data[: len(data) // 2])

    with pytest.raises(CorruptStateError, match=sentence):
        finish_round(uri, children)

    store(uri).objects.replace(key, data)  # once it is restored, the search goes on
    do_round(uri)
    assert {entry.round for entry in History(store(uri), 1).read(Learned)} >= {0}


def test_a_shard_that_was_deleted_is_named(uri: str) -> None:
    store(uri).objects.delete(layout.shard(0, 0))

    with pytest.raises(CorruptStateError, match="has no version of controller/shard-000"):
        steps.sample_architectures(OpenSearch(uri), replica=0, run="a")


def test_the_report_says_what_a_run_could_not_do(uri: str) -> None:
    store(uri).note_problem(run="run", step="train_child", message="the cat sat on the cable")

    steps.write_report(OpenSearch(uri), run="run")

    page = store(uri).objects.get(layout.report("run", steps.REPORT)).decode()
    assert "the cat sat on the cable" in page


@pytest.mark.usefixtures("in_this_process")
def test_depth_follows_the_replicas_own_round(tmp_path: Path) -> None:
    config = SearchConfig.model_validate(
        {
            "space": {"kind": "cnn", "depth": {"start": 2, "step": 1, "every_children": 8}},
            "children": {"evaluate": "searches:constant"},
            "search": {"max_children": 24, "children_per_round": 4},
        }
    )
    uri = str(tmp_path)

    search(config, store=uri, workers=1)

    rounds = [store(uri).read(Proposed, layout.round_state(0, n, "proposed")) for n in range(6)]
    assert [each.depth for each in rounds] == [2, 2, 3, 3, 4, 4]  # one layer more every 8 children
