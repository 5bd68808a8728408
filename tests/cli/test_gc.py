"""`nas gc` says what it would remove, and removes it when told to."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from searches import tabular

from nas_lib.cli.commands import cli
from nas_lib.engine import search

pytestmark = pytest.mark.usefixtures("in_this_process")


@pytest.fixture
def uri(tmp_path: Path) -> str:
    uri = str(tmp_path / "state")
    search(tabular(max_children=12), store=uri, workers=1)
    return uri


def gc(*arguments: str) -> str:
    result = CliRunner().invoke(cli, ["gc", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.output


def test_a_fresh_search_has_nothing_superfluous(uri: str) -> None:
    assert gc(uri) == f"{uri} has nothing superfluous\n"


def test_it_is_a_dry_run_unless_told_otherwise(uri: str) -> None:
    said = gc(uri, "--older-than", "0")

    assert "tombstones" in said
    assert "of versions pruned long ago" in said
    assert "Nothing was removed: add --delete to do it." in said
    assert gc(uri, "--older-than", "0") == said


def test_what_is_removed_is_gone(uri: str) -> None:
    before = json.loads(gc(uri, "--older-than", "0", "--delete", "--json"))
    # Versions 0, 1 and 2; the lease that was taken, before the one that says it is released.
    counts = {row["kind"]: row["objects"] for row in before["garbage"] if row["objects"]}
    assert before["deleted"]
    assert counts == {"tombstones": 3, "leases": 1}

    assert gc(uri, "--older-than", "0") == f"{uri} has nothing superfluous\n"
