"""Several labels and a number, from data to a model in use: each by one small search."""

from __future__ import annotations

import csv
import html
import io
import json
import re
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnxruntime
import pytest
from exports import SMALL, trained_finally
from faulty_store import run_here
from nas_command import Nas
from toy_targets import LABELS, toy_targets, write_targets

from nas_lib.config import ImageTarget
from nas_lib.config_file import parse_config
from nas_lib.export.new_data import NewData
from nas_lib.models import LabelModel, ModelInfo, NumberModel, open_model
from nas_lib.open_search import OpenSearch
from nas_lib.serving import asked
from nas_lib.steps import write_report
from nas_lib.steps.export_model import require_model
from nas_lib.store import layout


class Made(NamedTuple):
    """A search that is over, the model that it made, and its page."""

    search: OpenSearch
    info: ModelInfo
    page: str


def made(folder: Path, target: ImageTarget) -> Made:
    """Search, train the best and a known network at length, and export."""
    task = write_targets(folder / "toy.npz", target).model_dump(mode="json")
    settings = {"children": {**SMALL["children"], "epochs": 1}, "name": target, "task": task}
    settings["final"] = {**SMALL["final"], "seeds": 1, "children": {"epochs": 2}}
    search = OpenSearch(str(folder / "search"))
    run_here(search, parse_config({**SMALL, **settings}, source="test"))
    trained_finally(OpenSearch(search.uri))
    info = require_model(OpenSearch(search.uri), run="a")
    write_report(OpenSearch(search.uri), run="a")
    page = search.store.objects.get(layout.report("a", "report.html")).decode()
    return Made(OpenSearch(search.uri), info, page)


def words(page: str) -> str:
    """Return what a page says, without its elements."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return made(tmp_path_factory.mktemp("labels"), "labels")


@pytest.fixture(scope="module")
def numbers(tmp_path_factory: pytest.TempPathFactory) -> Made:
    return made(tmp_path_factory.mktemp("numbers"), "number")


@pytest.fixture
def nas(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Nas:
    return Nas(monkeypatch, capsys)


def bare(one: Made) -> onnxruntime.InferenceSession:
    """Return the model's network, as anybody would open it."""
    path = f"{one.search.uri}/models/{one.info.id}/{one.info.onnx['']}"
    return onnxruntime.InferenceSession(path)


def image_file(folder: Path, target: ImageTarget) -> Path:
    np.save(folder / "images.npy", toy_targets(target, 5, 9)[0])
    return folder / "images.npy"


def test_a_model_of_labels_tells_how_probable_each_is_by_itself(labels: Made) -> None:
    images_NHWC, _ = toy_targets("labels", 7, 9)
    model = open_model(labels.search.uri)
    assert isinstance(model, LabelModel)

    found = model.predict(images_NHWC)

    logits, chances = bare(labels).run(["logits", "probabilities"], {"images": images_NHWC})
    np.testing.assert_allclose(chances, 1 / (1 + np.exp(-logits)), rtol=1e-5)
    np.testing.assert_array_equal(found.probabilities, chances)
    told = [tuple(np.array(LABELS)[row > 0]) for row in logits]
    assert list(found.labels) == told
    assert found.top(1)[0] == {LABELS[chances[0].argmax()]: chances[0].max()}
    assert (found.classes, len(found), labels.info.target) == (LABELS, 7, "labels")
    assert labels.info.parity.max_difference < 1e-4
    assert labels.info.measure.noun == "mean average precision"


def test_a_model_of_numbers_tells_them_in_their_own_unit(numbers: Made) -> None:
    images_NHWC, _ = toy_targets("number", 7, 9)
    model = open_model(numbers.search.uri)
    assert isinstance(model, NumberModel)

    found = model.predict(images_NHWC)

    (values,) = bare(numbers).run(None, {"images": images_NHWC})
    np.testing.assert_array_equal(found.values, values)
    assert (values.shape, values.dtype) == ((7,), np.float32)
    assert 100 < values.mean() < 140  # where the data are, and not around 0
    assert (found.name, numbers.info.target) == ("y_train", "number")
    assert numbers.info.parity.max_difference < 1e-4
    assert {each.name for each in numbers.info.test_metrics} == {"RMSE", "MAE", "MSE", "R2"}
    config = Path(numbers.search.uri) / "models" / numbers.info.id / "number" / "config.pbtxt"
    assert 'name: "values" data_type: TYPE_FP32 dims: [ 1 ]' in config.read_text()


