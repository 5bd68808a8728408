from __future__ import annotations

import math
from pathlib import Path

import pytest
import searches
from searches import account, store_of, tabular

import nas_lib
from nas_lib import steps
from nas_lib.config import (
    ChildrenConfig,
    ImageChildrenConfig,
    NasPolicyConfig,
    OwnChildrenConfig,
    PpoConfig,
    RandomConfig,
    ResourcesConfig,
    RoundsConfig,
    SearchConfig,
)
from nas_lib.controllers.memory import Memory
from nas_lib.engine import Listener, SearchHandle, default_workers, search, workers
from nas_lib.errors import ConfigError, SearchHeldError, SearchMismatchError, StoreError
from nas_lib.open_search import OpenSearch
from nas_lib.procedures.shards import pull
from nas_lib.records import ChildResult, Learned, Rewarded
from nas_lib.store import History, ObjectStore, layout, lease


def test_a_search_does_its_budget_and_learns(tmp_path: Path) -> None:
    handle = search(tabular(max_children=160), store=str(tmp_path), workers=2)

    rewards = [row.reward for row in handle.children]
    assert len(rewards) == 160
    assert sum(rewards[-40:]) / 40 > 1.5 * sum(rewards[:40]) / 40
    assert handle.best is not None
    assert handle.best.reward == max(rewards)
    assert handle.view.finished


def test_children_and_rewards_do_not_depend_on_the_number_of_workers(tmp_path: Path) -> None:
    config = tabular(repeats="reuse")
    one, two = (search(config, store=str(tmp_path / f"{num}"), workers=num) for num in (1, 2))
    inline = search(config, store="memory://workers")

    assert account(one) == account(two) == account(inline)


def test_children_and_rewards_do_not_depend_on_stops(tmp_path: Path) -> None:
    whole = search(tabular(), store=str(tmp_path / "whole"), workers=1)
    for _ in range(3):
        pieces = search(tabular(), store=str(tmp_path / "pieces"), workers=1, rounds=2)

    assert account(pieces) == account(whole)


BY_RANK = PpoConfig(
    policy=NasPolicyConfig(hidden_size=4), rewards="rank", repeats="mutate", entropy_weight=0.1
)


def test_ranks_and_what_is_new_do_not_depend_on_stops() -> None:
    config = tabular(controller=BY_RANK)
    whole = search(config, store="memory://ranked-whole")
    for _ in range(3):
        pieces = search(config, store="memory://ranked-pieces", rounds=2)

    assert account(pieces) == account(whole)


def test_what_rewards_are_ranked_among_is_each_replicas_results_once() -> None:
    config = tabular(controller=BY_RANK, max_children=40, replicas=2, shards=2, confirm=None)
    handle = search(config, store="memory://ranked")

    memory = Memory.of(pull(OpenSearch(handle.uri), known=None))
    assert sorted(memory.rewards) == sorted(row.reward for row in handle.children)
    assert len(memory.rewards) == 40


def test_no_child_is_trained_twice_where_repeats_are_mutated() -> None:
    handle = search(tabular(controller=BY_RANK, max_children=48), store="memory://mutated")

    assert len({row.architecture.id for row in handle.children}) == 48  # all that there are


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


def test_an_empty_store_is_refused_and_not_taken_for_the_default() -> None:
    with pytest.raises(ConfigError, match=r"a store is a folder, .* got ''"):
        search(tabular(), store="")


def test_another_searchs_folder_is_refused(tmp_path: Path) -> None:
    search(tabular(), store=str(tmp_path), workers=1)

    with pytest.raises(SearchMismatchError, match="children_per_round is 4 there and 2 here"):
        search(tabular(children_per_round=2), store=str(tmp_path), workers=1)


def test_objects_of_this_process_can_be_space_and_evaluation() -> None:
    handle = nas_lib.search(
        SearchConfig(name="inline", search=RoundsConfig(max_children=16)),
        store="memory://objects",
        space=searches.SPACE,
        evaluate=searches.product,
    )

    assert account(handle)[0][2] == searches.product(handle.children[0].architecture)


def test_a_changed_space_of_ones_own_is_refused(tmp_path: Path) -> None:
    config = SearchConfig(name="inline", search=RoundsConfig(max_children=8))
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


