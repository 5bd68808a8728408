"""`nas_lib.train_best`, and searches that go on with it: small networks on real digits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from searches import SMALL_DIGITS, tabular

import nas_lib
from nas_lib.config import FinalConfig, FinalsConfig, SearchConfig, TransferConfig
from nas_lib.config_file import resolve_config
from nas_lib.engine import Listener, SearchHandle, search, train_best
from nas_lib.errors import ArchitectureError, ConfigError, NasError, SearchHeldError
from nas_lib.open_search import OpenSearch
from nas_lib.records import ChildResult, FinalTraining
from nas_lib.results import SearchView
from nas_lib.spaces import CnnPlan
from nas_lib.steps import (
    collect_garbage,
    export_model,
    opened_finals,
    transferred,
    view_search,
    write_report,
)
from nas_lib.store import layout, lease

FINAL: dict[str, Any] = {
    "top": 2,
    "seeds": 2,
    "size": {"more_filters": 4},
    "children": {"epochs": 1},
}


def small(**final: Any) -> SearchConfig:
    overrides = {**SMALL_DIGITS, "final": {**FINAL, **final}}
    config = resolve_config("digits", overrides, stored=None)
    assert config is not None
    return config


def settings(**final: Any) -> FinalConfig:
    return small(**final).final


class Told(Listener):
    """Notes which final trainings there were, and what was trained."""

    def __init__(self) -> None:
        self.finals: list[str] = []
        self.trained: list[str] = []
        self.warnings: list[str] = []

    def training_best(self, finals: Sequence[OpenSearch], *, workers: int) -> None:
        self.finals += [final.uri for final in finals]

    def ended(self, result: ChildResult) -> None:
        self.trained.append(result.id)

    def warned(self, message: str) -> None:
        self.warnings.append(message)


def final_of(handle: SearchHandle) -> SearchView:
    """Return the one final training that a run did, or found done."""
    (uri,) = handle.trained
    return view_search(OpenSearch(uri))


@pytest.fixture(autouse=True, scope="module")
def exported() -> Iterator[list[str]]:
    """Make no models, which takes seconds; note of which networks they would have been."""
    asked: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nas_lib.steps.export_model", lambda *_, network, **__: asked.append(network))
        yield asked


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> SearchHandle:
    """A finished search of four networks."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAS_CACHE", str(tmp_path_factory.mktemp("cache")))
        return search(small(), store="memory://found")


@pytest.fixture(scope="module")
def trained(finished: SearchHandle) -> SearchHandle:
    """Its best two, trained."""
    return train_best(finished.uri)


def filters(text: str) -> list[int]:
    return [layer.num_filters for layer in CnnPlan.parse(text).layers]


def test_the_best_are_trained_at_their_final_size_and_the_winner_once_more(
    finished: SearchHandle, trained: SearchHandle
) -> None:
    view, best = final_of(trained), finished.leaderboard(2)

    assert [row.status for row in view.rows] == ["ok"] * 5
    networks = [row.architecture for row in view.rows]
    for number, row in enumerate(best):
        assert networks[2 * number] == networks[2 * number + 1]  # by two seeds
        assert networks[2 * number].tokens == row.architecture.tokens
        wider = [each + 4 for each in filters(row.architecture.config)]
        assert filters(networks[2 * number].config) == wider
    assert networks[4] in networks[:4]
    assert view.rows[4].score is None  # it has learned the validation data
    assert (view.finished, view.ended_early) == (True, "")


def test_a_model_is_made_of_what_won(
    finished: SearchHandle, trained: SearchHandle, exported: list[str]
) -> None:
    key = trained.trained[0].rpartition("/")[2]

    assert f"final-{key}" in exported
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nas_lib.steps.export_model", export_model)
        again = train_best(finished.uri)

    assert again.view.models == (f"final-{key}",)


