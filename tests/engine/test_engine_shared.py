"""A search by shared weights on this machine: told, interrupted, killed, refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest
from faulty_store import kill_before, run_until_killed, run_watched
from searches import SMALL_SHARED, account

from nas_lib import steps
from nas_lib.config_file import resolve_config
from nas_lib.engine import Listener, SearchHandle, search
from nas_lib.errors import ConfigError, InterruptedSearchError, SearchHeldError
from nas_lib.open_search import OpenSearch
from nas_lib.records import ChildResult, Derived, SharedEpoch
from nas_lib.steps import view_search
from nas_lib.store import SearchStore, layout

# Whoever is at work says so between any two mini-batches: so a search can be killed there.
CONFIG = resolve_config("enas-macro-digits", {**SMALL_SHARED, "search.lease_s": 1e-6}, stored=None)


class Told(Listener):
    """Writes down what it is told; Ctrl-C comes after an epoch."""

    def __init__(self, *, stop_after: int | None = None) -> None:
        self.events: list[object] = []
        self._stop_after = stop_after

    def opened(self, search: OpenSearch, *, num_rounds: int, workers: int) -> None:
        self.events.append(("rounds", num_rounds))

    def trained_shared_weights(self, metrics: SharedEpoch) -> None:
        self.events.append(("epoch", metrics.epoch))
        if metrics.epoch == self._stop_after:
            raise KeyboardInterrupt

    def proposed(
        self, replica: int, round: int, children: Sequence[str], *, num_done: int, num_repeats: int
    ) -> None:
        self.events.append(("proposed", len(children), num_done, num_repeats))

    def ended(self, result: ChildResult) -> None:
        self.events.append(result.id)


def account_of(uri: str) -> tuple[list[SharedEpoch], Derived, list[tuple[str, str, float]]]:
    """Return all that may not depend on when a search was stopped: without times and runs."""
    view = view_search(OpenSearch(uri))
    assert view.derived is not None
    epochs = [
        replace(each, run="", seconds=0, controller_seconds=0, created_s=0)
        for each in view.shared_epochs
    ]
    derived = replace(view.derived, run="", seconds=0, created_s=0)
    return epochs, derived, account(SearchHandle(uri, "", view))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URI of a search that nobody disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAS_CACHE", str(folder / "cache"))
        run_watched(str(folder / "state"), CONFIG)
    return str(folder / "state")


def test_it_tells_of_epochs_and_then_of_children() -> None:
    told = Told()

    handle = search(CONFIG, store="memory://told", listener=told)

    first, second = (row.id for row in handle.children)
    assert told.events == [
        ("rounds", 1),
        ("epoch", 1),
        ("epoch", 2),
        ("proposed", 2, 0, 0),
        first,
        second,
    ]
    assert handle.view.finished
    assert handle.best is not None
    assert handle.best.id in {reading.child for reading in handle.view.test}


def test_a_finished_search_does_nothing_more(undisturbed: str) -> None:
    told = Told()

    search(CONFIG, store=undisturbed, workers=1, listener=told)

    assert told.events == [("rounds", 0)]


def test_ctrl_c_costs_at_most_an_epoch(undisturbed: str) -> None:
    uri = "memory://interrupted"
    with pytest.raises(InterruptedSearchError, match="the same command continues"):
        search(CONFIG, store=uri, listener=Told(stop_after=1))
    assert len(view_search(OpenSearch(uri)).shared_epochs) == 1

    told = Told()
    search(CONFIG, store=uri, listener=told)

    assert ("epoch", 1) not in told.events
    assert account_of(uri) == account_of(undisturbed)


@pytest.mark.parametrize(
    "every",
    [
        pytest.param(23, id="some"),
        pytest.param(1, id="all", marks=[pytest.mark.faults, pytest.mark.timeout(1200)]),
    ],
)
def test_a_kill_at_any_moment_changes_nothing(tmp_path: Path, undisturbed: str, every: int) -> None:
    """Between mini-batches, before checkpoints, among scores, while children are trained."""
    epochs_at_death = set()
    for number in count(1, every):
        uri = str(tmp_path / f"{number}")
        if not run_until_killed(uri, CONFIG, kill_before(number)):
            break  # it has fewer calls to its store
        epochs_at_death.add(SearchStore.open(uri).newest(layout.SHARED_EPOCHS) or 0)

        run_watched(uri, CONFIG)

        assert account_of(uri) == account_of(undisturbed), f"killed before call {number}"
    assert epochs_at_death == {0, 1, 2}


def test_another_run_at_work_is_named() -> None:
    uri = "memory://held"
    config = resolve_config("enas-macro-digits", SMALL_SHARED, stored=None)
    steps.prepare_data(OpenSearch(uri), config=config)
    steps.plan_rounds(OpenSearch(uri), replica=0, run="first")

    with pytest.raises(SearchHeldError, match=r"run first .* is working on"):
        search(config, store=uri)


@pytest.mark.parametrize("options", [{"rounds": 1}, {"replicas": [0]}])
def test_rounds_and_replicas_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="neither rounds nor replicas"):
        search(CONFIG, store="memory://refused", **options)
