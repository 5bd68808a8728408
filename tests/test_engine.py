from __future__ import annotations

import math
from pathlib import Path

import pytest
import searches
from searches import account, store_of, tabular

import nas_lib
from nas_lib.config import LoopConfig, RandomConfig, ResourcesConfig, SearchConfig
from nas_lib.engine import Listener, SearchHandle, search
from nas_lib.errors import ConfigError, SearchHeldError, SearchMismatchError
from nas_lib.records import ChildResult, Learned, Rewarded
from nas_lib.store import History, layout, lease


def test_a_search_does_its_budget_and_learns(tmp_path: Path) -> None:
    handle = search(tabular(max_children=160), store=str(tmp_path), workers=2)

    rewards = [row.reward for row in handle.children]
    assert len(rewards) == 160
    assert sum(rewards[-40:]) / 40 > 1.5 * sum(rewards[:40]) / 40
    assert handle.best is not None
    assert handle.best.reward == max(rewards)
    assert handle.view.finished


def test_children_and_rewards_do_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    one, two = (
        search(tabular(), store=str(tmp_path / f"{workers}"), workers=workers) for workers in (1, 2)
    )
    inline = search(tabular(), store="memory://workers")

    assert account(one) == account(two) == account(inline)


def test_children_and_rewards_do_not_depend_on_stops(tmp_path: Path) -> None:
    whole = search(tabular(), store=str(tmp_path / "whole"), workers=1)
    for _ in range(3):
        pieces = search(tabular(), store=str(tmp_path / "pieces"), workers=1, rounds=2)

    assert account(pieces) == account(whole)


def test_another_seed_gives_other_children(tmp_path: Path) -> None:
    one, other = (
        search(tabular().model_copy(update={"seed": seed}), store=f"memory://seed-{seed}")
        for seed in (0, 1)
    )

    assert account(one) != account(other)


def test_shards_change_nothing_but_where_parameters_lie() -> None:
    one, many = (
        search(tabular(shards=shards), store=f"memory://shards-{shards}") for shards in (1, 7)
    )

    assert account(one) == account(many)
    assert all(len(each.versions) == 7 for each in many.view.learned)


def test_replicas_share_the_budget_and_the_parameters() -> None:
    handle = search(tabular(replicas=2), store="memory://replicas")

    assert len(handle.children) == 24
    assert {each.replica for each in handle.view.learned} == {0, 1}
    # 24 children / (4 a round x 2 replicas) = 3 rounds each, all pushed to one shard
    assert sorted(each.versions[0] for each in handle.view.learned) == [1, 2, 3, 4, 5, 6]


def test_random_search_is_uniform_and_learns_nothing() -> None:
    config = tabular(max_children=400, controller=RandomConfig())

    handle = search(config, store="memory://random")

    share = sum(row.architecture.tokens[0] == 0 for row in handle.children) / 400
    assert abs(share - 1 / 4) < 4 * math.sqrt(1 / 4 * 3 / 4 / 400)  # four standard errors


def test_a_finished_search_is_not_done_again_but_goes_on_with_more_budget(tmp_path: Path) -> None:
    first = search(tabular(max_children=8), store=str(tmp_path), workers=1)
    again = search(tabular(max_children=8), store=str(tmp_path), workers=1)
    longer = search(tabular(max_children=16), store=str(tmp_path), workers=1)
    whole = search(tabular(max_children=16), store="memory://more-budget")

    assert account(again) == account(first)
    assert account(longer)[:8] == account(first)
    assert account(longer) == account(whole)


def test_a_search_stops_once_the_score_is_reached() -> None:
    seen = Trained()
    config = tabular(max_children=400, stop_at_score=0.9)

    handle = search(config, store="memory://stop", listener=seen)

    assert seen.children == [row.id for row in handle.children]  # none is done again
    assert handle.view.finished
    assert len(handle.children) < 400
    assert max(row.reward for row in handle.children[:-4]) < 0.9  # the last round reached it
    assert max(row.reward for row in handle.children[-4:]) >= 0.9


