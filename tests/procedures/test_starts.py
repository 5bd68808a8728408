"""Known architectures come first: of every space and controller, in budgets, runs and replicas."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
import space_strategies
from hypothesis import given, settings
from hypothesis import strategies as st
from searches import SPACE, account, product, tabular

from nas_lib import steps
from nas_lib.architecture import Architecture
from nas_lib.config import (
    FORMAT_VERSION,
    CellsConfig,
    CnnSpaceConfig,
    ControllerConfig,
    CustomSpaceConfig,
    DepthConfig,
    EnasMicroSpaceConfig,
    OwnChildrenConfig,
    RandomConfig,
    RoundsConfig,
    SearchConfig,
)
from nas_lib.engine import SearchHandle, search
from nas_lib.errors import ConfigError, CorruptStateError, ObjectNotFoundError
from nas_lib.open_search import OpenSearch
from nas_lib.part import by_kind
from nas_lib.procedures import procedure_of
from nas_lib.records import KnownRound, Proposed, Start, to_json
from nas_lib.report import leaderboard_json, search_page, terminal_parts
from nas_lib.report.reporter import reporter_of
from nas_lib.spaces import ChoiceSpace, Space, SpacePart
from nas_lib.store import StoredSearch, layout

TEXTS = [f"a={a} b={b} c={c}" for c in (3, 1) for a in (1, 4) for b in (2, 3)]
"""Eight architectures of `SPACE`."""

LAYER = "conv 3x3x8/1x1 <- image"


def place() -> str:
    return f"memory://{uuid4().hex}"


def run(
    start_from: Any, uri: str = "", *, run_rounds: int | None = None, **rounds: Any
) -> SearchHandle:
    config = tabular(start_from=start_from, **rounds)
    return search(
        config, store=uri or place(), space=SPACE, evaluate=product, workers=1, rounds=run_rounds
    )


def texts(handle: SearchHandle) -> list[str]:
    """The architectures of a search with one replica, in the order of its children."""
    return [row.architecture.config for row in handle.children]


def growing(start_from: Any, controller: ControllerConfig, **rounds: Any) -> SearchConfig:
    """A search of one layer at first, and of two from the fifth child on."""
    return SearchConfig(
        space=CnnSpaceConfig(
            filter_heights=(1, 3),
            filter_widths=(1, 3),
            num_filters=(4, 8),
            depth=DepthConfig(start=1, step=1, every_children=5, max=3),
        ),
        controller=controller,
        children=OwnChildrenConfig(evaluate="searches:constant"),
        search=RoundsConfig(
            start_from=start_from, **{"max_children": 12, "children_per_round": 2, **rounds}
        ),
    )


class TestEverySpace:
    @pytest.mark.parametrize(
        "configs",
        [
            space_strategies.cnn_configs(),
            space_strategies.macro_configs(),
            space_strategies.micro_configs(),
            space_strategies.rnn_configs(),
            space_strategies.tree_configs(),
            space_strategies.image_reference_configs(),
            space_strategies.text_reference_configs(),
            space_strategies.choice_spaces(),
        ],
        ids=["cnn", "macro", "micro", "rnn", "trees", "images", "text", "choices"],
    )
    @settings(deadline=None, max_examples=8)
    @given(data=st.data())
    def test_texts_of_any_architectures_are_the_first_children_in_this_order(
        self, configs: st.SearchStrategy[SpacePart | ChoiceSpace], data: st.DataObject
    ) -> None:
        drawn = data.draw(configs)
        own = drawn if isinstance(drawn, ChoiceSpace) else None
        config = CustomSpaceConfig(object="inline") if own else drawn
        assert isinstance(config, SpacePart)
        space = config.build(own)
        decisions = space.decisions(space.depth(0))
        sequences = data.draw(st.lists(space_strategies.tokens_of(decisions), min_size=1))
        known = [space.decode(tokens).config for tokens in sequences]

        children = self.first_round(config, own, [*known, *known], num=len(known) + 2)

        distinct = list(dict.fromkeys(known))
        assert [each.config for each in children[: len(distinct)]] == distinct

    def first_round(
        self, config: SpacePart, own: Space | None, known: list[str], *, num: int
    ) -> list[Architecture]:
        """Return what is proposed first, where a round is so large."""
        opened = OpenSearch(place(), space=own, evaluate=lambda _: 0.5)
        document = SearchConfig(
            space=config,  # type: ignore[arg-type]
            controller=RandomConfig(),
            children=OwnChildrenConfig(evaluate="inline"),
            search=RoundsConfig(max_children=num, children_per_round=num, start_from=known),
        )
        steps.prepare_data(opened, config=document)
        procedure_of(document).propose(opened, 0, run="a", listener=None)  # type: ignore[arg-type]
        proposed = opened.store.read(Proposed, layout.round_state(0, 0, "proposed"))
        return [child.architecture for child in proposed.children]

    def test_architectures_may_be_given_for_their_texts(self) -> None:
        known = [SPACE.decode((3, 3, 2)), SPACE.decode((0, 0, 0))]

        assert texts(run(known, max_children=4)).index(known[1].config) == 1

    def test_a_user_s_own_space_is_asked_for_the_tokens_of_a_text(self) -> None:
        class Forgetful(ChoiceSpace):
            def encode(self, architecture: Architecture) -> tuple[int, ...]:
                raise NotImplementedError

        config = tabular(start_from=TEXTS)
        space = Forgetful(a=[1, 2, 3, 4], b=[1, 2, 3, 4], c=[1, 2, 3])
        said = (
            r"^search.start_from: 8 of 8 architectures are none of this space \(space.kind custom\)"
            ", first number 1: space.object: encode raises NotImplementedError"
        )
        with pytest.raises(ConfigError, match=said):
            search(config, store=place(), space=space, evaluate=product)


@pytest.mark.parametrize("kind", by_kind(ControllerConfig))
class TestEveryController:
    KNOWN = (TEXTS[0], TEXTS[1], TEXTS[5])
    DEEP = (f"{LAYER} | {LAYER}", f"{LAYER} | conv 1x1x4/1x1 <- 1", LAYER)

    @pytest.fixture
    def controller(self, kind: str) -> ControllerConfig:
        found: ControllerConfig = by_kind(ControllerConfig)[kind]()
        return found

    def test_proposes_what_the_list_leaves_open_and_goes_on(
        self, controller: ControllerConfig
    ) -> None:
        handle = run(self.KNOWN, controller=controller, max_children=16)

        assert texts(handle)[:3] == list(self.KNOWN)
        assert len(handle.children) == 16
        assert handle.view.known == {f"r000-000000-0{index}" for index in range(3)}

    def test_learns_the_same_from_architectures_whoever_proposed_them(
        self, controller: ControllerConfig
    ) -> None:
        """A policy's gradient is that of their log-probability, which it has of any tokens."""
        own = run(None, controller=controller, children_per_round=2, run_rounds=1)
        given = run(texts(own), controller=controller, children_per_round=2, run_rounds=1)

        first, *learned = [
            OpenSearch(handle.uri).store.objects.get(layout.shard(0, version))
            for handle, version in ((own, 0), (own, 1), (given, 1))
        ]
        assert len(given.view.known) == 2
        assert first != learned[0] == learned[1]

    def test_takes_them_at_any_depth_of_a_space_that_grows(
        self, controller: ControllerConfig
    ) -> None:
        handle = search(growing(self.DEEP, controller), store=place(), workers=1)

        # two layers, two layers; one layer and what is proposed beside it; then as without them
        assert texts(handle)[:3] == list(self.DEEP)
        layers = [len(text.split(" | ")) for text in texts(handle)]
        assert layers[:6] == [2, 2, 1, 1, 1, 1]
        assert set(layers[6:]) == {2, 3}


