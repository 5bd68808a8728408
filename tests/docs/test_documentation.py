"""What the documents show works as they show it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from pydantic import BaseModel

from nas_lib.config import SearchConfig
from nas_lib.config_file import apply_overrides, parse_config
from nas_lib.presets import PRESETS, preset

ROOT = Path(__file__).parents[2]
WITH_COMMANDS = (
    "README.md",
    "docs/controllers.md",
    "docs/enas.md",
    "docs/kubeflow.md",
    "docs/nas-rnn.md",
    "docs/own-space.md",
    "docs/transfer.md",
)
WITH_SETTINGS = (
    *WITH_COMMANDS,
    "docs/models.md",
    "docs/tracking.md",
    "docs/translation.md",
    *(f"docs/decisions/{x.name}" for x in ROOT.glob("docs/decisions/*")),
)
OF_SHARED_WEIGHTS = [name for name in PRESETS if name.startswith("enas-")]


def code_blocks(document: str, language: str) -> list[str]:
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def settings(annotation: Any, prefix: str = "") -> Iterator[str]:
    """Yield the places of all settings that there are below one of this type."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            yield prefix + name
            yield from settings(field.annotation, f"{prefix}{name}.")
    for part in get_args(annotation):
        yield from settings(part, prefix)


def changed(name: str, *overrides: str) -> SearchConfig:
    """Return a preset with changes, as a command would read it."""
    document = preset(name).model_dump(mode="json")
    return parse_config(apply_overrides(document, overrides), source=name)


def test_the_how_to_on_own_spaces_prints_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = code_blocks("docs/own-space.md", "python")

    exec(compile(code, "own-space.md", "exec"), {"__name__": "example"})

    printed = capsys.readouterr().out.strip()
    assert printed == "op=conv3x3 width=64 depth=8 0.972"  # 0.90 + 0.0005 x 64 + 0.005 x 8
    assert f"`{printed}`" in (ROOT / "docs/own-space.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("document", ["docs/own-space.md", "docs/tracking.md", "README.md"])
def test_yaml_in_documents_is_a_configuration(document: str) -> None:
    for block in code_blocks(document, "yaml"):
        parse_config(yaml.safe_load(block), source=document)


@pytest.mark.parametrize("document", WITH_SETTINGS)
def test_settings_that_documents_name_are_there(document: str) -> None:
    text = (ROOT / document).read_text(encoding="utf-8")
    sections = "|".join(SearchConfig.model_fields)
    named = re.findall(rf"`((?:{sections})\.[a-z_.]*[a-z_])", text)
    named += re.findall(r"--set ([a-z_.]+)=", text)

    assert set(named) - {"search.yaml"} <= set(settings(SearchConfig))


@pytest.mark.parametrize("document", WITH_COMMANDS)
def test_settings_that_commands_change_go_together(document: str) -> None:
    for block in code_blocks(document, "sh"):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True)
            overrides = [word for option, word in pairwise(words) if option == "--set"]
            of_presets = [word.removeprefix("runs/") for word in words]
            (name,) = [word for word in of_presets if word in PRESETS] if overrides else ["digits"]
            changed(name, *overrides)


@pytest.mark.parametrize("name", OF_SHARED_WEIGHTS)
def test_children_of_enas_spaces_may_be_trained_by_themselves(name: str) -> None:
    # as docs/enas.md says under "Mixing"
    config = changed(name, "search.kind=rounds", "search.max_children=96")
    assert config.search.kind == "rounds"

    assert changed(name, "controller.policy.kind=nas").controller.label == "reinforce"


def test_the_policy_of_enas_may_propose_in_the_space_of_nas() -> None:
    config = changed("nas-cnn", "controller.policy.kind=enas")
    assert config.controller.label == "reinforce (enas)"


def test_what_gets_a_line_for_something_new_is_there() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = re.findall(r"`([\w/.]+)` \(`(\w+)`", text)

    assert len(named) >= 10
    for place, name in named:
        for task in ("images", "text"):  # T stands for either
            file = ROOT / place.replace("/T/", f"/{task}/")
            assert name in file.read_text(encoding="utf-8"), place


@pytest.mark.parametrize("document", sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("docs/**/*.md")))
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text(encoding="utf-8"))

    broken = [link for link in links if not (document.parent / link).exists()]

    assert broken == []
