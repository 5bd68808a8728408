"""The page on translation: its commands are read as they stand, its settings are there."""

from __future__ import annotations

import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest

from nas_lib.cli.commands import cli
from nas_lib.config_file import read_config, to_yaml
from nas_lib.presets import preset

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/translation.md").read_text(encoding="utf-8")
SHOWN = [
    shlex.split(line, comments=True)
    for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.M | re.S)
    for line in block.splitlines()
]
OURS = [words for words in SHOWN if words[0] == "nas"]


@pytest.mark.parametrize("words", OURS, ids=" ".join)
def test_its_commands_are_read_as_they_stand(words: list[str]) -> None:
    """They are not run: each takes a while."""
    _, name, *arguments = words
    cli.commands[name].make_context(name, arguments)


@pytest.mark.parametrize("words", [words for words in OURS if words[1] == "search"], ids=" ".join)
def test_what_a_search_changes_goes_together(words: list[str], tmp_path: Path) -> None:
    overrides = [word for before, word in pairwise(words) if before == "--set"]
    path = tmp_path / "pairs.yaml"
    path.write_text(to_yaml(preset("translation")))

    config = read_config(path, overrides)

    assert config.task.kind == config.children.kind == "translation"