class TestRuns:
    def test_they_are_judged_here_and_are_of_the_budget(self) -> None:
        handle = run(TEXTS, max_children=12, repeats="reuse")

        assert len(handle.view.judged) == 12
        assert [row.reward for row in handle.children[:8]] == [
            product(row.architecture) for row in handle.children[:8]
        ]

    def test_a_search_that_was_stopped_among_them_goes_on_as_one_that_was_not(self) -> None:
        whole, uri = run(TEXTS[:6]), place()
        for _ in range(6):
            stopped = run(TEXTS[:6], uri, run_rounds=1)

        assert account(stopped) == account(whole)
        states = [
            OpenSearch(handle.uri).store.objects.get(layout.shard(0, 6))
            for handle in (whole, stopped)
        ]
        assert states[0] == states[1]

    def test_replicas_take_them_in_turns_whichever_is_the_first(self) -> None:
        uri, config = place(), tabular(start_from=TEXTS, replicas=4, children_per_round=1)
        for replica in (2, 0, 3, 1):
            handle = search(
                config, store=uri, space=SPACE, evaluate=product, workers=1, replicas=[replica]
            )

        found = {row.id: row.architecture.config for row in handle.children}
        numbers = [(replica, number) for number in range(2) for replica in range(4)]
        assert [found[f"r{replica:03d}-{number:06d}-00"] for replica, number in numbers] == TEXTS
        assert len(handle.view.known) == 8

    def test_those_that_a_stop_rule_left_come_when_it_is_lifted_after_the_best_were_trained_again(
        self,
    ) -> None:
        noisy = {
            "children": {"noisy": True},
            "confirm": {"networks": 2, "trainings": 2},
            "max_children": 16,
        }
        stopped = run(TEXTS, stop_at_score=0.7, **noisy)
        assert len(stopped.view.known) == 4
        assert [row.confirms is None for row in stopped.children] == 4 * [True] + 4 * [False]

        handle = run(TEXTS, stopped.uri, **noisy)

        found = [row for row in handle.children if row.confirms is None]
        assert [row.architecture.config for row in found][:8] == TEXTS
        assert handle.view.known == {row.id for row in found[:8]}

    def test_children_that_follow_are_those_of_the_same_seed(self) -> None:
        """Random search draws by the number of the round: a list of two rounds takes two away."""
        known = run(TEXTS, controller=RandomConfig(), max_children=24)
        unknown = run(None, controller=RandomConfig(), max_children=24)

        assert account(known)[8:] == account(unknown)[8:]

    def test_the_same_list_in_other_words_is_the_same_search_and_another_is_not(self) -> None:
        uri = run(TEXTS[:2], max_children=8).uri

        run({"architectures": TEXTS[:2]}, uri, max_children=12)
        with pytest.raises(ConfigError, match=r"holds another search: search.start_from"):
            run(TEXTS[:3], uri, max_children=12)

    @pytest.mark.parametrize(
        ("repeats", "replicas", "max_children", "needed"),
        [
            ("train", 1, 7, 8),  # one round of 4 of two
            ("reuse", 1, 7, 8),
            ("reuse", 4, 16, 0),  # two rounds of two replicas; the others have none
            ("reuse", 2, 8, 0),
            ("train", 1, 8, 0),
        ],
    )
    def test_a_budget_holds_all_of_them(
        self, repeats: str, replicas: int, max_children: int, needed: int
    ) -> None:
        rounds = {"repeats": repeats, "replicas": replicas, "max_children": max_children}
        if not needed:
            assert len(run(TEXTS, **rounds).view.known) == 8
            return
        uri = place()
        said = rf"^search.max_children \(7\) should hold the 8 .*: set it to {needed} or more"
        with pytest.raises(ConfigError, match=said):
            run(TEXTS, uri, **rounds)
        assert not OpenSearch(uri).store.objects.keys("")

    def test_one_that_is_none_of_the_space_is_named_before_anything_is_stored(self) -> None:
        uri = place()
        said = (
            r"^search.start_from: 2 of 3 architectures are none of this space \(space.kind custom\)"
            ", first number 2: not an architecture of this space: a=9$"
        )
        with pytest.raises(ConfigError, match=said):
            run([TEXTS[0], "a=9", "conv"], uri)
        assert not OpenSearch(uri).store.objects.keys("")

    def test_what_is_stored_of_them_is_looked_at(self) -> None:
        uri = run(TEXTS, run_rounds=1).uri
        objects = OpenSearch(uri).store.objects
        right, wrong = SPACE.decode((0, 1, 2)), Architecture("choices", (3, 3, 2), TEXTS[0])
        for forged, said in (
            (KnownRound(1, (wrong,)), "the text of an architecture is not what its tokens say"),
            (KnownRound(2, (right,)), "the space has no depth 2"),
            (KnownRound(0, (right,)), "a round cannot begin with 1 of depth 0"),
            (KnownRound(1, 5 * (right,)), "a round cannot begin with 5 of depth 1"),
            (KnownRound(1, ()), "a round cannot begin with 0 of depth 1"),
        ):
            objects.replace(layout.START, to_json(Start((forged, forged), time.time())))
            with pytest.raises(CorruptStateError, match=f"object start.json .*{said}"):
                run(TEXTS, uri)

        objects.delete(layout.START)  # and is made again, by whoever prepares
        assert texts(run(TEXTS, uri))[:8] == TEXTS

    def test_without_them_a_round_cannot_be_proposed(self) -> None:
        uri = run(TEXTS, run_rounds=1).uri
        opened = OpenSearch(uri, space=SPACE, evaluate=product)
        opened.store.objects.delete(layout.START)

        with pytest.raises(ObjectNotFoundError, match=r"start\.json"):
            steps.sample_architectures(opened, replica=0, run="a")