def test_another_searchs_folder_is_refused(tmp_path: Path) -> None:
    search(tabular(), store=str(tmp_path), workers=1)

    with pytest.raises(SearchMismatchError, match="children_per_round is 4 there and 2 here"):
        search(tabular(children_per_round=2), store=str(tmp_path), workers=1)


def test_objects_of_this_process_can_be_space_and_evaluation() -> None:
    handle = nas_lib.search(
        SearchConfig(name="inline", search=LoopConfig(max_children=16)),
        store="memory://objects",
        space=searches.SPACE,
        evaluate=searches.product,
    )

    assert account(handle)[0][2] == searches.product(handle.children[0].architecture)


def test_a_changed_space_of_ones_own_is_refused(tmp_path: Path) -> None:
    config = SearchConfig(name="inline", search=LoopConfig(max_children=8))
    kept = {"store": str(tmp_path), "evaluate": lambda architecture: 0.5}
    search(config, space=nas_lib.ChoiceSpace(a=[1, 2]), **kept)

    with pytest.raises(SearchMismatchError, match="the same settings on other data"):
        search(config, space=nas_lib.ChoiceSpace(a=[1, 2, 3]), **kept)


@pytest.mark.parametrize(
    ("config", "arguments", "sentence"),
    [
        (tabular(), {"workers": 0}, "workers should be at least 1, got 0"),
        (tabular(), {"store": "memory://x", "workers": 2}, "2 workers cannot share objects"),
        (tabular("searches"), {}, "children.evaluate should read module:name, got 'searches'"),
        (tabular("searches:absent"), {}, "'searches:absent' cannot be imported"),
        (tabular("no_such_module:f"), {}, "'no_such_module:f' cannot be imported"),
        (tabular("inline"), {}, "children.evaluate is an object of another process"),
    ],
)
def test_impossible_wishes_get_one_sentence(
    config: SearchConfig, arguments: dict[str, object], sentence: str
) -> None:
    with pytest.raises(ConfigError, match=sentence):
        search(config, **{"store": f"memory://{sentence}", **arguments})


@pytest.mark.parametrize("workers", [None, 2])
def test_a_child_that_raises_is_tried_again_and_then_stays_out(
    tmp_path: Path, workers: int | None
) -> None:
    uri = str(tmp_path) if workers else "memory://raises"
    seen = Failures()

    handle = search(tabular("searches:failing"), store=uri, workers=workers, listener=seen)

    crashed = [row for row in handle.children if row.status == "crashed"]
    assert crashed
    assert all(row.architecture.tokens[0] == 0 for row in crashed)
    assert crashed[0].message == "3 attempts failed, the last one: RuntimeError: a is 1"
    assert seen.failed_children.count(crashed[0].id) == 3
    assert len(handle.children) == 24
    _crashed_children_stay_out(handle)


def _crashed_children_stay_out(handle: SearchHandle) -> None:
    for learned, rewarded in zip(
        handle.view.learned, History(store_of(handle)).read(Rewarded), strict=True
    ):
        counted = [row.reward for row in rewarded.rows if row.status != "crashed"]
        mean = sum(counted) / len(counted) if counted else None
        assert learned.mean_reward == pytest.approx(mean)


def test_a_child_that_kills_its_process_does_not_hold_up_the_search(tmp_path: Path) -> None:
    handle = search(tabular("searches:killed"), store=str(tmp_path), workers=2)

    crashed = [row for row in handle.children if row.status == "crashed"]
    assert crashed
    assert crashed[0].message == "3 attempts failed, the last one: killed by SIGKILL"
    assert handle.view.finished


@pytest.mark.parametrize(
    ("evaluate", "reason"),
    [
        ("searches:long_winded", "RuntimeError: "),
        ("searches:leaves_a_process_behind", "killed by SIGKILL"),
    ],
)
def test_a_worker_that_ends_oddly_holds_up_nobody(
    tmp_path: Path, evaluate: str, reason: str
) -> None:
    handle = search(tabular(evaluate, max_children=4), store=str(tmp_path), workers=2)

    assert {row.status for row in handle.children} == {"crashed"}
    assert all(reason in row.message for row in handle.children)


