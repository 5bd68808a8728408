"""Files that systems and people leave in a search's folder are passed over, and never deleted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from nas_command import Nas
from searches import account, tabular

from nas_lib import steps
from nas_lib.engine import search
from nas_lib.open_search import OpenSearch
from nas_lib.store import layout

NAMES = [".DS_Store", "._000001.learned.json", "README", "foo.json", "desktop.ini"]
NAMES += ["00000001 (1).json", "00000009.json.part", "0.json", f"{'9' * 200}.json"]
NAMES += [
    "\u00b2\u00b2\u00b2\u00b2\u00b2\u00b2.learned.json",
    "000001.learned.json.bak",
    "9.safetensors",
]
FOLDERS = ["", "data", "controller", "rounds", "children", "checkpoints", "leases", "runs"]
FOLDERS += ["settings", "shared", "shared/epochs", "reports", "children/notes", "rounds/notes"]
FOLDERS += ["checkpoints/notes", "leases/notes", "controller/notes", "runs/notes", ".staging"]
FOLDERS += ["children/r0-1-2", "checkpoints/shared"]

pytestmark = pytest.mark.usefixtures("in_this_process")


def litter(root: Path) -> set[Path]:
    """Leave files in every folder of a search, and in some that are not; return their paths."""
    folders = [root / folder for folder in FOLDERS]
    folders += [Path(folder) for folder, _, _ in os.walk(root)]
    left = {folder / name for folder in folders for name in NAMES}
    for path in left:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"none of yours")
    (root / "rounds" / "broken-link").symlink_to(root / "nowhere")
    return left


def test_a_search_shows_the_same_goes_on_and_is_cleaned_up(tmp_path: Path) -> None:
    uri = str(tmp_path / "littered")
    part = search(tabular(max_children=12), store=uri, workers=1)
    left = litter(Path(uri))

    assert account(search(tabular(max_children=12), store=uri, workers=1)) == account(part)
    more = search(tabular(max_children=24), store=uri, workers=1)
    assert account(more) == account(search(tabular(), store="memory://not-littered"))
    assert more.view.problems == ()
    assert steps.collect_garbage(OpenSearch(uri), older_than_s=0, delete=True)
    assert {path for path in left if path.is_file()} == left


def test_the_commands_pass_over_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    uri = str(tmp_path)
    search(tabular(max_children=8), store=uri, workers=1)
    litter(tmp_path)
    nas = Nas(monkeypatch, capsys)

    for command in (["top", uri], ["gc", uri, "--older-than", "0", "--delete"], ["top", uri]):
        code, out, err = nas(*command)
        assert (code, err) == (0, ""), command
    assert "8 of 8 children" in out


def test_the_checkpoints_of_a_child_are_removed_and_nothing_beside_them(tmp_path: Path) -> None:
    search_ = OpenSearch(str(tmp_path))
    folder = layout.checkpoints_folder("r000-000000-00")
    ours = [f"{folder}/0001.safetensors", f"{folder}/damaged/0002.safetensors"]
    others = [f"{folder}/README", f"{folder}/damaged/.DS_Store", f"{folder}/1.safetensors"]
    for key in (*ours, *others):
        search_.store.objects.create(key, b"x")

    search_.store.delete_checkpoints(folder)

    assert search_.store.objects.keys("") == sorted(others)
