"""Repeats: no architecture is judged twice, in one process and in pods, resumed or not."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from searches import account

from nas_lib import steps
from nas_lib.architecture import Architecture
from nas_lib.config import RandomConfig, ReinforceConfig, RoundsConfig, SearchConfig
from nas_lib.engine import SearchHandle, search
from nas_lib.errors import CorruptStateError, ObjectNotFoundError
from nas_lib.open_search import OpenSearch
from nas_lib.procedures import procedure_of
from nas_lib.procedures.repeats import MOST_IDLE_ROUNDS, Progress
from nas_lib.records import Child, First, Proposed, to_json
from nas_lib.spaces import ChoiceSpace
from nas_lib.store import SearchStore, layout
from nas_lib.store.objects import ObjectStore

FOUR = ChoiceSpace(a=[1, 2], b=[1, 2])
MANY = ChoiceSpace(a=[1, 2, 3, 4], b=[1, 2, 3, 4], c=[1, 2, 3])


class Evaluated:
    """Notes what is evaluated; a product of all numbers, 0 to 1."""

    def __init__(self, space: ChoiceSpace, *, worst: str = "ok") -> None:
        self.seen: list[str] = []
        self._space = space
        self._worst = worst

    def __call__(self, architecture: Architecture) -> float:
        self.seen.append(architecture.id)
        numbers = list(self._space.options(architecture).values())
        if self._worst != "ok" and set(numbers) == {1}:
            if self._worst == "crashed":
                raise RuntimeError("all are 1")
            return float("nan")
        return sum(numbers) / 100


def config_of(max_children: int, *, learns: bool = True, **rounds: Any) -> SearchConfig:
    return SearchConfig(
        name="repeats",
        controller=ReinforceConfig(learning_rate=0.002) if learns else RandomConfig(),
        search=RoundsConfig(max_children=max_children, **{"children_per_round": 4, **rounds}),
    )


def run(
    config: SearchConfig,
    space: ChoiceSpace = FOUR,
    *,
    uri: str = "",
    evaluate: Callable[[Architecture], float] | None = None,
    **options: Any,
) -> SearchHandle:
    uri = uri or f"memory://{uuid4().hex}"
    return search(config, store=uri, space=space, evaluate=evaluate or Evaluated(space), **options)


class TestSearches:
    @pytest.mark.parametrize("learns", [True, False])
    @pytest.mark.parametrize("replicas", [1, 2])
    def test_of_a_space_of_four_each_is_evaluated_once_and_then_the_search_is_over(
        self, learns: bool, replicas: int
    ) -> None:
        evaluate = Evaluated(FOUR)
        handle = run(config_of(40, learns=learns, replicas=replicas), evaluate=evaluate)

        # replicas that propose the same at the same time do not know of each other
        assert max(Counter(evaluate.seen).values()) <= replicas
        assert len(set(evaluate.seen)) == 4
        assert handle.view.finished
        assert handle.view.ended_early == "all 4 architectures of the space are judged"

    @pytest.mark.parametrize("learns", [True, False])
    @pytest.mark.parametrize("replicas", [1, 2])
    def test_the_budget_is_used_to_the_last_child_and_not_exceeded(
        self, learns: bool, replicas: int
    ) -> None:
        evaluate = Evaluated(MANY)
        handle = run(config_of(19, learns=learns, replicas=replicas), MANY, evaluate=evaluate)

        assert len(evaluate.seen) == len(handle.view.judged) == 19
        assert handle.view.finished
        assert handle.view.ended_early == ""
        if replicas == 1:
            assert len(set(evaluate.seen)) == 19

    def test_a_repeat_has_the_verdict_of_the_first_and_names_it(self) -> None:
        handle = run(config_of(19), MANY)

        rows = {row.id: row for row in handle.children}
        repeats = [row for row in handle.children if row.is_repeat]
        assert repeats
        for row in repeats:
            first = rows[row.repeat_of or ""]
            assert first.architecture == row.architecture
            assert (first.status, first.reward, first.score) == (row.status, row.reward, row.score)
            assert first.id < row.id
            assert not first.is_repeat
            assert row.seconds == 0
        assert handle.view.num_repeats == len(repeats)

    def test_the_controller_learns_from_repeats(self) -> None:
        handle = run(config_of(19), MANY)
        by_round: dict[int, list[float]] = {}
        for row in handle.children:
            by_round.setdefault(int(row.id[5:11]), []).append(row.reward)
        for learned in handle.view.learned:
            rewards = by_round[learned.round]
            assert learned.metrics["mean_reward"] == pytest.approx(sum(rewards) / len(rewards))

    def test_with_train_every_child_is_evaluated(self) -> None:
        evaluate = Evaluated(FOUR)
        handle = run(config_of(40, repeats="train"), evaluate=evaluate)

        assert len(evaluate.seen) == len(handle.children) == 40
        assert handle.view.num_repeats == 0

    def test_children_are_those_of_a_search_that_trains_repeats(self) -> None:
        reused, trained = (
            run(config_of(40, repeats=repeats), MANY) for repeats in ("reuse", "train")
        )
        num = min(len(reused.children), len(trained.children))
        assert num >= 36
        assert account(reused)[: num - 4] == account(trained)[: num - 4]

    def test_a_ranking_has_an_architecture_once(self) -> None:
        ids = [row.architecture.id for row in run(config_of(40), MANY).leaderboard(top=100)]
        assert len(ids) == len(set(ids)) == 40

    def test_one_that_diverges_is_judged(self) -> None:
        evaluate = Evaluated(FOUR, worst="diverged")
        assert run(config_of(40), evaluate=evaluate).view.finished
        assert Counter(evaluate.seen).most_common(1)[0][1] == 1

    def test_one_that_crashes_says_nothing_and_is_tried_again_where_it_comes_again(self) -> None:
        evaluate = Evaluated(FOUR, worst="crashed")
        handle = run(config_of(8, learns=False), evaluate=evaluate)

        crashed = [row for row in handle.children if row.status == "crashed"]
        judged = {row.architecture.id for row in handle.children if row.counts}
        assert len(judged) == 3
        assert len([row for row in crashed if not row.is_repeat]) == 8 - 3  # all of the budget
        for row in crashed:  # a repeat of one that crashed is of the same round
            assert row.repeat_of is None or row.repeat_of[:11] == row.id[:11]

    def test_a_search_that_proposes_nothing_new_ends(self) -> None:
        class Stubborn(ChoiceSpace):
            """Has more token sequences than can be tried out, and four architectures."""

            def decode(self, tokens: Any) -> Architecture:
                few = FOUR.decode([tokens[0] % 2, tokens[1] % 2])
                return Architecture(few.space, tuple(tokens), few.config)

        space = Stubborn(**{name: list(range(10)) for name in "abcde"})
        handle = run(config_of(40), space, evaluate=lambda _: 0.5)

        assert handle.view.finished
        assert len(handle.view.judged) == 4
        assert handle.view.ended_early == "nothing new was proposed in 20 rounds in a row"
        assert (
            steps.plan_rounds(OpenSearch(handle.uri, space=space), replica=0, run="b").ticks == ()
        )

    def test_more_budget_goes_on(self) -> None:
        uri, evaluate = f"memory://{uuid4().hex}", Evaluated(MANY)
        run(config_of(10), MANY, uri=uri, evaluate=evaluate)
        handle = run(config_of(21), MANY, uri=uri, evaluate=evaluate)

        assert len(handle.view.judged) == len(set(evaluate.seen)) == 21


class TestResuming:
    def test_wherever_it_is_killed_the_children_and_rewards_are_the_same(self) -> None:
        config = config_of(13)
        whole = account(run(config, MANY))
        uri = f"memory://{uuid4().hex}"
        handle = run(config, MANY, uri=uri, rounds=1)
        while not handle.view.finished:
            handle = run(config, MANY, uri=uri, rounds=1)
            assert account(handle) == whole[: len(handle.children)]
        assert account(handle) == whole


class TestProgress:
    def proposed(self, *repeat_of: str | None, num_before: int = 0, idle: int = 0) -> Proposed:
        architecture = FOUR.decode([0, 0])
        children = tuple(
            Child(f"r000-000003-{index:02d}", architecture, 1, first)
            for index, first in enumerate(repeat_of)
        )
        return Proposed(0, 3, "run", 1, (0,), children, 0.0, num_before, idle)

    def test_children_that_are_no_repeats_are_counted(self) -> None:
        first = "r000-000000-00"
        assert Progress.after(self.proposed(None, first, None, num_before=5)) == Progress(7, 0)

    def test_rounds_of_repeats_in_a_row_are_counted(self) -> None:
        first = "r000-000000-00"
        assert Progress.after(self.proposed(first, first, num_before=5, idle=2)) == Progress(5, 3)
        assert Progress.after(self.proposed(first, None, num_before=5, idle=2)) == Progress(6, 0)

    def test_it_is_over_once_the_share_is_used_or_nothing_is_new(self) -> None:
        assert Progress(4, 0).is_over(4)
        assert not Progress(3, MOST_IDLE_ROUNDS - 1).is_over(4)
        assert Progress(3, MOST_IDLE_ROUNDS).is_over(4)

    def test_shares_add_up_to_the_budget(self) -> None:
        settings = RoundsConfig(max_children=11, children_per_round=2, replicas=3)
        assert [settings.share(replica) for replica in range(3)] == [4, 4, 3]


class TestPods:
    """The steps as a pipeline has them."""

    def do_tick(self, uri: str, space: ChoiceSpace, evaluate: Evaluated) -> list[str]:
        def opened() -> OpenSearch:
            return OpenSearch(uri, space=space, evaluate=evaluate)

        children = steps.sample_architectures(opened(), replica=0, run="run")
        for child in children:
            steps.train_child(opened(), child=child, run="run")
        summary = steps.aggregate_rewards(opened(), children=children, run="run")
        steps.update_controller(opened(), replica=0, round=summary.round, run="run")
        return children

    @pytest.mark.parametrize("space", [FOUR, MANY])
    def test_ticks_give_what_the_engine_gives_and_train_no_repeat(self, space: ChoiceSpace) -> None:
        uri, evaluate, config = f"memory://{uuid4().hex}", Evaluated(space), config_of(19)
        whole = run(config, space)
        inline = whole.view.config

        steps.prepare_data(OpenSearch(uri, space=space, evaluate=evaluate), config=inline)
        children = [child for _ in range(12) for child in self.do_tick(uri, space, evaluate)]

        view = steps.view_search(OpenSearch(uri, space=space, evaluate=evaluate))
        assert account(SearchHandle(uri, "", view)) == account(whole)
        assert view.finished
        assert len(evaluate.seen) == len(set(evaluate.seen))
        repeats = {row.id for row in view.rows if row.is_repeat}
        # once it is over, a tick has a child that is done: a loop must not be empty
        assert repeats.isdisjoint(children[: len(view.judged)])

    def test_a_plan_has_the_ticks_that_the_budget_takes(self) -> None:
        handle = run(config_of(40), MANY, rounds=1)
        uri = handle.uri

        def ticks(**options: Any) -> int:
            opened = OpenSearch(uri, space=MANY, evaluate=Evaluated(MANY))
            return len(steps.plan_rounds(opened, replica=0, run="other", **options).ticks)

        num_judged = len(handle.view.judged)
        assert ticks() == -(-(40 - num_judged) // num_judged)  # as many as in the first round
        assert ticks(rounds_per_run=3) == 3

    def test_a_replica_without_a_round_of_its_own_gets_a_finished_child_of_another(self) -> None:
        handle = run(config_of(40, replicas=2), replicas=[0])
        opened = OpenSearch(handle.uri, space=FOUR, evaluate=Evaluated(FOUR))

        (child,) = steps.sample_architectures(opened, replica=1, run="b")

        assert opened.store.find_result(child) is not None

    def test_for_results_of_a_round_that_is_new_nobody_asks(self) -> None:
        inline = run(config_of(40, repeats="train"), MANY, rounds=1).view.config
        opened = OpenSearch(f"memory://{uuid4().hex}", space=MANY, evaluate=Evaluated(MANY))
        steps.prepare_data(opened, config=inline)
        opened.store.objects = asked = Asked(opened.store.objects)

        children = steps.sample_architectures(opened, replica=0, run="run")
        assert not [key for key in asked.keys_read if key.startswith(layout.CHILDREN)]

        assert steps.sample_architectures(opened, replica=0, run="run") == children
        results = [layout.child_result(child) for child in children]
        assert [key for key in asked.keys_read if key.startswith(layout.CHILDREN)] == results

    def test_of_a_round_only_the_child_that_is_trained_is_decoded(self) -> None:
        opened = OpenSearch(f"memory://{uuid4().hex}", space=MANY, evaluate=Evaluated(MANY))
        steps.prepare_data(opened, config=run(config_of(40), MANY, rounds=1).view.config)
        children = steps.sample_architectures(opened, replica=0, run="run")
        space = Decoded(a=[1, 2, 3, 4], b=[1, 2, 3, 4], c=[1, 2, 3])
        opened = OpenSearch(opened.uri, space=space, evaluate=Evaluated(MANY))

        steps.train_child(opened, child=children[-1], run="run")

        assert space.seen == [opened.store.proposed(children[0]).children[-1].architecture.tokens]


class Decoded(ChoiceSpace):
    """A space that notes what is decoded."""

    def __init__(self, **options: list[int]) -> None:
        super().__init__(**options)
        self.seen: list[tuple[int, ...]] = []

    def decode(self, tokens: Sequence[int]) -> Architecture:
        self.seen.append(tuple(tokens))
        return super().decode(tokens)


class Asked:
    """A store that notes which objects it is asked for."""

    def __init__(self, objects: ObjectStore) -> None:
        self.keys_read: list[str] = []
        self._objects = objects

    def __getattr__(self, name: str) -> Any:
        return getattr(self._objects, name)

    def has(self, key: str) -> bool:
        self.keys_read.append(key)
        return self._objects.has(key)

    def get(self, key: str, *, at_most: int | None = None) -> bytes:
        self.keys_read.append(key)
        return self._objects.get(key, at_most=at_most)


class TestForgedRecords:
    @pytest.mark.parametrize("first", ["", "../search", "r000-000000-00\n"])
    def test_a_note_that_names_no_child_is_named(self, first: str) -> None:
        handle = run(config_of(40), MANY, rounds=1)
        store = SearchStore.open(handle.uri)
        for key in store.objects.keys(layout.JUDGED):
            store.objects.replace(key, to_json(First(first)))

        with pytest.raises(CorruptStateError, match=r"object judged/.*no child that could be"):
            run(config_of(40), MANY, uri=handle.uri)

    def test_a_first_whose_result_is_gone_is_named_and_not_waited_for_for_ever(self) -> None:
        handle = run(config_of(40), FOUR, rounds=1)
        store = SearchStore.open(handle.uri)
        for key in store.objects.keys(layout.JUDGED):
            store.objects.replace(key, to_json(First("r000-000099-00")))

        with pytest.raises(ObjectNotFoundError, match=r"no children/r000-000099-00/result.json"):
            run(config_of(40), FOUR, uri=handle.uri)


class TestQuorum:
    def test_repeats_of_a_child_that_went_missing_are_missing_too(self) -> None:
        uri, space = f"memory://{uuid4().hex}", ChoiceSpace(a=[1, 2])
        evaluate = Evaluated(space)
        inline = run(config_of(40), space).view.config
        search_ = inline.search.model_copy(update={"wait_for": 1})
        config = inline.model_copy(update={"search": search_})

        def opened() -> OpenSearch:
            return OpenSearch(uri, space=space, evaluate=evaluate)

        steps.prepare_data(opened(), config=config)
        first, second = steps.sample_architectures(opened(), replica=0, run="run")
        steps.train_child(opened(), child=first, run="run")
        summary = steps.aggregate_rewards(opened(), children=[first], run="run")

        assert summary.rewarded is not None
        assert len(summary.rewarded.rows) == 4
        for row in summary.rewarded.rows:
            assert row.status == ("ok" if first in (row.id, row.repeat_of) else "missing")
        assert second in {row.id for row in summary.rewarded.rows}


class TestOlderSearches:
    """Those that were begun before there was `search.repeats`."""

    @pytest.fixture
    def uri(self, tmp_path: Path) -> str:
        uri = str(tmp_path / "state")
        run(config_of(40, repeats="train"), uri=uri, rounds=2)
        self.forget_setting(uri)
        return uri

    def forget_setting(self, uri: str) -> None:
        objects = SearchStore.open(uri).objects
        document = json.loads(objects.get(layout.SEARCH))
        del document["config"]["search"]["repeats"], document["crc32"]
        objects.replace(layout.SEARCH, to_json(document))

    def test_they_go_on_and_train_repeats_whatever_the_document_says(self, uri: str) -> None:
        evaluate = Evaluated(FOUR)
        handle = run(config_of(40), uri=uri, evaluate=evaluate)

        assert len(handle.children) == 40
        assert len(evaluate.seen) == 40 - 8
        assert handle.view.num_repeats == 0
        assert handle.view.finished

    def test_their_settings_say_so(self, uri: str) -> None:
        config = OpenSearch(uri, space=FOUR, evaluate=Evaluated(FOUR)).config
        assert procedure_of(config).settings.repeats == "train"