class TestAnotherSearch:
    @pytest.fixture
    def other(self) -> SearchHandle:
        return run(None, max_children=24, controller=RandomConfig())

    def best(self, other: SearchHandle, num: int) -> list[str]:
        """Return the best architectures as they are ranked, each once."""
        ranked = (row.architecture.config for row in other.leaderboard(24))
        return list(dict.fromkeys(ranked))[:num]

    @pytest.mark.parametrize("num", [3, 8, 1000])
    def test_its_best_are_the_first_and_fewer_where_it_has_fewer(
        self, other: SearchHandle, num: int
    ) -> None:
        best = self.best(other, num)
        handle = run({"search": other.uri, "best": num}, max_children=24)

        assert texts(handle)[: len(best)] == best
        assert len(handle.view.known) == len(best)

    def test_a_text_names_it_and_a_list_may_come_before_it(self, other: SearchHandle) -> None:
        best = self.best(other, 8)

        assert texts(run(other.uri))[:8] == best
        both = {"architectures": [best[3], TEXTS[0]], "search": other.uri, "best": 4}
        wanted = list(dict.fromkeys([best[3], TEXTS[0], *best[:4]]))
        assert texts(run(both))[: len(wanted)] == wanted

    def test_its_best_are_those_that_were_as_good_when_they_were_trained_again(self) -> None:
        lucky: set[str] = set()

        def evaluate(architecture: Architecture) -> float:
            is_first = architecture.id not in lucky
            lucky.add(architecture.id)
            return 1 - product(architecture) if is_first else product(architecture)

        noisy = {"children": {"noisy": True}, "confirm": {"networks": 2, "trainings": 2}}
        config = tabular(start_from=TEXTS[:4], max_children=16, **noisy)
        other = search(config, store=place(), space=SPACE, evaluate=evaluate, workers=1)

        best, second = (each.row.architecture.config for each in other.view.standings[:2])
        assert texts(run({"search": other.uri, "best": 2}, max_children=4))[:2] == [best, second]
        alone = max(other.children, key=lambda row: row.reward)  # by luck
        assert alone.architecture.config != best

    def test_it_may_go_on_or_be_deleted_once_the_search_is_begun(self, tmp_path: Any) -> None:
        other, uri = str(tmp_path / "other"), place()
        begun = run(None, other, max_children=24, run_rounds=3)
        best = self.best(begun, 8)
        run(other, uri, run_rounds=1)

        run(None, other, max_children=24)
        assert texts(run(other, uri, run_rounds=1))[:8] == best
        objects = OpenSearch(other).store.objects
        for key in objects.keys(""):
            objects.delete(key)
        handle = run(other, uri)
        assert texts(handle)[:8] == best
        assert handle.view.finished

    def test_it_may_lie_in_a_bucket(self, s3_uri: str) -> None:
        other = run(None, f"{s3_uri}/other", max_children=8, controller=RandomConfig())
        best = self.best(other, 2)

        handle = run({"search": other.uri, "best": 2}, f"{s3_uri}/next", max_children=8)

        assert texts(handle)[:2] == best

    def test_its_options_may_stand_in_another_order(self, other: SearchHandle) -> None:
        space = ChoiceSpace(a=[4, 3, 2, 1], b=[3, 4, 2, 1], c=[5, 3, 2, 1])
        handle = search(
            tabular(start_from=other.uri, max_children=8),
            store=place(),
            space=space,
            evaluate=lambda _: 0.5,
        )

        assert texts(handle) == self.best(other, 8)

    @pytest.mark.parametrize(
        ("make", "said"),
        [
            (
                lambda: "memory://none",
                "^search.start_from: there is no search at memory://none, nor are published cells "
                "called memory://none: known are enas-micro, enas-rnn, nas-cell, nasnet-a$",
            ),
            (
                lambda: prepared("searches:product"),
                r"^search.start_from: the search at memory://\w+ has no network yet$",
            ),
            (
                lambda: prepared("missing:product"),
                r"^search.start_from: the search at memory://\w+ cannot be read: "
                "children.evaluate 'missing:product' cannot be imported",
            ),
            (
                lambda: search(growing(None, RandomConfig()), store=place(), workers=1).uri,
                r"^search.start_from: 8 of 8 architectures are none of this space .*first "
                r"r000-00000\d-0\d of memory://\w+: not an architecture of this space: conv ",
            ),
        ],
        ids=["none", "empty", "no module", "another space"],
    )
    def test_one_that_cannot_serve_is_a_sentence(self, make: Callable[[], str], said: str) -> None:
        with pytest.raises(ConfigError, match=said):
            run(make())

    def test_it_is_read_in_a_pod_that_prepares_and_by_none_after_it(
        self, other: SearchHandle
    ) -> None:
        config = tabular(start_from=other.uri)
        uri, best = place(), self.best(other, 8)
        for _ in range(2):  # the pod is tried again
            steps.prepare_data(OpenSearch(uri, space=SPACE, evaluate=product), config=config)
        objects = OpenSearch(other.uri).store.objects
        for key in objects.keys(""):
            objects.delete(key)

        opened = OpenSearch(uri)
        steps.prepare_data(opened)
        children = steps.sample_architectures(opened, replica=0, run="a")
        proposed = opened.store.read(Proposed, layout.round_state(0, 0, "proposed"))
        assert [child.id for child in proposed.children] == children
        assert [child.architecture.config for child in proposed.children] == best[:4]


