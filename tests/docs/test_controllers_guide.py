"""The guide to controllers says what there is, and its commands are commands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from nas_lib.cli.commands import cli
from nas_lib.config import ControllerConfig, SearchConfig
from nas_lib.config_file import parse_config
from nas_lib.part import by_kind

GUIDE = (Path(__file__).parents[2] / "docs/controllers.md").read_text("utf-8")
BLOCKS = "".join(re.findall(r"^```sh\n(.*?)^```", GUIDE, re.DOTALL | re.MULTILINE))
COMMANDS = [*filter(None, BLOCKS.replace("\\\n", " ").splitlines())]


def test_every_controller_has_its_row() -> None:
    rows = re.findall(r"^\| `([a-z-]+)` \|", GUIDE, re.MULTILINE)

    assert sorted(rows) == sorted(by_kind(ControllerConfig))


@pytest.mark.parametrize("line", COMMANDS)
def test_the_commands_of_the_guide_can_be_typed(line: str) -> None:
    program, name, *arguments = shlex.split(line, comments=True)

    assert program == "nas"
    cli.commands[name].make_context(name, arguments)


def test_what_auto_stands_for_is_said() -> None:
    (row,) = re.findall(r"^\| `auto` \|(.*)", GUIDE, re.MULTILINE)
    document = {"space": {"kind": "enas-macro"}, "search": {"kind": "shared"}}

    for config in (SearchConfig(), parse_config(document, source="test")):
        assert f"`{config.controller.proposer.kind}`" in row
