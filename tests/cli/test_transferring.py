"""`nas transfer`, in this process: cells of a published network, trained for handwritten digits."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from nas_command import Nas

from nas_lib.config_file import to_yaml
from nas_lib.open_search import OpenSearch
from nas_lib.presets import preset
from nas_lib.steps import transferred

STORE = "memory://transfer-command"
SMALL = (
    *("transfer", "enas-micro", "digits", "--store", STORE, "--workers", "1"),
    *("--cells", "3", "--filters", "2", "--seeds", "1"),
    *("--set", "task.max_train=100", "--set", "final.retrain=false"),
    *("--set", "final.children.epochs=1", "--set", "final.children.min_steps=0"),
)


@pytest.fixture(autouse=True)
def own_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the command think that this process is its own."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    handler = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, handler)


@pytest.fixture(autouse=True)
def no_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make none, which takes seconds, and is no other than after a search."""
    monkeypatch.setattr("nas_lib.steps.export_model", lambda *_, **__: None)


@pytest.fixture
def nas(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Nas:
    return Nas(monkeypatch, capsys)


def test_a_published_cell_is_trained_for_a_task_and_that_once(nas: Nas, tmp_path: Path) -> None:
    code, output, errors = nas(*SMALL)

    assert code == 0, errors
    (note,) = OpenSearch(STORE).store.finals()
    assert errors.startswith("these networks are of space.kind enas-micro, as enas-micro has them;")
    assert f"final training in {STORE}/final/{note.key}: 1 training" in errors
    assert "The final network is enas-micro: mean validation accuracy" in output

    code, output, errors = nas(*SMALL, "--json")
    assert code == 0, errors
    assert "no training to do" in errors
    (final,) = json.loads(output)["finals"]
    assert final["search"]["uri"] == f"{STORE}/final/{note.key}"

    code, output, _ = nas("top", STORE)
    assert "1 network of enas-micro, finished" in output
    code, output, _ = nas("report", STORE, "--output", str(tmp_path / "report.html"))
    assert code == 0
    page = (tmp_path / "report.html").read_text()
    assert "Nothing is searched here." in page
    assert "How to use this network" in page

    code, _, errors = nas(*SMALL, "--set", "seed=7")
    assert code == 2
    assert f"{STORE} holds another search: seed is 0 there and 7 here" in errors

    # what was found there is a source as good as any
    code, _, errors = nas("transfer", f"{STORE}/final/{note.key}", "digits", "--top", "2")
    assert code == 2
    assert "the best 2 should be trained, and memory://transfer-command/final/" in errors


def test_a_transfer_that_is_a_document_is_checked_like_any_other(nas: Nas, tmp_path: Path) -> None:
    document = preset("digits").model_dump(mode="json")
    changes = [("task.max_train", 100), ("final.size.parameters", 20_000)]
    config = transferred("nasnet-a", document, changes=changes).config
    (tmp_path / "transfer.yaml").write_text(to_yaml(config))

    code, output, errors = nas("check", tmp_path / "transfer.yaml")

    assert code == 0, errors
    assert "1 network of nasnet-a" in output
    assert "3 trainings (1 network x 3 seeds)" in output
    assert "time" not in {line.split(" ")[0] for line in output.splitlines()}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nasnet-z", "digits"], "nor are published cells called nasnet-z: known are enas-micro"),
        (["enas-micro", "digits", "--top=1", "--network=x"], "both say which networks"),
        (["enas-micro", "enas-rnn-pydoc"], "are for task.kind images, and the document has task.k"),
        (["nas-cell", "digits"], "are for task.kind text or translation, and the document has"),
        (["nas-cell", "enas-rnn-pydoc", "--cells", "4"], "cells is not for space.kind nas-rnn"),
        (["enas-micro", "digits", "--cells", "4"], "child.cells should be a multiple of 3, got 4"),
        (["enas-micro", "digits", "--set", "space.kind=cnn"], "space.kind has no meaning in a tr"),
        (["enas-micro", "digits", "--reference", "vgg-16"], "networks.0 should be a network like"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_exit_code_2(
    nas: Nas, arguments: list[str], sentence: str
) -> None:
    code, _, errors = nas("transfer", *arguments, "--store", "memory://never-begun")

    assert code == 2
    assert sentence in errors.splitlines()[-1]
    assert OpenSearch("memory://never-begun").store.find_search() is None