def test_predict_prints_labels_in_each_form(labels: Made, tmp_path: Path, nas: Nas) -> None:
    file = image_file(tmp_path, "labels")
    model = open_model(labels.search.uri)
    assert isinstance(model, LabelModel)
    wanted = model.predict(np.load(file))

    _, lines, _ = nas("predict", labels.search.uri, file, "--json")
    told = [json.loads(line) for line in lines.splitlines()]
    _, text, _ = nas("predict", labels.search.uri, file, "--csv")
    rows = list(csv.DictReader(io.StringIO(text)))
    _, table, _ = nas("predict", labels.search.uri, file)

    assert [tuple(each["labels"]) for each in told] == list(wanted.labels)
    assert [each["probabilities"] for each in told] == wanted.top(2)
    assert [row["labels"] for row in rows] == ["|".join(each) for each in wanted.labels]
    assert list(rows[0]) == ["file", "labels", "label", "probability", "label_2", "probability_2"]
    assert "Most probable" in table


def test_predict_prints_numbers_in_each_form(numbers: Made, tmp_path: Path, nas: Nas) -> None:
    file = image_file(tmp_path, "number")
    model = open_model(numbers.search.uri)
    assert isinstance(model, NumberModel)
    wanted = model.predict(np.load(file)).values.tolist()

    _, lines, _ = nas("predict", numbers.search.uri, file, "--json")
    _, text, _ = nas("predict", numbers.search.uri, file, "--csv")
    _, table, _ = nas("predict", numbers.search.uri, file)

    assert [json.loads(line)["value"] for line in lines.splitlines()] == wanted
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [float(row["value"]) for row in rows] == wanted
    assert f"{wanted[0]:,.5g}" in table


def test_who_serves_them_says_what_they_tell(labels: Made, numbers: Made) -> None:
    file = io.BytesIO()
    np.save(file, toy_targets("number", 1, 9)[0])
    of_labels, of_numbers = (open_model(each.search.uri) for each in (labels, numbers))
    assert isinstance(of_labels, LabelModel)
    assert isinstance(of_numbers, NumberModel)

    assert asked.about(of_labels)["label"] == "label"
    assert asked.about(of_numbers)["label"] == "number"
    network = asked.network(of_numbers)
    assert [spec.name for spec in network.outputs] == ["values"]


def test_its_card_says_what_it_tells(labels: Made, numbers: Made) -> None:
    cards = [
        (Path(each.search.uri) / "models" / each.info.id / "README.md").read_text()
        for each in (labels, numbers)
    ]
    assert "which of 2 labels an image has, any number of them: `rows`, `columns`." in cards[0]
    assert "A network that tells a number of an image: `y_train`." in cards[1]
    assert "it gives `values` (float32 `[N]`), in the unit of the data." in cards[1]
    assert "- Test RMSE: " in cards[1]


def test_networks_are_compared_on_fresh_data_in_the_unit_of_those(
    labels: Made, numbers: Made
) -> None:
    for each in (labels, numbers):
        data, stored = NewData(each.search), open_model(each.search.uri)._stored
        rows = data.every()
        assert data.misfit(each.info) == ""
        assert (data.new_classes(each.info), data.gone_classes(each.info)) == ((), ())
        final = each.search.finals()[0]
        child = each.info.origin.child
        assert data.score_of_model(stored, rows) == pytest.approx(
            data.score_of_child(final, child, rows), rel=1e-3
        )
    assert NewData(labels.search).misfit(numbers.info) == "it tells numbers, and they have labels"


def test_the_page_shows_each_label_with_intervals(labels: Made) -> None:
    text = words(labels.page)
    assert "Label by label This is the final network. 60 test images have " in text
    assert "Average precision rows " in text or "Average precision columns " in text
    assert "sure that it is not there" in text or "and it is not there" in text
    assert "What was taken for what" not in text
    assert "zip(labels, probabilities[0])" in labels.page.replace("&#34;", '"')


def test_the_page_shows_numbers_told_against_true_ones(numbers: Made) -> None:
    text = words(numbers.page)
    assert "Told against true This is the final network. Of 60 test images y_train was told" in text
    assert "The largest mistakes" in text
    assert numbers.page.count('alt="A picture of ') == 24
    assert "an image: 60 points" in numbers.page  # for who does not see the chart
    assert '(values,) = network.run(["values"]' in numbers.page.replace("&#34;", '"')
    assert "validation relative MSE" in text
