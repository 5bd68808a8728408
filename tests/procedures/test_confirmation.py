"""The best are trained again: by whom, how often, killed or not, and with a budget that grows."""

from __future__ import annotations

import json
import zlib
from collections import Counter
from contextlib import suppress
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
import yaml
from faulty_store import WatchedStore, run_here
from searches import SPACE, tabular

from nas_lib import steps
from nas_lib.architecture import Architecture
from nas_lib.config import (
    ConfirmConfig,
    OwnChildrenConfig,
    RandomConfig,
    RoundsConfig,
    SearchConfig,
)
from nas_lib.config_file import parse_config, resolve_config, to_yaml
from nas_lib.engine import SearchHandle, search
from nas_lib.errors import CorruptStateError, CrashedRoundError, InterruptedSearchError
from nas_lib.open_search import OpenSearch
from nas_lib.presets import preset
from nas_lib.procedures import Listener, procedure_of
from nas_lib.procedures.confirmation import confirmations
from nas_lib.procedures.proposals import read_round
from nas_lib.records import Again, ChildId, Confirmation, Learned, to_json
from nas_lib.store import SearchStore, layout

TWICE = ConfirmConfig(networks=3, trainings=2)


class Noisy:
    """A sum of all numbers, and luck: another one each time that an architecture comes."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    def __call__(self, architecture: Architecture) -> float:
        self.asked[architecture.id] += 1
        luck = zlib.crc32(f"{architecture.id} {self.asked[architecture.id]}".encode()) % 7
        return (sum(SPACE.options(architecture).values()) + luck) / 20


def config_of(max_children: int = 18, *, noisy: bool = True, **rounds: Any) -> SearchConfig:
    given = {"confirm": TWICE, "children_per_round": 3, **rounds}
    return SearchConfig(
        name="confirmed",
        controller=RandomConfig(),
        children=OwnChildrenConfig(evaluate="inline", noisy=noisy),
        search=RoundsConfig(max_children=max_children, **given),
    )


def run(
    config: SearchConfig, *, uri: str = "", evaluate: Any = None, **options: Any
) -> SearchHandle:
    uri = uri or f"memory://{uuid4().hex}"
    return search(config, store=uri, space=SPACE, evaluate=evaluate or Noisy(), **options)


def replicas(handle: SearchHandle) -> set[int]:
    return {ChildId.parse(row.id).replica for row in handle.view.again}


def seeds(handle: SearchHandle) -> dict[tuple[str, int], int]:
    """Return the seed of every training of the best again."""
    store = SearchStore.open(handle.uri)
    children = (store.proposed(row.id) for row in handle.view.again)
    found = {child.id: child for proposed in children for child in proposed.children}
    return {(child.confirms or "", child.training): child.seed for child in found.values()}


class TestHowMany:
    @pytest.mark.parametrize(
        ("budget", "networks"),
        [(8, 0), (23, 0), (24, 2), (47, 3), (48, 4), (59, 4), (60, 5), (12_800, 5)],
    )
    def test_the_best_of_a_third_of_the_budget_and_never_one_alone(
        self, budget: int, networks: int
    ) -> None:
        # 4 trainings of each: 12 children of the budget for each of the best, 5 at most
        settings = RoundsConfig(max_children=budget)
        assert settings.num_confirmed == networks
        assert 3 * 4 * networks <= budget

    def test_none_where_it_is_off_or_the_answer_would_be_the_same(self) -> None:
        assert RoundsConfig(confirm=None).num_confirmed == 0
        for config in (config_of(noisy=False), config_of(confirm=None)):
            assert procedure_of(config).num_again(config) == 0
        assert procedure_of(config_of()).num_again(config_of()) == 6

    def test_children_that_are_trained_are_noisy(self) -> None:
        config = SearchConfig()
        assert procedure_of(config).num_again(config) == 20


class TestSearches:
    @pytest.mark.parametrize("repeats", ["reuse", "train"])
    @pytest.mark.parametrize("num_replicas", [1, 4])
    def test_the_best_are_trained_again_by_one_replica_after_the_budget(
        self, repeats: str, num_replicas: int
    ) -> None:
        evaluate = Noisy()
        budget = 24 if repeats == "train" else 19
        config = config_of(budget, replicas=num_replicas, repeats=repeats)
        view = (handle := run(config, evaluate=evaluate)).view

        assert view.finished
        assert len(view.judged) == budget
        assert sum(evaluate.asked.values()) == budget + 6
        assert len(view.again) == view.num_again == 6
        assert len(replicas(handle)) == 1
        chosen = Counter(row.confirms for row in view.again)
        assert set(chosen.values()) == {2}
        first = {row.id: row for row in view.judged}
        for row in view.again:
            assert row.architecture == first[row.confirms or ""].architecture
        if repeats == "reuse":  # else a network may have two scores, and stand by their mean
            best = sorted((row.reward for row in view.judged), reverse=True)
            assert sorted((first[each or ""].reward for each in chosen), reverse=True) == best[:3]

    def test_whoever_does_it_the_children_have_the_same_seeds(self) -> None:
        found = [seeds(run(config_of(24, replicas=4))) for _ in range(2)]
        assert len(found[0]) == 6
        assert len({*found[0].values()}) == 6
        assert found[0] == found[1]

    def test_the_winner_is_the_best_mean_and_the_handle_says_how_sure(self) -> None:
        handle = run(config_of())
        confirmed = [each for each in handle.view.standings if each.is_confirmed]

        assert handle.best is not None
        assert len(handle.best.scores) == 3
        assert handle.best.mean_score == max(each.seeds.mean or 0 for each in confirmed)
        assert handle.best.spread is not None
        assert [row.id for row in handle.leaderboard(3)] == [each.row.id for each in confirmed]

    def test_the_controller_learns_nothing_from_it(self) -> None:
        handle = run(config_of())
        store = SearchStore.open(handle.uri)
        learned = [
            store.read(Learned, layout.round_state(0, number, "learned"))
            for number in range(store.open_round(0))
        ]

        assert len(learned) == len(handle.view.learned) + 2  # 6 trainings, 3 in a round
        assert learned[-1].versions == learned[-2].versions == learned[-3].versions
        assert all(each.metrics == {} for each in learned[-2:])
        assert {each.round for each in handle.view.learned} == {*range(len(learned) - 2)}

    def test_a_target_that_is_reached_ends_exploring_only(self) -> None:
        view = run(config_of(stop_at_score=0.3)).view
        assert view.finished
        assert len(view.judged) < 18
        assert len(view.again) == 6

    def test_it_is_not_finished_before(self) -> None:
        config, evaluate = config_of(), Noisy()
        handle = run(config, rounds=1)
        while len(handle.view.judged) < 18:
            handle = run(config, uri=handle.uri, evaluate=evaluate, rounds=1)
        again = run(config, uri=handle.uri, evaluate=evaluate, rounds=1)

        assert not handle.view.finished
        assert handle.view.num_again == 6
        assert not again.view.finished
        assert len(again.view.again) == 3
        assert run(config, uri=handle.uri, evaluate=evaluate).view.finished

    def test_where_none_has_a_score_nobody_is_trained_again(self) -> None:
        view = run(config_of(), evaluate=lambda _: float("nan")).view
        assert view.finished
        assert view.again == ()


class TestMoreBudget:
    @pytest.mark.parametrize("num_replicas", [1, 3])
    def test_only_what_is_missing_is_trained_at_the_next_end(self, num_replicas: int) -> None:
        evaluate = Noisy()
        first = run(config_of(18, replicas=num_replicas), evaluate=evaluate)
        second = run(config_of(27, replicas=num_replicas), uri=first.uri, evaluate=evaluate)

        assert second.view.finished
        assert len(second.view.judged) == 27
        again = Counter((row.architecture.id) for row in second.view.again)
        assert set(again.values()) == {2}
        assert {row.id for row in first.view.again} <= {row.id for row in second.view.again}
        assert sum(evaluate.asked.values()) == 27 + len(second.view.again)

    def test_the_controller_proposes_what_it_would_have_without_it(self) -> None:
        first = run(config_of(18, repeats="train"))
        grown = run(config_of(27, repeats="train"), uri=first.uri)
        at_once = run(config_of(27, repeats="train"))

        architectures = [row.architecture for row in grown.view.judged]
        assert architectures == [row.architecture for row in at_once.view.judged]

    def test_more_trainings_of_each_are_added(self) -> None:
        first = run(config_of(27))
        more = config_of(27, confirm=ConfirmConfig(networks=3, trainings=3))
        second = run(more, uri=first.uri)

        assert {row.id for row in first.view.again} < {row.id for row in second.view.again}
        trainings = {child.training for child in proposed_again(second)}
        assert trainings == {1, 2, 3}

    def test_it_may_be_switched_off_once_the_search_has_begun(self) -> None:
        first = run(config_of(18), rounds=1)
        second = run(config_of(18, confirm=None), uri=first.uri)
        assert second.view.finished
        assert second.view.again == ()


def proposed_again(handle: SearchHandle) -> list[Any]:
    store = SearchStore.open(handle.uri)
    rounds = {row.id[:11]: row.id for row in handle.view.again}
    return [child for first in rounds.values() for child in store.proposed(first).children]


class TestTold:
    def test_what_comes_on_top_is_said_before(self) -> None:
        config = config_of(18)
        handle = run(config, rounds=1)
        opened, procedure = (
            OpenSearch(handle.uri, space=SPACE, evaluate=Noisy()),
            procedure_of(config),
        )

        assert procedure.preview(opened).facts["confirmation"] == (
            "6 trainings more: the best 3 again, 2 times each, with other seeds"
        )
        # 15 children of the budget are left, in 5 rounds, and 6 trainings in 2
        assert procedure.to_do(opened, 7) == "7 round(s), with 6 trainings of the best again,"
        assert procedure.to_do(opened, 5) == "5 round(s)"
        assert [stage.total for stage in procedure.stages(opened, 7)] == [15 + 6]

    def test_where_none_are_trained_again_nothing_is_said(self) -> None:
        config = config_of(18, confirm=None)
        handle = run(config, rounds=1)
        opened = OpenSearch(handle.uri, space=SPACE, evaluate=Noisy())

        assert "confirmation" not in procedure_of(config).preview(opened).facts
        assert procedure_of(config).to_do(opened, 5) == "5 round(s)"

    def test_settings_of_it_are_changed_like_any_other(self) -> None:
        off = resolve_config("digits", {"search.confirm": None}, stored=None)
        more = resolve_config("digits", {"search.confirm.trainings": 6}, stored=None)

        assert off is not None
        assert more is not None
        assert off.search.confirm is None  # type: ignore[union-attr]
        assert more.search.confirm == ConfirmConfig(networks=5, trainings=6)  # type: ignore[union-attr]
        assert parse_config(yaml.safe_load(to_yaml(more)), source="test") == more

    @pytest.mark.parametrize("name", ["nas-cnn", "nas-cnn-strides", "nasnet-paper"])
    def test_published_systems_train_none_again(self, name: str) -> None:
        config = preset(name)
        assert procedure_of(config).num_again(config) == 0


class TestTwoAtOnce:
    def opened(self, handle: SearchHandle) -> OpenSearch:
        return OpenSearch(handle.uri, space=SPACE, evaluate=Noisy())

    def test_two_replicas_that_end_at_the_same_time_do_not_both_do_it(self) -> None:
        handle = run(config_of(18, replicas=2, confirm=None))
        both = [self.opened(handle) for _ in range(2)]
        for opened in both:
            opened.config = config_of(18, replicas=2).model_copy(
                update={"space": opened.config.space, "children": opened.config.children}
            )
        procedure = procedure_of(both[0].config)
        assert not any(procedure.is_finished(both[0], replica) for replica in range(2))

        proposed = [
            procedure_of(opened.config).propose(opened, replica, run="x", listener=Listener())
            for replica, opened in enumerate(both)
        ]

        assert proposed[0] is not None
        assert proposed[1] is None
        assert [procedure.is_finished(both[1], replica) for replica in range(2)] == [False, True]
        assert SearchStore.open(handle.uri).newest(layout.CONFIRMATIONS) == 1

    def test_a_pod_of_another_replica_finds_a_child_that_has_its_result(self) -> None:
        handle = run(config_of(18, replicas=2))
        (whose,) = replicas(handle)
        opened = self.opened(handle)
        for replica in range(2):
            plan = steps.plan_rounds(opened, replica=replica, run="p", rounds_per_run=5)
            assert plan.ticks == ()
        (child,) = steps.sample_architectures(opened, replica=1 - whose, run="p")
        assert child in {row.id for row in handle.children}

    def test_every_replica_has_ticks_for_it_as_any_may_be_the_last(self) -> None:
        first = run(config_of(18, replicas=2, repeats="train"), rounds=2)
        opened = self.opened(first)
        for replica in range(2):
            plan = steps.plan_rounds(opened, replica=replica, run=f"p{replica}")
            # 18 / 2 - 6 children in a round of 3, and 6 trainings in 2 rounds
            assert len(plan.ticks) == 1 + 2


class TestResuming:
    def test_stopped_at_any_call_to_the_store_it_comes_to_the_same(self) -> None:
        config = tabular(
            max_children=6,
            children={"noisy": True},
            children_per_round=2,
            confirm=ConfirmConfig(networks=2, trainings=1),
        )
        whole, (begins, ends) = self.watched(config)
        assert len([row for row in whole if row[-1]]) >= 2
        for stop in range(begins, ends, 1 + (ends - begins) // 8):
            found, _ = self.watched(config, stop=stop)
            assert found == whole

    def watched(self, config: SearchConfig, *, stop: int = 0) -> tuple[list[Any], list[int]]:
        """Run a search, stopped once before a call; return what it came to, and between which."""
        uri, marks = f"memory://{uuid4().hex}", []

        def on_call(called: int, name: str, key: str) -> None:
            if key == layout.confirmation(1):
                marks.append(called)
            if called == stop:
                raise KeyboardInterrupt

        opened = OpenSearch(uri)
        opened.store.objects = watched = WatchedStore(opened.store.objects, on_call)  # type: ignore[assignment]
        with suppress(InterruptedSearchError, KeyboardInterrupt):
            run_here(opened, config)
        handle = run_here(OpenSearch(uri), config)
        assert handle.view.finished
        rows = [(row.id, row.architecture, row.reward, row.confirms) for row in handle.children]
        return [*rows, *seeds(handle).items()], [marks[0], len(watched.calls)]

    def test_where_all_crash_alike_the_round_is_tried_again(self) -> None:
        evaluate, broken = Noisy(), True

        def breaks(architecture: Architecture) -> float:
            if broken and evaluate.asked[architecture.id]:
                raise RuntimeError("no driver")
            return evaluate(architecture)

        uri = f"memory://{uuid4().hex}"
        with pytest.raises(CrashedRoundError, match="crashed alike"):
            run(config_of(), uri=uri, evaluate=breaks)
        broken = False
        view = run(config_of(), uri=uri, evaluate=breaks).view
        assert view.finished
        assert [row.status for row in view.again] == ["ok"] * 6


class TestStored:
    def test_a_search_that_was_begun_before_there_was_the_setting_has_none(self) -> None:
        handle = run(config_of(), rounds=1)
        self.rewrite(
            handle.uri, layout.SEARCH, lambda stored: stored["config"]["search"].pop("confirm")
        )
        store = SearchStore.open(handle.uri)
        for number in range(1, (store.newest(layout.SETTINGS) or 0) + 1):
            store.objects.delete(layout.settings(number))

        view = run(config_of(), uri=handle.uri).view
        assert view.finished
        assert view.again == ()

    def test_rounds_that_were_stored_before_are_read(self) -> None:
        handle = run(config_of(confirm=None))

        def without(proposed: dict[str, Any]) -> None:
            for child in proposed["children"]:
                del child["confirms"], child["training"]

        self.rewrite(handle.uri, layout.round_state(0, 0, "proposed"), without)
        assert SearchStore.open(handle.uri).proposed("r000-000000-00").children[0].confirms is None

    def rewrite(self, uri: str, key: str, change: Any) -> None:
        objects = SearchStore.open(uri).objects
        fields = json.loads(objects.get(key))
        del fields["crc32"]
        change(fields)
        text = json.dumps(fields, separators=(",", ":")).encode()[1:]
        objects.replace(key, b'{"crc32":"%08x"' % zlib.crc32(text) + b"," + text)

    def test_a_child_with_the_seed_of_another_training_is_refused(self) -> None:
        handle = run(config_of())
        child = handle.view.again[0].id
        proposed = SearchStore.open(handle.uri).proposed(child)
        wrong = [replace(child, training=7) for child in proposed.children]
        objects = SearchStore.open(handle.uri).objects
        key = layout.round_state(proposed.replica, proposed.round, "proposed")
        objects.replace(key, to_json(replace(proposed, children=tuple(wrong))))

        opened = OpenSearch(handle.uri, space=SPACE, evaluate=Noisy())
        with pytest.raises(CorruptStateError, match="the seed of"):
            read_round(opened, proposed.replica, proposed.round)

    @pytest.mark.parametrize(
        ("change", "says"),
        [
            ({"replica": 4}, "it has no replica 4"),
            ({"children": (Again("x", 1),)}, "no child that could"),
            ({"numbers": (1, 2)}, "it has 2 replicas of 1"),
        ],
    )
    def test_a_record_that_cannot_be_is_refused(self, change: dict[str, Any], says: str) -> None:
        handle = run(config_of())
        store = SearchStore.open(handle.uri)
        changed = replace(store.read(Confirmation, layout.confirmation(1)), **change)
        store.objects.replace(layout.confirmation(1), to_json(changed))

        with pytest.raises(CorruptStateError, match=says):
            confirmations(OpenSearch(handle.uri, space=SPACE, evaluate=Noisy()))