def prepared(evaluate: str) -> str:
    """Return where a search lies that has no children."""
    uri, config = place(), tabular(evaluate)
    stored = StoredSearch(FORMAT_VERSION, "identity", "data", config)
    OpenSearch(uri).store.settle(layout.SEARCH, stored)
    return uri


class TestTold:
    def test_a_preview_says_how_many_come_first(self) -> None:
        opened = OpenSearch(place())
        steps.prepare_data(opened, config=tabular(start_from=[*TEXTS, TEXTS[0]]))

        facts = procedure_of(opened.config).preview(opened).facts
        assert facts["start"] == "8 known architectures first, as children of the budget"

    @pytest.mark.parametrize(
        ("known", "said"),
        [
            ("a=4 b=4 c=3", "2 known architectures came first; the best child is one of them."),
            ("a=1 b=1 c=1", "2 known architectures came first; the best child is a new one."),
        ],
    )
    def test_reports_say_which_children_they_are_and_whether_one_is_the_best(
        self, known: str, said: str
    ) -> None:
        view = run([known, "a=2 b=1 c=1"], max_children=24).view

        assert [*reporter_of(view).findings()] == [said]
        assert said in [*terminal_parts(view, 3)]
        assert said in search_page(view)
        assert '<span class="id">r000-000000-01</span> known' in search_page(view)
        told = leaderboard_json(view, 3)["search"]["known_children"]
        assert told == ["r000-000000-00", "r000-000000-01"]

    def test_a_search_without_any_says_nothing_of_them(self) -> None:
        view = run(None, max_children=8).view

        assert [*reporter_of(view).findings()] == []
        style = re.compile(r"<style>.*?</style>", re.S)  # where a colour has this name
        assert "known" not in style.sub("", search_page(view))


@pytest.mark.parametrize("start_from", ["enas-micro", ["enas-micro"]])
def test_a_search_begins_with_published_cells_at_its_own_size(start_from: Any) -> None:
    small = EnasMicroSpaceConfig(child=CellsConfig(cells=3, filters=8))
    config = tabular("searches:constant", start_from=start_from, max_children=4)

    found = search(config.model_copy(update={"space": small}), store=place(), workers=1)

    first = found.children[0].architecture.config
    assert first.startswith("3 cells, 8 filters | normal: avg3(0)+sep3(0) identity(0)+sep5(0)")
    assert len(found.view.known) == 1


def test_published_cells_of_another_space_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"none of .*first enas-micro: .*no plans"):
        run("enas-micro")
    smaller = EnasMicroSpaceConfig(operations=("sep3", "sep5"))
    config = tabular("searches:constant", start_from=["enas-micro"], max_children=4)
    with pytest.raises(ConfigError, match="first number 1: operation must be one of"):
        search(config.model_copy(update={"space": smaller}), store=place(), workers=1)