@pytest.mark.parametrize(
    ("children", "gpus", "num_workers", "shared_out"),
    [
        (ImageChildrenConfig(), ("4", "5", "6"), 3, ("4", "5", "6")),
        (ImageChildrenConfig(device="cuda"), ("4", "5", "6"), 3, ("4", "5", "6")),
        (ImageChildrenConfig(device="cuda:1"), ("4", "5", "6"), 1, ()),  # all of them on that one
        (ImageChildrenConfig(device="cpu", threads=2), ("4", "5", "6"), 4, ()),
        (OwnChildrenConfig(evaluate="searches:product"), ("4", "5", "6"), 8, ()),
        (ImageChildrenConfig(threads=3), (), 2, ()),  # 8 CPUs / 3, rounded down
        (ImageChildrenConfig(threads=9), (), 1, ()),
    ],
)
def test_there_is_a_worker_for_each_gpu_or_else_for_each_cpu(
    monkeypatch: pytest.MonkeyPatch,
    children: ChildrenConfig,
    gpus: tuple[str, ...],
    num_workers: int,
    shared_out: tuple[str, ...],
) -> None:
    monkeypatch.setattr(workers, "visible_gpus", lambda: gpus)
    monkeypatch.setattr(workers, "num_cpus", lambda: 8)
    monkeypatch.setattr(workers, "Supervisor", FakeSupervisor)
    config = tabular().model_copy(update={"children": children})
    opened = OpenSearch("memory://gpus")
    opened.config = config

    with workers.worker_processes(opened, "run", Listener(), num=2):
        assert FakeSupervisor.gpus == shared_out
    assert default_workers(config) == num_workers


@pytest.mark.parametrize("num_workers", [None, 2])
def test_a_child_that_raises_is_tried_again_and_then_stays_out(
    tmp_path: Path, num_workers: int | None
) -> None:
    uri = str(tmp_path) if num_workers else "memory://raises"
    seen = Failures()

    handle = search(tabular("searches:failing"), store=uri, workers=num_workers, listener=seen)

    crashed = [row for row in handle.children if row.status == "crashed"]
    assert crashed
    assert all(row.architecture.tokens[0] == 0 for row in crashed)
    assert crashed[0].message == "3 attempts failed, the last one: RuntimeError: a is 1"
    assert seen.failed_children.count(crashed[0].id) == 3
    assert len(handle.children) == 24
    _crashed_children_stay_out(handle)


def _crashed_children_stay_out(handle: SearchHandle) -> None:
    for learned, rewarded in zip(
        handle.view.learned, History(store_of(handle), 1).read(Rewarded), strict=True
    ):
        counted = [row.reward for row in rewarded.rows if row.status != "crashed"]
        mean = sum(counted) / len(counted) if counted else None
        assert learned.metrics.get("mean_reward") == pytest.approx(mean)


def test_a_child_that_kills_its_process_does_not_hold_up_the_search(tmp_path: Path) -> None:
    handle = search(tabular("searches:killed"), store=str(tmp_path), workers=2)

    crashed = [row for row in handle.children if row.status == "crashed"]
    assert crashed
    said = "3 attempts failed, the last one: killed by SIGKILL, most likely for want of memory: "
    assert crashed[0].message.startswith(said)
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
    config = tabular(evaluate, max_children=4, children={"when_all_crash": "go_on"})
    handle = search(config, store=str(tmp_path), workers=2)

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
    config = tabular("searches:greedy", max_children=8).model_copy(
        update={"resources": ResourcesConfig(memory_mb=500)}
    )

    handle = search(config, store=str(tmp_path), workers=2)

    greedy = [row for row in handle.children if row.status == "out_of_memory"]
    assert greedy
    assert all(row.reward == 0 and row.counts for row in greedy)
    assert "MiB of memory, more than a child may" in greedy[0].message


def test_a_run_elsewhere_is_named_before_it_is_waited_for(tmp_path: Path) -> None:
    handle = search(tabular(lease_s=0.5), store=str(tmp_path), workers=1, rounds=1)
    elsewhere = lease.Lease("other", "elsewhere", 1, "1")
    number = store_of(handle).newest(layout.leases(0))
    assert number is not None
    store_of(handle).settle(layout.lease(0, number + 1), elsewhere)
    said: list[str] = []
    asked: list[str] = []

    class Hearing(Listener):
        def warned(self, message: str) -> None:
            said.append(message)

    def is_alive(run: str) -> None:
        asked.append(run)

    search(
        tabular(lease_s=0.5), store=str(tmp_path), workers=1, listener=Hearing(), is_alive=is_alive
    )

    assert asked == ["other"]
    assert said[0].startswith("run other (process 1 on elsewhere) has replica 0: waiting until ")


def test_another_run_at_work_is_named(tmp_path: Path) -> None:
    handle = search(tabular(), store=str(tmp_path), workers=1, rounds=1)
    lease.take(store_of(handle), [0], "other", lease_s=600)

    with pytest.raises(SearchHeldError, match=r"run other \(process \d+ on .*\) is working on"):
        search(tabular(), store=str(tmp_path), workers=1)

    with pytest.raises(SearchHeldError):
        search(tabular(max_children=48), store=str(tmp_path), workers=1)
    assert store_of(handle).config() == tabular()  # who is refused changes nothing
    assert store_of(handle).problems() == []

    lease.release(store_of(handle), 0, "other")
    assert search(tabular(), store=str(tmp_path), workers=1).view.finished


