"""What the documents show works as they show it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from nas_lib.config_file import parse_config

ROOT = Path(__file__).parents[2]


def code_blocks(document: str, language: str) -> list[str]:
    text = (ROOT / document).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def test_the_how_to_on_own_spaces_prints_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (code,) = code_blocks("docs/own-space.md", "python")

    exec(compile(code, "own-space.md", "exec"), {"__name__": "example"})

    printed = capsys.readouterr().out.strip()
    assert printed == "op=conv3x3 width=64 depth=8 0.972"  # 0.90 + 0.0005 x 64 + 0.005 x 8
    assert f"`{printed}`" in (ROOT / "docs/own-space.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("document", ["docs/own-space.md", "README.md"])
def test_yaml_in_documents_is_a_configuration(document: str) -> None:
    for block in code_blocks(document, "yaml"):
        parse_config(yaml.safe_load(block), source=document)


@pytest.mark.parametrize("document", sorted(ROOT.glob("*.md")) + sorted(ROOT.glob("docs/**/*.md")))
def test_links_between_documents_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", document.read_text(encoding="utf-8"))

    broken = [link for link in links if not (document.parent / link).exists()]

    assert broken == []
