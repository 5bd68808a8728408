"""The first steps with data of one's own: all that is shown is typed, one after the other."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest
from nas_command import Nas
from own_data import write_photos

from nas_lib.cli.commands import cli
from nas_lib.config_file import read_config
from nas_lib.engine import crew
from nas_lib.starting_documents import FORMATS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PAGE = (ROOT / "docs/start.md").read_text(encoding="utf-8")
SHORT = (
    *("children.epochs=1", "search.max_children=2", "search.children_per_round=2"),
    *("space.depth.start=2", "space.depth.max=2", "space.pool_layers=[]", "task.data.size=8"),
    *("final.top=1", "final.seeds=1", "final.children.epochs=1", "children.min_steps=1"),
    *("final.children.min_steps=1", "final.retrain=false"),
)
SETS = [word for override in SHORT for word in ("--set", override)]


def commands(text: str) -> list[list[str]]:
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.M | re.S)
    lines = [line for block in blocks for line in block.splitlines()]
    return [shlex.split(line, comments=True)[1:] for line in lines]


def test_the_first_steps_of_the_readme_lead_to_a_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(crew, "_is_inline", lambda *_: True)  # no process that loads torch anew
    write_photos(Path("pets"))
    Path("picture.jpg").write_bytes(Path("pets/cat/0.png").read_bytes())
    (section,) = re.findall(r"^## Your own data\n(.*?)^## ", README, re.M | re.S)
    shown = commands(section)

    printed = {}
    for words in shown:
        is_proposed = "--data" in words or words[:2] == ["search", "pets"]
        code, output, errors = Nas(monkeypatch, capsys)(*words, *(SETS if is_proposed else []))
        assert code == 0, errors
        printed[" ".join(words)] = output

    assert len(shown) == 8
    assert re.search("cat|dog", printed["predict runs/pets picture.jpg"])
    assert read_config("search.yaml").name == "pets-2"
    assert Path("report.html").exists()


def test_commands_of_the_guide_are_read_as_they_stand() -> None:
    for name, *arguments in commands(PAGE):
        cli.commands[name].make_context(name, arguments)


def test_the_guide_names_every_format_that_is_recognised() -> None:
    rows = re.findall(r"^\| .* \| `(\w+)`.*\|$", PAGE, re.M)

    assert sorted(rows) == sorted(each.name for each in FORMATS)
