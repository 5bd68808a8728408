"""`nas refresh`, from a document to a model in use."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from nas_command import Nas
from toy_images import IMAGE_SPACE, children, write_toy_images

from nas_lib.config import SearchConfig
from nas_lib.config_file import to_yaml


@pytest.fixture
def nas(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Nas:
    return Nas(monkeypatch, capsys)


def test_it_searches_anew_and_says_which_model_is_in_use(nas: Nas, tmp_path: Path) -> None:
    document, base = tmp_path / "search.yaml", "memory://by-command"
    config = SearchConfig(
        name="toy",
        task=write_toy_images(tmp_path / "toy.npz"),
        space=IMAGE_SPACE,
        children=children(epochs=1),
        search={"max_children": 2, "children_per_round": 2, "confirm": None},
        final={"top": 1, "seeds": 1, "retrain": False, "children": {"epochs": 1}},
    )
    document.write_text(to_yaml(config))

    code, output, _ = nas("refresh", document, "--store", base, "--json")
    exported = nas("export", base, "-o", tmp_path / "model")

    assert code == 0
    told = json.loads(output)["search"]
    assert told["begins_with"] == ""
    assert (told["succession"]["reason"], told["succession"]["replaces"]) == ("first", True)
    assert told["uri"].startswith(f"{base}/20")
    assert exported[0] == 0
    assert f"Model {told['succession']['model']} of toy" in exported[2]
    assert (tmp_path / "model/toy/1/model.onnx").is_file()


def test_a_search_whose_models_cannot_be_compared_is_refused(nas: Nas, tmp_path: Path) -> None:
    code, _, error = nas("refresh", "enas-macro-digits", "--store", str(tmp_path / "weekly"))

    assert code == 2
    assert "search.kind should be rounds, got shared" in error
    assert not (tmp_path / "weekly").exists()
