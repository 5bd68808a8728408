"""enas_search under kfp.local: the same search as the command's, in tasks of their own."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from kfp import local
from kfp_nas.pipelines.enas_search import enas_search, enas_search_pod
from searches import SMALL_SHARED, account

from nas_lib.config_file import resolve_config
from nas_lib.engine import SearchHandle, search
from nas_lib.models import open_model
from nas_lib.open_search import OpenSearch
from nas_lib.records import Derived
from nas_lib.results import SearchView, winner
from nas_lib.steps import view_search
from nas_lib.store import SearchStore

PRESET = "enas-macro-digits"
OVERRIDES = {**SMALL_SHARED, "search.weights.epochs": 3}
FINAL = {"follows": True, "top": 1, "seeds": 1, "retrain": False, "children": {"epochs": 1}}
DIES_TWICE = """
import os, signal, sys

ONCE_EACH = "checkpoints/shared/0003.safetensors", "shared/scores/000000.json"

def die(event, arguments):
    if event == "os.link" and str(arguments[1]).endswith(ONCE_EACH):  # a file gets its name
        try:
            os.mkdir(os.path.join({folder!r}, os.path.basename(arguments[1])))
        except FileExistsError:
            return
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(die)
"""


@pytest.fixture(autouse=True)
def local_kubeflow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each task in a process of its own, as a pod would be."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
    local.init(
        runner=local.SubprocessRunner(use_venv=False), pipeline_root=str(tmp_path / "artifacts")
    )


@pytest.fixture(scope="module")
def by_command(tmp_path_factory: pytest.TempPathFactory) -> SearchView:
    """What `nas search` comes to, in one go."""
    config = resolve_config(PRESET, OVERRIDES, stored=None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAS_CACHE", str(tmp_path_factory.mktemp("cache")))
        return search(config, store="memory://enas-by-command").view


def outcome(view: SearchView) -> list[object]:
    """Return the numbers of a search that may not depend on who ran it."""
    assert isinstance(view.derived, Derived)
    return [
        [(each.train_loss, each.mean_score, each.metrics) for each in view.shared_epochs],
        (view.derived.scores, view.derived.kept, view.derived.probes),
        account(SearchHandle("", "", view)),
    ]


def scores_read(view: SearchView) -> list[tuple[str, float]]:
    return sorted((reading.child, reading.score) for reading in view.test)


@pytest.mark.usefixtures("warm")
def test_runs_with_ticks_of_an_epoch_give_what_the_command_gives_in_one_go_and_then_a_model(
    by_command: SearchView, tmp_path: Path
) -> None:
    uri, copy = str(tmp_path / "state"), str(tmp_path / "copy")
    overrides = {**OVERRIDES, "search.tick_minutes": 1e-9}

    enas_search(search_uri=uri, preset=PRESET, overrides=overrides, ticks_per_run=1)
    shutil.copytree(uri, copy)
    enas_search(search_uri=uri, preset="", overrides={"final": FINAL}, ticks_per_run=2)

    view = view_search(OpenSearch(uri))
    assert outcome(view) == outcome(by_command)
    assert view.problems == ()
    assert view.test == ()  # of the search nobody has read one
    (final,) = view.finals
    assert final.config.search.origins == (winner(view.compared).id,)
    assert open_model(uri).info.test.value == final.test[0].score
    assert len(list((tmp_path / "state" / "reports").glob("*/report.html"))) == 2
    # and the epochs that a pipeline left, the command trains
    continued = search(SearchStore.open(copy).config(), store=copy)
    assert outcome(continued.view) == outcome(by_command)
    assert scores_read(continued.view) == scores_read(by_command)


@pytest.mark.usefixtures("warm")
def test_the_next_tick_makes_good_what_a_killed_one_left(
    by_command: SearchView, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first is killed before its third checkpoint, the second while it derives."""
    uri = str(tmp_path / "state")
    (tmp_path / "first.py").write_text(DIES_TWICE.format(folder=str(tmp_path)))
    monkeypatch.setenv("NAS_TEST_FIRST", str(tmp_path / "first.py"))

    with pytest.raises(RuntimeError, match="FAILURE"):  # a run of which a tick failed says so
        enas_search_pod(search_uri=uri, preset=PRESET, overrides=OVERRIDES, ticks_per_run=3)

    assert (tmp_path / "0003.safetensors").exists()
    assert (tmp_path / "000000.json").exists()
    view = view_search(OpenSearch(uri))
    assert (outcome(view), scores_read(view)) == (outcome(by_command), scores_read(by_command))
