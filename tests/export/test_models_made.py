"""From a finished search to a model in its store and in a folder: every file, and what it says."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from exports import searched, trained_finally
from faulty_store import run_here
from model_infos import TEXT, TRANSLATION, model_info
from PIL import Image
from searches import tabular
from toy_models import figure_model

from nas_lib.errors import ConfigError, CorruptStateError, NasError
from nas_lib.export.card import card, labels
from nas_lib.export.children import trained_network
from nas_lib.export.speed import measure_speed, processor
from nas_lib.models import ModelInfo, open_model
from nas_lib.models.info import Parity
from nas_lib.models.stored import StoredModel
from nas_lib.open_search import OpenSearch
from nas_lib.presets import preset
from nas_lib.records import ChildResult, Metric, Speed
from nas_lib.steps import NothingToExportError, export_model, require_model, view_search
from nas_lib.store import layout
from nas_lib.training.network_file import load_weights, read_info


@pytest.fixture(scope="module")
def search(tmp_path_factory: pytest.TempPathFactory) -> OpenSearch:
    folder = tmp_path_factory.mktemp("made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NAS_CACHE", str(folder / "cache"))
        yield searched(folder)


@pytest.fixture(scope="module")
def info(search: OpenSearch) -> ModelInfo:
    found = export_model(search, run="a")
    assert found is not None
    return found


@pytest.fixture(scope="module")
def stored(search: OpenSearch, info: ModelInfo) -> StoredModel:
    return StoredModel(search.store.objects, layout.model_folder(info.id), info)


@pytest.fixture(scope="module")
def finals(search: OpenSearch, info: ModelInfo) -> list[OpenSearch]:
    """Its final trainings, which come after the first model."""
    return trained_finally(search)


def best(search: OpenSearch) -> ChildResult:
    view = view_search(search)
    row = max(view.rows, key=lambda row: row.reward)
    return search.store.read(ChildResult, layout.child_result(row.id))


def test_where_nothing_was_trained_at_length_the_best_child_is_handed_on(
    search: OpenSearch, info: ModelInfo
) -> None:
    result = best(search)

    assert (info.id, info.name, info.labels) == (result.id, "shapes", ("across", "upright"))
    assert (info.origin.child, info.origin.final) == (result.id, "")
    assert info.origin.num_parameters == result.num_parameters
    assert info.validation is not None
    assert info.validation.value == result.score
    assert info.test is not None
    assert info.test.num_examples == 10  # a fifth of 50
    assert info.training.best_epoch == result.best_epoch


def test_what_is_there_is_returned_as_it_is(search: OpenSearch, info: ModelInfo) -> None:
    assert export_model(search, run="b") == info
    assert export_model(search, run="b", network=info.id) == info


def test_a_model_is_laid_out_for_triton_and_all_its_files_are_named(
    search: OpenSearch, info: ModelInfo
) -> None:
    keys = [each.key for each in search.store.objects.list(layout.model_folder(info.id))]

    paths = {key.removeprefix(f"{layout.model_folder(info.id)}/") for key in keys}
    assert paths == {*info.files, "model.json"}
    assert paths == {
        "shapes/1/model.onnx",
        "shapes/config.pbtxt",
        "weights.safetensors",
        "labels.txt",
        "metrics.json",
        "README.md",
        "model.json",
    }


def test_weights_can_be_loaded_into_the_network_that_they_are_of(
    search: OpenSearch, stored: StoredModel
) -> None:
    data = stored.read("weights.safetensors")
    network = search.task.trained_network(stored.info.id, search.space, search.store)  # type: ignore[attr-defined]

    load_weights(network, data)

    assert read_info(data).architecture == stored.info.origin.architecture


def test_the_graph_gives_images_the_accuracy_that_the_child_has(
    search: OpenSearch, info: ModelInfo, tmp_path: Path
) -> None:
    from nas_lib.tasks.images.batches import load_images

    _, data = search.task.fetched(search.store)  # type: ignore[attr-defined]
    valid = load_images(data).valid
    model = open_model(f"{search.uri}/models/{info.id}")

    found = model.graph.run({"images": valid.images.permute(0, 2, 3, 1).numpy()})["logits"]

    assert (found.argmax(axis=1) == valid.labels.numpy()).mean() == pytest.approx(
        best(search).score
    )


def test_metrics_are_there_for_machines(stored: StoredModel) -> None:
    metrics = json.loads(stored.read("metrics.json"))

    assert metrics["parity"]["max_difference"] == stored.info.parity.max_difference
    assert metrics["test"]["num_examples"] == 10
    assert metrics["speed"]["milliseconds"] > 0


def test_the_code_in_the_card_works_as_it_stands(stored: StoredModel, tmp_path: Path) -> None:
    stored.copy_to(tmp_path / "model")
    rng = np.random.default_rng(0)
    picture = rng.integers(0, 255, (33, 21, 4), dtype=np.uint8)
    Image.fromarray(picture).convert("RGB").save(tmp_path / "model" / "picture.png")
    text = (tmp_path / "model" / "README.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path / "model", capture_output=True, text=True
    )

    label, probability = done.stdout.split()
    predicted = open_model(str(tmp_path / "model")).predict(
        [str(tmp_path / "model" / "picture.png")]
    )
    assert label == stored.info.labels[predicted.probabilities[0].argmax()]
    # the graph resizes the picture here, and Pillow there: a level or two apart
    assert float(probability) == pytest.approx(predicted.probabilities[0].max(), abs=0.002)


def test_a_card_says_what_people_ask(stored: StoredModel) -> None:
    text = stored.read("README.md").decode()

    for said in (
        "2 classes an image is of: `across`, `upright`.",
        "28 training, 12 validation and 10 test images",
        "- `learning_rate: 0.05`",
        "on 10 images. It was read once.",
        "logits differ by ",
        "It sees 8x8 pixels.",
        "nas predict . picture.png",
    ):
        assert said in text


@pytest.mark.parametrize(
    ("changes", "listed"),
    [
        ({"schedule": "exponential", "optimizer": "sgd"}, {"decay", "decay_after", "momentum"}),
        ({"schedule": "cosine", "optimizer": "rmsprop"}, {"momentum", "rms_decay", "min_learning"}),
        ({"schedule": "constant", "optimizer": "adam"}, {"adam_beta_1", "adam_epsilon"}),
        ({"schedule": "cosine_restarts"}, {"first_cycle", "min_learning", "momentum"}),
    ],
)
def test_a_card_lists_no_setting_of_another_schedule_or_optimizer(
    changes: dict[str, Any], listed: set[str]
) -> None:
    of_training = preset("digits").children.model_dump(mode="json")
    settings = {**of_training, "min_learning_rate": 0.001, **changes}
    text = card(
        replace(model_info(), training=replace(model_info().training, settings=settings))
    ).decode()

    names = {"first_cycle", "min_learning", "decay", "decay_after", "momentum", "rms_decay"}
    names |= {"adam_beta_1", "adam_epsilon"}
    assert {name for name in names if f"`{name}" in text} == listed


def test_the_code_in_the_card_of_a_translator_works_without_this_library(tmp_path: Path) -> None:
    text = card(figure_model(tmp_path)).decode()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    (tmp_path / "sentence.txt").write_text("dov nul tri\n")

    code = f"import sys; sys.modules['nas_lib'] = None\n{code}"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True
    )

    assert done.stdout == "la zo mu\n", done.stderr


def test_a_card_says_what_else_was_measured_on_the_test() -> None:
    bleu = Metric("BLEU", 23.456, "nrefs:1|case:mixed")

    text = card(
        replace(model_info(TRANSLATION), test_metrics=(bleu, Metric("AUC", 0.98765)))
    ).decode()

    assert "- Test BLEU: 23.46 (nrefs:1|case:mixed)\n" in text
    assert "- Test AUC: 98.77 %\n" in text
    assert "nas serve" not in text


def test_a_card_of_a_text_says_what_its_graph_takes() -> None:
    text = card(model_info(TEXT)).decode()
    characters = card(model_info(replace(TEXT, level="characters"))).decode()

    assert re.findall(r"one word\b|words is", text) == ["words is", "one word", "one word"]
    assert "how probable each of 3 characters is as the next one" in characters
    assert not re.search(r"(?<!`)\bwords?\b(?!`)", characters)
    assert "`words` (int64 `[T, B]`) and `state` (float32 `[B, 6]`" in text
    assert "nas predict . text.txt" in text
    assert "nobody had read it when this was written" in text


def test_labels_are_a_line_each_whatever_is_in_them() -> None:
    assert labels(model_info()).decode().split("\n") == ["0", "one and two", "caf\u00e9", ""]
    characters = replace(model_info(TEXT), labels=("a", " ", "\t", "\x0b", "\u2028", "\\"))
    assert labels(characters).decode() == "a\n \n\\t\n\\x0b\n\\u2028\n\\\n"


# --- final trainings ------------------------------------------------------------------------------


def test_the_winner_of_the_newest_final_training_is_handed_on(
    search: OpenSearch, finals: list[OpenSearch]
) -> None:
    info = require_model(search, run="c")

    final, references = finals
    key = final.uri.rsplit("/", 1)[1]
    assert info.id == f"final-{key}"
    assert (info.origin.final, info.origin.uri) == (key, final.uri)
    assert info.training.includes_validation
    assert info.validation is None
    assert len(info.validation_of_seeds) == 2
    assert require_model(search, run="d", network=info.id) == info
    for opened in (final, references):  # how fast they are was measured on the way
        speeds = view_search(opened).speeds
        assert [speed.milliseconds > 0 for speed in speeds.values()] == [True]


def test_any_network_of_a_final_training_can_be_named(
    search: OpenSearch, finals: list[OpenSearch]
) -> None:
    key = finals[1].uri.rsplit("/", 1)[1]

    info = require_model(search, run="e", network=f"{key}-r000-000000-01")

    assert info.origin.architecture.config == "plain-cnn"
    assert info.validation is not None
    assert info.validation_of_seeds == ()


@pytest.mark.parametrize(
    ("network", "said"),
    [
        ("r000-000007-00", "has no finished child r000-000007-00"),
        ("best", "expected the id of a child of .* such as r000-000017-03, final-<key> or .* best"),
        ("final-00000000", "has no final training 00000000: it has [0-9a-f]{8}, [0-9a-f]{8}"),
    ],
)
def test_a_network_that_is_not_there_is_a_sentence(
    search: OpenSearch, finals: list[OpenSearch], network: str, said: str
) -> None:
    with pytest.raises(ConfigError, match=said):
        require_model(search, run="f", network=network)


def test_weights_that_were_not_kept_are_a_sentence(search: OpenSearch, info: ModelInfo) -> None:
    (other,) = [row.id for row in view_search(search).rows if row.id != info.id]

    with pytest.raises(ConfigError, match=f"the weights of {other} in .* were not kept"):
        require_model(search, run="g", network=other)


def test_weights_that_a_final_training_let_go_are_told_as_such(finals: list[OpenSearch]) -> None:
    child = "r000-000000-00"
    objects, key = finals[0].store.objects, layout.child_weights(child)
    weights = objects.get(key)
    objects.delete(key)

    with pytest.raises(ConfigError, match="only those of each network at its best point of the gr"):
        trained_network(finals[0], child)
    objects.replace(key, weights)


def test_a_final_training_is_exported_from_the_search_that_it_is_of(
    search: OpenSearch, finals: list[OpenSearch]
) -> None:
    key = finals[0].uri.rsplit("/", 1)[1]

    with pytest.raises(ConfigError, match=f"of, {search.uri}, and --network final-{key}"):
        require_model(finals[0], run="i")


# --- what is refused ------------------------------------------------------------------------------


def test_a_graph_that_does_what_torch_does_not_is_refused_and_nothing_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, search: OpenSearch, finals: list[OpenSearch]
) -> None:
    from nas_lib.export.images import ImageExporter

    far: Parity = Parity(400, 0.5, 1.0, "")
    monkeypatch.setattr(ImageExporter, "parity", lambda self, graph: far)
    key = finals[0].uri.rsplit("/", 1)[1]
    model = f"{key}-r000-000000-00"

    with pytest.raises(
        NasError, match=r"r000-000000-00 in .* is not exported: logits of the graph"
    ):
        require_model(search, run="h", network=model)

    assert not [*search.store.objects.keys(layout.model_folder(model))]


def test_a_search_that_is_not_finished_has_nothing_to_hand_on_yet(
    search: OpenSearch, info: ModelInfo, tmp_path: Path
) -> None:
    shutil.copytree(search.uri, tmp_path / "begun", ignore=shutil.ignore_patterns("final*"))
    begun = OpenSearch(str(tmp_path / "begun"))
    more = begun.config.search.model_copy(update={"max_children": 4})
    begun.store.change_settings(begun.config.model_copy(update={"search": more}))
    begun = OpenSearch(begun.uri)

    assert export_model(begun, run="a") is None
    with pytest.raises(NothingToExportError, match="is not finished: it has 2 of 4 children; go"):
        require_model(begun, run="a")
    assert export_model(begun, run="a", network=info.id) == info


def test_a_search_that_trains_nothing_has_nothing_to_hand_on(tmp_path: Path) -> None:
    search = OpenSearch(str(tmp_path / "own"))
    run_here(search, tabular(max_children=4))

    assert export_model(search, run="a") is None
    with pytest.raises(NothingToExportError, match="trains nothing here: its children are judged"):
        require_model(search, run="a")


@pytest.mark.parametrize("missing", ["onnx", "onnxruntime"])
def test_a_missing_package_is_a_sentence_that_names_the_extra(
    search: OpenSearch, finals: list[OpenSearch], missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in [name for name in sys.modules if name.startswith("nas_lib.export.")]:
        monkeypatch.delitem(sys.modules, module)  # as in a process that has not exported yet
    monkeypatch.setitem(sys.modules, missing, None)
    key = finals[0].uri.rsplit("/", 1)[1]

    with pytest.raises(ConfigError, match=r"needs onnx and onnxruntime: pip install 'kfp-nas\[mod"):
        require_model(search, run="i", network=f"{key}-r000-000000-01")


def test_a_folder_with_other_files_is_refused_and_with_this_model_written_again(
    stored: StoredModel, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    stored.copy_to(folder)
    (folder / "labels.txt").write_text("changed")

    stored.copy_to(folder)

    assert (folder / "labels.txt").read_bytes() == stored.read("labels.txt")
    (folder / "model.json").write_text("{}")
    with pytest.raises(ConfigError, match="expected an empty folder, or one that holds this model"):
        stored.copy_to(folder)


def test_a_damaged_model_is_not_copied(stored: StoredModel, tmp_path: Path) -> None:
    damaged = replace(
        stored.info, files={**stored.info.files, "labels.txt": stored.info.files["README.md"]}
    )

    with pytest.raises(CorruptStateError, match=r"labels\.txt is damaged"):
        StoredModel(stored.objects, stored.folder, damaged).copy_to(tmp_path / "model")
    assert not (tmp_path / "model").exists()


# --- speed ----------------------------------------------------------------------------------------


def test_how_fast_a_network_is_is_measured_once(search: OpenSearch, info: ModelInfo) -> None:
    key = layout.child_speed(info.id)
    before = search.store.objects.get(key)

    speed = measure_speed(search, info.id)

    assert speed == search.store.read(Speed, key) == info.speed
    assert search.store.objects.get(key) == before
    assert speed.num_runs >= 20
    assert speed.runtime.startswith("onnxruntime 1.")


def test_a_processor_is_called_what_the_machine_calls_it(tmp_path: Path) -> None:
    cpus = tmp_path / "cpuinfo"
    cpus.write_text("processor\t: 0\nmodel name\t: A CPU @ 2: GHz\nmodel name\t: other\n")

    assert processor(cpus) == "A CPU @ 2: GHz"
    assert processor(tmp_path / "none") != ""