@pytest.mark.parametrize("uri", ["folder", "memory://own-fault"])
def test_what_is_no_childs_fault_ends_the_search(tmp_path: Path, uri: str) -> None:
    store = uri if ":" in uri else str(tmp_path)

    with pytest.raises(ConfigError, match="there is no such device here"):
        search(
            tabular("searches:unconfigured"), store=store, workers=1 if uri == "folder" else None
        )


def test_a_negative_reward_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"returned -1\.0: a reward is 0 or more"):
        search(tabular("searches:negative"), store="memory://negative")


def test_settings_outside_the_identity_can_change_on_the_way(tmp_path: Path) -> None:
    config = tabular(max_children=8)
    search(config, store=str(tmp_path), workers=1, rounds=1)
    changed = config.model_copy(
        update={"children": config.children.model_copy(update={"max_attempts": 9})}
    )

    handle = search(changed, store=str(tmp_path), workers=1)

    assert handle.view.config.children.max_attempts == 9
    assert store_of(handle).config() == changed


def test_a_child_that_diverges_counts_with_reward_zero() -> None:
    handle = search(tabular("searches:diverging"), store="memory://diverges")

    diverged = [row for row in handle.children if row.status == "diverged"]
    assert diverged
    assert all(row.reward == 0 and row.counts for row in diverged)
    assert diverged[0].message == "the evaluation returned nan"


def test_a_child_that_takes_too_much_memory_is_a_result(tmp_path: Path) -> None:
    config = tabular("searches:greedy", max_children=4).model_copy(
        update={"resources": ResourcesConfig(memory_mb=500)}
    )

    handle = search(config, store=str(tmp_path), workers=2)

    greedy = [row for row in handle.children if row.status == "out_of_memory"]
    assert greedy
    assert all(row.reward == 0 and row.counts for row in greedy)
    assert "MiB of memory, more than a child may" in greedy[0].message


def test_another_run_at_work_is_named(tmp_path: Path) -> None:
    handle = search(tabular(), store=str(tmp_path), workers=1, rounds=1)
    lease.take(store_of(handle), 0, "other", lease_s=600)

    with pytest.raises(SearchHeldError, match=r"run other \(process \d+ on .*\) is working on"):
        search(tabular(), store=str(tmp_path), workers=1)

    lease.release(store_of(handle), 0, "other")
    assert search(tabular(), store=str(tmp_path), workers=1).view.finished


def test_a_round_that_was_left_open_is_finished_first(tmp_path: Path) -> None:
    handle = search(tabular(), store=str(tmp_path), workers=1, rounds=2)
    whole = search(tabular(), store="memory://left-open")
    objects = store_of(handle).objects
    objects.delete(layout.round_state(0, 1, "learned"))
    objects.delete(layout.round_state(0, 1, "rewarded"))
    objects.delete(layout.child_result("r000-000001-02"))

    seen = Trained()
    resumed = search(tabular(), store=str(tmp_path), workers=1, listener=seen)

    assert seen.children[0] == "r000-000001-02"
    assert len(seen.children) == 1 + 4 * 4  # what was lost, and four more rounds
    assert account(resumed) == account(whole)


def test_a_push_whose_end_was_not_noted_is_not_done_twice() -> None:
    handle = search(tabular(shards=3), store="memory://push", rounds=2)
    store = store_of(handle)
    learned = list(History(store).read(Learned))
    store.objects.delete(layout.round_state(0, 1, "learned"))
    store.objects.delete(layout.shard(2, 2))  # killed before the last of three pushes

    resumed = search(tabular(shards=3), store="memory://push")

    again = list(History(store).read(Learned))
    assert again[1].versions == learned[1].versions == (2, 2, 2)
    assert account(resumed) == account(search(tabular(shards=3), store="memory://push-whole"))


class Failures(Listener):
    def __init__(self) -> None:
        self.failed_children: list[str] = []

    def failed(self, child: str, message: str) -> None:
        self.failed_children.append(child)


class Trained(Listener):
    def __init__(self) -> None:
        self.children: list[str] = []

    def ended(self, result: ChildResult) -> None:
        self.children.append(result.id)
