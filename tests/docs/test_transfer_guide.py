"""The page on cells that were found elsewhere: its commands, its table, and its rule."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from nas_lib.cli.commands import cli
from nas_lib.spaces.growth import FILTERS_PER_CELL, MOST_CELLS_PER_STAGE
from nas_lib.spaces.published import PUBLISHED

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/transfer.md").read_text(encoding="utf-8")
SHOWN = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.M | re.S)
    for line in block.splitlines()
]


@pytest.mark.parametrize("line", SHOWN)
def test_its_commands_are_read_as_they_stand(line: str) -> None:
    """They are not run: each takes a while."""
    program, name, *words = shlex.split(line, comments=True)

    assert program == "nas"
    cli.commands[name].make_context(name, words)


def test_it_names_all_published_cells() -> None:
    table = PAGE[PAGE.index("| source |") :].partition("\n\n")[0]

    assert set(re.findall(r"^\| `([a-z-]+)` \|", table, re.M)) == set(PUBLISHED)


def test_its_rule_is_the_one_that_is_followed() -> None:
    text = " ".join(PAGE.split())

    # (32 / 6 x 96 / 7 x 44 / 4 x 168 / 6) ^ (1 / 4) = 12.2
    assert round((32 / 6 * 96 / 7 * 44 / 4 * 168 / 6) ** 0.25) == FILTERS_PER_CELL
    assert f"{FILTERS_PER_CELL} filters per cell of a stage" in text
    assert f"of 1 to {MOST_CELLS_PER_STAGE} cells per stage" in text
