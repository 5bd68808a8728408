"""`nas train`, in this process, over a search in memory."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from nas_command import Nas
from searches import SMALL_DIGITS, tabular

from nas_lib.config_file import resolve_config
from nas_lib.engine import SearchHandle, search
from nas_lib.open_search import OpenSearch

FINAL = {"top": 1, "seeds": 2, "children": {"epochs": 1}, "size": {"more_filters": None}}


@pytest.fixture(autouse=True)
def own_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the command think that this process is its own."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    handler = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture
def nas(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Nas:
    return Nas(monkeypatch, capsys)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> SearchHandle:
    config = resolve_config("digits", {**SMALL_DIGITS, "final": FINAL}, stored=None)
    assert config is not None
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAS_CACHE", str(tmp_path_factory.mktemp("cache")))
        return search(config, store="memory://train-command")


def test_train_says_what_it_will_do_does_it_and_says_where_the_model_lies(
    nas: Nas, finished: SearchHandle
) -> None:
    code, output, errors = nas("train", finished.uri)

    (note,) = OpenSearch(finished.uri).store.finals()
    assert code == 0, errors
    first = errors.splitlines()[0]
    assert first.startswith(f"final training in {finished.uri}/final/{note.key}: 2 trainings (")
    assert "the best once more on all data, about" in first
    assert f"Model: {finished.uri}/models/final-{note.key}; use it by nas predict" in output
    assert output.splitlines()[-1].startswith(f"Report: {finished.uri}/reports/")


def test_the_same_again_does_nothing_more(nas: Nas, finished: SearchHandle) -> None:
    nas("train", finished.uri)

    code, output, errors = nas("train", finished.uri, "--json")

    (note,) = OpenSearch(finished.uri).store.finals()
    assert code == 0, errors
    assert "no training to do" in errors
    (final,) = json.loads(output)["finals"]
    assert final["search"]["uri"] == f"{finished.uri}/final/{note.key}"
    assert final["search"]["finished"]
    code, output, _ = nas("top", f"{finished.uri}/final/{note.key}")
    assert code == 0
    assert finished.best is not None
    assert finished.best.id in output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--top", "9"], "the best 9 should be trained, and memory://train-command has 4 arch"),
        (["--set", "final.top=9"], "the best 9 should be trained"),
        (["--network", "r000-000009-00"], "has no child r000-000009-00"),
        (["--top", "1", "--network", "a cat"], "--top and --network both say which networks"),
        (["--network", "a cat"], "layer 1 must read like 'conv"),
        (["--network", "nasnet-a"], "(space.kind cnn): it is of space.kind nasnet"),
        (["--set", "final.size.parameters=99"], "final.size.parameters is not for space.kind cnn"),
        (
            ["--reference=plain-cnn"] * 2,
            "final.references: networks must not repeat an option, got",
        ),
        (["--reference", "vgg-16"], "final.references: networks.0 should be a network like"),
        (["--set", "children.epochs=3"], "nas train changes settings of final"),
        (["--set", "final.grid={dropout: [2]}"], "final.grid: dropout should be less than 1"),
        (["--set", "final.size.cells=6"], "final.size.cells is not for space.kind cnn"),
        (["--workers", "3"], "3 workers cannot share objects or memory"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_exit_code_2(
    nas: Nas, finished: SearchHandle, arguments: list[str], sentence: str
) -> None:
    code, _, errors = nas("train", finished.uri, *arguments)

    assert code == 2
    assert sentence in errors
    assert len(errors.splitlines()) == 1


def test_where_there_is_nothing_to_train_it_says_so(nas: Nas, tmp_path: Path) -> None:
    judged = search(tabular(), store="memory://judged-by-others")

    assert "trains nothing here" in nas("train", judged.uri)[2]
    code, _, errors = nas("train", tmp_path / "nowhere")
    assert (code, errors) == (2, f"nas: there is no search at {tmp_path}/nowhere\n")
