"""The guide on recurrent trees: its commands, its example, and the preset that it tells of."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import torch

from nas_lib.cli.commands import cli
from nas_lib.networks.nas_rnn import next_state
from nas_lib.presets import preset
from nas_lib.spaces import NasRnnPlan, NasRnnSpaceConfig

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/nas-rnn.md").read_text(encoding="utf-8")
SHOWN = [
    line
    for block in re.findall(r"^```sh\n(.*?)^```", PAGE, re.M | re.S)
    for line in block.replace("\\\n", " ").splitlines()
]


@pytest.mark.parametrize("line", SHOWN)
def test_its_commands_are_read_as_they_stand(line: str) -> None:
    """They are not run: each takes a while."""
    program, name, *words = shlex.split(line, comments=True)

    assert program == "nas"
    cli.commands[name].make_context(name, words)


def test_its_example_does_what_the_table_says() -> None:
    (text,) = re.findall(r"^\d layers, .* memory of \d+$", PAGE, re.M)
    tree = NasRnnPlan.parse(text).tree
    from_word, from_output, c = (torch.tensor([each]) for each in ([0.5, 2.0], [0.1, 3.0], [-0.2]))

    h, memory = next_state(tree, from_word, from_output, c)

    a0 = torch.relu(torch.tanh(torch.tensor(0.5 + 0.1)) - 0.2)
    assert memory.item() == 2 * 3
    assert h.item() == pytest.approx(torch.sigmoid(a0 * 6).item())


def test_its_numbers_are_those_of_the_space() -> None:
    decisions = NasRnnSpaceConfig().build().decisions(1)

    # 15 nodes and what is injected, of 2 x 4 kinds; two of 15 nodes
    assert f"there are 15 nodes, {len(decisions)} decisions and 6.3 x 10^16 cells" in PAGE
    assert pytest.approx(6.3e16, rel=0.01) == 8**16 * 15**2


def test_what_it_says_of_the_papers_preset_is_so() -> None:
    config: Any = preset("nas-rnn-paper")
    said = " ".join(PAGE.split())

    assert f"{config.search.replicas} replicas of one child each" in said
    assert f"{config.search.shards} shards" in said
    assert f"the preset has {config.search.max_children:,}" in said
