"""A search on digits whose best two are trained again: alike for whoever does it, bit by bit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from searches import SMALL_DIGITS

from nas_lib.config import SearchConfig
from nas_lib.config_file import resolve_config
from nas_lib.engine import SearchHandle, search
from nas_lib.open_search import OpenSearch
from nas_lib.records import FinalTraining
from nas_lib.steps.train_best import opened_finals
from nas_lib.store import SearchStore, layout

ROUNDS = {
    "max_children": 6,
    "children_per_round": 2,
    "confirm": {"networks": 2, "trainings": 1},
}


def small() -> SearchConfig:
    overrides = {**SMALL_DIGITS, "children": {"epochs": 1, "keep": 1}, "search": ROUNDS}
    config = resolve_config("digits", overrides, stored=None)
    assert config is not None
    return config


def weights(handle: SearchHandle) -> dict[str, bytes]:
    objects = SearchStore.open(handle.uri).objects
    keys = [info.key for info in objects.list("children") if "weights" in info.key]
    return {key: objects.get(key) for key in keys}


@pytest.fixture(autouse=True, scope="module")
def in_this_process(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Train in the process that asks: others take seconds to begin."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAS_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr("nas_lib.engine.entry.num_processes", lambda *_: 0)
        yield


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> SearchHandle:
    return search(small(), store=str(tmp_path_factory.mktemp("digits") / "state"))


def test_what_is_trained_again_has_other_weights_and_another_score(finished: SearchHandle) -> None:
    rows = {row.id: row for row in finished.children}
    again = finished.view.again

    assert len(again) == 2
    for row in again:
        first = rows[row.confirms or ""]
        assert row.architecture == first.architecture
        assert row.score != first.score


def test_of_each_of_them_a_training_is_kept_and_the_winners_can_be_used(
    finished: SearchHandle,
) -> None:
    best, kept = finished.best, weights(finished)
    assert best is not None
    assert {layout.child_weights(row.id) for row in finished.view.again} < {*kept}
    assert len(kept) == 2 + 1  # of all others `children.keep`
    assert layout.child_weights(best.id) in kept
    assert best.network() is not None
    assert [reading.child for reading in finished.view.test] == [best.id]


def test_final_training_takes_its_networks_from_the_means(finished: SearchHandle) -> None:
    opened = OpenSearch(finished.uri)
    final = opened.config.final.model_copy(update={"top": 2, "references": ()})
    (training,) = opened_finals(opened, settings=final)

    best_two = [each.row.id for each in finished.view.standings[:2]]
    assert list(training.config.search.origins) == best_two  # type: ignore[union-attr]
    assert opened.store.read(FinalTraining, layout.final_training(1)).key in training.uri


def test_round_by_round_it_is_the_same_bit_by_bit(finished: SearchHandle, tmp_path: Path) -> None:
    uri = str(tmp_path / "state")
    handle = search(small(), store=uri, rounds=1)
    while not handle.view.finished:
        handle = search(small(), store=uri, rounds=1)

    assert [(row.id, row.confirms, row.score) for row in handle.children] == [
        (row.id, row.confirms, row.score) for row in finished.children
    ]
    assert weights(handle) == weights(finished)
