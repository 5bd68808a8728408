"""From a search for a translator to a model in a folder, and from that to translations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from faulty_store import run_here
from parallel import VOCABULARY, write_parallel

from nas_lib import kubeflow_artifacts
from nas_lib.config_file import parse_config
from nas_lib.models import TranslationModel, open_model
from nas_lib.models.stored import StoredModel
from nas_lib.open_search import OpenSearch
from nas_lib.records import TestReading
from nas_lib.steps import require_model
from nas_lib.store import layout

SEARCH: dict[str, Any] = {
    "name": "figures",
    "space": {"kind": "enas-rnn", "nodes": 2, "child": {"hidden": 8}},
    "controller": {"kind": "random"},
    "children": {
        "kind": "translation",
        "epochs": 1,
        "keep": 1,
        "translation": {"init_range": 1.0, "dropout": 0},  # so that it says something
    },
    "search": {"max_children": 1, "children_per_round": 1},
}


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSearch]:
    folder = tmp_path_factory.mktemp("translator")
    data = {
        "format": "parallel_text",
        "path": str(write_parallel(folder / "pairs.tsv", 200)),
        "parts": 10,
    }
    task = {"kind": "translation", "data": data, "vocabulary": VOCABULARY}
    search = OpenSearch(str(folder / "search"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAS_CACHE", str(folder / "cache"))
        patch.setattr("nas_lib.export.speed._SECONDS", 0)  # as few runs as there may be
        run_here(search, parse_config({**SEARCH, "task": task}, source="test"))
        yield OpenSearch(search.uri)


def test_a_trained_translator_is_handed_on_and_translates_the_test_as_it_did(
    search: OpenSearch, tmp_path: Path
) -> None:
    info = require_model(search, run="a")
    StoredModel(search.store.objects, layout.model_folder(info.id), info).copy_to(tmp_path / "copy")

    reading = search.store.read(TestReading, layout.child_test(info.origin.child))
    model = open_model(str(tmp_path / "copy"), threads=1)
    assert isinstance(model, TranslationModel)
    found = [model.translate(sample.given).text for sample in reading.samples]
    assert found == [sample.found for sample in reading.samples]
    assert len({*found}) > 3

    names = [each.key.rsplit("/")[-1] for each in search.store.objects.list("models")]
    assert names.count("model.onnx") == names.count("config.pbtxt") == 2
    assert info.test_metrics == reading.metrics
    stored = StoredModel.find(search.store.objects, layout.model_folder(info.id))
    assert stored is not None
    said = kubeflow_artifacts.model_metrics(stored)
    assert said["test BLEU"] == reading.metrics[0].value
    assert said["test perplexity"] == reading.score