def test_where_no_model_can_be_made_the_training_was_not_in_vain(
    finished: SearchHandle, trained: SearchHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ConfigError("there is no onnx here")

    monkeypatch.setattr("nas_lib.steps.export_model", refuse)
    told = Told()

    again = train_best(finished.uri, listener=told)

    assert told.warnings == ["no model was made of what won: there is no onnx here"]
    assert again.view.problems[-1].message == "there is no onnx here"


def test_the_best_are_what_is_transferred_at_the_size_that_the_search_has_in_the_end(
    finished: SearchHandle,
) -> None:
    document = {"task": {"data": {"format": "digits"}}, "final": {"top": 9}}

    best = [child.architecture.config for child in finished.leaderboard(9)]
    children = [child.id for child in finished.leaderboard(9)]
    all_of_them = transferred(finished.uri, document).config
    first = transferred(finished.uri, document, top=1).config
    named = transferred(finished.uri, document, networks=[children[1]]).config

    assert isinstance(all_of_them.search, TransferConfig)
    assert all_of_them.search.networks == tuple(best)
    assert all_of_them.search.origins == tuple(children)
    assert all_of_them.final.size.more_filters == 4
    assert [first.search.networks, named.search.networks] == [(best[0],), (best[1],)]  # type: ignore[union-attr]
    with pytest.raises(ConfigError, match="the best 9 should be trained"):
        transferred(finished.uri, document, top=9)


def test_seeds_give_other_networks(trained: SearchHandle) -> None:
    (uri,) = trained.trained
    objects = OpenSearch(uri).store.objects

    one, other = (objects.get(layout.child_weights(f"r000-000000-0{n}")) for n in (0, 1))

    assert one != other


def test_what_is_done_is_not_done_again(finished: SearchHandle, trained: SearchHandle) -> None:
    told = Told()

    again = train_best(finished.uri, listener=told)

    assert told.trained == []
    assert again.trained == trained.trained == tuple(told.finals)
    assert final_of(again).rows == final_of(trained).rows
    keys = [each.key for each in OpenSearch(finished.uri).store.finals()]
    assert keys.count(trained.trained[0].rpartition("/")[2]) == 1


def test_each_test_is_read_once_and_of_no_other_network(trained: SearchHandle) -> None:
    view = final_of(trained)
    winner = {row.id for row in view.rows[:4] if row.architecture == view.rows[4].architecture}

    assert {reading.child for reading in view.test} == {*winner, view.rows[4].id}
    again = write_report(OpenSearch(view.uri), run="again")
    assert again.test == view.test


def test_a_search_shows_its_final_trainings(finished: SearchHandle, trained: SearchHandle) -> None:
    assert trained.uri == finished.uri
    assert final_of(trained).uri in [view.uri for view in trained.view.finals]
    assert nas_lib.open(finished.uri).finals[0].uri == trained.trained[0]
    page = OpenSearch(finished.uri).store.objects.get(layout.report(trained.run, "report.html"))
    assert b"once more" in page


def test_networks_are_trained_that_are_named(finished: SearchHandle) -> None:
    worst = finished.leaderboard()[-1]
    text = next(
        row.architecture.config
        for row in finished.children
        if row.architecture != worst.architecture
    )

    handle = train_best(
        finished.uri,
        networks=[worst.id, text, text],
        settings=settings(size={"more_filters": None}, seeds=1, retrain=False),
    )

    named = [row.architecture.config for row in final_of(handle).rows]
    assert named == [worst.architecture.config, text]


def test_known_networks_are_a_second_final_training_whose_tests_are_all_read(
    finished: SearchHandle, trained: SearchHandle
) -> None:
    handle = train_best(finished.uri, settings=settings(references=["resnet-8", "plain-cnn"]))

    assert handle.trained[0] == trained.trained[0]
    view = view_search(OpenSearch(handle.trained[1]))
    texts = [row.architecture.config for row in view.rows]
    assert texts == ["resnet-8", "resnet-8", "plain-cnn", "plain-cnn"]
    assert {reading.child for reading in view.test} == {row.id for row in view.rows}
    notes = OpenSearch(finished.uri).store.finals()
    assert [each.is_of_references for each in notes if view.uri.endswith(each.key)] == [True]


def test_a_known_network_with_a_recipe_is_trained_by_that_and_no_other_is(
    finished: SearchHandle,
) -> None:
    both = settings(references=["resnet-8", "airbench"], children={"epochs": 1, "batch_size": 512})

    _, known = opened_finals(OpenSearch(finished.uri), settings=both)

    assert isinstance(known.config.search, FinalsConfig)
    assert known.config.search.recipes.keys() == {"airbench"}
    at_512 = {"learning_rate": 0.75, "momentum": 0.85, "label_smoothing": 0.2}
    assert at_512.items() <= known.config.search.recipes["airbench"].items()
    assert known.config.search.origins == ("resnet-8", "airbench")
    # digits are not flipped, by no recipe either
    assert "augment.flip" not in known.config.search.recipes["airbench"]


def test_an_unfinished_search_says_how_far_it_is_and_what_to_do(finished: SearchHandle) -> None:
    begun = search(small(), store="memory://begun", rounds=1)
    sentence = "is not finished, it has 2 of 4 children: go on with it .*, or name the networks"

    with pytest.raises(ConfigError, match=sentence):
        train_best(begun.uri)

    named = train_best(
        begun.uri,
        networks=[begun.children[0].id],
        settings=settings(seeds=1, retrain=False),
    )
    assert final_of(named).finished


@pytest.mark.parametrize(
    ("asked", "error", "sentence"),
    [
        ({"top": 5}, ConfigError, "the best 5 should be trained, and memory://found has 4 arch"),
        ({"networks": ["r000-000009-00"]}, ConfigError, "has no child r000-000009-00"),
        ({"networks": ["conv 9x9x8/1x1 <- image"]}, ArchitectureError, "height must be one of"),
        ({"networks": ["a cat"]}, ArchitectureError, "layer 1 must read like"),
        ({"workers": 2}, ConfigError, "2 workers cannot share objects or memory"),
    ],
)
def test_what_cannot_be_trained_is_refused(
    finished: SearchHandle, asked: dict[str, Any], error: type[NasError], sentence: str
) -> None:
    with pytest.raises(error, match=sentence) as refused:
        train_best(finished.uri, **asked)
    assert refused.value.exit_code == 2


def test_what_this_machine_cannot_train_leaves_nothing_behind(finished: SearchHandle) -> None:
    store = OpenSearch(finished.uri).store
    before = store.finals()
    elsewhere = settings(seeds=11, children={"epochs": 1, "device": "cuda:99"})

    with pytest.raises(ConfigError, match=r"children\.device"):
        train_best(finished.uri, settings=elsewhere)

    assert store.finals() == before


def test_as_many_are_trained_as_there_are_where_nobody_asked_for_more(
    finished: SearchHandle,
) -> None:
    made = opened_finals(OpenSearch(finished.uri), settings=settings(top=50))

    assert len(made[0].config.search.networks) == 4


def test_where_others_judge_nothing_is_trained() -> None:
    judged = search(tabular(), store="memory://judged")

    with pytest.raises(ConfigError, match="judged by a function of the user's own"):
        train_best(judged.uri)


def test_a_final_training_has_none_of_its_own(trained: SearchHandle) -> None:
    with pytest.raises(ConfigError, match="is a final training: name the search that it is of"):
        train_best(trained.trained[0])


def test_where_nothing_lies_there_is_one_sentence() -> None:
    with pytest.raises(ConfigError, match="there is no search at memory://nothing-lies-here"):
        train_best("memory://nothing-lies-here")


def test_where_every_training_diverges_it_ends_in_a_sentence(finished: SearchHandle) -> None:
    wild = settings(top=1, children={"epochs": 1, "learning_rate": 1e6, "nesterov": False})

    for _ in range(2):  # the second time it is done
        with pytest.raises(
            NasError, match=r"none of the 2 networks trained in .* diverged"
        ) as told:
            train_best(finished.uri, settings=wild)
        assert told.value.exit_code == 1


def test_another_run_at_work_on_it_is_left_alone(finished: SearchHandle) -> None:
    (final,) = opened_finals(OpenSearch(finished.uri), settings=settings(seeds=3))
    lease.take(final.store, [0], "elsewhere", lease_s=600)

    with pytest.raises(SearchHeldError, match="is working on memory://found/final/"):
        train_best(finished.uri, settings=settings(seeds=3))


def test_a_search_goes_on_with_its_final_training_and_reads_no_test(
    finished: SearchHandle, trained: SearchHandle
) -> None:
    told = Told()

    handle = search(small(follows=True), store="memory://follows", listener=told)

    assert handle.view.test == ()
    scores = [(row.id, row.architecture, row.score) for row in final_of(handle).rows]
    assert scores == [(row.id, row.architecture, row.score) for row in final_of(trained).rows]
    assert len(told.trained) == 4 + 5
    again = search(small(follows=True), store="memory://follows", listener=told)
    assert len(told.trained) == 4 + 5
    assert again.trained == handle.trained


def test_a_search_that_is_not_finished_is_followed_by_nothing() -> None:
    handle = search(small(follows=True), store="memory://part", rounds=1)

    assert handle.trained == ()
    assert OpenSearch(handle.uri).store.finals() == []


def test_a_search_whose_final_training_others_do_ends_well() -> None:
    told = Told()
    search(small(), store="memory://others")
    (final,) = opened_finals(OpenSearch("memory://others"))
    lease.take(final.store, [0], "elsewhere", lease_s=600)

    handle = search(small(follows=True), store="memory://others", listener=told)

    assert handle.trained == ()
    assert "is working on memory://others/final/" in told.warnings[-1]


def test_a_note_that_a_kill_left_unwritten_is_written_by_the_next_run(
    finished: SearchHandle,
) -> None:
    store = OpenSearch(finished.uri).store
    opened_finals(OpenSearch(finished.uri), settings=settings(seeds=7))
    number = len(store.finals())
    store.objects.delete(layout.final_training(number))  # as if it had been killed before

    opened_finals(OpenSearch(finished.uri), settings=settings(seeds=7))
    opened_finals(OpenSearch(finished.uri), settings=settings(seeds=7))

    assert len(OpenSearch(finished.uri).store.finals()) == number
    assert store.read(FinalTraining, layout.final_training(number)).key


def test_settings_that_may_change_count_for_a_final_training_that_is_gone_on_with(
    finished: SearchHandle,
) -> None:
    (first,) = opened_finals(OpenSearch(finished.uri), settings=settings(seeds=8))
    patient = settings(seeds=8, children={"epochs": 1, "timeout_s": 77.0})

    (again,) = opened_finals(OpenSearch(finished.uri), settings=patient)
    again.settle_wanted()

    assert again.uri == first.uri
    assert OpenSearch(first.uri).config.children.timeout_s == 77.0


def test_a_final_training_of_a_release_with_fewer_settings_is_gone_on_with(
    finished: SearchHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("nas_lib.steps.train_best.identity", lambda *_: "0123456789abcdef" * 4)
        (before,) = opened_finals(OpenSearch(finished.uri), settings=settings(seeds=6))

    (again,) = opened_finals(OpenSearch(finished.uri), settings=settings(seeds=6))

    assert again.uri == before.uri == f"{finished.uri}/final/01234567"


def test_garbage_of_final_trainings_is_that_of_their_search(
    finished: SearchHandle, trained: SearchHandle
) -> None:
    (uri,) = trained.trained
    objects = OpenSearch(uri).store.objects
    objects.replace("checkpoints/r000-000000-00/0001.safetensors", b"left behind")

    found = {each.kind: each.infos for each in collect_garbage(OpenSearch(finished.uri))}
    own = {each.kind: each.infos for each in collect_garbage(OpenSearch(uri), delete=True)}

    assert len(found["checkpoints"]) == len(own["checkpoints"]) == 1
    assert not found["weights"]
    assert not objects.has("checkpoints/r000-000000-00/0001.safetensors")


def test_a_final_training_that_somebody_deleted_is_made_anew(finished: SearchHandle) -> None:
    (final,) = opened_finals(OpenSearch(finished.uri), settings=settings(seeds=9))
    final.store.objects.delete(layout.SEARCH)

    shown = view_search(OpenSearch(finished.uri)).finals
    (again,) = opened_finals(OpenSearch(finished.uri), settings=settings(seeds=9))

    assert final.uri not in [view.uri for view in shown]
    assert again.uri == final.uri
    assert final.uri in [each.uri for each in OpenSearch(finished.uri).finals()]


def test_a_final_training_that_was_noted_twice_is_one(finished: SearchHandle) -> None:
    store = OpenSearch(finished.uri).store
    opened_finals(OpenSearch(finished.uri), settings=settings(seeds=10))
    before = store.finals()

    store.add_note(layout.final_training, before[-1])

    assert OpenSearch(finished.uri).store.finals() == before
