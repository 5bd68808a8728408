"""Final trainings that are killed: the same networks, none twice, whoever trains them."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from searches import SMALL_DIGITS

from nas_lib.config import SearchConfig
from nas_lib.config_file import resolve_config
from nas_lib.engine import crew, search, train_best
from nas_lib.open_search import OpenSearch
from nas_lib.records import Rewarded
from nas_lib.results import SearchView
from nas_lib.steps import view_search
from nas_lib.store import History, SearchStore, layout

KILLS = (
    "final/*/search.json",
    "final/*/children/r000-000000-00/attempts/0001.json",
    "final/*/checkpoints/*/0001.safetensors",
    "final/*/children/r000-000000-02/result.json",
    "final/*/rounds/r000/000000.rewarded.json",
    "final/*/rounds/r000/000001.proposed.json",
    "final/*/children/r000-000001-00/weights.safetensors",
    "final/*/rounds/r000/000001.rewarded.json",
    "final/*/children/*/test.json",
)
"""What there is when it is killed."""

FINAL = {
    "top": 1,
    "seeds": 2,
    "grid": {"weight_decay": [0.0, 1e-3]},
    "children": {"epochs": 2, "checkpoint_every_s": 0.0},
}


def small() -> SearchConfig:
    config = resolve_config("digits", {**SMALL_DIGITS, "final": FINAL}, stored=None)
    assert config is not None
    return config


def weights(store: SearchStore) -> dict[str, bytes]:
    keys = [info.key for info in store.objects.list("children") if "weights" in info.key]
    return {key: store.objects.get(key) for key in keys}


def account(view: SearchView) -> list[tuple[object, ...]]:
    """Return what may not depend on who trained, and how often that was killed."""
    rows = [(row.id, row.architecture, row.status, row.score) for row in view.rows]
    readings = [(reading.child, reading.score) for reading in view.test]
    return [*rows, *sorted(readings)]


@pytest.fixture(autouse=True, scope="module")
def in_this_process() -> Iterator[None]:
    """Train in the process that asks: others take seconds to begin."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("entry", "final"):
            patch.setattr(f"nas_lib.engine.{name}.num_processes", lambda *_: 0)
        patch.setattr("nas_lib.steps.export_model", lambda *_, **__: None)  # is tested elsewhere
        yield


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> SearchStore:
    """A final training that nothing disturbed."""
    folder = tmp_path_factory.mktemp("digits")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAS_CACHE", str(folder / "cache"))
        search(small(), store=str(folder / "state"))
        (uri,) = train_best(folder / "state").trained
    return SearchStore.open(uri)


def begun(undisturbed: SearchStore, folder: Path) -> Path:
    """Return a copy of its search as it was before."""
    there = SearchStore.open(layout.around(undisturbed.objects.uri)).objects
    here = SearchStore.open(str(folder / "state")).objects
    for info in there.list(""):
        if not info.key.startswith(("final/", "finals/", "models/")):
            here.create(info.key, there.get(info.key))
    return folder / "state"


def killed_once_there_is(pattern: str, state: Path) -> None:
    """Train in a process of its own, and kill that as soon as there is such an object."""
    process = os.fork()
    if process == 0:
        train_best(state)
        os._exit(0)
    deadline = time.monotonic() + 60
    while not list(state.glob(pattern)) and os.waitpid(process, os.WNOHANG) == (0, 0):
        assert time.monotonic() < deadline, f"{pattern} did not appear"
        time.sleep(0.002)
    with suppress(ProcessLookupError, ChildProcessError):
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


def died_in(method: str, state: Path) -> None:
    """Train in a process of its own, which ends where it calls this of its store."""

    def die(store: SearchStore, *_: object) -> None:
        store.objects.keys("")  # all that was created before is there
        os._exit(9)

    process = os.fork()
    if process == 0:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(SearchStore, method, die)
            train_best(state)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 9


def check_equal(state: Path, undisturbed: SearchStore) -> None:
    """Require that one that was killed came to the same, and did nothing twice."""
    (note,) = SearchStore.open(str(state)).finals()
    store = SearchStore.open(layout.within(str(state), note.key))
    view = view_search(OpenSearch(store.objects.uri))
    assert note.key == undisturbed.objects.uri.rpartition("/")[2]
    assert account(view) == account(view_search(OpenSearch(undisturbed.objects.uri)))
    assert weights(store) == weights(undisturbed)
    assert len({row.id for row in view.rows}) == len(view.rows) == 5  # 1 x 2 x 2, and the winner
    assert [each.round for each in History(store, 1).read(Rewarded)] == [0, 1]
    assert list(store.objects.list("checkpoints")) == []


def test_killed_at_many_points_it_comes_to_the_same_networks_bit_by_bit(
    undisturbed: SearchStore, tmp_path: Path
) -> None:
    state = begun(undisturbed, tmp_path)

    for pattern in KILLS:
        killed_once_there_is(pattern, state)
    train_best(state)

    check_equal(state, undisturbed)


def test_what_one_kill_left_is_deleted_though_the_next_comes_as_the_round_is_closed(
    undisturbed: SearchStore, tmp_path: Path
) -> None:
    state = begun(undisturbed, tmp_path)

    died_in("delete_checkpoints", state)  # a child has its result, and its checkpoint still
    died_in("let_go", state)
    print([str(p) for p in state.glob("final/*/checkpoints/*/*")])  # its round is stored as closed
    train_best(state)

    check_equal(state, undisturbed)


def test_two_workers_go_on_with_what_was_killed_and_come_to_the_same(
    undisturbed: SearchStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = begun(undisturbed, tmp_path)
    killed_once_there_is(KILLS[2], state)
    monkeypatch.setattr("nas_lib.engine.final.num_processes", crew.num_processes)

    train_best(state, workers=2)

    check_equal(state, undisturbed)


def test_a_final_training_in_s3_comes_to_the_same(
    undisturbed: SearchStore, s3_uri: str, tmp_path: Path
) -> None:
    there, state = SearchStore.open(s3_uri).objects, begun(undisturbed, tmp_path)
    for info in SearchStore.open(str(state)).objects.list(""):
        there.create(info.key, (state / info.key).read_bytes())

    (uri,) = train_best(s3_uri).trained

    same = view_search(OpenSearch(undisturbed.objects.uri))
    assert account(view_search(OpenSearch(uri))) == account(same)
    assert weights(SearchStore.open(uri)) == weights(undisturbed)
