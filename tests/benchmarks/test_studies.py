"""What the studies rest on: the computed rewards, the simulated clock, the counting store."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from searches import SPACE as SMALL_SPACE
from searches import tabular

from benchmarks.counted import CountedStore
from benchmarks.simulated import SimulatedWorkers, log_normal
from benchmarks.studies import asynchrony, nasbench201, saturation, scaling
from benchmarks.studies.layered_reward import OPTIMUM, SPACE, reward
from nas_lib import steps
from nas_lib.config import CustomSpaceConfig, ReinforceConfig
from nas_lib.engine import Engine, Listener
from nas_lib.open_search import OpenSearch
from nas_lib.records import ChildId
from nas_lib.spaces import Choice, CnnSpace
from nas_lib.store import open_store
from tests.store.store_contract import StoreContract


def test_the_optimum_is_worth_one_and_every_neighbour_less() -> None:
    space = CnnSpace(SPACE)
    best = space.encode(OPTIMUM)
    limits = [
        each.num_options if isinstance(each, Choice) else 2
        for each in space.decisions(6)
        for _ in range(each.num_tokens)
    ]
    neighbours = [
        space.decode((*best[:place], token, *best[place + 1 :]))
        for place, limit in enumerate(limits)
        for token in range(limit)
        if token != best[place]
    ]

    assert reward(OPTIMUM) == 1
    assert len(neighbours) == 18 * 3 + 15  # 18 choices of 4, 15 skip bits
    assert max(map(reward, neighbours)) < 1
    assert min(map(reward, neighbours)) >= 0


def test_a_cell_of_nas_bench_201_has_its_recorded_accuracy_and_time() -> None:
    nothing = nasbench201.SPACE.decode([0] * 6)  # no edge passes anything on: a guess of ten
    convolutions = nasbench201.SPACE.decode([3] * 6)

    assert nasbench201.reward(nothing) == pytest.approx(0.1, abs=0.01)
    assert 0.85 < nasbench201.reward(convolutions) < 0.92
    assert nasbench201.seconds(convolutions) > nasbench201.seconds(nothing) > 0


# --- simulated children -----------------------------------------------------------------------


def simulated(uri: str, *, seconds: dict[int, float], capacity: int) -> list[tuple[float, str]]:
    """Search with one child a round, which takes its replica's seconds; return who ended when."""
    search = OpenSearch(uri)
    num = len(seconds)
    config = tabular(max_children=4 * num, children_per_round=1, replicas=num)
    steps.prepare_data(search, config=config)
    workers = SimulatedWorkers(
        search, seconds=lambda child: seconds[ChildId.parse(child).replica], capacity=capacity
    )
    view = Engine(search, make_workers=workers.in_run, listener=Listener()).run()
    assert view.finished
    return workers.ended


def test_a_replica_whose_children_are_quick_does_not_wait_for_a_slow_one() -> None:
    ended = simulated("memory://simulated-uneven", seconds={0: 10.0, 1: 1.0}, capacity=2)

    # 1, 2, 3, 4 s: the quick one's four rounds; then the slow one's at 10, 20, 30, 40 s
    assert [when for when, _ in ended] == [1, 2, 3, 4, 10, 20, 30, 40]
    assert [child[:4] for _, child in ended] == ["r001"] * 4 + ["r000"] * 4


def test_children_wait_where_there_is_no_room() -> None:
    ended = simulated("memory://simulated-full", seconds={0: 1.0, 1: 1.0}, capacity=1)

    assert [when for when, _ in ended] == [1, 2, 3, 4, 5, 6, 7, 8]


def test_random_durations_are_the_childs_own_and_have_the_mean() -> None:
    seconds = log_normal(1, mean_s=60.0)
    drawn = [seconds(f"r000-{number:06d}-00") for number in range(2000)]

    assert seconds("r000-000000-00") == drawn[0]
    assert len(set(drawn)) == 2000
    # sigma 0.5: a standard deviation of 60 * sqrt(e^0.25 - 1) = 32, of the mean 32 / sqrt(2000)
    assert sum(drawn) / 2000 == pytest.approx(60, abs=3 * 32 / 2000**0.5)


def test_the_study_of_asynchrony_looks_at_children_in_the_order_in_which_they_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    problem = asynchrony.Problem(
        CustomSpaceConfig(object="searches:SPACE"),
        "searches:product",
        ReinforceConfig(),
        marks=(32, 64),
        seconds=lambda architecture: float(SMALL_SPACE.options(architecture)["a"]),
    )
    monkeypatch.setattr(asynchrony, "RUNS", tmp_path)
    monkeypatch.setattr(asynchrony, "LAST", 16)
    monkeypatch.setitem(asynchrony.PROBLEMS, "small", problem)
    arm = asynchrony.Arm("K=4", 4, problem.controller)

    found = asynchrony.measure("small", arm, seed=1)

    assert found["top 1 at 64"] >= found["top 15 at 64"] > 0
    assert found["repeats at 32"] <= found["repeats at 64"]
    assert 16 <= found["repeats at 64"] < 64  # there are 48 architectures
    assert 0 < found["mean staleness"] < 4  # three others push meanwhile, some of them twice
    # Two rounds, each as long as its slowest child: 4 s at most.
    assert 0 < found["simulated seconds at 32"] < found["simulated seconds at 64"] <= 2 * 4
    assert asynchrony.measure("small", arm, seed=1) == found  # read again


# --- scaling ------------------------------------------------------------------------------------


class TestCountedStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> CountedStore:
        return CountedStore(open_store(str(tmp_path)))


def test_requests_are_counted_by_kind_with_their_bytes() -> None:
    store = CountedStore(open_store("memory://counted"))
    store.create("a", b"123")
    store.create("a", b"4567")
    store.get("a")
    store.get_many(["a", "a"])
    store.keys("")

    assert store.counts == Counter(
        {
            "create": 1,
            "create, too late": 1,
            "get": 1 + 2,
            "list": 1,
            "bytes written": 3 + 4,
            "bytes read": 3 * 3,
        }
    )


def test_the_published_settings_come_first_and_every_cell_has_500_rounds() -> None:
    cells = scaling.cells()

    assert [cell.name for cell in cells[:2]] == ["folder-K100-m8-S20", "folder-K400-m1-S20-g10"]
    assert min(cell.rounds * cell.replicas for cell in cells) >= 500
    assert len({cell.name for cell in cells}) == len(cells)


def test_a_cell_is_measured_once_and_adds_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scaling, "RUNS", tmp_path)
    monkeypatch.setattr(scaling, "MIN_ROUNDS", 6)
    cell = scaling.Cell("folder", replicas=3, per_round=2, shards=2)

    found = scaling.measure(cell)

    assert found["rounds"] == 6  # 3 replicas, 2 rounds each
    requests = found["requests_per_round"]
    # proposed, gradient, two shards, rewarded, learned
    assert requests["create"] == 6
    lost = requests.get("create, too late", 0)
    assert lost == pytest.approx(found["conflicts_per_push"] * 2)
    assert scaling.measure(cell) == found


def test_writers_that_only_push_are_measured() -> None:
    found = saturation.measure(saturation.Load("folder", shards=2, writers=2), seconds=0.5)

    assert found["pushes_per_s"] > 0
    assert found["fewest_of_a_writer"] <= found["most_of_a_writer"]
    assert found["median_s"] <= found["percentile_95_s"] <= found["longest_s"]
