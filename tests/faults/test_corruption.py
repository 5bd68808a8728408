"""Objects are damaged: the run stops and names them, and goes on once they are restored."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from accounts import check
from faulty_store import OnCall, run_watched
from searches import SMALL_DIGITS, SUPPORT, account, tabular
from tally import Tally

from nas_lib.config_file import resolve_config
from nas_lib.engine import SearchHandle, search
from nas_lib.errors import CorruptStateError, StoreError
from nas_lib.open_search import OpenSearch
from nas_lib.steps import view_search
from nas_lib.store import layout, open_store

DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "a flipped byte": lambda data: (
        data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 4]) + data[len(data) // 2 + 1 :]
    ),
    "truncated": lambda data: data[: len(data) * 2 // 3],
    "emptied": lambda data: b"",
}
EVERY_DAMAGE = [
    pytest.param(damage, id=name, marks=pytest.mark.faults if number else ())
    for number, (name, damage) in enumerate(DAMAGES.items())
]
OPEN = "r000-000002-03"
KEYS = {
    # what is damaged: the object whose writing failed before
    layout.SEARCH: layout.child_result(OPEN),
    layout.settings(1): layout.child_result(OPEN),
    layout.lease(0, 4): layout.child_result(OPEN),
    layout.round_state(0, 2, "proposed"): layout.child_result(OPEN),
    layout.attempt(OPEN, 1): layout.child_result(OPEN),
    layout.child_result("r000-000002-00"): layout.round_state(0, 2, "rewarded"),
    layout.round_state(0, 1, "rewarded"): layout.round_state(0, 2, "rewarded"),
    layout.round_state(0, 2, "rewarded"): layout.round_state(0, 2, "learned"),
    layout.round_lesson(0, 2): layout.round_state(0, 2, "learned"),
    layout.shard(0, 3): layout.round_state(0, 2, "learned"),
    layout.shard(1, 2): layout.round_lesson(0, 2),
    layout.round_state(0, 1, "learned"): layout.round_state(0, 2, "proposed"),
}


def stop_before(doomed: str) -> OnCall:
    """Let the writing of this object fail."""

    def on_call(called: int, name: str, key: str) -> None:
        if name == "create" and key == doomed:
            raise StoreError(f"cannot write {key}: no space left on device")

    return on_call


@pytest.mark.parametrize("damage", EVERY_DAMAGE)
@pytest.mark.parametrize(("key", "doomed"), KEYS.items(), ids=KEYS)
def test_a_damaged_object_is_named_and_once_restored_the_search_goes_on(
    tmp_path: Path, tally: Tally, key: str, doomed: str, damage: Callable[[bytes], bytes]
) -> None:
    uri = str(tmp_path / "state")
    config = tabular(shards=2)
    shorter = config.model_copy(
        update={"search": config.search.model_copy(update={"max_children": 4})}
    )
    run_watched(uri, shorter)
    with pytest.raises(StoreError):
        run_watched(uri, config, stop_before(doomed))
    store = open_store(uri)
    whole = store.get(key)

    store.replace(key, damage(whole))
    tally.store_faults["damaged object"] += 1
    with pytest.raises(CorruptStateError, match="is damaged") as raised:
        run_watched(uri, config)
    assert key in str(raised.value)
    assert raised.value.exit_code == 1

    store.replace(key, whole)
    run_watched(uri, config)
    tally.add(check(uri, finished=True))
    again = SearchHandle("", "", view_search(OpenSearch(uri)))
    assert account(again) == account(search(config, store=f"memory://{tmp_path}"))


@pytest.mark.parametrize("damage", EVERY_DAMAGE)
@pytest.mark.parametrize("key", [layout.DATA_MANIFEST, layout.DATA_SEARCH])
def test_damaged_data_is_named(
    tmp_path: Path, tally: Tally, key: str, damage: Callable[[bytes], bytes]
) -> None:
    uri = str(tmp_path / "state")
    config = resolve_config("digits", SMALL_DIGITS, stored=None)
    with pytest.raises(StoreError):
        run_watched(uri, config, stop_before(layout.child_result("r000-000000-00")))
    store = open_store(uri)
    whole = store.get(key)
    shutil.rmtree(tmp_path / "nas-cache")

    store.replace(key, damage(whole))
    tally.store_faults["damaged object"] += 1
    with pytest.raises(CorruptStateError, match="is damaged") as raised:
        run_watched(uri, config)
    assert key in str(raised.value)


@pytest.mark.parametrize("damage", EVERY_DAMAGE)
def test_a_damaged_checkpoint_is_set_aside_and_changes_nothing(
    tmp_path: Path, tally: Tally, damage: Callable[[bytes], bytes]
) -> None:
    only_child = {
        "children": {"epochs": 3, "checkpoint_every_s": 0},
        "search": {"max_children": 1, "children_per_round": 1},
    }
    config = resolve_config("digits", SMALL_DIGITS | only_child, stored=None)
    child = "r000-000000-00"
    whole, uri = (str(tmp_path / name) for name in ("whole", "damaged"))
    run_watched(whole, config)
    with pytest.raises(StoreError):
        run_watched(uri, config, stop_before(layout.child_result(child)))
    store = open_store(uri)
    newest = store.keys(layout.checkpoints_folder(child))[-1]

    store.replace(newest, damage(store.get(newest)))
    tally.store_faults["damaged object"] += 1
    run_watched(uri, config)

    tally.add(check(uri, finished=True))
    assert [newest in problem.message for problem in view_search(OpenSearch(uri)).problems][-1]
    weights = layout.child_weights(child)
    assert store.get(weights) == open_store(whole).get(weights)


def test_the_command_says_it_in_one_sentence(tmp_path: Path) -> None:
    uri = str(tmp_path)
    search(tabular(), store=uri, workers=1, rounds=1)
    store = open_store(uri)
    store.replace(layout.shard(0, 1), store.get(layout.shard(0, 1))[:-1])

    ran = subprocess.run(
        [sys.executable, "-m", "nas_lib.cli", "search", "--store", uri],
        cwd=SUPPORT,  # so it finds the module `searches`
        capture_output=True,
        text=True,
        check=False,
    )

    assert ran.returncode == 1
    assert ran.stderr.splitlines()[-1].startswith(
        f"nas: stored object {layout.shard(0, 1)} is damaged: expected tensors"
    )
    assert "Traceback" not in ran.stderr