def test_a_round_that_was_left_open_is_finished_first(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError):
        search(tabular(), store=str(tmp_path), workers=1, listener=Dies("r000-000001-01"))

    seen = Trained()
    resumed = search(tabular(), store=str(tmp_path), workers=1, listener=seen)

    assert seen.children[:2] == ["r000-000001-02", "r000-000001-03"]
    assert len(seen.children) == 2 + 4 * 4  # what was left of round 1, and four more rounds
    assert account(resumed) == account(search(tabular(), store="memory://left-open"))


@pytest.mark.parametrize(
    "unwritten",
    [
        layout.shard(2, 2),
        layout.round_state(0, 1, "learned"),
    ],
)
def test_a_push_whose_end_was_not_noted_is_not_done_twice(unwritten: str) -> None:
    uri, whole = f"memory://push-{unwritten}", f"memory://whole-{unwritten}"
    search(tabular(shards=3), store=uri, rounds=1)
    opened = OpenSearch(uri)
    opened.store.objects = Full(opened.store.objects, unwritten)
    children = steps.sample_architectures(opened, replica=0, run="run")
    for child in children:
        steps.train_child(opened, child=child, run="run")
    steps.aggregate_rewards(opened, children=children, run="run")
    with pytest.raises(StoreError, match="no space left"):
        steps.update_controller(opened, replica=0, round=1, run="run")

    resumed = search(tabular(shards=3), store=uri)

    again = list(History(store_of(resumed), 1).read(Learned))
    assert [each.versions for each in again] == [(n, n, n) for n in range(1, 7)]
    assert account(resumed) == account(search(tabular(shards=3), store=whole))


def test_a_slow_child_of_one_replica_holds_up_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    config = tabular("searches:slow_once", max_children=32, replicas=2)
    seen = Order()

    search(config, store=str(tmp_path / "state"), workers=2, listener=seen)

    # The first child, of replica 0, is slow: all four rounds of replica 1 end before its first.
    assert seen.replicas == [1, 1, 1, 1, 0, 0, 0, 0]


def test_a_run_may_work_on_some_replicas_only() -> None:
    config = tabular(replicas=3, max_children=36)
    one = search(config, store="memory://some", replicas=[1])
    assert {each.replica for each in one.view.learned} == {1}
    assert not one.view.finished

    rest = search(config, store="memory://some", replicas=[0, 2])

    assert rest.view.finished
    assert len(rest.children) == 36


def test_a_replica_that_there_is_not_is_refused() -> None:
    with pytest.raises(ConfigError, match="replica should be from 0 to 1, got 2"):
        search(tabular(replicas=2), store="memory://absent-replica", replicas=[2])


def test_replicas_in_one_process_are_stale_by_the_others_pushes() -> None:
    handle = search(tabular(replicas=3, max_children=60), store="memory://stale")

    learned = sorted(handle.view.learned, key=lambda each: each.versions)
    # All three sample at version 0; then each round sees the pushes of the two others meanwhile.
    assert [each.staleness[0] for each in learned] == [0, 1, 2, *[2] * 12]
    assert [each.replica for each in learned] == [0, 1, 2] * 5


class FakeSupervisor:
    """Starts nothing; knows over which GPUs workers would have been spread."""

    gpus: tuple[str, ...]

    def __init__(self, *work: object, gpus: tuple[str, ...], **settings: object) -> None:
        FakeSupervisor.gpus = gpus

    def __enter__(self) -> FakeSupervisor:
        return self

    def __exit__(self, *exc_info: object) -> None:
        pass


class Full:
    """A store in which there is no room for one object, once."""

    def __init__(self, objects: ObjectStore, key: str) -> None:
        self._objects = objects
        self._key = key

    def __getattr__(self, name: str) -> object:
        return getattr(self._objects, name)

    def create(self, key: str, data: bytes) -> bool:
        if key == self._key:
            raise StoreError(f"cannot write {key}: no space left on device")
        return self._objects.create(key, data)


class Dies(Listener):
    """Ends the engine when a child has its result."""

    def __init__(self, child: str) -> None:
        self._child = child

    def ended(self, result: ChildResult) -> None:
        if result.id == self._child:
            raise RuntimeError("the engine ends here")


class Order(Listener):
    """The replicas in the order in which they learned."""

    def __init__(self) -> None:
        self.replicas: list[int] = []

    def learned(self, learned: Learned) -> None:
        self.replicas.append(learned.replica)


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
