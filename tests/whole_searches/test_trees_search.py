"""A whole search for recurrent cells: trees, by a policy that learns in rounds."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from toy_text import text_children, write_toy_text

from nas_lib.architecture import Architecture
from nas_lib.config import (
    LayersConfig,
    NasPolicyConfig,
    NasRnnSpaceConfig,
    ReinforceConfig,
    RoundsConfig,
    SearchConfig,
)
from nas_lib.engine import search
from nas_lib.open_search import OpenSearch
from nas_lib.results import SearchView
from nas_lib.spaces import NasRnnPlan
from nas_lib.spaces.published import PUBLISHED
from nas_lib.steps import view_search
from nas_lib.store import SearchStore, layout

KILLS = (
    "checkpoints/r000-000000-00/0001.safetensors",
    "children/r000-000000-01/result.json",
    "rounds/r000/000001.proposed.json",
    "rounds/r000/000001.rewarded.json",
)
"""What there is when it is killed."""


def config(folder: Path) -> SearchConfig:
    return SearchConfig(
        name="trees",
        task=write_toy_text(folder / "texts"),
        space=NasRnnSpaceConfig(child=LayersConfig(layers=2, hidden=8)),
        controller=ReinforceConfig(policy=NasPolicyConfig(hidden_size=5), learning_rate=0.1),
        children=text_children(
            epochs=3, keep=1, optimizer="adam", learning_rate=0.1, clip_norm=5.0, init_range=1.0
        ),
        search=RoundsConfig(max_children=4, children_per_round=2, start_from="nas-cell"),
    )


@pytest.fixture(autouse=True, scope="module")
def in_this_process() -> Iterator[None]:
    """Train in the process that asks: others take seconds to begin."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nas_lib.engine.entry.num_processes", lambda *_: 0)
        yield


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> SearchView:
    folder = tmp_path_factory.mktemp("trees")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAS_CACHE", str(folder / "cache"))
        return search(config(folder), store=str(folder / "state")).view


def killed_once_there_is(pattern: str, folder: Path) -> None:
    """Search in a process of its own, and kill that as soon as there is such an object."""
    process = os.fork()
    if process == 0:
        search(config(folder), store=str(folder / "state"))
        os._exit(0)
    deadline = time.monotonic() + 60
    while not list((folder / "state").glob(pattern)) and not _is_over(process):
        assert time.monotonic() < deadline, f"{pattern} did not appear"
        time.sleep(0.002)
    with suppress(ProcessLookupError, ChildProcessError):
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)


def _is_over(process: int) -> bool:
    return os.waitpid(process, os.WNOHANG) != (0, 0)


def ended(view: SearchView) -> tuple[list[tuple[str, Architecture, float]], bytes, bytes]:
    """What came of a search: children and rewards, its controller, and the winner's weights."""
    store = SearchStore.open(view.uri)
    (reading,) = view.test
    return (
        [(row.id, row.architecture, row.reward) for row in view.rows],
        store.objects.get(layout.shard(0, store.newest(layout.versions(0)))),
        store.objects.get(layout.child_weights(reading.child)),
    )


def test_it_begins_with_the_published_cell_at_its_own_size(undisturbed: SearchView) -> None:
    found = NasRnnPlan.parse(undisturbed.rows[0].architecture.config)

    assert (found.layers, found.hidden) == (2, 8)
    assert found.tree == NasRnnPlan.parse(PUBLISHED["nas-cell"].architecture).tree


def test_its_children_learn(undisturbed: SearchView) -> None:
    assert len(undisturbed.rows) == 4
    assert undisturbed.finished
    best = min(row.score for row in undisturbed.rows if row.score is not None)
    assert best < 7.5  # of 8 words at chance, where whoever knows the text comes to 3


def test_killed_anywhere_it_ends_the_same(undisturbed: SearchView, tmp_path: Path) -> None:
    for pattern in KILLS:
        killed_once_there_is(pattern, tmp_path)
    search(config(tmp_path), store=str(tmp_path / "state"))

    assert ended(view_search(OpenSearch(str(tmp_path / "state")))) == ended(undisturbed)
